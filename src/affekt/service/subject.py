"""A telephone number -> the subject: a keyed hash that stands for a person, and from which nobody can read the number.

The same number gives the same subject, so that all calls of a person are found when that person wants them erased.
Without the secret, numbers cannot be tried out: there are few enough of them to try all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from affekt.service.seal import derive

_NOBODY = frozenset({"anonymous", "unknown", "restricted", "private", "unavailable", "withheld", "blocked", "asterisk"})
_SCHEME = re.compile(r"^\s*(?:tel|sips?|callto):", re.IGNORECASE)
_DIGITS = 32  # hexadecimal ones that are kept: 128 bits, so that no two people ever share them
_SHORTEST = 3  # digits of a number that is somebody's


def subject(secret: bytes, number: str | None) -> str | None:
    """Return the subject of a number, 32 hexadecimal digits; None where the caller has withheld it.

    Spaces, brackets, hyphens, `tel:`, `sip:...@host`, an extension and the way that the international prefix is written
    make no difference. A number without its country stays another one than the same with it: nobody can tell here which
    country was meant. An address that is no number (`sip:ann@example.org`) stands for itself.

    >>> secret = bytes(32)
    >>> subject(secret, "+49 (0)30 123-456") == subject(secret, "004930123456") == subject(secret, "tel:+4930123456")
    True
    >>> subject(secret, "Anonymous") is None, len(subject(secret, "+4930123456"))
    (True, 32)
    """
    plain = normalise(number or "")
    if plain is None:
        return None
    return hmac.new(derive(secret, "subject"), plain.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def normalise(number: str) -> str | None:
    """Bring a number to its digits with the country in front, as far as it is told; None where it is nobody's.

    >>> normalise("sip:+1-555-0100@pbx.example.org;user=phone"), normalise("0301234 ext. 5"), normalise("anonymous@x")
    ('15550100', '0301234', None)
    """
    text = _SCHEME.sub("", unicodedata.normalize("NFKC", number)).partition(";")[0].strip().casefold()
    user, _, host = text.partition("@")
    if user in _NOBODY or (host == "anonymous.invalid"):
        return None
    bare = re.sub(r"\s*(?:ext\.?|x|#)\s*\d+$", "", user)
    if not re.fullmatch(r"[\d\s().+/-]+", bare):
        clean = "".join(mark for mark in text if mark.isprintable()).encode("utf-8", "replace").decode()
        return clean or None
    return _international(bare)


def _international(number: str) -> str | None:
    abroad = number.lstrip().startswith(("+", "00"))
    if abroad:
        number = number.replace("(0)", "")  # "+49 (0)30": the nought is for those who call from within
    digits = "".join(str(unicodedata.decimal(mark)) for mark in number if mark.isdecimal())
    if abroad:
        digits = digits.removeprefix("00")
    return digits if len(digits) >= _SHORTEST else None
