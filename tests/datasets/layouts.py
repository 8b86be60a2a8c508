"""Small trees in the corpora's official layouts. The names and tables are theirs; the audio is made here, or empty."""

from __future__ import annotations

import csv
import random
import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

Fill = Callable[[Path], None]


def empty(path: Path) -> None:
    """Readers open no audio, so for them an empty file will do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def noise(path: Path) -> None:
    """0.1 s of quiet noise that differs from file to file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = bytearray(3200)
    samples[::2] = random.Random(path.name).randbytes(1600)  # the low bytes
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(samples))


def rows(path: Path, columns: Sequence[str], lines: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(lines)


def ravdess(root: Path, fill: Fill) -> None:
    from affekt.datasets.ravdess import expected

    for name in expected(root):
        fill(root / f"Actor_{name[-2:]}" / f"{name}.wav")


def emodb(root: Path, fill: Fill) -> None:
    for speaker in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"):
        for letter in "WLEAFTN":
            fill(root / "wav" / f"{speaker}a01{letter}a.wav")
    test = "Nr.\tSatz\terkannt\tnatuerlich\n1\xa0\xa0\t03a01Wa.wav\t95,00\xa0\t90,00\xa0\n"
    (root / "erkennung_perception_test.txt").write_text(test, encoding="latin-1")


def savee(root: Path, fill: Fill) -> None:
    from affekt.datasets.savee import expected

    for name in expected(root):
        fill(root / name[:2] / f"{name[3:]}.wav")


EMOTALE_COLUMNS = ["file", *(f"a{n}_{what}" for n in (1, 2, 3) for what in ("A", "V", "D", "cat")), "gt_emotion"]
EMOTALE_SPEAKERS = [f"{n:03d}" for n in range(1, 20) if n != 2]


def emotale(root: Path, fill: Fill) -> None:
    names = [f"{country}_{s}_{e}_1" for s in EMOTALE_SPEAKERS for country in ("DK", "EN") for e in "ABHNS"]
    for name in names:
        fill(root / "wav" / f"{name}.wav")
    judged = [[f"{name}.wav", *(3, 1, 5, name[7], 4, 1, 5, name[7], 5, 1, 5, "N"), name[7]] for name in names]
    rows(root / "annotations.csv", EMOTALE_COLUMNS, judged)
    rows(root / "speaker_info.csv", ["speaker", "gender", "age"], [(s, "F", 30) for s in EMOTALE_SPEAKERS])


def urdu(root: Path, fill: Fill) -> None:
    women = [f"SF{n}" for n in range(1, 12)]
    men = [f"SM{n}" for n in (*range(1, 8), *range(17, 28))]
    for place, speaker in enumerate(women + men, 1):
        folder = ("Angry", "Happy", "Neutral", "Sad")[place % 4]
        fill(root / folder / f"{speaker}_F1_{folder[0]}0{place}.wav")


CREMA_D_VOTES = ["", "A", "D", "F", "H", "N", "S", "fileName", "numResponses"]


def crema_d(root: Path, fill: Fill) -> None:
    actors = range(1001, 1092)
    names = [f"{actor}_DFA_{emotion}_XX" for actor in actors for emotion in ("ANG", "NEU")]
    for name in names:
        fill(root / "AudioWAV" / f"{name}.wav")
    people = [(a, 20 + a % 50, "Male" if a % 2 else "Female", "Caucasian", "Hispanic") for a in actors]
    rows(root / "VideoDemographics.csv", ["ActorID", "Age", "Sex", "Race", "Ethnicity"], people)
    rows(root / "SentenceFilenames.csv", ["Stimulus_Number", "Filename"], enumerate(names, 1))
    columns = ["", "FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote", "MultiModalLevel"]
    summary = [(n, name, "N", 50, name[9], 60, "A:N", "50:60") for n, name in enumerate(names, 1)]
    rows(root / "processedResults" / "summaryTable.csv", columns, summary)
    votes = []
    for n, name in enumerate(names, 1):
        votes.append([f"1{n:05d}", 1, 0, 0, 0, 3, 0, name, 4])
        votes.append([f"2{n:05d}", *((9, 0, 0, 0, 1, 0) if name[9] == "A" else (1, 0, 0, 0, 9, 0)), name, 10])
        votes.append([f"3{n:05d}", 5, 0, 0, 0, 5, 0, name, 10])
    rows(root / "processedResults" / "tabulatedVotes.csv", CREMA_D_VOTES, votes)


def tess(root: Path, fill: Fill) -> None:
    for speaker in ("OAF", "YAF"):
        for emotion in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad"):
            for word in ("back", "bite"):
                short = "OA" if (speaker, word, emotion) == ("OAF", "bite", "neutral") else speaker
                fill(root / f"{speaker}_{emotion}" / f"{short}_{word}_{emotion}.wav")


IEMOCAP_HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def iemocap(root: Path, fill: Fill) -> None:
    """Two dialogues a session, four turns each; the first is excited, the last has no majority."""
    for session in range(1, 6):
        folder = root / f"Session{session}"
        for scene in ("impro01", "script01_1"):
            dialogue = f"Ses0{session}{'F' if scene[0] == 'i' else 'M'}_{scene}"
            turns = [(f"{dialogue}_F000", "exc"), (f"{dialogue}_M000", "ang"), (f"{dialogue}_F001", "neu")]
            turns += [(f"{dialogue}_M001", "sad"), (f"{dialogue}_M002", "xxx")]
            for name, _ in turns:
                fill(folder / "sentences" / "wav" / dialogue / f"{name}.wav")
            fill(folder / "dialog" / "wav" / f"{dialogue}.wav")
            _iemocap_texts(folder / "dialog", dialogue, turns)


def _iemocap_texts(folder: Path, dialogue: str, turns: Sequence[tuple[str, str]]) -> None:
    judged, said = IEMOCAP_HEAD, ""
    for n, (name, label) in reversed(list(enumerate(turns))):  # the release lists F's turns before M's
        judged += f"[{n}.5000 - {n + 1}.2500]\t{name}\t{label}\t[2.5000, 3.0000, 5.5000]\n"
        judged += "C-E2:\tNeutral;\t()\nC-E3:\tAnger; Frustration;\t(loud)\nC-E4:\tExcited;\t()\nC-F1:\tSadness;\t()\n"
        judged += "A-E3:\tval 3; act 2; dom  2;\t()\nA-F1:\tval 3; act 2; dom  1;\t()\n\n"
        said = f"{name} [00{n}.5000-00{n + 1}.2500]: Turn {n} of it.\n" + said
    for kind, text in (("EmoEvaluation", judged), ("transcriptions", said + "M: yes\n")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{dialogue}.txt").write_text(text)


MELD_COLUMNS = [
    "Sr No.",
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
]
MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def meld(root: Path, fill: Fill) -> None:
    for part, folder in MELD_FOLDERS.items():
        said = [("Hi, you!", "Joey", "joy"), ("What?", "Monica", "surprise"), ("No.", part.title(), "anger")]
        lines = [
            (n + 1, text, who, emotion, "neutral", 0, n, 3, 7, f"00:00:0{n},100", f"00:00:0{n},900")
            for n, (text, who, emotion) in enumerate(said)
        ]
        rows(root / f"{part}_sent_emo.csv", MELD_COLUMNS, lines)
        for n in range(3):
            fill(root / folder / f"dia0_utt{n}.wav")


MOSEI_VIDEOS = {"--qXJuDtHPw": "dev", "-6rXp3zJ3kc": "test", "-9YyBTjo1zo": "none", "hh04W3xXa5s": "train"}
MOSEI_SCORES = {0: (1.0, 2.0, 0, 0, 0, 0, 0), 1: (-3.0, 0, 1.0, 1.0, 0, 0, 0), 2: (0, 0, 0, 0, 0, 0, 0)}


def csd(path: Path, key: str, videos: Iterable[str], scores: Mapping[int, Sequence[float]]) -> None:
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as store:
        for video in videos:
            spans = [(n * 0.03, n * 0.03 + 0.025) for n in scores]
            store[f"{key}/data/{video}/intervals"] = np.array(spans)
            store[f"{key}/data/{video}/features"] = np.array(list(scores.values()), np.float32)


def mosei(root: Path, fill: Fill) -> None:
    csd(root / "CMU_MOSEI_Labels.csd", "All Labels", MOSEI_VIDEOS, MOSEI_SCORES)
    for video in MOSEI_VIDEOS:
        fill(root / "Raw" / "Audio" / "Full" / "WAV_16000" / f"{video}.wav")
        said = root / "Raw" / "Transcript" / "Segmented" / "Combined" / f"{video}.txt"
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text(f"{video}___1___0.03___0.055___It was ___ fine.\n{video}___9___7.0___8.0___Not labelled.\n")


MOSI_VIDEOS = {"03bSnISJMiM": "train", "WKA5OygbEKI": "dev", "c7UH_rxdZv4": "test"}


def mosi(root: Path, fill: Fill) -> None:
    csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", MOSI_VIDEOS, {0: (2.4,), 1: (-1.0,)})
    for video in MOSI_VIDEOS:
        fill(root / "Raw" / "Audio" / "WAV_16000" / "Full" / f"{video}.wav")


MMSA_COLUMNS = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]


def mmsa(root: Path, fill: Fill) -> None:
    """The other layout of MOSI and MOSEI."""
    lines = [
        (f"v{n}", 1, "Fine, really.", 0.5 - n, "", "", "", "", m) for n, m in enumerate(("train", "valid", "test"))
    ]
    rows(root / "label.csv", MMSA_COLUMNS, lines)
    for video, *_ in lines:
        fill(root / "Raw" / video / "1.wav")


MSP_COLUMNS = ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]


def msp_podcast(root: Path, fill: Fill) -> None:
    lines = [
        ("MSP-PODCAST_0001_0008.wav", "N", 4, 4, 4, "127", "Male", "Train"),
        ("MSP-PODCAST_0002_0001.wav", "H", 7, 1, 4, "Unknown", "Unknown", "Train"),
        ("MSP-PODCAST_0003_0001.wav", "X", 1.5, 2.5, 6.5, "128", "Female", "Development"),
        ("MSP-PODCAST_0004_0001.wav", "C", 4, 4, 4, "129", "Female", "Test1"),
        ("MSP-PODCAST_0005_0001_0002.wav", "O", 4, 4, 4, "130", "Female", "Test2"),
    ]
    rows(root / "Labels" / "labels_consensus.csv", MSP_COLUMNS, lines)
    for name, *_ in lines:
        fill(root / "Audios" / name)


NEMO_COLUMNS = ["file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age"]
NEMO_SPEAKERS = ["EB0", "IC0", "KD0", "KS0", "MK0", "MP0", "SM0", "TP0", "WR0"]


def nemo(root: Path, fill: Fill) -> None:
    emotions = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    lines = [
        (f"{s}_{e}_1.wav", e, "Ucho wykrywa dźwięki.", "ucho wykrywa dźwięki ", f"{s} ", "male", 23)
        for s in NEMO_SPEAKERS
        for e in emotions
    ]
    rows(root / "data.tsv", NEMO_COLUMNS, lines, delimiter="\t")
    for name, *_ in lines:
        fill(root / "samples" / name)


def folder(root: Path, fill: Fill) -> None:
    for emotion in ("Angry", "happy"):
        for n in range(6):
            fill(root / emotion / f"spk{n}" / "a.wav")


def table(root: Path, fill: Fill) -> None:
    """The corpus is the CSV itself: `root` is its path."""
    lines = [(f"audio/{n}.wav", "Happy", f"s{n}", 0.5, 0, -1, "phone") for n in range(6)]
    rows(root, ["path", "emotion", "speaker", "valence", "arousal", "dominance", "device"], lines)
    for name, *_ in lines:
        fill(root.parent / name)


BUILDERS: dict[str, Callable[[Path, Fill], None]] = {
    "crema_d": crema_d,
    "emodb": emodb,
    "emotale": emotale,
    "folder": folder,
    "iemocap": iemocap,
    "meld": meld,
    "mosei": mosei,
    "mosi": mosi,
    "msp_podcast": msp_podcast,
    "nemo": nemo,
    "ravdess": ravdess,
    "savee": savee,
    "table": table,
    "tess": tess,
    "urdu": urdu,
}


def build(name: str, folder: Path, fill: Fill = empty) -> Path:
    """Make a corpus below `folder` and return its root."""
    root = folder / (f"{name}.csv" if name == "table" else name)
    BUILDERS[name](root, fill)
    return root
