"""Values of the sets that are made here, frozen: whoever changes a constant sees which numbers it moves.

The table is `frozen_values.json` beside this file, of two sounds that are everywhere: 4 s of examples/call.wav, and a
voice that is made below. No value in it is known to be right; other tests say what is right. These say what changed.

Where a value was meant to change: raise `VERSION` of its set (else caches serve the old values), write the table anew,
and commit both with the change:

    python tests/features/test_frozen_values.py
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from affekt import audio, features
from affekt.types import Signal

TABLE = Path(__file__).with_name("frozen_values.json")
CALL = Path(__file__).parents[2] / "examples" / "call.wav"
SETS = ("prosody", "mfcc", "spectral", "voice", "formants", "egemaps")
EVERY = 47
"frames from one that is kept to the next"
WRITE = "If it was meant to, raise VERSION of the set and run: python tests/features/test_frozen_values.py"


def call():
    """4 s of the customer, with pauses and the silence after them: 8 kHz, a telephone's.

    A little noise, since mu-law has many samples that are equal: which of them is the largest must not hang on a
    rounding error.
    """
    whole = audio.read(CALL, channel="left", rate=8000)
    samples = whole.samples[round(12.7 * whole.rate) :][: 4 * whole.rate]
    noise = np.random.default_rng(0).normal(0, 1e-4, len(samples))
    return Signal((samples + noise).astype(np.float32), whole.rate)


def made():
    """4 s at 16 kHz: five hoarse syllables of different vowels, pitch and length, two pauses, and a noisy room."""
    rate, random = 16000, np.random.default_rng(5)
    samples = random.normal(0, 0.004, 4 * rate)
    syllables = (
        (0.30, 0.35, 110, 130, (730, 1090, 2440, 3500, 4500)),
        (0.72, 0.30, 140, 120, (270, 2290, 3010, 3600, 4600)),
        (1.30, 0.60, 150, 220, (300, 870, 2240, 3400, 4400)),
        (2.40, 0.50, 320, 260, (530, 1840, 2480, 3500, 4500)),
        (3.00, 0.55, 200, 95, (660, 1720, 2410, 3500, 4500)),
    )
    for start, seconds, first, last, tract in syllables:
        sound = syllable(random, rate, (round(seconds * rate), first, last), tract)
        samples[round(start * rate) :][: len(sound)] += sound
    return Signal(samples.astype(np.float32), rate)


def syllable(random, rate, course, tract):
    """Pulses with 1 % of jitter and 8 % of shimmer through resonances, some breath among them, swelling and fading."""
    count, first, last = course
    pulses, at = random.normal(0, 0.004, count), 0.0
    while at < count - 1:
        place, part = int(at), at % 1
        pulses[place : place + 2] += (1 + 0.08 * random.normal()) * np.array([1 - part, part])
        at += rate / (first + (last - first) * at / count) * (1 + 0.01 * random.normal())
    for formant in tract:
        radius = np.exp(-np.pi * (60 + 0.04 * formant) / rate)
        pulses = resonance(pulses, radius, 2 * np.pi * formant / rate)
    return 0.3 * pulses / np.abs(pulses).max() * np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 0.6


def resonance(sound, radius, angle):
    time = np.arange(800)
    response = radius**time * np.sin(angle * (time + 1)) / np.sin(angle)
    return np.convolve(sound, response)[: len(sound)]


SOUNDS = {"call": call, "made": made}


@cache
def measured(name):
    """All that is frozen of a set: numbers by name, and frames as text, a row of columns each."""
    which = features.load(name)
    found = {"version": which.version, "hop": which.hop}
    for sound, make in SOUNDS.items():
        signal = make()
        frames, vector = which.extract(signal), which.functionals(signal)
        found[sound] = {
            "first": rounded(frames.times[0]),
            "count": len(frames),
            "functionals": {key: rounded(vector[key]) for key in vector},
            "frames": {str(i): row(frames.values[i]) for i in range(EVERY // 2, len(frames), EVERY)},
        }
    return found


def rounded(value):
    return float(f"{value:.6g}")


def row(values):
    return " ".join(f"{value:.6g}" for value in values)


@cache
def table():
    return json.loads(TABLE.read_text(encoding="utf-8"))


def moved(now, then):
    """What is not as it was, to a thousandth; of what crosses 0, as cepstra of the order of 10 do, to so much of 1."""
    least = {key: 1e-3 if "mfcc" in key else 1e-7 for key in then}
    same = {key: now[key] == pytest.approx(then[key], rel=1e-3, abs=least[key]) for key in then}
    return {key: (then[key], now[key]) for key in then if not same[key]}


def test_every_set_that_is_made_here_is_frozen():
    assert set(table()) == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_the_table_is_of_this_version(name):
    """A change of values raises VERSION and writes the table anew, both in one commit; so their versions are equal."""
    version = features.load(name).version
    assert table()[name]["version"] == version, f"{name}: the table is of another VERSION. {WRITE}"


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("name", SETS)
def test_functionals_are_what_they_were(name, sound):
    now, then = measured(name)[sound]["functionals"], table()[name][sound]["functionals"]
    assert list(now) == list(then), f"{name}: other functionals. {WRITE}"
    assert moved(now, then) == {}, f"{name}: values changed (then, now). {WRITE}"


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("name", SETS)
def test_frames_are_what_they_were(name, sound):
    now, then = measured(name)[sound], table()[name][sound]
    assert (now["first"], now["count"]) == (then["first"], then["count"]), f"{name}: frames lie elsewhere. {WRITE}"
    names = features.load(name).names
    for place in then["frames"]:
        here, before = (dict(zip(names, numbers(frames["frames"][place]), strict=True)) for frames in (now, then))
        assert moved(here, before) == {}, f"{name}, frame {place}: values changed (then, now). {WRITE}"


def numbers(text):
    return [float(word) for word in text.split()]


def write():
    """Write the sets that changed anew, by more than rounding, and say which did although their version did not."""
    old = table() if TABLE.exists() else {}
    new = {name: measured(name) for name in SETS}
    for name, found in new.items():
        if name in old and alike(flat(found, name), flat(old[name], name)):
            new[name] = old[name]
        elif name in old and old[name]["version"] == found["version"]:
            print(f"{name}: values changed, and VERSION is {found['version']} as before: raise it")
    TABLE.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


def alike(now, then):
    """Whether two entries of the table say the same, to a thousandth."""
    return list(now) == list(then) and not moved(now, then)


def flat(entry, path):
    """Numbers by where they stand in the table."""
    if isinstance(entry, str):
        entry = dict(enumerate(numbers(entry)))
    if not isinstance(entry, dict):
        return {path: entry}
    return {key: value for name, part in entry.items() for key, value in flat(part, f"{path} {name}").items()}


if __name__ == "__main__":
    write()
