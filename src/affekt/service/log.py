r"""Log records -> lines without secrets, for people or programs. The one place where logging is set up.

    configure("info", form="json", process="control")       # once in each process
    logging.getLogger(__name__).info("call started", extra={"call": call, "protocol": "twilio"})

Lines go to standard error. What must not be kept is struck out of every message, field and traceback, whoever wrote it:
credentials by their header, name or prefix, telephone numbers by their form. Long numbers in a text look like telephone
numbers, so numbers belong into fields (`extra`), which keep theirs. A call is told by its id, never by who speaks.

>>> redact("POST /v1/ingest/twilio?token=s3cr3t from +49 30 901820: 200")
'POST /v1/ingest/twilio?token=*** from ***: 200'
>>> redact("Authorization: Bearer afk_0123456789")
'Authorization: ***'
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO, get_args

from affekt.errors import UnknownNameError
from affekt.view.words import printable

Form = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

STRUCK = "***"
"what stands where something was struck out"
BURST = 20
"warnings or errors of one kind that are written in `SPAN`; the rest is counted: no attacker fills the disk"
SPAN = 10.0
"seconds"
LONGEST = 16384
"characters of a text that are kept; what carriers send can be longer"

_HEADERS = r"(?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token|x-api-key|x-[a-z-]{0,30}signature|webhook-signature"
_KEYS = (
    r"[\w-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|api_?key|credential|signature|csrf)[\w-]{0,40}"
    r"|affekt_session|pwd"
)
_HOOKS = (
    r"hooks\.slack\.com|discord(?:app)?\.com/api/webhooks"
    r"|[\w.-]{1,80}\.webhook\.office\.com|[\w.-]{1,80}\.logic\.azure\.com"
)
_STRIKE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), to)
    for pattern, to in (
        # a header, as text or as Python shows a pair of bytes: to the end of its line or text
        (rf"\b({_HEADERS})(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+", rf"\1\2{STRUCK}"),
        (r"\b(bearer|basic|digest)\s+(?=\S*[\d=._-])[\w.~+/=-]{6,}", rf"\1 {STRUCK}"),
        (r"\b(?:afk|whsec|afi)_[\w+/=-]+", STRUCK),
        (r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", STRUCK),  # a JSON web token
        (rf"(?<![\w-])({_KEYS})(['\"]?\s*[=:]\s*(?:b?['\"])?)[^\s'\"&,;)}}\]]+", rf"\1\2{STRUCK}"),
        (r"://[^/\s:@]*:[^/\s]*@", f"://{STRUCK}@"),  # a password in an address
        (rf"(https?://(?:{_HOOKS}))\S*", rf"\1/{STRUCK}"),  # whose path is the secret
        (r"\b(sips?|tel):[^\s>;,'\"]+", rf"\1:{STRUCK}"),
        (r"(?:(?<![\w.])\+|%2B)\d[\d\s().-]{4,24}\d", STRUCK),
        (r"(?<![\w.:-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w|[.:-]\w)", STRUCK),
        (r"(?<![\w.:-])\(?0\d{1,5}\)?[ /-]{1,3}\d[\d -]{3,20}\d(?!\w|[.:-]\w)", STRUCK),
        (r"(?<![\w.:-])\d{7,15}(?!\w|[.:-]\w)", STRUCK),
    )
)
_PRIVATE = re.compile(
    rf"(?:{_HEADERS}|{_KEYS}|number|phone|caller|callee|from|to|ani|dnis|msisdn|afk|cookies?)", re.IGNORECASE
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message", "skipped"}
_QUIET = (
    "uvicorn.access",
    "httpx",
    "httpcore",
    "alembic",
    "asyncio",
    "picows",
)  # they tell addresses with what is in them
_REQUEST: ContextVar[str | None] = ContextVar("affekt_request", default=None)
_GIVEN = re.compile(r"[A-Za-z0-9_-]{8,64}")


def configure(
    level: Level = "info",
    *,
    form: Form = "text",
    process: str = "affekt",
    stream: TextIO | None = None,
    count: Callable[[str], None] | None = None,
) -> None:
    """Send everything that this process logs to one stream, in one form; what was set up before is taken back.

    Args:
        level: the least that is written; libraries that tell too much write from `warning` on.
        form: `text` for people, `json` for programs, an object per line.
        process: who writes: gateway, engine, control.
        stream: where to; default: standard error.
        count: called with the level of each line, written or not: `Meters.add` in the service.

    Raises:
        UnknownNameError: no level or form is called so.
    """
    for kind, given, known in (("log level", level, get_args(Level)), ("log format", form, get_args(Form))):
        if given not in known:
            raise UnknownNameError(kind, given, known)
    out = logging.StreamHandler(stream or sys.stderr)
    out.setFormatter(_Lines(form, process))
    out.addFilter(_Sparing(count))
    logging.basicConfig(level=level.upper(), handlers=[out], force=True)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).handlers.clear()  # uvicorn has its own, which would write past this one
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a closed standard error is no reason to end calls
    sys.excepthook = _told
    threading.excepthook = lambda thread: _told(thread.exc_type, thread.exc_value, thread.exc_traceback)


@contextmanager
def request(given: str | None = None) -> Iterator[str]:
    """Give every line within the id of one request: the one that came with it, if it is one, else a new one.

    >>> with request("0a1b2c3d-proxy") as name:
    ...     name
    '0a1b2c3d-proxy'
    """
    name = given if given is not None and _GIVEN.fullmatch(given) else uuid.uuid4().hex
    before = _REQUEST.set(name)
    try:
        yield name
    finally:
        _REQUEST.reset(before)


def redact(text: str) -> str:
    """Strike out credentials and telephone numbers.

    >>> redact("postgresql://affekt:hunter2@db/affekt")
    'postgresql://***@db/affekt'
    """
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    for pattern, to in _STRIKE:
        text = pattern.sub(to, text)
    return text


def fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Strike out of values what their names or texts tell to be private; numbers elsewhere stay.

    >>> fields({"count": 12345678, "caller": 4930901820, "headers": {"cookie": "a=b", "host": "x"}})
    {'count': 12345678, 'caller': '***', 'headers': {'cookie': '***', 'host': 'x'}}
    """
    return {redact(str(key)): STRUCK if _PRIVATE.fullmatch(str(key)) else _value(one) for key, one in given.items()}


def _value(one: Any) -> Any:
    if one is None or isinstance(one, bool | int | float):
        return one
    if isinstance(one, Mapping):
        return fields(one)
    if isinstance(one, list | tuple | set | frozenset):
        return [_value(each) for each in one]
    return redact(str(one))


class _Lines(logging.Formatter):
    """A record -> one line."""

    def __init__(self, form: Form, process: str) -> None:
        super().__init__()
        self._form, self._process = form, process

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": redact(_said(record)),
        }
        more = fields({key: value for key, value in vars(record).items() if key not in _OWN})
        if (name := _REQUEST.get()) is not None:
            more["request"] = redact(name)
        if skipped := getattr(record, "skipped", 0):
            more["skipped"] = skipped
        trace = redact(self.formatException(record.exc_info)) if record.exc_info else ""
        return _json(told, more, trace) if self._form == "json" else _text(told, more, trace)


def _said(record: logging.LogRecord) -> str:
    """A message whose arguments do not fit it is told as it is: to log must not raise."""
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg} {record.args}"


def _json(told: dict[str, str], more: dict[str, Any], trace: str) -> str:
    fresh = {key: value for key, value in more.items() if key not in told}
    return json.dumps({**told, **fresh, **({"traceback": trace} if trace else {})}, default=str)


def _text(told: dict[str, str], more: dict[str, Any], trace: str) -> str:
    """Control characters are replaced: what a caller sends must not look like a line of its own."""
    rest = "".join(f" {key}={json.dumps(value, default=str)}" for key, value in more.items())
    head = printable(f"{told['time']} {told['level']:<8} {told['process']} {told['logger']}: {told['message']}{rest}")
    return head + "".join(f"\n    {printable(line)}" for line in trace.splitlines())


class _Sparing(logging.Filter):
    """Lets `BURST` warnings of a kind pass in `SPAN` s; the next that passes tells how many did not.

    What is no warning passes: lines of requests are bounded by the limits on requests, and each may be asked for later.
    """

    def __init__(self, count: Callable[[str], None] | None) -> None:
        super().__init__()
        self._count = count
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # when its span began, lines since

    def filter(self, record: logging.LogRecord) -> bool:
        if self._count is not None:
            self._count(record.levelname.lower())
        if record.levelno < logging.WARNING:
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        began, lines = self._kinds.get(kind, (now, 0))
        if now - began >= SPAN:
            record.skipped = max(0, lines - BURST)
            began, lines = now, 0
        if len(self._kinds) > 1000:  # messages that were put together before they were logged
            self._kinds.clear()
        self._kinds[kind] = (began, lines + 1)
        return lines < BURST


def _told(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What nobody caught goes into the log, too, where nothing secret is in it."""
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("affekt").critical("uncaught", exc_info=(kind, error or kind(), trace))
