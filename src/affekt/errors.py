"""What can go wrong, as a tree. Every message says what was given, what is allowed and what to do.

AffektError
├── UsageError            the call itself is wrong: unknown option value, contradictory arguments (exit code 2)
│   ├── UnknownNameError  a name that is not in its list; the message gives the closest ones
│   └── ConfigError       a configuration file with an unknown key or a value of the wrong kind
├── AudioError            a recording that cannot be judged: unreadable, empty, too short, not audio
├── DataError             a corpus, manifest or label that is not what it claims to be
├── BundleError           a model bundle that is incomplete, altered or of another version
├── MissingExtraError     an optional package is not installed; the message is the pip command
└── MissingProgramError   what is no Python package is not installed; the message is how to get it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 40
"names in a message; more would hide what it says"


class AffektError(Exception):
    """Root of every error that a user can cause and mend."""


class UsageError(AffektError):
    """The call is wrong, whatever the data."""


class UnknownNameError(UsageError):
    """A name that is not in its list.

    >>> raise UnknownNameError("corpus", "ravdes", ["emodb", "ravdess"])
    Traceback (most recent call last):
    affekt.errors.UnknownNameError: no corpus is called 'ravdes'; did you mean 'ravdess'? Known: emodb, ravdess

    `given` may be anything that was given for a name; what is no text is said to be none.
    """

    def __init__(self, kind: str, given: object, known: Iterable[str]) -> None:
        names = sorted(known)
        guess = _guess(given, names) if isinstance(given, str) else "; a name is text."
        rest = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
        super().__init__(f"no {kind} is called {given!r}{guess} Known: {', '.join(names[:_LISTED]) or 'none'}{rest}")


def _guess(given: str, names: Iterable[str]) -> str:
    lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(given.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {lower[close[0]]!r}?" if close else "."


class ConfigError(UsageError):
    """A configuration that cannot be read as what it should be."""


class AudioError(AffektError):
    """A recording that cannot be judged."""


class DataError(AffektError):
    """A corpus, manifest or label that is not what it claims to be."""


class BundleError(AffektError):
    """A model bundle that is incomplete, altered or of another version."""


class MissingExtraError(AffektError):
    """An optional package is not installed.

    >>> raise MissingExtraError("av", "video")
    Traceback (most recent call last):
    affekt.errors.MissingExtraError: this needs the package 'av': pip install "affekt[video]"
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f'this needs the package {module!r}: pip install "affekt[{extra}]"')


class MissingProgramError(AffektError):
    """A program or a library of the system is not installed.

    >>> raise MissingProgramError("flac", debian="flac", elsewhere="see xiph.org/flac")
    Traceback (most recent call last):
    affekt.errors.MissingProgramError: this needs flac: sudo apt install flac (Debian); elsewhere see xiph.org/flac
    """

    def __init__(self, what: str, *, debian: str, elsewhere: str) -> None:
        super().__init__(f"this needs {what}: sudo apt install {debian} (Debian); elsewhere {elsewhere}")
