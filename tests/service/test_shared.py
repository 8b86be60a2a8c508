"""What the gateway writes, the engine reads: in order, once, and never a torn record, however late it is."""

from __future__ import annotations

import multiprocessing
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import UsageError
from affekt.service import shared
from affekt.service.shared import DONE, ENDED, FREE, LIVE, RING, Board


@pytest.fixture
def boards():
    """The same memory, opened twice, as by two processes."""
    descriptor = shared.make(4)
    yield Board(descriptor, 4), Board(descriptor, 4)
    os.close(descriptor)


def samples(start: int, count: int = 160) -> np.ndarray:
    return (np.arange(start, start + count) % 30000).astype(np.int16)


def test_a_call_is_read_as_it_was_written(boards):
    ours, theirs = boards
    slot = ours.open(b'{"call": 1}')
    slot.write("audio", samples(0), arrived=1.5, track=1, start=0, rate=8000)
    slot.write("pause", arrived=2.0)
    slot.end(b"bye", arrived=3.0)
    (number,) = theirs.busy()
    other = theirs.slots[number]
    sound, pause, end = other.read()
    assert (other.meta, other.state) == (b'{"call": 1}', ENDED)
    assert (sound.kind, sound.track, sound.start, sound.rate, sound.arrived) == ("audio", 1, 0, 8000, 1.5)
    assert np.array_equal(sound.samples, samples(0))
    assert (pause.kind, end.kind, end.payload) == ("pause", "end", b"bye")
    assert other.read() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=400))
def test_whoever_reads_late_has_the_newest_in_order_and_whole(steps):
    descriptor = shared.make(1)
    ours, theirs = Board(descriptor, 1), Board(descriptor, 1)
    slot, other = ours.open(b"{}"), theirs.slots[0]
    place, found = 0, []
    for count, reads in steps:
        slot.write("audio", samples(place, count), arrived=0.0, start=place, rate=8000)
        place += count
        if reads:
            found += other.read(1000)
    while more := other.read():
        found += more
    starts = [record.start for record in found if record.samples.size]
    assert starts == sorted(set(starts))
    assert all(np.array_equal(record.samples, samples(record.start, len(record.samples))) for record in found)
    if found and steps:
        assert found[-1].start + len(found[-1].samples) == place  # the newest is never the one that goes
    os.close(descriptor)


def _speak(descriptor: int, seconds: float) -> None:
    slot, place = Board(descriptor, 1).open(b"{}"), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slot.write("audio", samples(place), arrived=0.0, start=place, rate=8000)
        place += 160
    slot.end(arrived=0.0)


def test_no_record_is_torn_while_another_process_overwrites_it():
    descriptor = shared.make(1)
    board = Board(descriptor, 1)
    writer = multiprocessing.get_context("fork").Process(target=_speak, args=(descriptor, 1.0))
    writer.start()
    slot, found, overruns = board.slots[0], 0, 0
    while slot.state != ENDED or slot.waiting:
        overruns += slot.overrun
        for record in slot.read(16):  # slower than it is written
            if record.kind == "audio":
                assert np.array_equal(record.samples, samples(record.start))
                found += 1
        time.sleep(0.0005)
    writer.join()
    assert found > 100
    assert overruns > 0  # else nothing was tried
    os.close(descriptor)


def test_a_reader_begun_anew_goes_on_where_the_last_one_stopped(boards):
    ours, theirs = boards
    slot = ours.open(b"{}")
    for i in range(3):
        slot.write("audio", samples(160 * i), arrived=0.0, start=160 * i, rate=8000)
    assert [record.start for record in theirs.slots[0].read(1)] == [0]
    assert [record.start for record in ours.slots[0].read()] == [160, 320]


def test_a_slot_is_one_calls_until_it_was_read_to_its_end(boards):
    ours, theirs = boards
    slots = [ours.open(b"{}") for _ in range(4)]
    assert ours.open(b"{}") is None
    assert (ours.free(), len(theirs.live())) == (0, 4)
    slots[2].end(arrived=0.0)
    assert ours.open(b"{}") is None
    theirs.slots[2].read()
    theirs.slots[2].done()
    assert slots[2].state == DONE
    again = ours.open(b"new")
    assert (again, again.born, again.state, theirs.slots[2].meta) == (slots[2], 2, LIVE, b"new")
    assert theirs.slots[2].read() == []
    assert Board(shared.make(1), 1).slots[0].state == FREE


def test_what_does_not_fit_is_refused(boards):
    slot = boards[0].open(b"{}")
    with pytest.raises(UsageError, match="at most"):
        slot.write("audio", bytes(RING), arrived=0.0)
    with pytest.raises(UsageError, match="at most"):
        boards[0].open(bytes(10_000))
