"""What every file in datasets/ owes. A new corpus is tested here without a new test, given a tree in layouts.py."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import layouts
import pytest

from affekt import datasets, registry
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.manifest import Fold, Manifest

NAMES = datasets.names()
PROTOCOLS = [(name, key) for name in NAMES for key in datasets.protocols(name)]
GENERIC = ("folder", "table")


_trees: dict[str, Path] = {}


@pytest.fixture
def tree(tmp_path_factory) -> Callable[[str], Path]:
    """Make a corpus's tree, once for all tests that only read it."""

    def made(name: str) -> Path:
        if name not in layouts.BUILDERS:
            pytest.skip(f"tests/datasets/layouts.py makes no tree for {name}")
        if name not in _trees:
            _trees[name] = layouts.build(name, tmp_path_factory.mktemp(name))
        return _trees[name]

    return made


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def manifest(name, tree) -> Manifest:
    return datasets.load(name, tree(name))


def test_the_card_is_complete(name):
    card = datasets.card(name)
    assert card.name == name
    for field in ("title", "licence", "citation", "layout"):
        assert len(getattr(card, field)) >= 4, field
    assert card.use in ("any", "non-commercial", "research", "evaluation")
    if name not in GENERIC:
        assert card.languages
        assert card.elicitation != "unknown"
        assert card.homepage.startswith("http")
        assert card.notes, "every corpus has a pitfall"


def test_labels_are_mapped_into_the_vocabulary(name):
    card = datasets.card(name)
    assert {label for label in card.labels.values() if label} <= set(datasets.VOCABULARY)
    assert list(card.label_set) == [n for n in datasets.VOCABULARY if n in card.label_set]


def test_official_counts_agree_with_each_other(name):
    """Clips per emotion are of emotions the corpus has, and sum to the clips that have a label."""
    card = datasets.card(name)
    assert not card.emotions or set(card.emotions) == set(card.label_set)
    if card.emotions and card.clips:
        unlabelled = card.clips - sum(card.emotions.values())
        assert unlabelled == 0 or (unlabelled > 0 and None in card.labels.values())


def test_reading_opens_no_audio(manifest):
    """The files of the tree are empty: nothing could have been decoded."""
    assert all(manifest.file(u).stat().st_size == 0 for u in manifest)


def test_every_row_names_its_recording_and_its_speaker(name, manifest):
    languages = datasets.card(name).languages
    assert manifest.name == name
    for u in manifest:
        assert manifest.file(u).is_file()
        assert "\\" not in u.path
        assert u.speaker.startswith(f"{name}/")
        assert u.emotion is None or u.emotion in datasets.VOCABULARY
        assert not languages or u.language in languages


def test_a_flac_copy_has_the_same_manifest(name, tmp_path):
    """Same fingerprint; where both containers are there, the official one is read."""
    if name == "table" or name not in layouts.BUILDERS:
        pytest.skip("the paths of a table are the caller's, to the letter")
    both = layouts.build(name, tmp_path, lambda p: (layouts.empty(p), layouts.empty(p.with_suffix(".flac"))))
    wav = datasets.load(name, both)
    assert {Path(u.path).suffix for u in wav} == {".wav"}
    for path in {wav.file(u) for u in wav}:
        path.unlink()
    flac = datasets.load(name, both)
    assert {Path(u.path).suffix for u in flac} == {".flac"}
    assert flac.fingerprint == wav.fingerprint


@pytest.mark.parametrize("folder", ["empty", "absent", "text"])
def test_a_folder_that_is_not_the_corpus_is_refused_with_what_was_expected(name, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    layouts.empty(tmp_path / "text" / "readme.txt")
    with pytest.raises(DataError) as error:
        datasets.load(name, tmp_path / folder)
    assert f"expected {datasets.card(name).layout}" in str(error.value)
    assert str(tmp_path / folder) in str(error.value)


def test_an_option_the_corpus_does_not_have_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match=f"{name} has no option 'nonsense'"):
        datasets.load(name, tmp_path, nonsense="1")


def test_options_are_text_so_that_the_command_line_can_give_them(name):
    assert all(isinstance(default, str) for default in datasets.options(name).values())


def test_the_reader_does_not_know_the_truth_of_other_formats(name):
    """Labels come from the official layout, never from a metadata.csv of ours."""
    source = inspect.getsource(registry.load("datasets", name))
    assert "metadata.csv" not in {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("name", [n for n in NAMES if hasattr(registry.load("datasets", n), "expected")])
def test_a_release_s_own_list_agrees_with_the_rows(name, tree):
    expected = registry.load("datasets", name).expected(tree(name))
    assert sorted(expected) == sorted(u.id for u in datasets.load(name, tree(name)))


@pytest.mark.parametrize(("name", "key"), PROTOCOLS, ids=[f"{n}/{k}" for n, k in PROTOCOLS])
def test_the_folds_of_a_protocol_share_no_speaker(name, key, tree):
    manifest = datasets.load(name, tree(name))
    folds = datasets.protocol(f"{name}/{key}", manifest)
    assert folds
    for fold in folds:
        assert fold.train.labels == fold.test.labels
        if not fold.leaky:
            heard, judged = set(fold.train.speakers), set(fold.test.speakers)
            assert not heard & judged
            assert fold.dev is None or not (set(fold.dev.speakers) & (heard | judged))
    assert [f.name for f in folds] == list(dict.fromkeys(f.name for f in folds))
    if datasets.protocols(name)[key].complete:
        _tests_everybody_once(folds, manifest)


def _tests_everybody_once(folds: list[Fold], manifest: Manifest) -> None:
    tested = [speaker for fold in folds for speaker in fold.test.speakers]
    assert sorted(tested) == sorted(set(tested))
    assert set(tested) == {u.speaker for fold in folds for part in (fold.train, fold.test) for u in part}
    assert set(tested) == set(manifest.speakers)


@pytest.mark.parametrize("name", [n for n in NAMES if datasets.card(n).speakers and n != "meld"])
def test_protocols_are_tested_with_all_official_speakers(name, tree):
    """Otherwise the test above says nothing of them. MELD's 304 roles are left out: its split is not by speaker."""
    assert len(datasets.load(name, tree(name)).speakers) == datasets.card(name).speakers


def test_only_the_split_that_shares_speakers_by_design_is_leaky(tree):
    leaky = [
        f"{name}/{key}"
        for name, key in PROTOCOLS
        for fold in datasets.protocol(f"{name}/{key}", datasets.load(name, tree(name)))
        if fold.leaky
    ]
    assert leaky == ["meld/official"]


def test_unknown_names_are_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'ravdess'"):
        datasets.load("ravdes", tmp_path)
    manifest = datasets.load("urdu", layouts.build("urdu", tmp_path))
    with pytest.raises(UnknownNameError, match=r"no protocol of urdu is called '6fold'.* Known: 6groups"):
        datasets.protocol("urdu/6fold", manifest)
