"""A run -> its folder. What a run leaves behind, and where an interrupted one goes on.

run.toml            the run, complete with defaults; `affekt train run.toml` does it again
environment.json    Python, packages, processor, git revision, fingerprints of the manifests
folds/              what each finished fold said of its test speakers; such a fold is not trained again
predictions.csv     all of them
metrics.json        the scores
tensorboard/        loss and development score of each epoch, of a network whose run asks for it
bundle/             the final model
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from affekt import config
from affekt.errors import UsageError
from affekt.manifest import Manifest
from affekt.training.results import Floats
from affekt.training.run import Run

_PACKAGES = (
    *("affekt", "numpy", "onnx", "onnxruntime", "scikit-learn", "imbalanced-learn", "optuna", "soundfile", "soxr"),
    *("torch", "transformers", "peft", "accelerate"),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A fold that was trained and tested."""

    ids: tuple[str, ...]
    "of the rows that were judged, in the order of their probabilities"
    probs: Floats | None
    affect: Floats | None
    about: Mapping[str, Any]
    "options that were chosen, how many were tried, seconds, ..."


class Folder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, run: Run, manifests: tuple[Manifest, ...]) -> Folder:
        """Make the folder, or take up a run that was interrupted.

        Raises:
            UsageError: there is another run in the folder, or the same one on other data.
        """
        found = cls(run.folder / run.name)
        told, about = toml(run), {"fingerprints": {m.name: m.fingerprint for m in manifests}}
        for name, now in (("run.toml", told), ("data.json", json.dumps(about, indent=2) + "\n")):
            path = found.path / name
            if path.exists() and path.read_text(encoding="utf-8") != now:
                what = "another run" if name == "run.toml" else "this run on other data"
                raise UsageError(f"{found.path} holds {what}; give the run another name, or delete the folder")
        (found.path / "folds").mkdir(parents=True, exist_ok=True)
        found.write("run.toml", told)
        found.write("data.json", json.dumps(about, indent=2) + "\n")
        found.write("environment.json", json.dumps(environment() | about, indent=2) + "\n")
        return found

    @property
    def bundle(self) -> Path:
        """Where the final model goes."""
        return self.path / "bundle"

    def checkpoint(self, name: str) -> Path:
        """Where a network's training can be taken up again."""
        return self.path / "checkpoints" / name

    def write(self, name: str, text: str) -> None:
        """Write a file whole, or not at all."""
        path = self.path / name
        part = path.with_suffix(path.suffix + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    def keep(self, number: int, fold: Finished) -> None:
        """Keep what a fold has said."""
        path = self._fold(number)
        arrays: dict[str, Any] = {"probs": fold.probs, "affect": fold.affect}
        np.savez(path.with_suffix(".npz"), **{name: array for name, array in arrays.items() if array is not None})
        about = {"ids": list(fold.ids), **fold.about}
        self.write(f"folds/{path.name}", json.dumps(about, indent=2, ensure_ascii=False) + "\n")

    def fold(self, number: int, ids: tuple[str, ...]) -> Finished | None:
        """Return a fold that was finished on the very same rows."""
        path = self._fold(number)
        if not path.exists():
            return None
        about = json.loads(path.read_text(encoding="utf-8"))
        if tuple(about.pop("ids")) != ids:
            return None
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        return Finished(ids, arrays.get("probs"), arrays.get("affect"), about)

    def _fold(self, number: int) -> Path:
        return self.path / "folds" / f"{number:02d}.json"


def toml(run: Run) -> str:
    """Write a run as TOML, without the places on this machine that do not change its results."""
    plain = replace(run, folder=Path("runs"), cache=Path("cache/features"))
    return config.dump(plain)


def environment() -> dict[str, Any]:
    """Say what a run was trained with."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "git": revision(),
        "command": " ".join(["affekt", *sys.argv[1:]]),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def revision() -> str | None:
    """Return the git revision of the working folder, with a + where files were changed; None where there is none."""
    try:
        head, changed = (_git(*words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno")))
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "") if head else None


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603, S607
    return done.stdout.strip()
