"""Calls of all platforms, mutated -> how the codecs bear it: no crash, no fault of ours, no memory that grows.

    python -m benchmarks.fuzz_gateway                                       200,000 messages to each protocol
    python -m benchmarks.fuzz_gateway --frames 1000000 --protocol twilio    more, to one

A call is told anew until a codec has had so many messages, each time with other mutations: bits, lengths, order,
repetitions, values of JSON, pieces of other protocols, text as bytes and bytes as text, TCP cut elsewhere. A crash is
an exception, or a violation 1011, by which a codec says that the fault is its own. A seed makes the same messages.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.gateway_calls import Call, Message

from affekt.service.gateway import codec
from affekt.service.gateway.events import Audio, Violation
from benchmarks import gateway_calls as calls

FRAMES = 200_000
SHARE = 0.04  # of the messages that are mutated: few enough that many calls go deep
WARM = 0.2  # of the messages, before memory is counted: allocators and tables fill first
HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 2**64, 10**30, 1e308, -0.0, "", "0", "-1", "9" * 400, "１２", "a" * 2000),
    *("\x00", "\ud7ff", "PT9999999999S", "PT1E9S", "NaN", [], {}, [[]], {"": {}}, ["inbound"] * 100, {"a": "b" * 999}),
)


@dataclass
class Borne:
    """What one codec has borne."""

    protocol: str
    frames: int = 0
    calls: int = 0
    audio: int = 0
    seconds: float = 0.0
    violations: Counter[int] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    growth: float = 0.0
    "MB by which the process's peak has grown after the first fifth"


def bear(protocol: str, frames: int, seed: int = 0) -> Borne:
    """Feed so many messages to the codecs of one protocol."""
    rng, borne = random.Random(f"{seed}/{protocol}"), Borne(protocol)
    told = [make() for make in (calls.CALLS[protocol], *calls.OTHERS.get(protocol, ()))]
    foreign = [make() for make in calls.CALLS.values()]
    begin, warm = time.perf_counter(), 0.0
    while borne.frames < frames:
        _one(rng.choice(told), foreign, rng, borne)
        if not warm and borne.frames >= WARM * frames:
            warm = _peak()
    borne.seconds, borne.growth = time.perf_counter() - begin, _peak() - warm
    return borne


def _one(call: Call, foreign: Sequence[Call], rng: random.Random, borne: Borne) -> None:
    """Tell one call, until it has ended or is broken."""
    heard = codec.load(call.protocol).Codec(call.request)
    borne.calls += 1
    for message in _mutated(call, foreign, rng):
        borne.frames += 1
        try:
            events = heard.feed(message)
            heard.replies()
            if rng.random() < 0.01:
                heard.say(rng.choice(("pause", "resume", "refuse", "end")))
        except Exception as error:
            borne.crashes.append(f"{type(error).__name__}: {error} on {message[:80]!r}")
            return
        for event in events:
            borne.audio += isinstance(event, Audio)
            if isinstance(event, Violation):
                borne.violations[event.code] += 1
                if event.code == 1011:
                    borne.crashes.append(f"{event.text} on {message[:80]!r}")
                return


def _mutated(call: Call, foreign: Sequence[Call], rng: random.Random) -> Iterator[Message]:
    """The messages of a call, some of them mutated, left out, repeated or put elsewhere; TCP also in other pieces."""
    messages = list(call.messages)
    if rng.random() < 0.2:
        one, other = rng.randrange(len(messages)), rng.randrange(len(messages))
        messages[one], messages[other] = messages[other], messages[one]
    told = (each for message in messages for each in _some(message, foreign, rng))
    return _cut(told, rng) if codec.load(call.protocol).Codec.TRANSPORT == "tcp" and rng.random() < 0.5 else told


def _some(message: Message, foreign: Sequence[Call], rng: random.Random) -> Iterator[Message]:
    if rng.random() >= SHARE:
        yield message
        return
    kind = rng.randrange(8)
    if kind == 0:
        yield from [message] * rng.randrange(4)  # none: it is lost
    elif kind == 1:
        yield rng.choice(rng.choice(foreign).messages)
        yield message
    elif kind == 2:
        yield message.encode() if isinstance(message, str) else message.decode("latin-1")
    elif kind <= 5 and isinstance(message, str) and message.startswith("{"):
        yield _revalued(message, rng)
    else:
        yield _edited(message, rng)


def _revalued(message: str, rng: random.Random) -> str:
    """Another value in one member of an object of JSON, wherever it is."""
    said = inner = json.loads(message)
    while True:
        key = rng.choice(list(inner))
        deeper = inner[key]
        if not (isinstance(deeper, dict) and deeper and rng.random() < 0.8):
            break
        inner = deeper
    if rng.random() < 0.3:
        del inner[key]
    else:
        inner[key] = rng.choice(HOSTILE)
    return json.dumps(said, ensure_ascii=rng.random() < 0.5)


def _edited(message: Message, rng: random.Random) -> Message:
    """Bytes that are changed, cut off, put in or repeated, up to more than any limit."""
    data = bytearray(message.encode() if isinstance(message, str) else message)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 200)]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 20))
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(100)] * rng.randrange(1, 20)
        elif rng.random() < 0.05:
            data += bytes([rng.randrange(256)]) * rng.choice((1000, 8000, 20_000, 70_000))
    return data.decode("utf-8", "replace") if isinstance(message, str) else bytes(data)


def _cut(told: Iterator[Message], rng: random.Random) -> Iterator[Message]:
    """The same bytes in other pieces; what is text stays as it is."""
    held = b""
    for message in told:
        if isinstance(message, str):
            yield message
            continue
        held += message
        size = rng.randrange(1, 700)
        yield held[:size]
        held = held[size:]
    yield held


def _peak() -> float:
    """MB that this process has needed at most, so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def table(all_borne: Sequence[Borne]) -> str:
    """A row for each protocol."""
    lines = ["| protocol | messages | calls | sound told | violations | us per message | growth, MB | crashes |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|--:|"]
    for each in all_borne:
        took = 1e6 * each.seconds / each.frames
        numbers = f"{each.frames:,} | {each.calls:,} | {each.audio:,} | {sum(each.violations.values()):,}"
        lines.append(f"| {each.protocol} | {numbers} | {took:.0f} | {each.growth:.1f} | {len(each.crashes)} |")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--frames", type=int, default=FRAMES, help="messages to each protocol")
    options.add_argument(
        "--protocol", choices=sorted(calls.CALLS), action="append", help="only this one; may be repeated"
    )
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    all_borne = [bear(name, chosen.frames, chosen.seed) for name in chosen.protocol or sorted(calls.CALLS)]
    print(table(all_borne))
    crashes = [crash for each in all_borne for crash in each.crashes]
    for crash in crashes[:20]:
        print(crash, file=sys.stderr)
    sys.exit(1 if crashes else 0)


if __name__ == "__main__":
    main()
