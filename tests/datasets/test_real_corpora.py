"""The labels of real corpora equal an independently parsed truth, all of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from affekt import datasets
from affekt.datasets._check import check
from affekt.manifest import Manifest
from affekt.types import Utterance

CORPORA = Path(__file__).parents[2] / ".." / "shared" / "corpora"
NAMES = ["emodb", "emotale", "ravdess", "savee", "urdu"]


def root_of(name: str) -> Path:
    root = CORPORA / name
    if not root.is_dir():
        pytest.skip(f"no {name} in ../shared/corpora")
    return root


@pytest.fixture(scope="module", params=NAMES)
def pairs(request) -> tuple[Manifest, list[tuple[Utterance, dict[str, str]]]]:
    """The manifest, and each row of it beside its row of metadata.csv."""
    root = root_of(request.param)
    manifest = datasets.load(request.param, root)
    with (root / "metadata.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["path"]: row for row in csv.DictReader(file)}
    assert sorted(truth) == sorted(u.path for u in manifest)
    return manifest, [(u, truth[u.path]) for u in manifest]


def column(name: str, rows: list[tuple[Utterance, dict[str, str]]], of: Callable[[Utterance], object]) -> Iterator:
    """(ours, theirs) for every row that has the column."""
    return ((of(u), row[name]) for u, row in rows if row.get(name))


def test_all_labels_speakers_sexes_and_languages_are_right(pairs):
    manifest, rows = pairs
    assert all(ours == theirs for ours, theirs in column("emotion", rows, lambda u: u.emotion))
    assert all(ours == f"{manifest.name}/{theirs}" for ours, theirs in column("speaker", rows, lambda u: u.speaker))
    assert all(ours[0] == theirs.lower() for ours, theirs in column("gender", rows, lambda u: u.sex))
    assert all(ours == theirs for ours, theirs in column("lang", rows, lambda u: u.language))


def test_all_texts_takes_and_intensities_are_right(pairs):
    _, rows = pairs
    for name in ("text_id", "take", "intensity"):
        assert all(ours == theirs for ours, theirs in column(name, rows, lambda u, n=name: u.extra[n]))
    assert all(str(ours) == theirs for ours, theirs in column("age", rows, lambda u: u.age))


def test_all_ids_are_the_official_names(pairs):
    manifest, rows = pairs
    official = (row["orig"].removesuffix(".wav") for _, row in rows)
    names = [o.replace("/", "_") if manifest.name == "savee" else o.rpartition("/")[2] for o in official]
    assert [u.id for u, _ in rows] == names


def test_all_durations_are_right(pairs):
    """Read from the audio's headers: the paths lead to the recordings that the truth was made of."""
    import soundfile

    manifest, rows = pairs
    for u, row in rows:
        assert soundfile.info(manifest.file(u)).duration == pytest.approx(float(row["duration"]), abs=0.01)


def test_the_counts_are_the_official_ones(pairs):
    manifest, _ = pairs
    card = datasets.card(manifest.name)
    assert (len(manifest), len(manifest.speakers), manifest.counts) == (card.clips, card.speakers, dict(card.emotions))


def test_emotale_s_affect_and_ratings_are_the_raters(pairs):
    """Valence, arousal, dominance: mean of three raters, 1-5 to [-1, 1]; soft label: share of their categories."""
    manifest, rows = pairs
    if manifest.name != "emotale":
        return
    letters = datasets.card("emotale").labels
    for u, row in rows:
        means = [(float(row[f"mean_{what}"]) - 3) / 2 for what in "VAD"]
        assert [u.affect.valence, u.affect.arousal, u.affect.dominance] == pytest.approx(means)
        votes = [letters[row[f"a{n}_cat"]] for n in (1, 2, 3)]
        assert u.ratings == pytest.approx({name: votes.count(name) / 3 for name in votes})


def test_emodb_s_perception_test_covers_every_clip():
    manifest = datasets.load("emodb", root_of("emodb"))
    assert min(float(u.extra["recognised"]) for u in manifest) >= 0.8
    assert manifest.subset(["03a01Fa"]).utterances[0].extra["natural"] == "0.75"


FOLDS = {
    "ravdess/6fold": [(1200, 0, 240)] * 6,
    "ravdess/5fold-luna": [(1020, 120, 300)] * 4 + [(1080, 120, 240)],
    "ravdess/7class-pepino": [(1200, 120, 120)],
    "emodb/loso": [(535 - n, 0, n) for n in (49, 58, 43, 38, 55, 35, 61, 69, 56, 71)],
    "savee/loso": [(360, 0, 120)] * 4,
    "emotale/6groups": [(800 - n, 0, n) for n in (125, 150, 150, 125, 125, 125)],
    "urdu/6groups": [(400 - n, 0, n) for n in (64, 82, 62, 66, 64, 62)],
}


@pytest.mark.parametrize(("protocol", "sizes"), FOLDS.items())
def test_the_folds_have_the_published_sizes(protocol, sizes):
    corpus = protocol.partition("/")[0]
    folds = datasets.protocol(protocol, datasets.load(corpus, root_of(corpus)))
    assert [(len(f.train), len(f.dev or ()), len(f.test)) for f in folds] == sizes


FINGERPRINTS = {
    "emodb": "3b0b1bf4b30f",
    "emotale": "88ed417a6968",
    "ravdess": "707628af5893",
    "savee": "1362bf9bd708",
    "urdu": "6bd4e06d6d42",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprints_are_those_that_results_are_published_with(name):
    assert datasets.load(name, root_of(name)).fingerprint[:12] == FINGERPRINTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_check_of_the_real_corpus_passes(name):
    report = check(name, root_of(name))
    assert report.ok, report.findings
    assert {f.kind for f in report.findings} <= {"clipped", "duplicate"}


def test_ravdess_has_exactly_one_doubled_recording():
    """The truth's checksums say so, too."""
    root = root_of("ravdess")
    with (root / "metadata.csv").open(encoding="utf-8", newline="") as file:
        by_sound: dict[str, list[str]] = {}
        for row in csv.DictReader(file):
            by_sound.setdefault(row["pcm_md5"], []).append(Path(row["path"]).stem)
    doubled = [tuple(names) for names in by_sound.values() if len(names) > 1]
    (finding,) = check("ravdess", root).findings
    assert (finding.kind, finding.known, [finding.items]) == ("duplicate", True, doubled)
