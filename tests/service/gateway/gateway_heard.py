"""What the tests of the codecs share: the calls of `benchmarks.gateway_calls`, fed, and the sound of a track."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
pytest.importorskip("orjson", reason="orjson is not installed: make test installs it")
from affekt.service.gateway import codec
from affekt.service.gateway.events import Audio, Request, Violation
from benchmarks import gateway_calls as calls

__all__ = ["Audio", "Request", "Violation", "begun", "calls", "codec", "hear", "sound", "violation"]


def hear(call, messages=None):
    """All events of a call; the replies are taken after each message, as a server does."""
    heard = codec.load(call.protocol).Codec(call.request)
    return list(_events(heard, call.messages if messages is None else messages))


def _events(heard, messages):
    for message in messages:
        yield from heard.feed(message)
        heard.replies()


def begun(call):
    """A codec that has heard the first messages of a call, up to its beginning."""
    heard = codec.load(call.protocol).Codec(call.request)
    for message in call.messages:
        told = heard.feed(message)
        heard.replies()
        if told:
            return heard
    raise AssertionError("the call never began")


def sound(events, track):
    """The samples of a track at their places, 0 elsewhere."""
    pieces = [event for event in events if isinstance(event, Audio) and event.track == track]
    whole = np.zeros(max(piece.start + len(piece.samples) for piece in pieces), np.int16)
    for piece in pieces:
        whole[piece.start : piece.start + len(piece.samples)] = piece.samples
    return whole


def violation(events):
    """The code of the violation that must be the last and only one."""
    assert [type(event) for event in events].count(Violation) == 1, events
    assert isinstance(events[-1], Violation)
    return events[-1].code
