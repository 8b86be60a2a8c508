"""Secret -> keys; bytes <-> sealed bytes. Everything that the service hides, it hides with what is here.

One secret of 32 random bytes is all that an operator keeps. Each purpose has a key of its own, derived from it, so that
what one part may open says nothing to another. Who loses the secret loses what was sealed: nothing else opens it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets

from affekt.errors import DataError, UsageError
from affekt.registry import need

SECRET = 32
"""bytes that a secret has at least"""

_NONCE = 12  # bytes, as AES-GCM has them


def derive(secret: bytes, purpose: str) -> bytes:
    """Return the key of a purpose, 32 bytes: one block of HKDF-Expand with SHA-256 (RFC 5869).

    >>> derive(bytes(32), "vault") == derive(bytes(32), "vault") != derive(bytes(32), "subject")
    True

    Raises:
        UsageError: the secret is too short to be one.
    """
    if len(secret) < SECRET:
        raise UsageError(f"a secret of {len(secret)} bytes is given; it must have {SECRET} or more, drawn at random")
    return hmac.new(secret, b"affekt/1/" + purpose.encode() + b"\x01", hashlib.sha256).digest()


def seal(key: bytes, plain: bytes, *, to: str) -> bytes:
    """Encrypt and sign (AES-256-GCM); `to` says where it belongs, and it opens nowhere else.

    >>> key = derive(bytes(32), "destinations")
    >>> unseal(key, seal(key, b"open sesame", to="default/1"), to="default/1")
    b'open sesame'
    """
    nonce = os.urandom(_NONCE)
    sealed: bytes = _cipher(key).encrypt(nonce, plain, to.encode())
    return nonce + sealed


def unseal(key: bytes, sealed: bytes, *, to: str) -> bytes:
    """Open what `seal` has made.

    Raises:
        DataError: another secret has sealed it, it was altered, or it belongs elsewhere.
    """
    invalid = need("cryptography.exceptions", extra="serve").InvalidTag
    try:
        plain: bytes = _cipher(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], to.encode())
    except (invalid, ValueError) as error:
        raise DataError(f"what was sealed for {to} does not open: was it made with another secret?") from error
    return plain


def token(prefix: str) -> str:
    """Draw a token that nobody guesses: 256 bits behind a prefix that says what it is for.

    >>> len(token("afk_")), token("afk_").startswith("afk_")
    (47, True)
    """
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Hash a drawn token for keeping (SHA-256, hex). It has 256 random bits, so a slow hash would add nothing.

    >>> digest("afi_x") == digest("afi_x"), len(digest("afi_x"))
    (True, 64)
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _cipher(key: bytes):  # type: ignore[no-untyped-def]
    return need("cryptography.hazmat.primitives.ciphers.aead", extra="serve").AESGCM(key)
