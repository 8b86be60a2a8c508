"""Messages as gateway and engine send them, for the tests of what comes after."""

from __future__ import annotations

import uuid
from itertools import count
from typing import Any

START = 1_790_000_000.0
"""Unix seconds: a day in 2026"""


class Call:
    """A call that tells what happens in it: each method gives one message."""

    def __init__(self, name: str = "call", *, tenant: str = "default", start: float = START, engine: str = "engine-1"):
        self.id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/{name}"))
        self.tenant, self.start, self.engine = tenant, start, engine
        self.stream = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/{name}/stream"))
        self.numbers = {"gateway-1": count(1), engine: count(1)}

    def tell(self, type: str, after: float, *, sender: str | None = None, **facts: Any) -> dict[str, Any]:
        sender = sender or self.engine
        about = {"type": type, "tenant": self.tenant, "call": self.id, "stream": self.stream, "sender": sender}
        n = next(self.numbers.setdefault(sender, count(1)))
        return about | {"n": n, "at": self.start + after, **facts}

    def heard(self, type: str, time: float, **facts: Any) -> dict[str, Any]:
        return self.tell(type, time, time=time, **facts)

    def started(self, time: float = 0.0, **facts: Any) -> dict[str, Any]:
        known = {
            "protocol": "twilio",
            "external": f"CA-{self.id[:8]}",
            "subject": None,
            "agent": "Ann",
            "queue": "sales",
        }
        known |= {"direction": "in", "tracks": {"inbound": "customer", "outbound": "agent"}, "rate": 8000}
        known |= {"notice": True, "consent": "unknown", "model": "default@0.1"}
        return self.tell("call.started", time, sender="gateway-1", **(known | facts))

    def ended(self, time: float, reason: str = "hangup") -> dict[str, Any]:
        return self.tell("call.ended", time, sender="gateway-1", reason=reason)

    def consent(self, time: float, state: str) -> dict[str, Any]:
        return self.tell("consent", time, sender="gateway-1", state=state, by="customer")

    def mood(self, time: float, emotion: str = "anger", *, level: float = 0.6, **facts: Any) -> dict[str, Any]:
        rest = (1 - level) / 2
        levels = {"anger": rest, "neutral": rest, "sadness": 0.001} | {emotion: level}
        known = {"mood_at": time - 0.5, "speaker": "inbound", "emotion": emotion, "uncertain": False, "levels": levels}
        known |= {"valence": -0.5, "arousal": 0.5, "dominance": 0.25, "trend": {}, "speech": time, "snr": 20.0}
        return self.heard("mood", time, **(known | facts))

    def turn(self, start: float, end: float, **facts: Any) -> dict[str, Any]:
        known = {"speaker": "inbound", "role": "customer", "start": start, "end": end}
        return self.heard("turn.ended", end + 0.3, **(known | facts))

    def alert(self, time: float, state: str = "firing", *, rule: str = "sustained", **facts: Any) -> dict[str, Any]:
        known = {"rule": rule, "start": time - 4, "end": time, "speaker": "inbound", "snr": 18.0, "state": state}
        known |= {"reason": "anger at 0.60 (0.35 or more for 4.0 s of speech)"}
        known |= {"evidence": {"windows": 4, "level": 0.6, "model": "default@0.1", "points": [[time, 0.6, -0.5, 0.5]]}}
        return self.heard(f"alert.{state}", time, **(known | facts))

    def gap(self, start: float, end: float) -> dict[str, Any]:
        return self.heard("gap", end, track="inbound", kind="lost", start=start, end=end)

    def talk(self, time: float, **seconds: float) -> dict[str, Any]:
        return self.heard("talk", time, seconds=seconds, share={})


def whole(call: Call) -> list[dict[str, Any]]:
    """A call of 20 s in which everything happens, from the greeting to the end."""
    return [
        call.started(subject="5a" * 16),
        call.consent(0.5, "given"),
        call.heard("turn.started", 1.2, speaker="inbound", role="customer", start=1.0),
        *(call.mood(float(time)) for time in (3, 4, 5, 6)),
        call.mood(6.5, "neutral", uncertain=True),
        call.heard("window.judged", 6.6, speaker="inbound", start=3.0, end=6.0, emotion="anger", probs={"anger": 1.0}),
        call.turn(1.0, 7.0),
        call.talk(7.3, inbound=6.0, outbound=0.0),
        call.alert(7.5),
        call.gap(8.0, 8.5),
        call.heard("paused", 9.0),
        call.heard("resumed", 10.0),
        call.turn(10.5, 12.0, speaker="outbound", role="agent"),
        call.heard("overlap", 12.5, speakers=["inbound", "outbound"], start=11.8, end=12.0),
        call.heard("windows.skipped", 13.0, count=3, reason="load"),
        call.mood(15.0, "neutral", valence=0.1, arousal=-0.1, dominance=0.0),
        call.talk(15.5, inbound=8.0, outbound=1.5),
        call.alert(16.0, "resolved", start=3.5, end=7.0),
        call.heard("finished", 20.0),
        call.ended(20.0),
    ]
