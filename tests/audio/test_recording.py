"""Any recording is read, or refused in words: the table of good and bad input."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from sounds import encode, encode_av, tone

from affekt.audio import RATE, open_recording, read
from affekt.audio import decode as decode_module
from affekt.errors import AffektError, AudioError, MissingExtraError, UsageError


def spoilt(share, value=np.nan):
    """Three seconds with so many samples that are not numbers, at the start, where a stream would notice first."""
    samples = tone(3.0)
    samples[: round(share * len(samples))] = value
    return encode(samples, subtype="FLOAT")


def with_data_size(file, size):
    at = file.index(b"data") + 4
    return file[:at] + size.to_bytes(4, "little") + file[at + 4 :]


def half(content):
    return content[: len(content) // 2]


GOOD = {  # name: (bytes, rate, channels, seconds)
    "PCM 16": (encode(tone()), 16000, 1, 1.0),
    "PCM 24": (encode(tone(), subtype="PCM_24"), 16000, 1, 1.0),
    "PCM 8": (encode(tone(), subtype="PCM_U8"), 16000, 1, 1.0),
    "float": (encode(tone(), subtype="FLOAT"), 16000, 1, 1.0),
    "double": (encode(tone(), subtype="DOUBLE"), 16000, 1, 1.0),
    "mu-law 8 kHz": (encode(tone(rate=8000), 8000, subtype="ULAW"), 8000, 1, 1.0),
    "A-law 8 kHz": (encode(tone(rate=8000), 8000, subtype="ALAW"), 8000, 1, 1.0),
    "4 kHz": (encode(tone(rate=4000), 4000), 4000, 1, 1.0),
    "44.1 kHz": (encode(tone(rate=44100), 44100), 44100, 1, 1.0),
    "192 kHz": (encode(tone(rate=192000), 192000), 192000, 1, 1.0),
    "stereo": (encode(tone(channels=2)), 16000, 2, 1.0),
    "8 channels": (encode(tone(channels=8)), 16000, 8, 1.0),
    "FLAC": (encode(tone(), kind="FLAC"), 16000, 1, 1.0),
    "OGG Vorbis": (encode(tone(), kind="OGG", subtype="VORBIS"), 16000, 1, 1.0),
    "OGG Opus": (encode(tone(), kind="OGG", subtype="OPUS"), 16000, 1, 1.0),
    "MP3": (encode(tone(), kind="MP3"), 16000, 1, 1.0),
    "AIFF": (encode(tone(), kind="AIFF"), 16000, 1, 1.0),
    "AU": (encode(tone(), kind="AU"), 16000, 1, 1.0),
    "W64": (encode(tone(), kind="W64"), 16000, 1, 1.0),
    "CAF": (encode(tone(), kind="CAF"), 16000, 1, 1.0),
    "length unknown to its writer": (with_data_size(encode(tone()), 0xFFFFFFFF), 16000, 1, 1.0),
    "beyond full scale": (encode(3 * tone(), subtype="FLOAT"), 16000, 1, 1.0),
    "far beyond full scale": (encode(1000 * tone(), subtype="FLOAT"), 16000, 1, 1.0),
}
BY_AV = {  # name: (rate, container, codec); made in the test, where PyAV is installed
    "M4A": (44100, "ipod", "aac"),
    "MP4": (48000, "mp4", "aac"),
    "AAC": (44100, "adts", "aac"),
    "WebM": (48000, "webm", "libopus"),
    "Matroska": (48000, "matroska", "libopus"),
}
NOTED = {  # name: (bytes, note)
    "clipped": (encode(np.clip(3 * tone(), -1, 1)), r"clipped: \d+\.\d% of the samples are at full scale"),
    "clipped mu-law": (encode(np.clip(3 * tone(), -1, 1), subtype="ULAW"), "clipped"),
    "clipped float": (encode(np.clip(3 * tone(), -1, 1), subtype="FLOAT"), "clipped"),
    "silent": (encode(np.zeros(16000)), "silent: nothing is louder than -80 dBFS"),
    "silent with offset": (encode(np.full(16000, 0.1)), "silent"),
    "one sample": (encode(np.full(1, 0.5)), "one sample long: too short for any sound"),
    "not numbers": (spoilt(0.005), "240 samples were not numbers and were replaced by silence"),
    "infinite": (spoilt(0.005, np.inf), "240 samples were not numbers"),
    "absurd": (spoilt(0.005, 1e18), r"240 samples were beyond any scale of audio \(over 4e\+09 times"),
    "another scale": (encode(2**15 * tone(), subtype="FLOAT"), r"beyond full scale: the largest sample is 1\.64e\+04,"),
    "a very large scale": (encode(6e9 * tone(), subtype="FLOAT"), r"beyond full scale: the largest sample is 3e\+09,"),
    "truncated WAV": (encode(tone(2.0))[:32044], r"truncated: 1\.00 s of the announced 2\.00 s are there"),
    "truncated AIFF": (encode(tone(2.0), kind="AIFF")[:32054], r"truncated: 1\.00 s of the announced 2\.00 s"),
    "truncated AU": (encode(tone(2.0), kind="AU")[:32024], r"truncated: 1\.00 s of the announced 2\.00 s"),
    "truncated MP3": (half(encode(tone(4.0), kind="MP3")), r"truncated: .* of the announced 4\.00 s"),
    "truncated FLAC": (half(encode(tone(4.0), kind="FLAC")), r"damaged: nothing could be decoded after \d\.\d\d s"),
}
REFUSED = {  # name: (bytes, reason)
    "empty": (b"", r"the file is empty \(0 bytes\)"),
    "text": (b"Dear diary,\ntoday ...\n", "looks like plain text; WAV, FLAC, .* can be read"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no known audio format; WAV"),
    "header only": (encode(tone())[:44], "has a header but no samples"),
    "no samples": (encode(tone()[:0]), "has a header but no samples"),
    "half a header": (encode(tone())[:20], "is damaged or not complete"),
    "corrupt FLAC": (encode(tone(), kind="FLAC")[:60] + bytes(9000), "nothing could be decoded|damaged"),
    "half an Opus header": (encode(tone(), kind="OGG", subtype="OPUS")[:60], "damaged|no samples"),
    "MP4 without anything": (b"\x00\x00\x00\x1cftypM4A " + bytes(500), "MP4 that is damaged or not complete"),
    "WebM without anything": (b"\x1a\x45\xdf\xa3" + bytes(500), "WebM or Matroska that is damaged"),
    "too slow": (encode(tone(rate=3999), 3999), "sampled at 3999 Hz; rates from 4000 to 192000 Hz"),
    "too fast": (encode(tone(0.1, 200000), 200000), "sampled at 200000 Hz"),
    "too many channels": (encode(tone(0.1, channels=33)), "has 33 channels; 1 to 32 can be read"),
    "not numbers": (spoilt(0.02), r"2% of the samples are not numbers \(NaN or infinite\)$"),
    "absurd": (encode(1e18 * tone(), subtype="FLOAT"), r"% of the samples are beyond any scale of audio \(over"),
    "nothing but not numbers": (spoilt(1.0), "100% of the samples are not numbers"),
}


def hear(source, **options):
    """All samples of a recording, and its notes."""
    with open_recording(source) as recording:
        blocks = list(recording.blocks(**options))
        return np.concatenate(blocks), recording.notes


@pytest.fixture(params=["path", "bytes", "stream"])
def given_as(request, tmp_path):
    """The three ways to hand over a recording. The path's ending lies: the content counts."""

    def give(content):
        if request.param == "bytes":
            return content
        if request.param == "stream":
            return io.BytesIO(content)
        path = tmp_path / "recording.raw"
        path.write_bytes(content)
        return path

    return give


@pytest.mark.parametrize("name", GOOD)
def test_what_libsndfile_reads_is_read(name, given_as):
    content, rate, channels, seconds = GOOD[name]
    with open_recording(given_as(content)) as recording:
        assert (recording.rate, recording.channels) == (rate, channels)
        assert recording.duration == pytest.approx(seconds, abs=0.06)  # MP3 and Opus pad their frames
        samples = np.concatenate(list(recording.blocks()))
    assert samples.dtype == np.float32
    assert samples.shape == (pytest.approx(seconds * rate, abs=0.06 * rate), channels)
    assert recording.notes == []


@pytest.mark.parametrize("name", BY_AV)
def test_what_only_ffmpeg_reads_is_read_by_pyav(name, given_as):
    rate, container, codec = BY_AV[name]
    content = encode_av(tone(2.0, rate, 2), rate, container, codec)
    with open_recording(given_as(content)) as recording:
        assert (recording.rate, recording.channels) == (rate, 2)
        assert recording.duration == pytest.approx(2.0, abs=0.1)
        samples = np.concatenate(list(recording.blocks()))
    assert len(samples) == pytest.approx(2 * rate, abs=0.1 * rate)
    assert recording.notes == []
    spectrum = np.abs(np.fft.rfft(samples[: 2 * rate, 0]))
    assert np.argmax(spectrum) / 2 == pytest.approx(220, abs=2)


@pytest.mark.parametrize("name", NOTED)
def test_what_is_wrong_but_usable_is_noted(name, given_as):
    content, note = NOTED[name]
    samples, notes = hear(given_as(content))
    assert len(notes) == 1, notes
    assert re.match(note, notes[0]), notes
    assert np.isfinite(samples).all()
    assert len(samples)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused_with_its_name(name, tmp_path):
    content, reason = REFUSED[name]
    if name.startswith(("MP4", "WebM")):
        pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=reason) as caught:
        hear(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_missing_files_folders_and_impossible_names_are_refused(tmp_path):
    for path, reason in [
        (tmp_path / "none.wav", "there is no such file"),
        (tmp_path, "is a folder"),
        ("a\0b.wav", "cannot be opened"),
        ("x" * 5000, "cannot be opened"),
    ]:
        with pytest.raises(AudioError, match=reason):
            open_recording(path)


def test_truncated_by_pyav_is_noted():
    """WebM can be decoded up to where it ends."""
    content = encode_av(tone(4.0, 48000, 2), 48000, "webm", "libopus")
    samples, notes = hear(half(content))
    assert 1.0 < len(samples) / 48000 < 3.0
    assert re.match(r"truncated|damaged", notes[0])


def test_video_without_sound_is_refused():
    av = pytest.importorskip("av", reason="PyAV is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        track = out.add_stream("mpeg4", rate=10, width=16, height=16, pix_fmt="yuv420p")
        out.mux(track.encode(av.VideoFrame(16, 16, "yuv420p")))
        out.mux(track.encode(None))
    with pytest.raises(AudioError, match="bytes: MP4 without a sound track"):
        open_recording(file.getvalue())


def test_without_pyav_the_message_names_the_file_and_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "talk.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(500))
    with pytest.raises(MissingExtraError, match=r'talk\.m4a: is MP4; .* pip install "affekt\[video\]"'):
        open_recording(path)


def test_mp3_without_a_length_is_not_called_truncated():
    """Without a Xing header the length is an estimate."""
    samples = np.concatenate([tone(3.0, 44100, 2, peak=0.001), tone(3.0, 44100, 2)])
    decoded, notes = hear(encode_av(samples, 44100, "mp3", "libmp3lame", write_xing="0"))
    assert len(decoded) / 44100 == pytest.approx(6.0, abs=0.1)
    assert notes == []


def test_samples_that_are_bad_in_two_ways_are_called_both():
    samples = tone()
    samples[:2] = [[np.nan], [1e18]]
    _, notes = hear(encode(samples, subtype="FLOAT"))
    assert len(notes) == 1
    assert re.match(r"2 samples were not numbers or beyond any scale of audio .* replaced by silence", notes[0])


def test_a_bad_stretch_of_a_long_recording_is_no_reason_to_refuse_it():
    """The share of bad samples is that of the whole recording, also where the bad ones come first."""
    samples = np.tile(tone(1.0), (60, 1))
    samples[:4800] = np.nan
    assert hear(encode(samples, subtype="FLOAT"), seconds=0.5)[1] == [
        "4800 samples were not numbers and were replaced by silence"
    ]


def test_standard_input_and_pipes_are_spooled(tmp_path, monkeypatch):
    content = encode(tone(channels=2))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with open_recording("-") as recording:
        assert (recording.name, recording.duration) == ("standard input", 1.0)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    assert read(fifo).duration == 1.0
    writer.join()


def test_spooling_is_bounded(monkeypatch):
    monkeypatch.setattr(decode_module, "SPOOL_LIMIT", 1 << 20)
    with pytest.raises(AudioError, match="streams may be 1 MiB long"):
        open_recording(io.BytesIO(bytes(3 << 20)))


def test_a_recording_is_read_once():
    with open_recording(encode(tone())) as recording:
        list(recording.blocks())
        with pytest.raises(UsageError, match="read once"):
            recording.blocks()


def test_closing_lets_go_of_the_file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(tone()))
    with open_recording(path) as recording:
        next(recording.blocks(0.1))
    assert recording._file.closed


@pytest.mark.parametrize("seconds", [0.01, 0.3, 10.0])
def test_the_size_of_blocks_does_not_change_the_samples(seconds):
    content = encode(tone(1.7, channels=2), kind="FLAC")
    assert np.array_equal(hear(content, seconds=seconds)[0], soundfile.read(io.BytesIO(content), dtype="float32")[0])


def test_a_long_recording_needs_no_more_memory_than_a_short_one(tmp_path):
    """20 minutes of stereo, 92 MB as a sparse file, 184 MB as float32: read within a few blocks' memory."""
    path = tmp_path / "long.wav"
    header = encode(tone(0.001, 19200, 2)[:0], 19200)
    size = 20 * 60 * 19200 * 2 * 2
    header = header[:4] + (size + 36).to_bytes(4, "little") + header[8:]
    with path.open("wb") as file:
        file.write(with_data_size(header, size))
        file.truncate(44 + size)
    tracemalloc.start()
    with open_recording(path) as recording:
        heard = sum(len(samples) for track in recording.tracks() for samples in track.values())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert heard == 20 * 60 * 19200
    assert peak < 20e6  # 30 s of look-ahead, 4.6 MB, and a few copies


@given(st.sampled_from(["WAV", "AIFF", "AU"]), st.integers(0, 59), st.binary(min_size=1, max_size=8))
def test_damaged_headers_never_raise_anything_else(kind, at, noise):
    content = encode(tone(0.1), kind=kind)
    try:
        samples, _ = hear(content[:at] + noise + content[at + len(noise) :])
    except AffektError:
        return
    assert np.isfinite(samples).all()


def test_read_gives_one_signal_at_16_khz():
    signal = read(encode(tone(1.5, 44100, 2), 44100))
    assert (signal.rate, signal.start, len(signal.samples)) == (RATE, 0, 24000)
    assert signal.samples.dtype == np.float32


def test_read_refuses_what_is_too_long_before_reading_it_where_the_length_is_known():
    with pytest.raises(AudioError, match=r"longer than 0\.5 s"):
        read(encode(tone()), limit=0.5)


def test_read_refuses_channels_that_are_more_than_one_signal():
    with pytest.raises(UsageError, match="left, right or mix"):
        read(encode(tone()), channel="each")


def test_the_decoders_are_loaded_when_used():
    """Importing the package for another reason must stay cheap."""
    for module in ("recording", "decode", "resample"):
        loaded = vars(import_module(f"affekt.audio.{module}"))
        assert not {"soundfile", "soxr", "av"} & set(loaded)
