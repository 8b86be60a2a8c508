"""Labels of CMU-MOSI and CMU-MOSEI -> rows. Both corpora come in the same two shapes.

- CMU's own: a computational sequence (`.csd`, an HDF5 file) with a start, an end and the scores of every opinion
  segment, and one 16 kHz WAV per video. Utterances are segments of those files.
- MMSA's, which most published numbers use: `label.csv` and one clip per segment, `Raw/<video>/<clip>.mp4`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from affekt.datasets._card import AUDIO, audio_files, number, table
from affekt.errors import DataError
from affekt.registry import need
from affekt.types import Segment, Utterance

_SPLITS = {"train": "train", "valid": "dev", "test": "test"}


@dataclass(frozen=True, slots=True)
class Opinion:
    """One labelled segment of a video."""

    video: str
    place: int
    "0 for the video's first"
    segment: Segment
    scores: tuple[float, ...]
    "sentiment in [-3, 3], then in MOSEI six emotions in [0, 3]"


def find_csd(root: Path, name: str) -> Path | None:
    """Find the labels beside `Raw`, or in a folder `labels` or `Labels`."""
    return next((path for below in ("", "labels", "Labels") if (path := root / below / name).is_file()), None)


def opinions(path: Path, key: str, width: int) -> Iterator[Opinion]:
    """Read a `.csd`: `<key>/data/<video>/intervals` (n, 2) in seconds and `features` (n, width).

    Raises:
        DataError: not such a file.
        MissingExtraError: h5py is not installed.
    """
    h5py = need("h5py", extra="data")
    try:
        with h5py.File(path, "r") as store:
            for video, group in sorted(store[key]["data"].items()):
                intervals, features = group["intervals"][()], group["features"][()]
                if intervals.shape != (len(features), 2) or features.shape[1:] != (width,):
                    raise DataError(f"{path}: {video} has intervals {intervals.shape} and features {features.shape}")
                for place, ((start, end), scores) in enumerate(zip(intervals, features, strict=True)):
                    yield Opinion(video, place, Segment(float(start), float(end)), tuple(map(float, scores)))
    except (OSError, KeyError) as error:
        raise DataError(f"{path} is not a computational sequence with {key!r}: {error}") from error


def clips(corpus: str, root: Path) -> Iterator[Utterance]:
    """Read MMSA's `label.csv`; rows whose clip is not there are left out. It holds the sentiment only."""
    files = audio_files(root / "Raw", (*AUDIO, ".mp4"))
    for name, where, row in _listed(root):
        sentiment = number(row["label"], where, "label")
        if row["mode"] not in _SPLITS:
            raise DataError(f"{where}: mode must be train, valid or test, not {row['mode']!r}")
        if name in files:
            yield Utterance(
                id=name,
                path=f"Raw/{files[name]}",
                speaker=f"{corpus}/{row['video_id']}",
                emotion=None,
                language="en",
                text=row["text"],
                extra={"sentiment": f"{sentiment:g}", "split": _SPLITS[row["mode"]]},
            )


def expected(root: Path, csd: str, read: Callable[[Path], Iterator[Opinion]]) -> Iterator[str]:
    """Yield the ids of whichever label file is there."""
    path = find_csd(root, csd)
    if path is not None:
        yield from (f"{o.video}[{o.place}]" for o in read(path))
    elif (root / "label.csv").is_file():
        yield from (name for name, _, _ in _listed(root))


def _listed(root: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    for where, row in table(root / "label.csv", ("video_id", "clip_id", "text", "label", "mode")):
        yield f"{row['video_id']}/{row['clip_id']}", where, row
