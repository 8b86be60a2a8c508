"""The fuzz of the gateway: that it finds what it looks for, and goes deep."""

from __future__ import annotations

import importlib
from collections import Counter

import pytest

import clips

pytest.importorskip("orjson", reason="orjson is not installed: make test installs it")


@pytest.fixture(scope="module")
def fuzz():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield importlib.import_module("benchmarks.fuzz_gateway")


def test_no_codec_crashes_and_most_messages_are_heard_in_depth(fuzz):
    for protocol in fuzz.calls.CALLS:
        borne = fuzz.bear(protocol, 1500)
        assert borne.crashes == []
        assert borne.frames >= 1500
        assert borne.audio > 500, protocol
        assert sum(borne.violations.values()) > 5, protocol


def test_a_codec_that_cannot_bear_it_is_found(fuzz, monkeypatch):
    """With a decoder that trusts the length of what it is given."""
    twilio = importlib.import_module("affekt.service.gateway.protocols.twilio")

    def trusting(self, said, told):
        told.append(said["media"]["payload"][159])

    monkeypatch.setattr(twilio.Codec, "_media", trusting)
    borne = fuzz.bear("twilio", 3000)
    assert any("KeyError" in crash or "TypeError" in crash for crash in borne.crashes)


def test_a_seed_makes_the_same_messages(fuzz):
    first, again, other = (fuzz.bear("audiosocket", 2000, seed) for seed in (1, 1, 2))
    assert (first.violations, first.audio, first.calls) == (again.violations, again.audio, again.calls)
    assert (first.violations, first.audio) != (other.violations, other.audio)


def test_the_table_has_a_row_for_each(fuzz):
    row = fuzz.Borne("twilio", frames=2000, calls=20, audio=1500, seconds=0.02, violations=Counter({1007: 3}))
    assert fuzz.table([row]).splitlines()[-1] == "| twilio | 2,000 | 20 | 1,500 | 3 | 10 | 0.0 | 0 |"
