"""The thread beside the loop: all is heard in order, nothing waits for it, and what is dropped is told."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import numpy as np
import pytest
from callers import ANGRY, chunks

from affekt import bundle
from affekt.adapters._listener import Listener
from affekt.errors import UsageError
from affekt.live import Finished, Gap, MoodChanged, Session

MODEL = bundle.load("permissive")
SESSION = partial(Session, MODEL)


def heard(listener: Listener) -> list:
    told = []
    listener.end()
    asyncio.run(listener.run(told.append))
    return told


@pytest.mark.parametrize("seconds", [0.01, 0.02, 0.25])
def test_it_tells_what_a_session_tells_in_whatever_chunks(seconds):
    session, listener = Session(MODEL), Listener(SESSION, backlog=60)
    expected = []
    for pcm, rate in chunks(*ANGRY, seconds):
        expected += session.push(np.frombuffer(pcm, np.int16), rate)
        listener.push(pcm, rate)
    assert heard(listener) == [*expected, *session.finish()]
    assert any(isinstance(event, MoodChanged) for event in expected)


def test_channels_are_one_speaker():
    one, two = Listener(SESSION, backlog=60), Listener(SESSION, backlog=60)
    for pcm, rate in chunks(18, 21):
        one.push(pcm, rate)
        two.push(np.frombuffer(pcm, np.int16).repeat(2).tobytes(), rate, 2)
    assert heard(one) == heard(two)


def test_when_the_queue_is_full_all_that_waits_is_dropped_and_told_as_one_gap():
    listener = Listener(SESSION, backlog=1.0)
    for chunk in chunks(18, 22.3):
        listener.push(*chunk)
    told = heard(listener)
    (gap,) = [event for event in told if isinstance(event, Gap)]
    assert gap.kind == "lost"
    assert gap.segment.start < 0.001
    assert 3.3 - 0.02 <= gap.segment.end < 4.3  # the backlog and less is left
    assert told[-1] == Finished(4.3)


def test_a_hole_in_the_middle_is_told_and_time_goes_on():
    async def main() -> list:
        told, listener = [], Listener(SESSION, backlog=1.0)
        running = asyncio.create_task(listener.run(told.append))
        sound = iter(chunks(18, 26))
        for _ in range(25):  # half a second, heard before more comes
            listener.push(*next(sound))
        while listener._waiting:
            await asyncio.sleep(0.01)
        for chunk in sound:  # 7.5 s at once
            listener.push(*chunk)
        listener.end()
        await running
        return told

    told = asyncio.run(main())
    (gap,) = [event for event in told if isinstance(event, Gap)]
    assert gap.kind == "lost"
    assert 0.4 < gap.segment.start <= 0.5
    assert gap.segment.end > 7.0
    assert told[-1] == Finished(8.0)


def test_the_loop_goes_on_while_the_model_is_loaded_and_asked():
    """Hearing has a thread of its own, which is gone when all has been heard."""

    async def main() -> tuple[set[str], int]:
        names, turns = set(), 0
        listener = Listener(lambda: (names.add(threading.current_thread().name), Session(MODEL))[1], backlog=60)
        for chunk in chunks(*ANGRY):
            listener.push(*chunk)
        listener.end()
        running = asyncio.create_task(listener.run(lambda _: None))
        while not running.done():
            turns += 1
            await asyncio.sleep(0)
        return names, turns

    names, turns = asyncio.run(main())
    assert len(names) == 1
    assert next(iter(names)).startswith("affekt")
    assert turns > 100
    assert gone("affekt")


def test_cancelled_it_leaves_at_once():
    async def main() -> None:
        listener = Listener(SESSION, backlog=60)
        for chunk in chunks():
            listener.push(*chunk)
        running = asyncio.create_task(listener.run(lambda _: None))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert gone("affekt")


def gone(name: str) -> bool:
    """Whether no thread of this name is left, soon."""
    for _ in range(500):
        if not any(thread.name.startswith(name) for thread in threading.enumerate()):
            return True
        time.sleep(0.02)
    return False


def test_what_tells_may_wait():
    told = []

    async def tell(event) -> None:
        await asyncio.sleep(0)
        told.append(event)

    listener = Listener(SESSION)
    listener.push(bytes(1600), 8000)
    listener.end()
    asyncio.run(listener.run(tell))
    assert told == [Finished(0.1)]


def test_nothing_that_can_be_heard_is_said_plainly():
    with pytest.raises(UsageError, match=r"0\.1 s or more, got 0"):
        Listener(SESSION, backlog=0)
    listener = Listener(SESSION)
    listener.push(b"", 8000)
    listener.push(bytes(1600), 8000)
    listener.push(bytes(1600), 16000)
    with pytest.raises(UsageError, match="rate"):
        heard(listener)
