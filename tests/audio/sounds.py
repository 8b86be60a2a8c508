"""Recordings of every kind, made on the spot."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile


def tone(seconds=1.0, rate=16000, channels=1, peak=0.5):
    """A different tone in each channel, (n, channels) float32."""
    time = np.arange(round(seconds * rate))[:, None] / rate
    return (peak * np.sin(2 * np.pi * 220 * np.arange(1, channels + 1) * time)).astype(np.float32)


def encode(samples, rate=16000, kind="WAV", subtype=None):
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def encode_av(samples, rate, container, codec, **options):
    """The bytes of a file by PyAV, stereo."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as out:
        track = out.add_stream(codec, rate=rate, layout="stereo")
        for at in range(0, len(samples), 960):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[at : at + 960].T), "fltp", "stereo")
            frame.rate, frame.pts = rate, at
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return file.getvalue()
