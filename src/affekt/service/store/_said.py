"""A message -> what is kept of it, as the columns of its row. Nothing that is not written here is kept."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from affekt.service.store._base import Found, clean, iso

KEPT = {
    "mood": "points",
    "turn.ended": "turns",
    **dict.fromkeys(("gap", "overlap", "paused", "resumed", "windows.skipped", "consent"), "marks"),
    **dict.fromkeys(("call.started", "call.ended"), "marks"),
    **{f"alert.{state}": "marks" for state in ("firing", "acknowledged", "snoozed", "resolved", "expired")},
}
"""Type -> the table that its row is in. Of other types nothing is kept but that the call was heard, and talk time."""

CONSENT = ("given", "refused", "unknown")

_GATEWAY = ("call.started", "call.ended", "consent")
_FAINT = 0.005  # a level below it is not kept: rows stay small, and nobody is shown a third digit
_NEVER = 253_402_300_800.0  # Unix seconds: the year 10000, of which a calendar knows nothing
_BIGGEST = 2**31 - 1  # that a column holds
_LARGEST = 1e15  # of a number that says anything: nor is infinity one
_POINTS = 1000  # of an alert's evidence
_TRACKS = 16  # that a stream has at most
_REASON = 2000  # characters of an alert's reason


class Said(NamedTuple):
    """A message, as far as it is kept."""

    tenant: str
    call: str
    stream: str
    sender: str
    "who counts `n`: the gateway or the engine, anew each time that it starts"
    n: int
    at: float
    "Unix seconds"
    type: str
    began: float
    "Unix seconds: when the stream began, as far as this message can say"
    row: Found


def read(message: Mapping[str, Any]) -> Said | None:
    """Read a message; None where it is of no call, and so not ours.

    Raises:
        KeyError, TypeError, ValueError: something is missing, or is not what it must be.
    """
    if message["call"] is None:
        return None
    kind = _name(message["type"])
    at = _number(message["at"])
    time = 0.0 if kind in _GATEWAY else max(0.0, _number(message.get("time") or 0.0))
    began = at - time
    if not 0.0 <= began <= at < _NEVER:
        raise ValueError(f"{at!r} is no time of day, or {time!r} none of a stream")
    sender = message.get("sender") or ("gateway" if kind in _GATEWAY else "engine")
    return Said(
        _name(message["tenant"]),
        _name(message["call"]),
        _name(message["stream"]),
        _name(sender),
        _count(message["n"]),
        at,
        kind,
        began,
        _row(kind, message, at),
    )


def _row(kind: str, message: Mapping[str, Any], at: float) -> Found:
    if kind.startswith("alert."):
        return _alert(kind, message, at) if kind in KEPT else {}
    reader = _READERS.get(kind)
    return {} if reader is None else reader(message)


def _mood(message: Mapping[str, Any]) -> Found:
    levels = {_name(name): _number(level) for name, level in message["levels"].items()}
    emotion = _name(message["emotion"])
    affect = {name: _maybe(message.get(name)) for name in ("valence", "arousal", "dominance")}
    return {
        "time": round(_number(message["mood_at"] if "mood_at" in message else message["time"]), 3),
        "speaker": clean(message.get("speaker")),
        "emotion": emotion,
        "level": round(levels.get(emotion, 0.0), 4),
        "uncertain": bool(message.get("uncertain", False)),
        **(affect if None not in affect.values() else dict.fromkeys(affect)),
        "snr": _maybe(message.get("snr")),
        "levels": {name: round(level, 2) for name, level in levels.items() if level >= _FAINT},
    }


def _turn(message: Mapping[str, Any]) -> Found:
    confidence = _maybe(message.get("speaker_confidence"))
    who = {"speaker": clean(message.get("speaker")), "role": _name(message.get("role") or "speaker")}
    return {**who, "start": _number(message["start"]), "end": _number(message["end"]), "speaker_confidence": confidence}


def _started(message: Mapping[str, Any]) -> Found:
    tracks = {_name(track): _name(role) for track, role in list((message.get("tracks") or {}).items())[:_TRACKS]}
    text = ("external", "protocol", "subject", "agent", "queue", "direction", "model")
    notice, rate = message.get("notice"), message.get("rate")
    return {
        **{name: clean(message.get(name)) or None for name in text},
        "protocol": _name(message.get("protocol") or "unknown"),
        "notice": None if notice is None else bool(notice),
        "rate": None if rate is None else _count(rate),
        "tracks": tracks,
        "consent": _consent(message.get("consent") or "unknown"),
    }


def _consented(message: Mapping[str, Any]) -> Found:
    state = _consent(message["state"])
    facts = {"state": state, "by": clean(message.get("by")), "at": iso(_number(message["at"]))}
    return {"consent": state, "facts": facts}


def _alert(kind: str, message: Mapping[str, Any], at: float) -> Found:
    end = _number(message["end"])
    return {
        "rule": _name(message["rule"]),
        "speaker": clean(message.get("speaker")),
        "state": kind.removeprefix("alert."),
        "at": at,
        "time": _number(message.get("time", end)),
        "start": _number(message["start"]),
        "end": end,
        "reason": clean(message.get("reason"), _REASON) or "",
        "snr": _maybe(message.get("snr")),
        "evidence": _evidence(message.get("evidence")),
    }


def _evidence(given: Mapping[str, Any] | None) -> Found | None:
    if given is None:
        return None
    points = [[_maybe(number) for number in point] for point in (given.get("points") or [])[-_POINTS:]]
    return {
        "windows": _count(given.get("windows") or 0),
        "level": _maybe(given.get("level")),
        "model": clean(given.get("model")),
        "points": points,
    }


def _gap(message: Mapping[str, Any]) -> Found:
    facts = {"track": clean(message.get("track")), "kind": _name(message["kind"]), **_span(message)}
    return {"time": facts["start"], "facts": facts}


def _overlap(message: Mapping[str, Any]) -> Found:
    facts = {"speakers": [clean(who) for who in message["speakers"]][:2], **_span(message)}
    return {"time": facts["start"], "facts": facts}


def _skipped(message: Mapping[str, Any]) -> Found:
    facts = {"count": _count(message["count"]), "reason": clean(message.get("reason"))}
    return {"time": _maybe(message.get("time")), "facts": facts}


def _talk(message: Mapping[str, Any]) -> Found:
    return {"talk": {_name(who): _number(seconds) for who, seconds in message["seconds"].items()}}


def _place(message: Mapping[str, Any]) -> Found:
    return {"time": _number(message["time"])}


_READERS = {
    "mood": _mood,
    "turn.ended": _turn,
    "call.started": _started,
    "call.ended": lambda message: {"reason": clean(message.get("reason"))},
    "consent": _consented,
    "gap": _gap,
    "overlap": _overlap,
    "windows.skipped": _skipped,
    "talk": _talk,
    "paused": _place,
    "resumed": _place,
}


def _span(message: Mapping[str, Any]) -> dict[str, float]:
    return {"start": _number(message["start"]), "end": _number(message["end"])}


@functools.lru_cache(4096)  # a few hundred labels are most of what is said
def _name(value: object) -> str:
    """A label that something is found by: it must be there, and is never cut."""
    if not isinstance(value, str) or not value or clean(value) != value:
        raise ValueError(f"{value!r} is no name")
    return value


def _consent(value: object) -> str:
    if value not in CONSENT:
        raise ValueError(f"{value!r} is no consent; known: {', '.join(CONSENT)}")
    return str(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _BIGGEST:
        raise ValueError(f"{value!r} is no count")
    return value


def _number(value: object) -> float:
    if type(value) not in (float, int) or not -_LARGEST <= value <= _LARGEST:  # type: ignore[operator]
        raise ValueError(f"{value!r} is no number")
    return float(value)  # type: ignore[arg-type]


def _maybe(value: object) -> float | None:
    return None if value is None else _number(value)
