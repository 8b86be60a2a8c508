"""A recording in chunks of 20 ms, as a game or a voice agent gets them -> what it would make of the speaker's mood.

    python examples/live_session.py [FILE]

The loop is the whole of it: push what the microphone gave, look at what came back. Nothing runs in the background.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from affekt.live import AlertChanged, MoodChanged, Session

CALL = Path(__file__).with_name("call.wav")


def chunks(path: Path, seconds: float = 0.02) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Stand in for a microphone: the left channel of a file, 20 ms at a time."""
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(round(seconds * file.samplerate), dtype="float32", always_2d=True):
            yield block[:, 0], file.samplerate


def hint(event: MoodChanged) -> str:
    """Put a mood into words that a language model can use, or a character in a game."""
    mood = event.mood
    sure = "may sound" if mood.uncertain else "sounds"
    trend = mood.trend.get("arousal", 0.0)
    way = "growing more excited" if trend > 0.02 else "calming down" if trend < -0.02 else "steady"
    return f"the speaker {sure} like {mood.emotion} ({mood.levels[mood.emotion]:.2f}), {way}"


def play(path: Path) -> Iterator[str]:
    """Give a line whenever the mood is another one, and whenever an alert changes."""
    session, last = Session(), None
    for samples, rate in chunks(path):
        for event in session.push(samples, rate):
            if isinstance(event, MoodChanged) and event.mood.emotion != last:
                last = event.mood.emotion
                yield f"{event.time:5.1f} s  {hint(event)}"
            if isinstance(event, AlertChanged):
                yield f"{event.time:5.1f} s  alert {event.alert.state}: {event.alert.rule}, {event.alert.reason}"
    session.finish()


if __name__ == "__main__":
    for line in play(Path(sys.argv[1]) if len(sys.argv) > 1 else CALL):
        print(line, flush=True)
