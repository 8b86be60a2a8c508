"""What a codec says of places is what `affekt.live.track` needs: it puts a network's damage right, and tells it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gateway_heard import Audio, calls, hear, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.live.track import Patience, Track
from affekt.types import Signal

PATIENCE = Patience(reorder=0.2, jitter=0.01)  # half a piece: with a whole one, two that are swapped would be jitter


def tracked(events, track):
    """A track as it is heard, at 16 kHz, and its gaps: (kind, start, end) in s."""
    heard = Track(track, PATIENCE)
    for event in events:
        if isinstance(event, Audio) and event.track == track:
            heard.push(Signal(event.samples.astype(np.float32) / 32768, event.rate, event.start))
    heard.finish()
    end = heard.end
    whole = heard.take(0, end)
    return whole, [(gap.kind, gap.segment.start, gap.segment.end) for gap in heard.gaps(end + 1, 0.0)]


@pytest.mark.parametrize("name", sorted(calls.CALLS))
def test_two_seconds_of_a_call_are_two_seconds_behind(name):
    call = calls.CALLS[name]()
    told = [event for event in hear(call) if isinstance(event, Audio) and event.start < 2 * event.rate]
    whole, gaps = tracked(told, told[0].track)
    assert len(whole) == 2 * 16000
    assert [kind for kind, *_ in gaps] == (["reordered"] if name == "telnyx" else [])


def test_messages_out_of_order_are_the_same_sound():
    """Telnyx swaps two pieces: what is heard is what would have been heard without."""
    call = calls.telnyx()
    ordered = sorted(call.messages[2:-3], key=lambda message: int(json.loads(message)["media"]["timestamp"]))
    one, _ = tracked(hear(call), "inbound")
    other, gaps = tracked(hear(call, (*call.messages[:2], *ordered)), "inbound")
    assert np.array_equal(one, other)
    assert gaps == []


@settings(max_examples=40)
@given(lost=st.sets(st.integers(1, calls.PIECES - 2), max_size=20), seed=st.integers(0, 1000))
def test_whatever_a_network_does_time_is_kept(lost, seed):
    """Messages are lost, doubled and moved by up to three: each piece that came lies where it lay."""
    call = calls.twilio()
    rng = np.random.default_rng(seed)
    pieces = [message for message in call.messages[2:-3] if json.loads(message)["media"]["track"] == "inbound"]
    kept = [(n + rng.uniform(0, 3), piece) for n, piece in enumerate(pieces) if n not in lost]
    kept[0] = (-1.0, pieces[0])  # a stream begins with what comes first
    kept += [(at + 1, piece) for at, piece in kept if rng.random() < 0.1]
    moved = [piece for _, piece in sorted(kept)]
    told = hear(call, (*call.messages[:2], *moved))
    whole, gaps = tracked(told, "inbound")
    clean = sound(hear(call), "inbound")
    damaged = sound(told, "inbound")
    assert len(whole) == 2 * len(damaged)
    for number in lost:
        assert not damaged[160 * number : 160 * number + 160].any()
    told_lost = sum(end - start for kind, start, end in gaps if kind == "lost")
    assert told_lost == pytest.approx(0.02 * len([n for n in lost if 160 * n < len(damaged)]), abs=0.021)
    for number in set(range(len(damaged) // 160)) - lost:
        assert np.array_equal(damaged[160 * number :][:160], clean[160 * number :][:160])
