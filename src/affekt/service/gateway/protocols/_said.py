"""JSON of a stranger -> values that can be relied on, or a breach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from affekt.registry import need
from affekt.service.gateway.codec import LIMITS, Message
from affekt.service.gateway.events import ConsentState
from affekt.service.gateway.protocols._wire import GARBLED, KIND, POLICY, TOO_BIG, BreachError

need("orjson", extra="serve")
import orjson  # noqa: E402

_DIRECTIONS: dict[str, Literal["in", "out"]] = {"in": "in", "inbound": "in", "out": "out", "outbound": "out"}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CONSENT = ("given", "refused", "unknown")


def parse(data: Message) -> dict[str, Any]:
    """Read a message that must be an object of JSON."""
    if len(data) > LIMITS.json:
        raise BreachError(TOO_BIG, f"{len(data)} bytes of JSON; allowed are {LIMITS.json}")
    try:
        said = orjson.loads(data)
    except ValueError:
        raise BreachError(GARBLED, "not JSON") from None
    if type(said) is not dict:
        raise BreachError(GARBLED, "not an object of JSON")
    return said


def write(said: Mapping[str, Any]) -> str:
    """Write an object as JSON, for a text message."""
    return orjson.dumps(said).decode()


def words(data: Message) -> str:
    """Take a message that must be text."""
    if not isinstance(data, str):
        raise BreachError(KIND, "a binary message, where only text is allowed")
    return data


def part(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Take an object out of an object."""
    found = said.get(name)
    if type(found) is not dict:
        raise BreachError(GARBLED, f"{name} must be an object")
    return found


def whole(value: object, name: str) -> int:
    """Take a whole number of 0 or more, also as text, as some platforms send it."""
    if type(value) is str and len(value) <= 18 and value.isascii() and value.isdecimal():
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise BreachError(GARBLED, f"{name} must be a whole number, 0 or more")


def text(value: object, name: str) -> str:
    """Take a short text; absent is empty."""
    if value is None:
        return ""
    if type(value) is int:
        value = str(value)
    if type(value) is not str or len(value) > LIMITS.text:
        raise BreachError(GARBLED, f"{name} must be a text of at most {LIMITS.text} characters")
    return value


def first(said: Mapping[str, Any], *names: str) -> str:
    """Take the first of several texts that is there; empty if none is."""
    return next((found for name in names if (found := text(said.get(name), name))), "")


def names(value: object, name: str) -> tuple[str, ...]:
    """Take the names of tracks: a list, or a text with commas."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not 0 < len(listed) <= LIMITS.tracks:
        raise BreachError(GARBLED, f"{name} must be a list of 1 to {LIMITS.tracks} names")
    found = tuple(text(each, name).strip() for each in listed)
    if not all(found) or len(set(found)) < len(found):
        raise BreachError(GARBLED, f"{name} must be different names, none of them empty")
    return found


def rate(value: object, name: str = "rate") -> int:
    """Take a rate in Hz; `16k` is 16000."""
    if type(value) is str and value.endswith("k"):
        value = value[:-1] + "000"
    hertz = whole(value, name)
    if not 8000 <= hertz <= 192000:
        raise BreachError(POLICY, f"{name} must be 8000 to 192000 Hz, got {hertz}")
    return hertz


def parameters(*tables: object) -> dict[str, str]:
    """Join what a customer's set-up has added; the later tables win. What is not a plain value is left out.

    >>> parameters({"token": "x", "call": "1"}, None, {"call": 2, "deep": {}, "vip": True})
    {'token': 'x', 'call': '2', 'vip': 'true'}
    """
    found: dict[str, str] = {}
    for table in tables:
        if isinstance(table, Mapping):
            found.update(_plain(table.items()))
        elif isinstance(table, list):  # of {"name": ..., "value": ...}
            found.update(_plain((each.get("name"), each.get("value")) for each in table if isinstance(each, dict)))
    if len(found) > LIMITS.parameters:
        raise BreachError(POLICY, f"{len(found)} parameters; allowed are {LIMITS.parameters}")
    return found


def _plain(items: Iterable[tuple[Any, Any]]) -> Iterable[tuple[str, str]]:
    for name, value in items:
        if not isinstance(name, str):
            continue
        if isinstance(value, bool):
            yield text(name, "name"), "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield text(name, "name"), text(str(value), "parameter")


def facts(given: Mapping[str, str]) -> dict[str, Any]:
    """Take from parameters what `Started` has fields for. A consent that cannot be read is no consent: it is refused.

    >>> facts({"agent": "Kim", "notice": "yes", "direction": "inbound", "vip": "true"})
    {'agent': 'Kim', 'direction': 'in', 'notice': True}
    """
    found: dict[str, Any] = {name: given[name] for name in ("caller", "callee", "agent", "queue") if given.get(name)}
    if given.get("direction") in _DIRECTIONS:
        found["direction"] = _DIRECTIONS[given["direction"]]
    if "notice" in given:
        found["notice"] = _truth(given["notice"])
    if "consent" in given:
        found["consent"] = consent(given["consent"])
    return found


def _truth(word: str) -> bool:
    if word not in _TRUTHS:
        raise BreachError(POLICY, f"notice must be one of {', '.join(_TRUTHS)}")
    return _TRUTHS[word]


def consent(word: object) -> ConsentState:
    """Take the state of a consent."""
    if word not in _CONSENT:
        raise BreachError(POLICY, f"consent must be one of {', '.join(_CONSENT)}")
    return cast(ConsentState, word)
