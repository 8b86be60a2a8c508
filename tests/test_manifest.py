"""A manifest says the same on disk as in memory, and no split of it lets a speaker be trained on and tested."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import manifest as m
from affekt.errors import DataError, UsageError
from affekt.types import Affect, LabelSet, Segment, Utterance

LABELS = LabelSet(("anger", "calm", "neutral"))


def utterance(number: int, speaker: str = "a", **fields: object) -> Utterance:
    return Utterance(f"u{number}", f"x/u{number}.wav", speaker, **{"emotion": "anger", **fields})  # type: ignore[arg-type]


def manifest_of(*utterances: Utterance) -> m.Manifest:
    return m.Manifest("demo", LABELS, utterances, licence="CC0-1.0", citation="nobody, 2024")


def speakers_manifest(sizes: dict[str, int]) -> m.Manifest:
    names = [speaker for speaker, n in sizes.items() for _ in range(n)]
    return manifest_of(*(utterance(i, name) for i, name in enumerate(names)))


text = st.text(max_size=12)
unit = st.floats(-1, 1)
seconds = st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)).map(sorted)


@st.composite
def manifests(draw: st.DrawFn) -> m.Manifest:
    names = draw(st.lists(text.filter(bool), unique=True, max_size=6))
    maybe = lambda values: st.none() | values  # noqa: E731

    def one(name: str) -> Utterance:
        return Utterance(
            id=name,
            path=draw(text),
            speaker=draw(text),
            emotion=draw(maybe(st.sampled_from(LABELS.names))),
            affect=draw(maybe(st.builds(Affect, unit, unit, unit))),
            segment=draw(maybe(seconds.map(lambda pair: Segment(*pair)))),
            language=draw(maybe(text)),
            text=draw(maybe(text)),
            ratings=draw(maybe(st.dictionaries(text, unit, max_size=3))),
            session=draw(maybe(text)),
            sex=draw(st.sampled_from([None, "female", "male"])),
            age=draw(maybe(st.integers(0, 120))),
            extra=draw(st.dictionaries(text, text, max_size=3)),
        )

    root = draw(st.none() | st.just(Path("/data/corpus")) | st.just(Path("../corpus")))
    return m.Manifest(draw(text), LABELS, tuple(map(one, names)), draw(text), draw(text), root)


# --- files


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_every_manifest_is_read_back_exactly_as_it_was_written(suffix, tmp_path_factory):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("manifest") / f"x{suffix}"

    @settings(max_examples=100, deadline=None)
    @given(manifests())
    def round_trip(manifest):
        m.write(manifest, path)
        assert m.read(path) == manifest

    round_trip()


@settings(max_examples=50)
@given(manifests(), st.randoms())
def test_the_fingerprint_ignores_order_root_and_licence(manifest, random):
    rows = list(manifest.utterances)
    random.shuffle(rows)
    other = replace(manifest, utterances=tuple(rows), root=Path("/elsewhere"), licence="other", citation="")
    assert other.fingerprint == manifest.fingerprint


def test_the_fingerprint_ignores_the_audio_container():
    wav, flac = (replace(utterance(1), path=f"x/u1{s}") for s in (".wav", ".flac"))
    assert manifest_of(wav).fingerprint == manifest_of(flac).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"emotion": "calm"},
        {"emotion": None},
        {"speaker": "b"},
        {"path": "y/u1.wav"},
        {"affect": Affect(0.0, 0.0, 0.1)},
        {"segment": Segment(0, 1)},
        {"ratings": {"anger": 1.0}},
        {"extra": {"take": "2"}},
        {"text": ""},
    ],
)
def test_the_fingerprint_changes_with_what_a_row_says(change):
    one = utterance(1)
    assert manifest_of(replace(one, **change)).fingerprint != manifest_of(one).fingerprint


def test_the_fingerprint_is_the_same_on_every_machine():
    """A literal, so that a change of the canonical form, which would void published fingerprints, is noticed."""
    manifest = manifest_of(utterance(1, affect=Affect(0.5, -1, 0), language="da", text="blåbær"))
    assert manifest.fingerprint == "2b17b4be95cbde2b13cbdab5ae2946dc5d7a4f1640aa73062d66adc847342f59"


def lines_of(manifest: m.Manifest, path: Path) -> list[dict]:
    m.write(manifest, path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_jsonl_is_one_header_and_one_line_per_utterance_without_empty_fields(tmp_path):
    header, row = lines_of(manifest_of(utterance(1, text="é")), tmp_path / "x.jsonl")
    assert header["schema"] == "affekt.manifest/1"
    assert header["utterances"] == 1
    assert row == {"id": "u1", "path": "x/u1.wav", "speaker": "a", "emotion": "anger", "text": "é"}
    assert "é" in (tmp_path / "x.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("not json", "line 3: not JSON"),
        ("[]", "line 3: expected one JSON object"),
        ('{"id": "b", "path": "b.wav"}', "line 3: speaker missing"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "gender": "f"}', "line 3: unknown column gender"),
        ('{"id": 7, "path": "b.wav", "speaker": "s"}', "line 3: id must be text, not 7"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "emotion": "rage"}', "line 3: the emotion 'rage'"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "valence": 1}', "valence, arousal, dominance must be given"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "start": "1", "end": 2}', "start must be a number, not '1'"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "start": NaN, "end": 2}', "start must be a number, not nan"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "start": 3, "end": 2}', "ends (2 s) before it starts (3 s)"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "age": 3.5}', "age must be a number, not 3.5"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "sex": "f"}', "sex must be female or male, not 'f'"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "ratings": {"calm": "1"}}', "ratings must be an object"),
        ('{"id": "b", "path": "b.wav", "speaker": "s", "extra": {"take": 1}}', "extra must be an object"),
    ],
)
def test_a_damaged_row_is_refused_with_its_line_number(row, said, tmp_path):
    path = tmp_path / "x.jsonl"
    m.write(manifest_of(utterance(1)), path)
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(DataError) as error:
        m.read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "affekt.manifest/0"}, "not a manifest"),
        ({"name": None}, "header's name must be text"),
        ({"labels": "anger"}, "labels must be a list"),
        ({"labels": ["anger", "anger"]}, "labels must be unique"),
        ({"root": 5}, "root must be a folder or null"),
        ({"utterances": 2}, "the header announces 2 utterances, 1 follow"),
        ({"fingerprint": "0"}, "they were changed"),
        ({"labels": ["calm"]}, "line 2: the emotion 'anger'"),
    ],
)
def test_a_damaged_header_is_refused(change, said, tmp_path):
    path = tmp_path / "x.jsonl"
    header, row = lines_of(manifest_of(utterance(1)), path)
    path.write_text(json.dumps(header | change) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(DataError) as error:
        m.read(path)
    assert said in str(error.value)


def test_a_header_without_fingerprint_accepts_edited_rows(tmp_path):
    path = tmp_path / "x.jsonl"
    header, row = lines_of(manifest_of(utterance(1)), path)
    del header["fingerprint"]
    path.write_text(json.dumps(header) + "\n" + json.dumps(row | {"emotion": "calm"}) + "\n")
    assert m.read(path).utterances[0].emotion == "calm"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b"", "not a manifest"),
        ("x.jsonl", b"\xff\xfe\x00", "not UTF-8"),
        ("x.parquet", b"PAR1", "as Parquet"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        m.read(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        m.read(tmp_path / "none.jsonl")


def test_only_jsonl_and_parquet_are_manifests(tmp_path):
    with pytest.raises(UsageError, match=r"a \.jsonl or \.parquet file, not 'x\.csv'"):
        m.write(manifest_of(), tmp_path / "x.csv")


# --- the value


def test_an_id_may_occur_once_only():
    with pytest.raises(DataError, match=r"the id 'u1' occurs twice \(x/u1.wav, y.wav\)"):
        manifest_of(utterance(1), replace(utterance(1), path="y.wav"))


def test_an_emotion_must_be_among_the_labels():
    with pytest.raises(DataError, match="u1 is labelled 'fear', which is not one of anger, calm, neutral"):
        manifest_of(utterance(1, emotion="fear"))


def test_subset_keeps_the_order_and_refuses_unknown_ids():
    manifest = manifest_of(*(utterance(i) for i in range(4)))
    assert [u.id for u in manifest.subset(["u3", "u1"])] == ["u1", "u3"]
    with pytest.raises(DataError, match="no utterance with the id u9"):
        manifest.subset(["u9"])


def test_relabel_maps_drops_and_renormalises():
    shares = {"anger": 0.2, "calm": 0.3, "neutral": 0.5}
    rows = (utterance(1, emotion="calm", ratings=shares), utterance(2), utterance(3, emotion=None))
    result = manifest_of(*rows).relabel(LabelSet(("neutral",)), {"calm": "neutral"})
    assert [(u.id, u.emotion, u.ratings) for u in result] == [("u1", "neutral", {"neutral": 1.0})]
    assert result.labels == LabelSet(("neutral",))


def test_a_file_is_found_below_the_root_only_when_there_is_one():
    manifest = manifest_of(utterance(1))
    assert replace(manifest, root=Path("/c")).file(utterance(1)) == Path("/c/x/u1.wav")
    with pytest.raises(DataError, match="does not say where its audio lies"):
        manifest.file(utterance(1))


# --- splits


def test_a_fold_that_shares_a_speaker_is_refused_and_says_who():
    one, two = manifest_of(utterance(1, "a"), utterance(2, "b")), manifest_of(utterance(3, "b"))
    with pytest.raises(DataError, match="fold f: b would be heard in training and in the test"):
        m.fold("f", train=one, test=two)


def test_a_leak_that_is_allowed_is_marked():
    one, two = manifest_of(utterance(1, "a")), manifest_of(utterance(2, "a"))
    assert m.fold("f", train=one, test=two, allow_leak=True).leaky
    assert not m.fold("f", train=one, test=manifest_of(utterance(2, "b")), allow_leak=True).leaky


def test_the_leaky_flag_cannot_be_taken_off():
    leaky = m.fold("f", train=manifest_of(utterance(1)), test=manifest_of(utterance(2)), allow_leak=True)
    with pytest.raises(DataError, match="would be heard"):
        replace(leaky, leaky=False)


@pytest.mark.parametrize("other", ["train", "test"])
def test_the_dev_part_shares_no_speaker_either(other):
    parts = {"train": manifest_of(utterance(1, "a")), "test": manifest_of(utterance(2, "b"))}
    with pytest.raises(DataError, match="would be heard"):
        m.fold("f", **parts, dev=manifest_of(utterance(3, parts[other].speakers[0])))


def test_train_and_test_share_no_session_even_when_the_speakers_differ():
    """The partner of a dialogue hears and is heard in the same recording."""
    rows = (utterance(1, "a", session="s1"), utterance(2, "b", session="s1"), utterance(3, "c", session="s2"))
    with pytest.raises(DataError, match="s1 would be heard"):
        m.leave_one_speaker_out(manifest_of(*rows))
    folds = m.leave_one_out(manifest_of(*rows), by="session")
    assert [(f.name, f.test.speakers, f.train.speakers) for f in folds] == [
        ("s1", ("a", "b"), ("c",)),
        ("s2", ("c",), ("a", "b")),
    ]


def test_a_split_by_session_needs_sessions():
    with pytest.raises(DataError, match="u1 has no session"):
        m.leave_one_out(manifest_of(utterance(1), utterance(2)), by="session")


sizes = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(1, 30), min_size=2)


@given(sizes)
def test_leave_one_speaker_out_tests_each_speaker_once_and_never_trains_on_them(speakers):
    manifest = speakers_manifest(speakers)
    folds = m.leave_one_speaker_out(manifest)
    assert [f.name for f in folds] == sorted(speakers)
    for f in folds:
        assert f.test.speakers == (f.name,)
        assert f.name not in f.train.speakers
        assert len(f.test) + len(f.train) == len(manifest)


@given(sizes, st.integers(1, 12), st.integers(0, 5))
def test_speaker_groups_are_complete_deterministic_and_balanced(speakers, k, seed):
    """The largest group exceeds the smallest by no more than the largest speaker."""
    k = min(k, len(speakers))
    manifest = speakers_manifest(speakers)
    groups = m.speaker_groups(manifest, k, seed=seed)
    loads = [sum(speakers[s] for s in group) for group in groups]
    assert sorted(s for group in groups for s in group) == sorted(speakers)
    assert max(loads) - min(loads) <= max(speakers.values())
    assert groups == m.speaker_groups(replace(manifest, utterances=manifest.utterances[::-1]), k, seed=seed)


def test_the_seed_decides_between_speakers_of_equal_size():
    manifest = speakers_manifest(dict.fromkeys("abcdefgh", 5))
    dealt = {tuple(sorted(m.speaker_groups(manifest, 2, seed=seed))) for seed in range(10)}
    assert len(dealt) > 1


def test_more_groups_than_speakers_are_refused():
    with pytest.raises(UsageError, match="cannot deal 2 speakers into 3 groups"):
        m.speaker_groups(speakers_manifest({"a": 1, "b": 1}), 3)


def test_groups_must_hold_every_speaker_once():
    manifest = speakers_manifest({"a": 1, "b": 1, "c": 1})
    with pytest.raises(DataError, match="c is in no group"):
        m.folds_by_groups(manifest, [("a",), ("b",)])
    with pytest.raises(DataError, match="b is in two groups"):
        m.folds_by_groups(manifest, [("a", "b"), ("b", "c")])


def test_a_group_of_absent_speakers_is_refused():
    with pytest.raises(DataError, match="fold 3: no utterance is left to test with"):
        m.folds_by_groups(speakers_manifest({"a": 1, "b": 1}), [("a",), ("b",), ("z",)])


def test_dev_groups_are_taken_from_training():
    manifest = speakers_manifest({"a": 1, "b": 1, "c": 1})
    first, *_ = m.folds_by_groups(manifest, ["a", "b", "c"], dev=["b", "c", "a"])
    assert (first.test.speakers, first.dev.speakers, first.train.speakers) == (("a",), ("b",), ("c",))


def test_a_predefined_split_follows_the_release_and_leaves_the_rest_out():
    parts = {"u1": "train", "u2": "dev", "u3": "test"}
    manifest = manifest_of(*(utterance(i, f"s{i}") for i in range(1, 5)))
    split = m.predefined(manifest, lambda u: parts.get(u.id), name="official")
    assert [len(p) for p in (split.train, split.dev, split.test)] == [1, 1, 1]
