"""Random tokens of sessions, and how two are compared. The store has their hashes, so that a copy of it opens nothing.

A token has 256 bits from the system, so a fast hash is enough: nobody can try them all. API keys (`afk_...`) and the
tokens of platforms (`afi_...`) are drawn by the store in the same way.
"""

from __future__ import annotations

import hmac
import secrets

KEY = "afk_"
"""With which an API key begins."""


def new_token() -> str:
    """Draw a session's token, or that of its forms.

    >>> len(new_token()), new_token() == new_token()
    (43, False)
    """
    return secrets.token_urlsafe(32)


def same(one: str, other: str) -> bool:
    """Compare in a time that does not depend on where they differ.

    >>> same("a", "a"), same("a", "b"), same("", "")
    (True, False, True)
    """
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
