"""Affekt hears how it is said: emotion, valence, arousal and dominance in recordings of speech, over time.

    import affekt

    model = affekt.load()
    timeline = model.predict_file("call.wav")
    for turn in timeline.turns:
        if said := turn.prediction:
            print(turn.segment, turn.speaker, said.emotion, said.confidence)

`load` gives a `Recognizer`, from a model that lies in the package: no network, no GPU. It takes files of any length
(`predict_file`) and arrays (`predict(samples, rate)`), and finds speech and turns by itself or takes given ones.

What it gives back, every value frozen:

- `Timeline`    one recording: `turns`, `notes` on what is wrong with it, `summary()`, `to_dict()` for JSON
- `Turn`        one stretch of speech by one speaker: its `prediction` (None for an agent), the `windows` behind it
- `Prediction`  `emotion`, `probs` in the order of `labels`, `top(n)`, `affect`, `confidence`, `uncertain`
- `Affect`      `valence`, `arousal`, `dominance`, each in [-1, 1]
- `Segment`     `start` and `end` in seconds
- `Summary`     talk time per speaker, shares of the emotions, mean affect

`plot(timeline, "call.html")` draws it; .html needs nothing, .png and .svg need `pip install "affekt[report]"`. Whatever
a caller can mend is an `AffektError` that says how: a file that is no audio, an unknown name, a missing package.

`features.load("egemaps")` gives the voice in numbers instead: pitch, loudness, spectrum and voice quality, over time or
as one vector per recording. `help(affekt.features)` tells more.

`live.Session()` hears what is being said while it is said: samples in, events out; for games, voice agents and calls.
`help(affekt.live)` tells more.

In a shell: `affekt predict call.wav`, `affekt features call.wav`, `affekt models`, `affekt data`. What a model was
trained on, its scores, its limits and its licence are on its card: `affekt models show default`, or
`affekt.load().model.card`.

Emotions are a model's judgement of a voice, not of what a person feels. Those of employees and pupils must not be
inferred in the EU (AI Act, article 5 (1) f): name the agent's channel, `predict_file("call.wav", agent="right")`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# onnxruntime sends reports to its maker (1.32, Linux) unless it is told, before its first import, not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from affekt import features
    from affekt import live as live
    from affekt.errors import AffektError
    from affekt.recognizer import Recognizer, load
    from affekt.timeline import Summary, Timeline, Turn
    from affekt.types import Affect, LabelSet, Prediction, Segment

    __version__: str

__all__ = [
    "Affect",
    "AffektError",
    "LabelSet",
    "Prediction",
    "Recognizer",
    "Segment",
    "Summary",
    "Timeline",
    "Turn",
    "features",
    "load",
    "plot",
]

# Imported when they are first asked for, so that `import affekt` costs nothing.
_HOMES = {
    "errors": ("AffektError",),
    "recognizer": ("Recognizer", "load"),
    "timeline": ("Summary", "Timeline", "Turn"),
    "types": ("Affect", "LabelSet", "Prediction", "Segment"),
}


def plot(timeline: Timeline, path: str | os.PathLike[str]) -> None:
    """Draw a timeline to a file: a page (.html, needs nothing) or a picture (.png, .svg).

    Raises:
        UsageError: the extension is another, or the file cannot be written.
        MissingExtraError: a picture needs Matplotlib: pip install "affekt[report]".
    """
    from pathlib import Path

    from affekt.view.plot import save

    save(timeline, Path(path))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("affekt")
    if name in ("features", "live"):
        import importlib

        return importlib.import_module(f"affekt.{name}")
    for home, names in _HOMES.items():
        if name in names:
            import importlib

            found = getattr(importlib.import_module(f"affekt.{home}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'affekt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
