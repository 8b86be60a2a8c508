"""Two lists of recordings -> what they share. Who and what is in training must not be in the test.

Looks for the same speakers and sessions, the same recordings (sample by sample), copies of one recording (coded anew,
louder, cut, with noise, through a telephone), suspected copies (played faster or slower, or hard to make out), and
words that give the emotion away. One list alone is searched for recordings that it has twice.

    found = find(gather("train.jsonl"), gather("test.csv"))
    found.leaking, [finding.note for finding in found.findings]
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt import datasets, fingerprint
from affekt import manifest as manifests
from affekt.audio import Recording, open_recording, resampled
from affekt.errors import AffektError, DataError, UsageError
from affekt.fingerprint import Print
from affekt.manifest import Manifest
from affekt.types import LabelSet, Samples, Segment, Utterance

SCHEMA = "affekt.leaks/1"
LIKELY, SUSPECTED = 0.15, 0.08
"""Scores of `fingerprint.Match` from which two recordings are likely one, or may be; benchmarks/LEAKS.md says how often
that is right."""
SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".au", ".w64", ".m4a", ".mp4", ".aac",
            ".webm", ".wma", ".amr")  # fmt: skip
"""What is taken for audio in a folder."""

_STRETCH = 60.0  # seconds of a long recording that are fingerprinted at once
_ERRORS = 2.0  # standard errors by which words must beat a constant guess

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is on both sides, or twice in one list."""

    what: str
    "a speaker, a session or a text; empty for recordings"
    train: tuple[str, ...]
    "ids of utterances; of a speaker or session too"
    test: tuple[str, ...]
    score: float | None = None
    "of copies: the share of the fingerprint that agrees, 0 to 1"
    speed: float | None = None
    "of copies: at which the test's is played, training's counting 1"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that the lists share."""

    kind: str
    "speaker, session, identical, copy, suspected or text"
    sure: bool
    "by name, or sample by sample; what a fingerprint or words tell is likely at most"
    leaks: bool
    "whether scores of this split would be too high"
    note: str
    advice: str
    items: tuple[Item, ...]

    @property
    def certainty(self) -> str:
        """How certain it is: `sure`, `likely`, or `listen` where somebody has to.

        >>> Finding("copy", sure=False, leaks=True, note="", advice="", items=()).certainty
        'likely'
        """
        return "sure" if self.sure else "listen" if self.kind == "suspected" else "likely"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    train: Manifest
    test: Manifest | None
    "None where one list was searched for doubles"
    findings: tuple[Finding, ...]
    unreadable: tuple[str, ...]
    "a line for each recording that could not be read; the others were compared"
    mute: tuple[str, ...]
    "ids of recordings without any sound, which cannot be compared"
    heard: bool
    "whether the recordings were listened to"

    @property
    def leaking(self) -> bool:
        """Whether scores of this split would be too high."""
        return any(finding.leaks for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SCHEMA,
            "leaking": self.leaking,
            "train": _about(self.train),
            "test": None if self.test is None else _about(self.test),
            "findings": [
                {**asdict(finding), "certainty": finding.certainty, "count": len(finding.items)}
                for finding in self.findings
            ],
            "unreadable": list(self.unreadable),
            "mute": list(self.mute),
            "heard": self.heard,
        }


def _about(manifest: Manifest) -> dict[str, Any]:
    return {"name": manifest.name, "clips": len(manifest), "speakers": len(_known(manifest, "speaker"))}


# Reading ----------------------------------------------------------------------------------------------------------


def gather(path: str | Path, **options: str) -> Manifest:
    """Read a list: a manifest (JSONL, Parquet), a CSV as the reader `table` takes it, or a folder of audio.

    The recordings of a folder are taken as they are: nobody knows who speaks.

    Args:
        path: the file or folder.
        options: of the reader `table`, e.g. labels="Wut=anger".

    Raises:
        UsageError: another kind of file, or an option where none is taken.
        DataError: not what it claims to be, or a folder without audio.
    """
    path = Path(path)
    if path.suffix == ".csv":
        return datasets.load("table", path, **options)
    if options:
        raise UsageError(f"options are for CSV files; {path} is none")
    if path.is_dir():
        return _folder(path)
    if path.suffix in (".jsonl", ".parquet"):
        return manifests.read(path)
    raise UsageError(f"{path}: expected a manifest (.jsonl, .parquet), a CSV (.csv) or a folder of audio")


def _folder(root: Path) -> Manifest:
    files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    files = [file for file in files if not any(part.startswith(".") for part in file.split("/"))]
    if not files:
        raise DataError(f"{root} holds no audio; looked for {', '.join(SUFFIXES)}")
    rows = tuple(Utterance(id=file, path=file, speaker="", emotion=None) for file in files)
    return Manifest(root.name or "folder", LabelSet(()), rows, licence="", citation="", root=root)


# Finding ----------------------------------------------------------------------------------------------------------


def find(
    train: Manifest, test: Manifest | None = None, *, audio: bool = True, progress: Progress | None = None
) -> Report:
    """Look for what training and test share; of one list alone, for recordings that it has twice.

    Args:
        train: the training side, or the only list.
        test: the test side.
        audio: also listen to the recordings.
        progress: called with (recordings heard, recordings in all).

    Raises:
        DataError: the recordings' folder is not known, or not one can be read.

    >>> a, b = (Utterance(name, f"{name}.wav", "demo/1", "fear") for name in "ab")
    >>> one, other = (Manifest("demo", LabelSet(("fear",)), (u,), licence="", citation="") for u in (a, b))
    >>> [finding.note for finding in find(one, other, audio=False).findings]
    ['1 speaker is heard in training and in the test: 1 of 1 test recordings']
    """
    findings = list(_words(train, test))
    if test is not None:
        findings = [*_shared(train, test, "speaker"), *_shared(train, test, "session"), *findings]
    if not audio:
        return Report(train, test, tuple(findings), (), (), heard=False)
    sides = [_listed(manifest) for manifest in (train, test) if manifest is not None]
    heard = _listen(list(dict.fromkeys(place for side in sides for place in side.values())), progress)
    failed = tuple(dict.fromkeys(one.failure for one in heard.values() if one.failure))
    if all(one.failure for one in heard.values()):
        raise DataError(f"not one recording can be read; the first: {failed[0] if failed else 'there is none'}")
    found = _alike([{name: heard[place] for name, place in side.items()} for side in sides])
    alike = [_told(finding, train, test or train) for finding in found]
    mute = tuple(name for side in sides for name, place in side.items() if heard[place].mute)
    order = {"speaker": 0, "session": 1, "identical": 2, "copy": 3, "suspected": 4, "text": 5}
    findings = sorted([*findings, *alike], key=lambda finding: order[finding.kind])
    return Report(train, test, tuple(findings), failed, mute, heard=True)


def _known(manifest: Manifest, by: str) -> dict[str, list[str]]:
    """Speakers or sessions that have a name -> ids."""
    found: dict[str, list[str]] = defaultdict(list)
    for u in manifest:
        if name := getattr(u, by):
            found[name].append(u.id)
    return found


def _shared(train: Manifest, test: Manifest, by: str) -> Iterator[Finding]:
    here, there = _known(train, by), _known(test, by)
    both = sorted(set(here) & set(there))
    if both:
        clips, verb = sum(len(there[name]) for name in both), "is" if len(both) == 1 else "are"
        note = (
            f"{_count(len(both), by)} {verb} heard in training and in the test: {clips} of {len(test)} test recordings"
        )
        items = tuple(Item(name, tuple(here[name]), tuple(there[name])) for name in both)
        advice = f"split by {by}: affekt train with data.protocol, or affekt.manifest.folds_by_groups"
        yield Finding(by, True, True, note, advice, items)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# Words ------------------------------------------------------------------------------------------------------------


def _words(train: Manifest, test: Manifest | None) -> Iterator[Finding]:
    """Whether the words alone tell the emotion: then a model of text, or with text, learns the script."""
    said = _texts(train)
    asked = _texts(train if test is None else test)
    shared = sorted(set(said) & set(asked)) if test is not None else [t for t in sorted(said) if len(said[t]) > 1]
    if not shared:
        return
    labels = [(u.emotion, text) for text in shared for u in asked[text] if u.emotion]
    guess = _top([u.emotion for rows in said.values() for u in rows])
    by_text = {text: _top([u.emotion for u in said[text]]) for text in shared}
    by_words = np.array([by_text[text] == emotion for emotion, text in labels], bool)
    by_guess = np.array([guess == emotion for emotion, _ in labels], bool)
    gained, lost = int((by_words & ~by_guess).sum()), int((by_guess & ~by_words).sum())
    tells = gained - lost > _ERRORS * np.sqrt(gained + lost)
    note = _said(shared, test, labels, (by_words, by_guess))
    advice = "keep a text on one side, or name it beside every score of a model that reads words"
    items = tuple(
        Item(said[text][0].text or "", _ids(said[text]), () if test is None else _ids(asked[text])) for text in shared
    )
    yield Finding("text", False, bool(tells) and test is not None, note, advice if tells else "nothing", items)


def _said(shared: Sequence[str], test: Manifest | None, labels: Sequence[Any], right: tuple[Any, Any]) -> str:
    where = "occur more than once" if test is None else "are in training and in the test"
    note = f"{_count(len(shared), 'text')} {where}"
    if not labels:
        return note
    words, guess = (f"{100 * share.mean():.0f} %" for share in right)
    return f"{note}; who knows only the words is right on {words} of them, who always says one emotion on {guess}"


def _texts(manifest: Manifest) -> dict[str, list[Utterance]]:
    found: dict[str, list[Utterance]] = defaultdict(list)
    for u in manifest:
        if plain := " ".join(re.findall(r"\w+", (u.text or "").casefold())):
            found[plain].append(u)
    return found


def _top(emotions: Collection[str | None]) -> str | None:
    named = Counter(name for name in emotions if name)
    return min(named, key=lambda name: (-named[name], name)) if named else None


def _ids(rows: Sequence[Utterance]) -> tuple[str, ...]:
    return tuple(u.id for u in rows)


# Sound ------------------------------------------------------------------------------------------------------------

_Place = tuple[Path, Segment | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """One recording, or the part of it that an utterance is."""

    digest: bytes
    "of the decoded samples and their rate"
    print: Print
    mute: bool = False
    failure: str = ""


def _listed(manifest: Manifest) -> dict[str, _Place]:
    return {u.id: (manifest.file(u).resolve(), u.segment) for u in manifest}


def _listen(places: Sequence[_Place], progress: Progress | None) -> dict[_Place, _Heard]:
    """Hear each place once. The decoders work outside Python's lock, so threads help."""
    heard: dict[_Place, _Heard] = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for place, one in zip(places, pool.map(_hear, places), strict=True):
            heard[place] = one
            if progress:
                progress(len(heard), len(places))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted search ends at once
    return heard


def _hear(place: _Place) -> _Heard:
    path, segment = place
    digest, prints, loud = hashlib.blake2b(digest_size=16), list[Print](), False
    try:
        with open_recording(path) as recording:
            for samples, start in _stretches(recording, segment):
                digest.update(samples.tobytes())
                loud |= bool(samples.any())
                narrow = resampled(samples, recording.rate, fingerprint.RATE)
                prints.append(fingerprint.take(narrow, start=start))
            digest.update(f"{recording.rate}".encode())
    except AffektError as error:
        return _Heard(b"", fingerprint.join([]), failure=str(error))
    return _Heard(digest.digest() if loud else b"", fingerprint.join(prints), mute=not loud)


def _stretches(recording: Recording, segment: Segment | None) -> Iterator[tuple[Samples, float]]:
    """Yield the samples, a minute at a time, and the seconds at which they begin, counted from the segment's start."""
    rate, begin = recording.rate, 0
    first, last = (0, None) if segment is None else (round(segment.start * rate), round(segment.end * rate))
    for track in recording.tracks("mix", seconds=_STRETCH):
        (samples,) = track.values()
        own = samples[max(0, first - begin) : None if last is None else max(0, last - begin)]
        if len(own):
            yield own, (max(first, begin) - first) / rate
        begin += len(samples)


def _alike(sides: Sequence[dict[str, _Heard]]) -> Iterator[Finding]:
    """Recordings that are the same, or copies."""
    names = [list(side) for side in sides]
    digests = [[one.digest for one in side.values()] for side in sides]
    yield from _identical(names, digests)
    prints = [[one.print for one in side.values()] for side in sides]
    found = fingerprint.matches(prints[-1], prints[0] if len(prints) > 1 else None, least=SUSPECTED)
    items: dict[bool, list[Item]] = {True: [], False: []}  # by whether they are likely
    for match in found:
        if digests[-1][match.query] != digests[0][match.reference]:
            pair = names[0][match.reference], names[-1][match.query]
            if len(sides) == 1:
                pair = pair[1], pair[0]
            likely = match.score >= LIKELY and match.speed == 1
            items[likely].append(Item("", (pair[0],), (pair[1],), round(match.score, 3), match.speed))
    yield from (_copies(likely, items[likely], single=len(sides) == 1) for likely in (True, False) if items[likely])


def _told(finding: Finding, train: Manifest, test: Manifest) -> Finding:
    """Add how many of them bear two speakers' names or two emotions."""
    here, there = ({u.id: u for u in side} for side in (train, test))
    two = {"speakers": 0, "emotions": 0}
    for item in finding.items:
        rows = [*(here[name] for name in item.train), *(there[name] for name in item.test)]
        two["speakers"] += len({u.speaker for u in rows if u.speaker}) > 1
        two["emotions"] += len({u.emotion for u in rows if u.emotion}) > 1
    said = "".join(f"; {number} under two {what}" for what, number in two.items() if number)
    return replace(finding, note=finding.note + said)


def _identical(names: Sequence[Sequence[str]], digests: Sequence[Sequence[bytes]]) -> Iterator[Finding]:
    groups: list[dict[bytes, list[str]]] = []
    for side, hashes in zip(names, digests, strict=True):
        groups.append(defaultdict(list))
        for name, digest in zip(side, hashes, strict=True):
            groups[-1][digest].append(name)
    if len(groups) == 1:
        items = [Item("", (ids[0],), tuple(ids[1:])) for digest, ids in groups[0].items() if digest and len(ids) > 1]
    else:
        both = [digest for digest in groups[0] if digest and digest in groups[1]]
        items = [Item("", tuple(groups[0][digest]), tuple(groups[1][digest])) for digest in both]
    if items:
        where = "more than once in the list" if len(groups) == 1 else "in training and in the test"
        note = f"{_count(len(items), 'recording')} {'is' if len(items) == 1 else 'are'} {where}, sample by sample"
        yield Finding("identical", True, True, note, "keep one, on one side", tuple(items))


def _copies(likely: bool, items: Sequence[Item], *, single: bool) -> Finding:
    ranked = tuple(sorted(items, key=lambda item: (-(item.score or 0), item.train, item.test)))
    where = "" if single else " across the split"
    if likely:
        verb = "is" if len(items) == 1 else "are"
        note = f"{_count(len(items), 'pair')}{where} that {verb} likely one recording, coded, cut or treated since"
        return Finding("copy", False, True, note, "keep one, or all copies on the side of their source", ranked)
    note = f"{_count(len(items), 'pair')}{where} that may be one recording, e.g. played faster or slower, or noisy"
    return Finding("suspected", False, True, note, "listen to both; keep copies on the side of their source", ranked)
