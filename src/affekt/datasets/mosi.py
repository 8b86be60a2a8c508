"""CMU-MOSI -> Manifest: sentiment of opinion segments, no emotions.

Either layout is read: CMU's `CMU_MOSI_Opinion_Labels.csd` with `Raw/Audio/WAV_16000/Full/<video>.wav`, or MMSA's
`label.csv` with `Raw/<video>/<clip>.mp4`. Transcripts are in the second only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affekt.datasets._card import Card, Protocol, audio_files
from affekt.datasets._cmu import Opinion, clips, find_csd, opinions
from affekt.datasets._cmu import expected as _expected
from affekt.manifest import Manifest, Part, predefined
from affekt.types import Utterance

CARD = Card(
    name="mosi",
    title="CMU-MOSI, Multimodal Opinion-level Sentiment Intensity",
    languages=("en",),
    elicitation="spontaneous",
    licence="research only; the videos belong to their YouTube authors",
    licence_url="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK",
    use="research",
    citation=(
        "Zadeh, A., Zellers, R., Pincus, E., Morency, L.-P. (2016). Multimodal Sentiment Intensity Analysis in Videos: "
        "Facial Gestures and Verbal Messages. IEEE Intelligent Systems 31(6), 82-88. doi:10.1109/MIS.2016.94"
    ),
    homepage="http://multicomp.cs.cmu.edu/resources/cmu-mosi-dataset/",
    layout=(
        "CMU_MOSI_Opinion_Labels.csd and files like Raw/Audio/WAV_16000/Full/2iD-tVS8NPw.wav, or MMSA's label.csv and "
        "files like Raw/2iD-tVS8NPw/1.mp4"
    ),
    labels={},
    clips=2199,
    speakers=None,
    scales="sentiment -3 to 3, mean of five raters (extra: sentiment); it is an opinion, not the speaker's valence",
    notes=(
        "93 videos of 89 people; speakers are not named, so each video counts as one.",
        "Folds by video: 52 train, 10 dev, 31 test; 1284, 229 and 686 segments.",
    ),
)

_CSD = "CMU_MOSI_Opinion_Labels.csd"
_AUDIO = "Raw/Audio/WAV_16000/Full"

_VALID_IDS = """
WKA5OygbEKI X3j2zQgwYgE ZAIRrfG22O0 ZUXBRvtny7o _dI--eQ6qVU aiEXnCPZubE atnd_PF-Lbs bOL9jKpeJRs bvLlb-M3UXU
c5xsKMxpXnc
"""
_TEST_IDS = """
c7UH_rxdZv4 cM3Yna7AavY cW1FSBF59ik cXypl4FnoZo d3_k5Xpfmik d6hH302o4v8 dq3Nf_lMPnE etzxEpPuc6I f9O3YtZ2VfI
f_pcplsH_V0 fvVhgmXxadc iiK8YX8oH1E jUzDDGyPkXU k5Y_838nuGo lXPQBPVc5Cw nbWiPyCm4g0 nzpVDcQ0ywM ob23OKe5a9Q
pLTX3ipuDJI phBUpBr1hSo rnaNMUZpvvg tIrG4oNLFzE tStelxIAHjw tmZoasNr4rU v0zCBqDeKcE vvZ4IcEtiZc vyB00TXsimI
wMbj6ajWbic yDtzw_Y-7RU yvsjCA6Y5Fc zhpQhgha_KU
"""
_VALID, _TEST = frozenset(_VALID_IDS.split()), frozenset(_TEST_IDS.split())


def read(root: Path) -> Manifest:
    """Read whichever layout is there; segments whose audio is not there are left out.

    Raises:
        DataError: neither layout, or a damaged label file.
        MissingExtraError: the `.csd` needs h5py.
    """
    labels = find_csd(root, _CSD)
    if labels is not None:
        files = audio_files(root / _AUDIO)
        found = (o for o in _opinions(labels) if o.video in files)
        return CARD.manifest(root, (_utterance(o, f"{_AUDIO}/{files[o.video]}") for o in found))
    if (root / "label.csv").is_file():
        return CARD.manifest(root, clips(CARD.name, root))
    raise CARD.absent(root)


def _opinions(path: Path) -> Iterator[Opinion]:
    return opinions(path, "Opinion Segment Labels", 1)


def _utterance(opinion: Opinion, path: str) -> Utterance:
    video = opinion.video
    split = "dev" if video in _VALID else "test" if video in _TEST else "train"
    return Utterance(
        id=f"{video}[{opinion.place}]",
        path=path,
        speaker=f"mosi/{video}",
        emotion=None,
        segment=opinion.segment,
        language="en",
        extra={"sentiment": f"{opinion.scores[0]:g}", "split": split},
    )


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
