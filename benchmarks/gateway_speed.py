"""Time of a codec for one message of sound, without a socket: `python -m benchmarks.gateway_speed`.

Each call of `benchmarks.gateway_calls` is fed whole, many times; the best of several rounds counts, since others share
the machine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.gateway_calls import Call

from affekt.service.gateway import codec
from affekt.service.gateway.events import Audio
from benchmarks import gateway_calls as calls

ROUNDS, CALLS = 7, 20


def cost(call: Call) -> tuple[float, float]:
    """Microseconds per message, and per second of sound of all its tracks."""
    best = min(_round(call) for _ in range(ROUNDS))
    heard = codec.load(call.protocol).Codec(call.request)
    sound = 0.0
    for message in call.messages:
        sound += sum(len(event.samples) / event.rate for event in heard.feed(message) if isinstance(event, Audio))
        heard.replies()
    return best / CALLS / len(call.messages), best / CALLS / max(sound, 1e-9)


def _round(call: Call) -> float:
    make = codec.load(call.protocol).Codec
    begin = time.perf_counter()
    for _ in range(CALLS):
        heard = make(call.request)
        for message in call.messages:
            heard.feed(message)
            heard.replies()
    return 1e6 * (time.perf_counter() - begin)


def table(rows: Sequence[tuple[str, float, float]]) -> str:
    lines = ["| call | us per message | us per second of one track |", "|---|--:|--:|"]
    return "\n".join([*lines, *(f"| {name} | {message:.1f} | {second:.0f} |" for name, message, second in rows)])


def main() -> None:
    makers = [*calls.CALLS.values(), *(make for more in calls.OTHERS.values() for make in more)]
    print(table([(make.__name__, *cost(make())) for make in sorted(makers, key=lambda make: make.__name__)]))


if __name__ == "__main__":
    main()
