"""What every file of `gateway/protocols` owes: this runs each, also one that is dropped in tomorrow."""

from __future__ import annotations

import inspect
import json
import tracemalloc
from itertools import pairwise

import grimp
import numpy as np
import pytest
from gateway_heard import calls, codec, hear
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import UnknownNameError
from affekt.service.gateway.events import Audio, Consent, Ended, Key, Lost, Paused, Request, Resumed, Started, Violation
from affekt.service.gateway.protocols import audiohook

NAMES = codec.names()
EVENTS = (Audio, Consent, Ended, Key, Lost, Paused, Resumed, Started, Violation)
COMMANDS = ("pause", "resume", "refuse", "end")


def test_every_protocol_has_a_call_to_test_it_with():
    assert sorted(calls.CALLS) == NAMES


def test_an_unknown_protocol_answers_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="no protocol is called 'twillio'; did you mean 'twilio'"):
        codec.load("twillio")


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_has_what_the_server_asks_for(name):
    module = codec.load(name)
    kind = module.Codec
    assert (name, f"/v1/ingest/{name}") == (kind.NAME, kind.PATH)
    assert kind.TRANSPORT in ("websocket", "tcp")
    assert all(isinstance(each, str) for each in kind.SUBPROTOCOLS)
    assert module.PROOF in ("upgrade", "hello")
    assert list(inspect.signature(module.authorize).parameters) == ["request", "credentials", "now"]
    assert "Credentials: " in module.__doc__
    assert "Source: " in module.__doc__ or name == "affekt"


@pytest.mark.parametrize("name", NAMES)
def test_no_protocol_does_io_or_knows_a_clock(name):
    graph = grimp.build_graph("affekt", include_external_packages=True, cache_dir=None)
    chain = graph.find_upstream_modules(f"affekt.service.gateway.protocols.{name}")
    own = {module for module in chain if module.startswith("affekt.service.gateway")}
    known = {found for module in own for found in graph.find_modules_directly_imported_by(module)}
    assert known & {"asyncio", "socket", "threading", "time", "datetime", "random", "picows", "sqlalchemy"} == set()
    others = {f"affekt.service.gateway.protocols.{other}" for other in NAMES if other != name}
    assert own & others == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_call_begins_once_and_is_heard_in_full(name):
    """The beginning comes first; every track's sound lies at its place, without a gap, for two seconds or more."""
    told = hear(calls.CALLS[name]())
    assert not [event for event in told if isinstance(event, Violation)]
    started = told[0]
    assert isinstance(started, Started)
    assert [type(event) for event in told].count(Started) == 1
    audio = [event for event in told if isinstance(event, Audio)]
    assert {event.track for event in audio} <= set(started.tracks)
    assert {event.rate for event in audio} == {started.rate}
    for event in audio:
        assert (event.samples.dtype, event.samples.ndim) == (np.int16, 1)
        assert event.samples.flags.c_contiguous
        assert len(event.samples)
    first = [event for event in audio if event.track == audio[0].track]
    covered = sorted((event.start, event.start + len(event.samples)) for event in first)
    assert covered[0][0] == 0
    assert sum(end - start for start, end in covered) >= 2 * started.rate
    assert all(before[1] <= after[0] for before, after in pairwise(covered))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_call_is_told_the_same_way(name):
    call = calls.CALLS[name]()
    assert str(hear(call)) == str(hear(call))


@pytest.mark.parametrize("name", NAMES)
def test_after_the_end_and_after_a_violation_nothing_is_told(name):
    call = calls.CALLS[name]()
    for messages in (call.messages, (b"\xff" * 70000,), ("{" * 70000,)):
        heard = codec.load(name).Codec(call.request)
        told = [event for message in messages for event in heard.feed(message)]
        if told and isinstance(told[-1], Ended | Violation):
            assert [event for message in call.messages for event in heard.feed(message)] == []
            heard.replies()
            heard.say("end")
            assert heard.replies() == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_give_messages_of_the_protocol_and_replies_are_given_once(name):
    call = calls.CALLS[name]()
    for command in COMMANDS:
        heard = codec.load(name).Codec(call.request)
        for message in call.messages[:3]:
            heard.feed(message)
        heard.say(command)
        assert all(isinstance(reply, str | bytes) for reply in heard.replies())
        assert heard.replies() == []


@pytest.mark.parametrize("name", NAMES)
def test_the_memory_of_a_connection_does_not_grow(name):
    """Four thousand more messages of sound, and as many questions: what is kept stays below 16 KiB."""
    call = calls.CALLS[name]()
    sound, heard = call.messages[5], codec.load(name).Codec(call.request)
    for message in call.messages[:50]:
        heard.feed(message)
        heard.replies()
    tracemalloc.start()
    for _ in range(4000):
        heard.feed(sound)
        heard.say("pause")
        heard.replies()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 16384


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_told_and_which_is_not(name):
    """A key may be of a card's number."""
    told = hear(calls.CALLS[name]())
    keys = [event for event in told if isinstance(event, Key)]
    assert len(keys) == (0 if name in ("affekt", "audiohook") else 1)
    assert all(set(type(key).__slots__) == {"track"} for key in keys)


@pytest.mark.parametrize("name", NAMES)
def test_the_beginning_comes_first(name):
    """Without it, what follows is a violation, or nothing; FreeSWITCH alone may begin with sound."""
    call = calls.CALLS[name]()
    skip = 2 if name in ("twilio", "telnyx") else 1
    told = hear(call, call.messages[skip:])
    if name == "freeswitch":
        assert isinstance(told[0], Started)
    else:
        assert [type(event) for event in told] == [Violation]
        assert told[0].code == 1002


@pytest.mark.parametrize("name", NAMES)
def test_a_second_beginning_is_a_violation(name):
    """But for metadata of FreeSWITCH, which is any text."""
    call = calls.CALLS[name]()
    if name == "freeswitch":
        pytest.skip("its metadata is a text like any other")
    at = 2 if name in ("twilio", "telnyx", "audiosocket") else 1
    told = hear(call, (*call.messages[:at], *call.messages[:at]))
    assert isinstance(told[-1], Violation)
    assert told[-1].code == 1002


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "request_",
    [
        Request(""),
        Request("/", {"token": "wrong"}, {"authorization": "Bearer wrong", "host": "h"}, "1.2.3.4", "wss://h/"),
        Request("/", {}, {"signature-input": "x", "signature": "y", "x-api-key": "k"}, "", "wss://[::1/?"),
        Request("/", {"token": "ü" * 3000}, {"authorization": "Bearer " + "a.b.c"}, "", "ws://h:99999/"),
    ],
)
def test_no_request_makes_authorize_raise_and_a_wrong_proof_is_refused(name, request_):
    kept = {
        "token": "right",
        "auth_token": "s",
        "signature_secret": "s",
        "api_key": "k",
        "client_secret": "TXlT",
    }
    why = codec.load(name).authorize(request_, kept, 0.0)
    assert why is None or isinstance(why, str)
    shown = request_.query.get("token") or request_.headers.get("authorization")
    if name != "audiosocket" and shown:
        assert isinstance(why, str)
        assert "right" not in why


wild = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
headers = st.dictionaries(
    st.sampled_from(("authorization", "x-twilio-signature", "x-api-key", "signature", "signature-input", "host")), wild
)
SIGNED = " ".join(f'"{name}"' for name in audiohook._COVERED)
WELL = {"signature-input": f'a=({SIGNED});keyid="k";nonce="{"n" * 22}";created=0', "x-api-key": "k"}


@given(name=st.sampled_from(NAMES), wild_headers=headers, url=wild, token=wild, well=st.booleans())
def test_authorize_never_raises(name, wild_headers, url, token, well):
    """Nor is anybody allowed who has a wrong token."""
    whole = {**wild_headers, **WELL, "signature": "a=:AAAA:"} if well else wild_headers
    kept = {"token": "right", "auth_token": "s", "signature_secret": "s", "api_key": "k", "client_secret": "TXlT"}
    why = codec.load(name).authorize(Request("/", {"token": token}, whole, "", f"wss://{url}"), kept, 0.0)
    assert why is None or isinstance(why, str)
    assert why is not None or name == "audiosocket" or not token


@given(
    data=st.one_of(st.binary(max_size=300), st.text(max_size=300)), name=st.sampled_from(NAMES), first=st.integers(0, 3)
)
def test_whatever_comes_nothing_raises_and_no_fault_is_ours(data, name, first):
    call = calls.CALLS[name]()
    told = hear(call, (*call.messages[:first], data, *call.messages[first : first + 3]))
    assert all(isinstance(event, EVENTS) for event in told)
    assert not [event for event in told if isinstance(event, Violation) and event.code == 1011]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_any_value_in_any_member_is_taken_or_refused(data, name):
    """One member of one message of a real call holds any value of JSON."""
    call = calls.CALLS[name]()
    texts = [at for at, message in enumerate(call.messages[:8]) if isinstance(message, str) and message[0] == "{"]
    if not texts:
        return
    at = data.draw(st.sampled_from(texts))
    said = json.loads(call.messages[at])
    place = data.draw(st.sampled_from(sorted(_members(said))))
    inner = said
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(values)
    told = hear(call, (*call.messages[:at], json.dumps(said), *call.messages[at + 1 : at + 3]))
    assert not [event for event in told if isinstance(event, Violation) and event.code == 1011]


def _members(said, before=()):
    for key, value in said.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _members(value, (*before, key))
