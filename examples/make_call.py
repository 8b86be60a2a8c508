"""A written scene -> examples/call.wav, the telephone call of the demo and the README. All of it is synthetic.

    python examples/make_call.py [OUT.wav]

Both voices are espeak-ng's (Debian package espeak-ng); nobody was recorded, so the file may be given to anybody. The
customer is on the left channel and the agent on the right, 8 kHz mu-law, as a telephone exchange records. Emotion is
acted by what espeak-ng lets one set (speed, pitch, its range, level) and by the slope of the spectrum, which in people
follows vocal effort: loud speech is bright, tired speech is dull. The same version of espeak-ng gives the same bytes.
"""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

RATE = 8000
SIDES = {"customer": 0, "agent": 1}
VOICES = {"customer": "en-us+m7", "agent": "en-gb-x-rp+f4"}


@dataclass(frozen=True)
class Manner:
    """How a line is spoken."""

    speed: int
    "words per minute"
    pitch: int
    "espeak-ng's scale, 0-99; 50 is the voice's own"
    range: int
    "how far the pitch moves, 0-99"
    level: float
    "root mean square of the loud parts, dB below full scale"
    tilt: float
    "dB per octave above 500 Hz: above 0 brighter, below duller"


PLAIN = Manner(speed=145, pitch=58, range=50, level=-24, tilt=-2)
FIRM = Manner(speed=195, pitch=68, range=70, level=-20, tilt=4)
ANGRY = Manner(speed=220, pitch=85, range=92, level=-15, tilt=8)
TIRED = Manner(speed=128, pitch=16, range=20, level=-27, tilt=-11)
AGENT = Manner(speed=165, pitch=40, range=40, level=-24, tilt=-2)

SCENE = [
    ("agent", AGENT, "Northern Internet. How can I help?"),
    ("customer", PLAIN, "Hello. I am calling about my bill. There is a charge for a router."),
    ("agent", AGENT, "Yes, the router was added in March."),
    ("customer", FIRM, "But I sent it back in February. This is the third time that I call you about it."),
    ("agent", AGENT, "I am afraid there is no note of that."),
    (
        "customer",
        ANGRY,
        "No note! Three calls, and you have no note! Every time I hear the same excuse! "
        "I want my money back! Now! This is outrageous!",
    ),
    ("agent", AGENT, "You are right, I have found it. I am paying it all back today."),
    ("customer", TIRED, "Oh. Well. Thank you. I am sorry that I shouted. It has been a long month."),
    ("agent", AGENT, "That is quite all right. Take care."),
]
PAUSE = 0.35
"seconds between two lines"


def main() -> None:
    """Write the call where the command line says, or beside this script."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("call.wav")
    sf.write(out, call(), RATE, subtype="ULAW")


def call() -> np.ndarray:
    """Return the scene as (samples, 2) in [-1, 1]: line after line, each on its side, over the hiss of a line."""
    lines = [(SIDES[who], spoken(text, VOICES[who], manner)) for who, manner, text in SCENE]
    pause = int(PAUSE * RATE)
    sound = np.random.default_rng(2026).normal(0, 4e-4, (sum(len(s) + pause for _, s in lines) + pause, 2))
    at = pause
    for side, samples in lines:
        sound[at : at + len(samples), side] += samples
        at += len(samples) + pause
    return sound.clip(-1, 1)


def spoken(text: str, voice: str, manner: Manner) -> np.ndarray:
    """Synthesise one line, as a telephone would carry it."""
    prosody = f'<prosody range="{manner.range}">{escape(text)}</prosody>'
    command = ["espeak-ng", "-m", "-v", voice, "-s", str(manner.speed), "-p", str(manner.pitch), "--stdout", prosody]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    samples, rate = sf.read(io.BytesIO(wav), dtype="float32")
    narrow = telephone(soxr.resample(samples, rate, RATE), manner.tilt)
    return at_level(narrow, manner.level)


def telephone(samples: np.ndarray, tilt: float) -> np.ndarray:
    """Keep 300 to 3400 Hz and slope the spectrum from 500 Hz on."""
    spectrum, hertz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / RATE)
    band = 1 / np.sqrt(1 + (300 / np.maximum(hertz, 1)) ** 8) / np.sqrt(1 + (hertz / 3400) ** 16)
    slope = 10 ** (tilt / 20 * np.log2(np.clip(hertz, 500, None) / 500))
    return np.fft.irfft(spectrum * band * slope, len(samples))


def at_level(samples: np.ndarray, level: float) -> np.ndarray:
    """Bring the loud parts to `level` dB; peaks are rounded off, as a shouting voice and a microphone do."""
    frames = np.sqrt(np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
    loud = np.sqrt(np.mean(np.square(frames[frames > 0.3 * frames.max()])))
    return np.tanh(samples * 10 ** (level / 20) / loud)


if __name__ == "__main__":
    main()
