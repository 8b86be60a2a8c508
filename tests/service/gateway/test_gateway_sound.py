"""Coded sound becomes the samples that the standards say."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from affekt import augment
from affekt.service.gateway.protocols import _sound
from affekt.service.gateway.protocols._wire import BreachError

CODES = np.arange(256, dtype=np.int64)


def mu_law_of_the_itu(code):
    """ITU-T G.711 (1988), table 2: 8 segments, the bits inverted; 14 bits there, so times 4 for 16."""
    bits = ~code & 0xFF
    size = (((bits & 0x0F) << 1) + 33 << (bits >> 4 & 7)) - 33
    return np.where(bits & 0x80, -size, size) * 4


def a_law_of_the_itu(code):
    """ITU-T G.711 (1988), table 1: even bits inverted; 13 bits there, so times 8 for 16."""
    bits = code ^ 0x55
    segment, step = bits >> 4 & 7, bits & 0x0F
    size = np.where(segment == 0, 2 * step + 1, 2 * step + 33 << np.maximum(segment - 1, 0))
    return np.where(bits & 0x80, size, -size) * 8


@pytest.mark.parametrize(("law", "formula"), [("mulaw", mu_law_of_the_itu), ("alaw", a_law_of_the_itu)])
def test_g711_is_what_the_standard_says(law, formula):
    heard = _sound.decoder(law, 8000)(CODES.astype(np.uint8).tobytes())
    assert heard.dtype == np.int16
    assert heard.tolist() == formula(CODES).tolist()


def test_a_law_is_what_training_copies_go_through():
    """What `augment` gives are the values that the codec gives."""
    heard = _sound.decoder("alaw", 8000)(CODES.astype(np.uint8).tobytes()).astype(np.float32) / 32768
    assert np.allclose(augment.a_law(heard), heard, atol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
def test_linear_sound_in_both_byte_orders(order):
    samples = np.array([-32768, -1, 0, 1, 32767, 258], np.int16)
    name = "pcm16" if order == "<" else "pcm16be"
    heard = _sound.decoder(name, 8000)(samples.astype(f"{order}i2").tobytes())
    assert (heard.dtype, heard.tolist()) == (np.dtype(np.int16), samples.tolist())


def test_half_a_sample_is_a_breach():
    with pytest.raises(BreachError, match="3 bytes"):
        _sound.decoder("pcm16", 8000)(b"abc")


@pytest.mark.parametrize(
    ("name", "rate", "most"), [("mulaw", 8000, 8000), ("pcm16", 16000, 32000), ("pcm16be", 8000, 16000)]
)
def test_a_message_holds_a_second_at_most(name, rate, most):
    assert len(_sound.decoder(name, rate)(bytes(most)))
    with pytest.raises(BreachError, match="allowed are"):
        _sound.decoder(name, rate)(bytes(most + 2))


def tone(rate, hertz=440):
    return (np.sin(np.arange(rate) * 2 * np.pi * hertz / rate) * 12000).astype(np.int16)


def encoded(name, samples, rate, size):
    """Packets of FFmpeg's own encoder."""
    av = pytest.importorskip("av", reason="av is not installed: make test installs it")
    coder = av.CodecContext.create(name, "w")
    coder.sample_rate, coder.layout, coder.format = rate, "mono", "s16"
    packets = []
    for at in range(0, len(samples), size):
        block = av.AudioFrame.from_ndarray(samples[None, at : at + size], format="s16", layout="mono")
        block.sample_rate, block.pts = rate, at
        packets += [bytes(packet) for packet in coder.encode(block)]
    return packets


@pytest.mark.parametrize(
    ("name", "coder", "rate", "size"), [("opus", "libopus", 48000, 960), ("g722", "g722", 16000, 320)]
)
def test_packets_are_decoded_to_the_sound_that_was_coded(name, coder, rate, size):
    """The pitch of a tone, and its place within a codec's own delay of 10 ms."""
    packets = encoded(coder, tone(rate), rate, size)
    decode = _sound.decoder(name, rate)
    heard = np.concatenate([decode(packet) for packet in packets])
    assert abs(len(heard) - size * len(packets)) <= rate // 100
    loudest = np.abs(np.fft.rfft(heard[:rate].astype(float), rate)).argmax()
    assert loudest == pytest.approx(440, abs=2)
    assert 8000 < np.abs(heard[rate // 4 : rate // 2]).max() < 16000


@pytest.mark.parametrize("name", ["opus", "g722"])
def test_a_broken_packet_is_lost_and_the_next_is_heard(name):
    coder, rate, size = {"opus": ("libopus", 48000, 960), "g722": ("g722", 16000, 320)}[name]
    packets = encoded(coder, tone(rate), rate, size)
    decode = _sound.decoder(name, rate)
    assert len(decode(packets[0])) >= 0
    for broken in (b"", b"\xff\xff\xff", b"\x03" * 50):
        decode(broken)
    assert len(decode(packets[1])) > 0
    with pytest.raises(BreachError):
        decode(bytes(8001))


def test_without_the_package_the_text_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BreachError, match=r'opus is not read here: .* pip install "affekt\[video\]"'):
        _sound.decoder("opus", 48000)


def test_an_unknown_encoding_is_told_with_the_known_ones():
    with pytest.raises(BreachError, match="known are mulaw"):
        _sound.named("AMR-WB")
