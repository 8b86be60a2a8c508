"""What is told <-> JSON. The one place where the service gives events their form; the store adds the stream's offset.

Every message has an envelope: `type`, `tenant`, `call`, `stream`, `sender`, `n` (higher with each message of a sender
and stream) and `at` (Unix time, s). Times of events are seconds since the stream began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from affekt.live import Event
from affekt.live.events import MoodChanged
from affekt.registry import need
from affekt.types import Alert, Mood

need("orjson", extra="serve")
import orjson  # noqa: E402


def event(event: Event) -> dict[str, Any]:
    """Return the JSON form of what the core tells; a mood's own time goes as `mood_at`."""
    facts = event.to_dict()
    if isinstance(event, MoodChanged):
        facts["mood_at"] = facts.pop("at")
    return facts


def evidence(alert: Alert, moods: Sequence[Mood], model: str) -> dict[str, Any]:
    """Return what an alert stands on: moods of its speaker around its segment, oldest first."""
    own = [mood for mood in moods if mood.speaker == alert.speaker]
    return {
        "windows": sum(alert.segment.start <= mood.time <= alert.segment.end for mood in own),
        "level": round(own[-1].levels[own[-1].emotion], 4) if own else None,
        "model": model,
        "points": [_point(mood) for mood in own],
    }


def _point(mood: Mood) -> list[Any]:
    affect = mood.affect
    valence, arousal = (None, None) if affect is None else (round(affect.valence, 3), round(affect.arousal, 3))
    return [round(mood.time, 2), round(mood.levels[mood.emotion], 3), valence, arousal]


def read(line: bytes) -> dict[str, Any]:
    """Read a JSON object; what is none is empty."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def write(facts: Any) -> bytes:
    """Write JSON, without a line's end."""
    return orjson.dumps(facts)
