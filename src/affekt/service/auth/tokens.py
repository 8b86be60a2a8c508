"""Random tokens: sessions, CSRF, API keys. The store has their hashes, so that a copy of it opens nothing.

A token has 256 bits from the system, so a fast hash is enough: nobody can try them all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

_KEY = re.compile(r"afk_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key: `afk_<prefix>_<secret>`. The prefix finds it and is shown, the secret is not."""

    prefix: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """Give it as it is sent; shown once, when it is made."""
        return f"afk_{self.prefix}_{self.secret}"


def new_key() -> Key:
    """Make a key.

    >>> key = new_key()
    >>> read_key(key.text()) == key
    True
    """
    return Key("".join(secrets.choice(_SIGNS) for _ in range(8)), secrets.token_urlsafe(32))


def read_key(text: str) -> Key | None:
    """Read what was sent; None: it has not the form of a key.

    >>> read_key("afk_short")
    """
    found = _KEY.fullmatch(text)
    return Key(found[1], found[2]) if found else None


def new_token() -> str:
    """Make a session's token, or that of its forms."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Give what the store keeps of a token: SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
