"""Password <-> hash by argon2id (RFC 9106). Nobody learns by the time it takes whether a user exists."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from affekt.errors import UsageError
from affekt.registry import need

SHORTEST, LONGEST = 12, 256
"""Characters; NIST SP 800-63B asks for length, not for signs and digits."""

_AT_ONCE = threading.Semaphore(2)  # each takes 64 MiB, so logins cannot exhaust the memory


def make(password: str) -> str:
    """Hash a new password, with a salt of its own.

    Raises:
        UsageError: it is too short or too long.

    >>> make("tiny")
    Traceback (most recent call last):
    affekt.errors.UsageError: a password has 12 to 256 characters, given 4
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters, given {len(password)}")
    with _AT_ONCE:
        return str(_hasher().hash(password))


def check(password: str, kept: str | None) -> bool:
    """Say whether it is the one; costs the same where there is no such user.

    Args:
        password: as typed; beyond `LONGEST` characters it is wrong unheard.
        kept: the user's hash; None: there is no such user, or none with a password.
    """
    argon2 = need("argon2", extra="serve")
    if len(password) > LONGEST:
        password, kept = password[:LONGEST], None
    with _AT_ONCE:
        try:
            right = bool(_hasher().verify(kept or _nobody(), password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            right = False
    return right and kept is not None


def old(kept: str) -> bool:
    """Say whether the hash was made with weaker parameters than today's, and should be made again."""
    return bool(_hasher().check_needs_rehash(kept))


@cache
def _hasher() -> Any:
    return need("argon2", extra="serve").PasswordHasher()  # RFC 9106's second choice: 3 passes, 64 MiB, 4 lanes


@cache
def _nobody() -> str:
    """Give a hash that no password has, as dear to check as a user's."""
    import secrets

    return str(_hasher().hash(secrets.token_hex(32)))
