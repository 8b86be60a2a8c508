"""CMU-MOSEI -> Manifest: sentiment and the intensities of six emotions, several at a time.

Either layout is read: CMU's `CMU_MOSEI_Labels.csd` with `Raw/Audio/Full/WAV_16000/<video>.wav` (and the transcripts in
`Raw/Transcript/Segmented/Combined/<video>.txt`), or MMSA's `label.csv` with `Raw/<video>/<clip>.mp4`, which has the
sentiment only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affekt.datasets._card import Card, Protocol, audio_files, shares
from affekt.datasets._cmu import Opinion, clips, find_csd, opinions
from affekt.datasets._cmu import expected as _expected
from affekt.datasets._mosei_folds import TEST, UNUSED, VALID
from affekt.manifest import Manifest, Part, predefined
from affekt.types import Utterance

CARD = Card(
    name="mosei",
    title="CMU-MOSEI, Multimodal Opinion Sentiment and Emotion Intensity",
    languages=("en",),
    elicitation="spontaneous",
    licence="research only; the videos belong to their YouTube authors",
    licence_url="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK",
    use="research",
    citation=(
        "Bagher Zadeh, A., Liang, P. P., Poria, S., Cambria, E., Morency, L.-P. (2018). Multimodal Language Analysis "
        "in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph. ACL 2018, 2236-2246. "
        "doi:10.18653/v1/P18-1208"
    ),
    homepage="http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/",
    layout=(
        "CMU_MOSEI_Labels.csd and files like Raw/Audio/Full/WAV_16000/--qXJuDtHPw.wav, or MMSA's label.csv and files "
        "like Raw/--qXJuDtHPw/0.mp4"
    ),
    labels={
        "happy": "happiness",
        "sad": "sadness",
        "anger": "anger",
        "surprise": "surprise",
        "disgust": "disgust",
        "fear": "fear",
    },
    clips=None,
    speakers=None,
    scales=(
        "sentiment -3 to 3 (extra: sentiment); each emotion 0 to 3 (extra, by name); ratings: the intensities divided "
        "by their sum; emotion: the strongest, none where all are 0 or two are equal"
    ),
    notes=(
        "CMU's label file has 23,259 segments of 3,293 videos: 16,327 train, 1,871 dev, 4,662 test, 399 in no fold; "
        "MMSA's tables have 16,326, 1,871 and 4,659.",
        "Emotions are multi-label. A single emotion per segment is our reading, not the corpus's.",
        "Speakers are not named: each video counts as one. A person with several videos can be in two folds.",
    ),
)

_CSD = "CMU_MOSEI_Labels.csd"
_AUDIO = "Raw/Audio/Full/WAV_16000"


def read(root: Path) -> Manifest:
    """Read whichever layout is there; segments whose audio is not there are left out.

    Raises:
        DataError: neither layout, or a damaged label file.
        MissingExtraError: the `.csd` needs h5py.
    """
    labels = find_csd(root, _CSD)
    if labels is not None:
        files = audio_files(root / _AUDIO)
        return CARD.manifest(root, _segments(root, labels, files))
    if (root / "label.csv").is_file():
        return CARD.manifest(root, clips(CARD.name, root))
    raise CARD.absent(root)


def _opinions(path: Path) -> Iterator[Opinion]:
    return opinions(path, "All Labels", 1 + len(CARD.labels))


def _segments(root: Path, labels: Path, files: dict[str, str]) -> Iterator[Utterance]:
    video, said = "", dict[tuple[float, float], str]()
    for opinion in _opinions(labels):
        if opinion.video not in files:
            continue
        if opinion.video != video:
            video, said = opinion.video, _transcript(root, opinion.video)
        yield _utterance(opinion, f"{_AUDIO}/{files[video]}", said)


def _transcript(root: Path, video: str) -> dict[tuple[float, float], str]:
    """Read a video's lines `video___number___start___end___text`: (start, end) in ms -> text."""
    path = root / "Raw" / "Transcript" / "Segmented" / "Combined" / f"{video}.txt"
    if not path.is_file():
        return {}
    rows = (line.split("___", maxsplit=4) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {(_ms(row[2]), _ms(row[3])): row[4].strip() for row in rows if len(row) == 5}


def _ms(seconds: str | float) -> float:
    return round(float(seconds) * 1000)


def _utterance(opinion: Opinion, path: str, said: dict[tuple[float, float], str]) -> Utterance:
    sentiment, *intensities = opinion.scores
    strength = dict(zip((str(name) for name in CARD.labels.values()), intensities, strict=True))
    top = [name for name, value in strength.items() if value == max(intensities) > 0]
    return Utterance(
        id=f"{opinion.video}[{opinion.place}]",
        path=path,
        speaker=f"mosei/{opinion.video}",
        emotion=top[0] if len(top) == 1 else None,
        segment=opinion.segment,
        language="en",
        text=said.get((_ms(opinion.segment.start), _ms(opinion.segment.end))),
        ratings=shares(strength),
        extra={
            "sentiment": f"{sentiment:g}",
            "split": _split(opinion.video),
            **{name: f"{value:g}" for name, value in strength.items()},
        },
    )


def _split(video: str) -> str:
    parts = (("dev", VALID), ("test", TEST), ("none", UNUSED))
    return next((part for part, videos in parts if video in videos), "train")


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of whichever label file is there."""
    return _expected(root, _CSD, _opinions)


_PARTS: dict[str, Part] = {"train": "train", "dev": "dev", "test": "test"}

PROTOCOLS = {
    "official": Protocol(
        "CMU's standard folds by video; report accuracy and F1 with and without neutral, MAE, correlation",
        lambda m: [predefined(m, lambda u: _PARTS.get(u.extra["split"]), name="official", allow_leak=True)],
        complete=False,
    )
}
