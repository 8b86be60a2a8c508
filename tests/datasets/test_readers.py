"""What each reader makes of its corpus's official layout, and what it says of a damaged one."""

from __future__ import annotations

import sys
from pathlib import Path

import layouts
import pytest

from affekt import datasets
from affekt.errors import DataError, MissingExtraError, UsageError
from affekt.manifest import Manifest
from affekt.types import Affect, Utterance


def load(name: str, tmp_path: Path, **options: str) -> Manifest:
    return datasets.load(name, layouts.build(name, tmp_path), **options)


def row(manifest: Manifest, name: str) -> Utterance:
    (found,) = manifest.subset([name])
    return found


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- names that fit the grammar and are impossible

IMPOSSIBLE = {
    "ravdess": ("Actor_01/03-01-09-01-01-01-01.wav", "RAVDESS has no emotion 09"),
    "ravdess actor": ("Actor_25/03-01-01-01-01-01-25.wav", "RAVDESS has no actor 25"),
    "emodb": ("wav/03a01Xa.wav", "has no label 'X'; it has W, L, E, A, F, T, N"),
    "emodb speaker": ("wav/04a01Wa.wav", "EmoDB has no speaker 04"),
    "savee": ("DC/x01.wav", "has no label 'x'"),
    "savee speaker": ("AB/a01.wav", "SAVEE has no speaker AB; it has DC, JE, JK, KL"),
    "savee sentence": ("DC/a16.wav", "SAVEE has sentences 01 to 15 of anger, not 16"),
    "urdu": ("Angry/SM1_F1_X01.wav", "the name says emotion X, the folder says Angry"),
    "emotale": ("wav/DK_001_A_9.wav", "has no row in annotations.csv"),
    "crema_d": ("AudioWAV/1001_DFA_JOY_XX.wav", "has no label 'JOY'"),
    "crema_d actor": ("AudioWAV/2001_DFA_ANG_XX.wav", "actor 2001 has no row in VideoDemographics.csv"),
    "crema_d sentence": ("AudioWAV/1001_AAA_ANG_XX.wav", "CREMA-D has no sentence AAA"),
    "tess": ("OAF_angry/OAF_back_bored.wav", "has no label 'bored'"),
    "tess speaker": ("OAF_angry/OA_back_angry.wav", "TESS has no speaker OA"),
    "folder": ("angry/happy/spk1/b.wav", "is in the folders of two emotions, angry and happy"),
    "folder class": ("Wut/spk1/b.wav", "is in no emotion's folder"),
    "folder speaker": ("angry/b.wav", "cannot tell the speaker"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_name_that_says_something_impossible_is_refused(case, tmp_path):
    path, said = IMPOSSIBLE[case]
    root = layouts.build(case.partition(" ")[0], tmp_path)
    layouts.empty(root / path)
    with pytest.raises(DataError) as error:
        datasets.load(case.partition(" ")[0], root)
    assert said in str(error.value)
    assert Path(path).name in str(error.value)


@pytest.mark.parametrize("name", ["ravdess", "emodb", "savee", "urdu", "emotale", "crema_d", "tess", "nemo", "meld"])
def test_files_that_are_not_of_the_corpus_are_left_out(name, tmp_path):
    root = layouts.build(name, tmp_path)
    before = datasets.load(name, root)
    for stray in ("notes.wav", "._03-01-01-01-01-01-01.wav", "cover.png", ".hidden/03a01Wa.wav"):
        layouts.empty(root / stray)
    assert datasets.load(name, root) == before


def test_two_files_of_one_name_are_refused(tmp_path):
    """Some copies of RAVDESS hold the whole corpus twice."""
    root = layouts.build("ravdess", tmp_path)
    layouts.empty(root / "copy" / "Actor_01" / "03-01-01-01-01-01-01.wav")
    with pytest.raises(DataError, match="'03-01-01-01-01-01-01' occurs twice"):
        datasets.load("ravdess", root)


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path):
    root = layouts.build("folder", tmp_path)
    try:
        layouts.empty(root / "angry" / "spk1" / "\udcff.wav")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataError, match=r"'angry/spk1/\\udcff.wav' is not UTF-8"):
        datasets.load("folder", root)


# --- damaged tables

DAMAGED = [
    ("emotale", "annotations.csv", "a2_cat", "a2_dog", "annotations.csv, line 1: no column a2_cat"),
    ("emotale", "annotations.csv", "DK_001_A_1.wav,3,", "DK_001_A_1.wav,x,", "line 2: a1_A must be a number, not 'x'"),
    ("emotale", "annotations.csv", "DK_001_A_1.wav,3,", "DK_001_A_1.wav,7,", "ratings of A must lie in 1 to 5"),
    ("emotale", "annotations.csv", "5,N,A", "5,Q,A", "line 2: EmoTale, enacted emotional speech"),
    ("emotale", "annotations.csv", "5,N,A", "5,N,B", "line 2: gt_emotion 'B' is not the one in the file name"),
    ("emotale", "annotations.csv", "5,N,A", "5,N", "line 2: expected 14 fields"),
    ("emotale", "speaker_info.csv", "001,F", "001,X", "line 2: gender must be F or M, not 'X'"),
    ("emotale", "speaker_info.csv", "001,F", "002,F", "speaker 001 has no row in speaker_info.csv"),
    ("crema_d", "VideoDemographics.csv", "Male", "Mole", "line 2: Sex must be Female or Male, not 'Mole'"),
    ("nemo", "data.tsv", "EB0_anger_1.wav\tanger", "EB0_anger_1.wav\tfear", "is not of speaker EB0, emotion fear"),
    ("nemo", "data.tsv", "\tmale\t23", "\tman\t23", "line 2: gender must be female or male, not 'man'"),
    ("meld", "dev_sent_emo.csv", "joy", "glee", "dev_sent_emo.csv, line 2: MELD"),
    ("meld", "dev_sent_emo.csv", "neutral,0,0", "neutral,x,0", "must be numbers, not 'diax_utt0'"),
    ("msp_podcast", "Labels/labels_consensus.csv", ",N,4", ",Q,4", "line 2: MSP-Podcast has no label 'Q'"),
    (
        "msp_podcast",
        "Labels/labels_consensus.csv",
        ",N,4",
        ",N,8",
        "line 2: EmoVal, EmoAct and EmoDom must lie in 1 to 7",
    ),
    (
        "msp_podcast",
        "Labels/labels_consensus.csv",
        "Male,Train",
        "Male,Trian",
        "line 2: Split_Set must be one of Train",
    ),
    (
        "iemocap",
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
        "[4.5000 -",
        "[4.5000",
        "line 3: expected [start - end]",
    ),
    (
        "iemocap",
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
        "\txxx\t",
        "\tyyy\t",
        "line 3: IEMOCAP, Interactive",
    ),
    ("iemocap", "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", "Neutral;", "Sleepy;", "no category 'sleepy'"),
]


@pytest.mark.parametrize(("name", "file", "old", "new", "said"), DAMAGED, ids=[f"{d[0]} {d[4][:40]}" for d in DAMAGED])
def test_a_damaged_table_is_refused_with_file_and_line(name, file, old, new, said, tmp_path):
    root = layouts.build(name, tmp_path)
    replace_text(root / file, old, new)
    with pytest.raises(DataError) as error:
        datasets.load(name, root)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("emotale", "annotations.csv"),
        ("emotale", "speaker_info.csv"),
        ("crema_d", "VideoDemographics.csv"),
        ("nemo", "data.tsv"),
        ("msp_podcast", "Labels/labels_consensus.csv"),
    ],
)
def test_a_table_that_is_not_there_is_named(name, file, tmp_path):
    root = layouts.build(name, tmp_path)
    (root / file).unlink()
    with pytest.raises(DataError) as error:
        datasets.load(name, root)
    assert f"cannot read {root / file}" in str(error.value)


def test_a_table_that_is_not_utf_8_is_refused(tmp_path):
    root = layouts.build("nemo", tmp_path)
    (root / "data.tsv").write_bytes(b"file_id\temotion\xff\n")
    with pytest.raises(DataError, match="not a CSV in UTF-8"):
        datasets.load("nemo", root)


@pytest.mark.parametrize("name", ["nemo", "msp_podcast", "meld", "iemocap"])
def test_rows_without_audio_are_left_out_and_still_expected(name, tmp_path):
    """So a part of a corpus can be read, and a check can say what is missing."""
    from affekt import registry

    root = layouts.build(name, tmp_path)
    manifest = datasets.load(name, root)
    gone = manifest.utterances[0]
    manifest.file(gone).unlink()
    assert [u.id for u in datasets.load(name, root)] == [u.id for u in manifest][1:]
    assert gone.id in set(registry.load("datasets", name).expected(root))


# --- RAVDESS, EmoDB, SAVEE


def test_ravdess_leaves_song_and_video_out(tmp_path):
    root = layouts.build("ravdess", tmp_path)
    for other in ("03-02-01-01-01-01-01", "01-01-01-01-01-01-01"):
        layouts.empty(root / "Actor_01" / f"{other}.wav")
    assert len(datasets.load("ravdess", root)) == 1440


def test_ravdess_counts_calm_as_neutral_for_pepino(tmp_path):
    (fold,) = datasets.protocol("ravdess/7class-pepino", load("ravdess", tmp_path))
    assert "calm" not in fold.test.labels
    assert fold.test.counts["neutral"] == 2 * (4 + 8)


def test_emodb_is_read_without_its_perception_test(tmp_path):
    root = layouts.build("emodb", tmp_path)
    assert row(datasets.load("emodb", root), "03a01Wa").extra["natural"] == "0.9"
    (root / "erkennung_perception_test.txt").unlink()
    assert row(datasets.load("emodb", root), "03a01Wa").extra == {"text_id": "a01", "take": "a"}


def test_savee_is_read_in_its_flat_copy(tmp_path):
    for name in ("DC_a01", "JE_sa15", "JK_n30", "KL_su04"):
        layouts.empty(tmp_path / "ALL" / f"{name}.wav")
    manifest = datasets.load("savee", tmp_path)
    assert {u.id: u.emotion for u in manifest} == {
        "DC_a01": "anger",
        "JE_sa15": "sadness",
        "JK_n30": "neutral",
        "KL_su04": "surprise",
    }


# --- CREMA-D


def test_crema_d_keeps_its_four_targets_apart(tmp_path):
    name = "1001_DFA_ANG_XX"
    root = layouts.build("crema_d", tmp_path)
    targets = ("intended", "voice", "face", "audiovisual")
    found = {target: row(datasets.load("crema_d", root, target=target), name) for target in targets}
    assert {target: u.emotion for target, u in found.items()} == {
        "intended": "anger",
        "voice": "neutral",
        "face": "anger",
        "audiovisual": None,  # a tie of anger and neutral
    }
    assert found["intended"].ratings is None
    assert found["voice"].ratings == {"anger": 0.25, "neutral": 0.75}
    assert found["audiovisual"].ratings == {"anger": 0.5, "neutral": 0.5}
    assert {u.extra["intended"] for u in found.values()} == {"anger"}


def test_crema_d_s_targets_have_different_fingerprints(tmp_path):
    root = layouts.build("crema_d", tmp_path)
    prints = {
        datasets.load("crema_d", root, target=t).fingerprint for t in ("intended", "voice", "face", "audiovisual")
    }
    assert len(prints) == 4


def test_crema_d_needs_votes_for_perceived_targets_only(tmp_path):
    root = layouts.build("crema_d", tmp_path)
    (root / "processedResults" / "summaryTable.csv").unlink()
    assert len(datasets.load("crema_d", root)) == 182
    with pytest.raises(DataError, match=r"cannot read .*summaryTable\.csv"):
        datasets.load("crema_d", root, target="voice")


def test_crema_d_refuses_another_target(tmp_path):
    with pytest.raises(UsageError, match="no target 'smell'; choose intended, voice, face, audiovisual"):
        load("crema_d", tmp_path, target="smell")


def test_crema_d_s_evar_split_leaves_four_clips_out(tmp_path):
    root = layouts.build("crema_d", tmp_path)
    layouts.empty(root / "AudioWAV" / "1013_WSI_DIS_XX.wav")
    (fold,) = datasets.protocol("crema_d/evar", datasets.load("crema_d", root))
    assert [len(part.speakers) for part in (fold.train, fold.dev, fold.test)] == [63, 9, 19]
    assert sum(map(len, (fold.train, fold.dev, fold.test))) == 182


# --- TESS


def test_tess_s_misspelt_file_is_the_older_speaker_s(tmp_path):
    manifest = load("tess", tmp_path)
    assert row(manifest, "OAF_bite_neutral").speaker == "tess/OAF"
    assert row(manifest, "OAF_bite_neutral").path == "OAF_neutral/OA_bite_neutral.wav"
    assert row(manifest, "YAF_back_ps").emotion == "surprise"


# --- IEMOCAP


def test_iemocap_s_speaker_is_who_speaks_not_who_wears_the_markers(tmp_path):
    manifest = load("iemocap", tmp_path)
    assert row(manifest, "Ses01F_impro01_M000").speaker == "iemocap/Ses01M"
    assert row(manifest, "Ses01M_script01_1_F000").speaker == "iemocap/Ses01F"
    assert row(manifest, "Ses01F_impro01_M000").sex == "male"


def test_iemocap_s_turns_come_in_the_order_of_the_dialogue(tmp_path):
    turns = [u for u in load("iemocap", tmp_path) if u.extra["dialogue"] == "Ses01F_impro01"]
    assert [u.id.rpartition("_")[2] for u in turns] == ["F000", "M000", "F001", "M001", "M002"]
    assert [u.extra["place"] for u in turns] == ["0", "1", "2", "3", "4"]
    assert [u.text for u in turns] == [f"Turn {n} of it." for n in range(5)]
    assert {u.session for u in turns} == {"iemocap/Ses01"}


def test_iemocap_tells_improvised_from_scripted(tmp_path):
    styles = {u.extra["dialogue"]: u.extra["style"] for u in load("iemocap", tmp_path)}
    assert styles["Ses01F_impro01"] == "improvised"
    assert styles["Ses01M_script01_1"] == "scripted"


def test_iemocap_s_affect_is_valence_activation_dominance_on_five_points(tmp_path):
    """2.5, 3 and a 5.5 that is beyond the scale."""
    assert row(load("iemocap", tmp_path), "Ses01F_impro01_F000").affect == Affect(-0.25, 0.0, 1.0)


def test_iemocap_s_raters_share_a_vote_and_self_reports_do_not_count(tmp_path):
    ratings = row(load("iemocap", tmp_path), "Ses01F_impro01_F000").ratings
    assert ratings == pytest.approx({"neutral": 1 / 3, "anger": 1 / 6, "frustration": 1 / 6, "excitement": 1 / 3})


def test_iemocap_merges_excitement_when_asked(tmp_path):
    root = layouts.build("iemocap", tmp_path)
    apart, merged = (datasets.load("iemocap", root, excited=e) for e in ("excitement", "happiness"))
    name = "Ses01F_impro01_F000"
    assert (row(apart, name).emotion, row(merged, name).emotion) == ("excitement", "happiness")
    assert "excitement" not in merged.labels
    assert row(merged, name).ratings["happiness"] == pytest.approx(1 / 3)
    assert [u.id for u in merged] == [u.id for u in apart]
    assert row(merged, "Ses01F_impro01_M002").emotion is None
    with pytest.raises(UsageError, match="excited must be excitement or happiness, not 'joy'"):
        datasets.load("iemocap", root, excited="joy")


def test_iemocap_is_found_in_its_release_folder_too(tmp_path):
    layouts.iemocap(tmp_path / "IEMOCAP_full_release", layouts.empty)
    assert datasets.load("iemocap", tmp_path).root == tmp_path / "IEMOCAP_full_release"


def test_iemocap_s_protocols_take_the_four_classes(tmp_path):
    manifest = load("iemocap", tmp_path)
    folds = datasets.protocol("iemocap/5session", manifest)
    assert [len(f.test) for f in folds] == [8] * 5  # the two turns without a majority are out
    assert set(folds[0].test.labels) == {"anger", "happiness", "neutral", "sadness"}
    first = datasets.protocol("iemocap/10speaker", manifest)[0]
    assert (first.test.speakers, first.dev.speakers) == (("iemocap/Ses01F",), ("iemocap/Ses01M",))
    (conversation,) = datasets.protocol("iemocap/6class-ses5", manifest)
    assert {u.session for u in conversation.test} == {"iemocap/Ses05"}


# --- MELD, MSP-Podcast, nEMO


def test_meld_keeps_dialogues_and_its_parts(tmp_path):
    manifest = load("meld", tmp_path)
    u = row(manifest, "dev/dia0_utt1")
    assert (u.emotion, u.speaker, u.session, u.text) == ("surprise", "meld/Monica", "meld/dev/dia0", "What?")
    assert (u.extra["split"], u.extra["place"], u.extra["season"]) == ("dev", "1", "3")
    assert [u.extra["split"] for u in manifest] == ["train"] * 3 + ["dev"] * 3 + ["test"] * 3


def test_meld_s_official_split_is_marked_as_leaky(tmp_path):
    (fold,) = datasets.protocol("meld/official", load("meld", tmp_path))
    assert fold.leaky
    assert [len(p) for p in (fold.train, fold.dev, fold.test)] == [3, 3, 3]


def test_meld_is_read_as_its_archives_unpack(tmp_path):
    """The training CSV lies beside its clips, a folder below the others; clips are MP4."""
    layouts.meld(tmp_path, lambda path: layouts.empty(path.with_suffix(".mp4")))
    (tmp_path / "train").mkdir()
    for name in ("train_splits", "train_sent_emo.csv"):
        (tmp_path / name).rename(tmp_path / "train" / name)
    manifest = datasets.load("meld", tmp_path)
    assert row(manifest, "train/dia0_utt0").path == "train/train_splits/dia0_utt0.mp4"
    assert len(manifest) == 9


def test_msp_podcast_scales_seven_points_and_keeps_rows_without_agreement(tmp_path):
    manifest = load("msp_podcast", tmp_path)
    assert row(manifest, "MSP-PODCAST_0002_0001").affect == Affect(-1.0, 1.0, 0.0)
    assert row(manifest, "MSP-PODCAST_0003_0001").emotion is None
    assert row(manifest, "MSP-PODCAST_0003_0001").affect == Affect(-0.5, pytest.approx(-5 / 6), pytest.approx(5 / 6))
    assert row(manifest, "MSP-PODCAST_0005_0001_0002").emotion == "other"


def test_msp_podcast_s_unknown_speakers_are_named_after_their_podcast(tmp_path):
    assert row(load("msp_podcast", tmp_path), "MSP-PODCAST_0002_0001").speaker == "msp_podcast/podcast-0002"


def test_msp_podcast_is_read_under_its_early_names(tmp_path):
    root = layouts.build("msp_podcast", tmp_path)
    (root / "Labels" / "labels_consensus.csv").rename(root / "Labels" / "labels_concensus.csv")
    (root / "Audios").rename(root / "Audio")
    assert len(datasets.load("msp_podcast", root)) == 5


def test_nemo_s_cells_are_trimmed(tmp_path):
    u = row(load("nemo", tmp_path), "EB0_surprised_1")
    assert (u.speaker, u.emotion, u.text, u.age) == ("nemo/EB0", "surprise", "Ucho wykrywa dźwięki.", 23)


# --- MOSI, MOSEI


def test_mosei_s_segments_carry_sentiment_intensities_and_words(tmp_path):
    manifest = load("mosei", tmp_path)
    first, second, third = (row(manifest, f"hh04W3xXa5s[{n}]") for n in range(3))
    assert (first.emotion, first.ratings, first.extra["sentiment"]) == ("happiness", {"happiness": 1.0}, "1")
    assert (second.emotion, second.ratings) == (None, {"sadness": 0.5, "anger": 0.5})  # two are equally strong
    assert (third.emotion, third.ratings) == (None, None)
    assert (first.text, second.text) == (None, "It was ___ fine.")
    assert second.segment.start == pytest.approx(0.03)


@pytest.mark.parametrize("name", ["mosei", "mosi"])
def test_the_standard_folds_are_by_video(name, tmp_path):
    manifest = load(name, tmp_path)
    known = layouts.MOSEI_VIDEOS if name == "mosei" else layouts.MOSI_VIDEOS
    assert {u.speaker.partition("/")[2]: u.extra["split"] for u in manifest} == known
    (fold,) = datasets.protocol(f"{name}/official", manifest)
    parts = {"train": fold.train, "dev": fold.dev, "test": fold.test}
    for part, videos in parts.items():
        assert videos.speakers == tuple(f"{name}/{video}" for video, where in known.items() if where == part)


def test_the_standard_folds_have_their_published_sizes():
    from affekt.datasets import _mosei_folds, mosi

    assert [len(v) for v in (_mosei_folds.VALID, _mosei_folds.TEST, _mosei_folds.UNUSED)] == [300, 678, 68]
    assert not _mosei_folds.VALID & _mosei_folds.TEST
    assert [len(v) for v in (mosi._VALID, mosi._TEST)] == [10, 31]


@pytest.mark.parametrize("name", ["mosei", "mosi"])
def test_mmsa_s_tables_are_read_too(name, tmp_path):
    layouts.mmsa(tmp_path, layouts.empty)
    manifest = datasets.load(name, tmp_path)
    assert [(u.id, u.extra["sentiment"], u.extra["split"]) for u in manifest] == [
        ("v0/1", "0.5", "train"),
        ("v1/1", "-0.5", "dev"),
        ("v2/1", "-1.5", "test"),
    ]
    replace_text(tmp_path / "label.csv", "valid", "vallid")
    with pytest.raises(DataError, match="line 3: mode must be train, valid or test, not 'vallid'"):
        datasets.load(name, tmp_path)


@pytest.mark.parametrize("name", ["mosei", "mosi"])
def test_a_damaged_label_file_is_refused(name, tmp_path):
    h5py = pytest.importorskip("h5py")
    root = layouts.build(name, tmp_path)
    (path,) = root.glob("*.csd")
    path.write_bytes(b"no HDF5")
    with pytest.raises(DataError, match="is not a computational sequence"):
        datasets.load(name, root)
    with h5py.File(path, "w") as store:
        store["something/else"] = 1
    with pytest.raises(DataError, match="is not a computational sequence"):
        datasets.load(name, root)


def test_segments_and_scores_must_be_equally_many(tmp_path):
    h5py = pytest.importorskip("h5py")
    root = layouts.build("mosi", tmp_path)
    with h5py.File(root / "CMU_MOSI_Opinion_Labels.csd", "a") as store:
        del store["Opinion Segment Labels/data/03bSnISJMiM/features"]
        store["Opinion Segment Labels/data/03bSnISJMiM/features"] = [[1.0]]
    with pytest.raises(DataError, match=r"03bSnISJMiM has intervals \(2, 2\) and features \(1, 1\)"):
        datasets.load("mosi", root)


def test_without_h5py_the_pip_command_is_named(tmp_path, monkeypatch):
    root = layouts.build("mosi", tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'pip install "affekt\[data\]"'):
        datasets.load("mosi", root)


# --- folder, table


@pytest.mark.parametrize("order", ["{emotion}/{speaker}", "{speaker}/{emotion}"])
def test_a_folder_s_emotion_and_speaker_come_in_either_order(order, tmp_path):
    layouts.empty(tmp_path / order.format(emotion="Sad", speaker="anna") / "1.wav")
    (u,) = datasets.load("folder", tmp_path)
    assert (u.emotion, u.speaker) == ("sadness", "folder/anna")


def test_a_folder_s_speaker_is_found_by_a_pattern(tmp_path):
    layouts.empty(tmp_path / "happy" / "spk7_001.wav")
    assert datasets.load("folder", tmp_path, speaker=r"spk(\d+)_").speakers == ("folder/7",)
    assert datasets.load("folder", tmp_path, speaker=r"spk\d+").speakers == ("folder/spk7",)
    with pytest.raises(DataError, match="cannot tell the speaker"):
        datasets.load("folder", tmp_path, speaker=r"actor(\d+)")
    with pytest.raises(UsageError, match="must be a regular expression"):
        datasets.load("folder", tmp_path, speaker="(")


def test_own_emotion_words_are_added(tmp_path):
    layouts.empty(tmp_path / "Wut" / "anna" / "1.wav")
    (u,) = datasets.load("folder", tmp_path, labels="Wut=anger, Freude=happiness")
    assert u.emotion == "anger"
    with pytest.raises(UsageError, match="labels must be like Wut=anger"):
        datasets.load("folder", tmp_path, labels="Wut=rage")


def test_a_folder_s_labels_are_those_it_has(tmp_path):
    assert load("folder", tmp_path).labels.names == ("anger", "happiness")


TABLE = "path,emotion,speaker,id,valence,arousal,dominance,start,end,language,text,session,sex,age,room\n"
FULL = "a/1.wav,joy,anna,x1,5,3,1,0.5,2,da,Hej.,s1,F,30,hall\n"


def read_table(tmp_path: Path, text: str, **options: str) -> Manifest:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    return datasets.load("table", tmp_path / "own.csv", **options)


def test_a_table_s_columns_become_fields_and_the_rest_extra(tmp_path):
    (u,) = read_table(tmp_path, TABLE + FULL, scale="1:5")
    assert (u.id, u.path, u.speaker, u.emotion) == ("x1", "a/1.wav", "table/anna", "happiness")
    assert u.affect == Affect(1.0, 0.0, -1.0)
    assert (u.segment.start, u.segment.end) == (0.5, 2.0)
    assert (u.language, u.text, u.session, u.sex, u.age) == ("da", "Hej.", "s1", "female", 30)
    assert u.extra == {"room": "hall"}


def test_a_table_s_optional_cells_may_be_empty(tmp_path):
    (u,) = read_table(tmp_path, TABLE + "a/1.wav,,anna" + "," * 12 + "\n")
    assert (u.id, u.emotion, u.affect, u.segment, u.sex, u.age, u.extra) == ("a/1.wav", *[None] * 5, {})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",joy,", ",glee,", "line 2: unknown emotion 'glee'; add it with labels=glee=EMOTION"),
        ("anna", "", "line 2: path and speaker must not be empty"),
        (",5,3,1,", ",5,,1,", "line 2: valence, arousal, dominance must be given together"),
        (",5,3,1,", ",5,x,1,", "line 2: arousal must be a number, not 'x'"),
        (",5,3,1,", ",6,3,1,", "line 2: valence, arousal and dominance must lie in 1 to 5; set scale=LOW:HIGH"),
        ("0.5,2", "2,0.5", "line 2: the segment ends (0.5 s) before it starts (2 s)"),
        (",F,", ",X,", "line 2: sex must be female or male, not 'X'"),
        ("speaker", "who", "line 1: no column speaker"),
    ],
)
def test_a_damaged_row_of_a_table_is_refused(old, new, said, tmp_path):
    with pytest.raises(DataError) as error:
        read_table(tmp_path, (TABLE + FULL).replace(old, new, 1), scale="1:5")
    assert said in str(error.value)


@pytest.mark.parametrize("scale", ["5", "5:1", "a:b"])
def test_a_scale_that_is_none_is_refused(scale, tmp_path):
    with pytest.raises(UsageError, match=r"scale must .*, like 1:5|scale must be like 1:5"):
        read_table(tmp_path, TABLE + FULL, scale=scale)
