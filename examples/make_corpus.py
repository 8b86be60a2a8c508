"""A made-up corpus -> FOLDER/mine.csv and WAV files, to try training with where there are no recordings yet.

    python examples/make_corpus.py FOLDER

Hummed tones whose pitch and beat depend on the emotion, a little differently for each speaker: nobody was recorded, and
a model learns them within seconds. It says nothing about speech.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

EMOTIONS = ("anger", "neutral", "sadness")
_PITCH = {"anger": 260.0, "happiness": 230.0, "neutral": 160.0, "sadness": 110.0}
_BEAT = {"anger": 9.0, "happiness": 6.0, "neutral": 3.0, "sadness": 1.5}
_AFFECT = {"anger": (-0.6, 0.8, 0.4), "happiness": (0.8, 0.5, 0.3), "neutral": (0, 0, 0), "sadness": (-0.5, -0.6, -0.4)}


def hum(emotion: str, seed: int, seconds: float = 0.7) -> NDArray[np.float32]:
    """Hum like a voice, 16 kHz, a little differently for each seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16000)) / 16000
    pitch = _PITCH[emotion] * rng.uniform(0.93, 1.07)
    voice = sum(np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k for k in range(1, 8))
    beat = 1 + 0.8 * np.sin(2 * np.pi * _BEAT[emotion] * rng.uniform(0.9, 1.1) * t)
    return (0.05 * voice * beat + rng.normal(0, 0.003, len(t))).astype(np.float32)


def corpus(
    folder: Path,
    *,
    speakers: int = 6,
    clips: int = 2,
    emotions: Sequence[str] = EMOTIONS,
    affect: bool = False,
    name: str = "mine",
) -> Path:
    """Write WAV files and a CSV that names them; return the CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["path,emotion,speaker" + (",valence,arousal,dominance" if affect else "")]
    for number in range(speakers):
        for emotion in emotions:
            for take in range(clips):
                path = f"{name}-{number}-{emotion}-{take}.wav"
                soundfile.write(folder / path, hum(emotion, 1000 * number + 10 * take), 16000)
                rated = "".join(f",{value}" for value in _AFFECT[emotion]) if affect else ""
                rows.append(f"{path},{emotion},s{number}{rated}")
    table = folder / f"{name}.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(corpus(Path(sys.argv[1]), speakers=8, clips=3))
