"""Folder of a corpus -> report: is it what it claims to be? Every recording is decoded once.

A corpus fails for what changes results: missing, unreadable, silent or doubled recordings, impossible labels, counts
that are not the official ones. Clipping and audio that belongs to no row are reported only. Defects of the official
release, listed in the card, are reported and do not fail.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt import registry
from affekt.audio import open_recording
from affekt.datasets._card import AUDIO, Card, audio_files
from affekt.errors import AudioError, DataError
from affekt.manifest import Manifest
from affekt.types import Utterance

SCHEMA = "affekt.check/1"

_HARMLESS = ("clipped", "extra")
_SLACK = 0.1  # seconds by which annotated ends may exceed the file: annotators' clocks are rounded


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    kind: str
    "count, label, missing, extra, unreadable, silent, clipped or duplicate"
    items: tuple[str, ...]
    "ids of utterances, or paths of files that are no utterance"
    note: str
    known: bool = False
    "a defect of the official release, listed in the card"

    @property
    def fails(self) -> bool:
        """Whether the corpus is not what it claims to be."""
        return not self.known and self.kind not in _HARMLESS


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, beside what the card promises."""

    card: Card
    root: Path
    clips: int
    speakers: int
    seconds: float
    "decoded audio, all files"
    emotions: Mapping[str, int]
    unlabelled: int
    "utterances without an emotion"
    findings: tuple[Finding, ...]
    fingerprint: str

    @property
    def ok(self) -> bool:
        """Whether the corpus is what it claims to be."""
        return not any(finding.fails for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SCHEMA,
            "corpus": self.card.name,
            "root": str(self.root),
            "ok": self.ok,
            "fingerprint": self.fingerprint,
            "hours": round(self.seconds / 3600, 4),
            "clips": {"found": self.clips, "official": self.card.clips},
            "speakers": {"found": self.speakers, "official": self.card.speakers},
            "emotions": {"found": dict(self.emotions), "official": dict(self.card.emotions) or None},
            "unlabelled": self.unlabelled,
            "findings": [
                {"kind": f.kind, "fails": f.fails, "known": f.known, "note": f.note, "items": list(f.items)}
                for f in self.findings
            ],
        }


def check(name: str, root: Path, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read the labels and decode all audio of a corpus.

    Args:
        name: the corpus.
        root: its folder.
        progress: called with (files done, files in all).

    Raises:
        UnknownNameError: no such corpus.
    """
    module = registry.load("datasets", name)
    card: Card = module.CARD
    try:
        manifest: Manifest = module.read(root)
        listed = frozenset(module.expected(manifest.root or root)) if hasattr(module, "expected") else frozenset()
    except DataError as error:
        return Report(card, root, 0, 0, 0.0, {}, 0, (Finding("label", (), str(error)),), "")
    heard = _listen(manifest, progress or (lambda done, total: None))
    findings = [*_labels(manifest, heard), *_files(card, manifest, listed), *_audio(card, manifest, heard)]
    absent = sum(len(f.items) for f in findings if f.kind == "missing" and f.known)
    return Report(
        card=card,
        root=root,
        clips=len(manifest),
        speakers=len(manifest.speakers),
        seconds=sum(h.seconds for h in heard.values()),
        emotions=manifest.counts,
        unlabelled=sum(u.emotion is None for u in manifest),
        findings=(*_counts(card, manifest, absent), *findings),
        fingerprint=manifest.fingerprint,
    )


@dataclass(frozen=True, slots=True)
class _Heard:
    """One decoded file."""

    seconds: float
    digest: bytes
    "of the decoded samples, rate and channels"
    faults: Mapping[str, str]
    "kind of finding -> what a person should know"


def _listen(manifest: Manifest, progress: Callable[[int, int], None]) -> dict[str, _Heard]:
    """Decode every file once: path -> what was heard. The decoders work outside Python's lock, so threads help."""
    root, paths = manifest.root or Path(), list(dict.fromkeys(u.path for u in manifest))
    heard: dict[str, _Heard] = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for path, one in zip(paths, pool.map(_hear, (root / path for path in paths)), strict=True):
            heard[path] = one
            progress(len(heard), len(paths))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted check ends at once
    return heard


_FAULTS = {"clipped": "clipped", "silent": "silent", "damaged": "unreadable", "truncated": "unreadable"}
"First word of a recording's note -> kind of finding."


def _hear(path: Path) -> _Heard:
    digest, frames = hashlib.blake2b(digest_size=16), 0
    try:
        with open_recording(path) as recording:
            for block in recording.blocks():
                digest.update(block.tobytes())
                frames += len(block)
            digest.update(f"{recording.rate} {recording.channels}".encode())
            notes = {note.partition(":")[0]: note for note in recording.notes}
    except AudioError as error:
        return _Heard(0.0, b"", {"unreadable": str(error).removeprefix(f"{path}: ")})
    faults = {_FAULTS[word]: note.partition(": ")[2] for word, note in notes.items() if word in _FAULTS}
    return _Heard(frames / recording.rate, digest.digest(), faults)


def _counts(card: Card, manifest: Manifest, absent: int) -> Iterator[Finding]:
    """Compare with the card; `absent` clips are known to be missing in the release."""
    if card.clips is not None and len(manifest) != card.clips - absent:
        yield Finding("count", (), f"{len(manifest)} clips, the official release has {card.clips}")
    if card.speakers is not None and len(manifest.speakers) != card.speakers:
        yield Finding("count", (), f"{len(manifest.speakers)} speakers, the official release has {card.speakers}")
    counts = manifest.counts
    wrong = {name: n for name, n in card.emotions.items() if not 0 <= n - counts.get(name, 0) <= absent}
    for name, n in wrong.items():
        yield Finding("count", (), f"{counts.get(name, 0)} clips of {name}, the official release has {n}")


def _labels(manifest: Manifest, heard: Mapping[str, _Heard]) -> Iterator[Finding]:
    """Values that cannot be: shares that do not sum to 1, affect beyond its range, segments beyond the file."""
    problems: dict[str, list[str]] = defaultdict(list)
    for u in manifest:
        for what in _impossible(u, heard[u.path].seconds):
            problems[what].append(u.id)
    for what, ids in problems.items():
        yield Finding("label", tuple(ids), what)


def _impossible(u: Utterance, seconds: float) -> Iterator[str]:
    if u.ratings is not None and abs(sum(u.ratings.values()) - 1) > 1e-6:
        yield "the ratings do not sum to 1"
    if u.affect is not None and max(map(abs, (u.affect.valence, u.affect.arousal, u.affect.dominance))) > 1:
        yield "valence, arousal or dominance is outside [-1, 1]"
    if u.segment is not None and seconds and u.segment.end > seconds + _SLACK:
        yield "the segment ends after its file"


def _files(card: Card, manifest: Manifest, listed: Collection[str]) -> Iterator[Finding]:
    """What the release lists and is not there, and audio that is there and in no row."""
    missing = sorted(set(listed) - {u.id for u in manifest})
    yield from _split_known(card, "missing", missing, "listed in the release, but no audio")
    root = manifest.root or Path()
    if card.clips is not None or listed:  # the generic readers take everything
        read = {u.path for u in manifest}
        suffixes = (*AUDIO, ".mp4") if any(path.endswith(".mp4") for path in read) else AUDIO
        extra = tuple(path for path in audio_files(root, suffixes).values() if path not in read)
        if extra:
            yield Finding("extra", extra, "audio that belongs to no row; it is not read")


def _audio(card: Card, manifest: Manifest, heard: Mapping[str, _Heard]) -> Iterator[Finding]:
    ids: dict[str, list[str]] = defaultdict(list)
    for u in manifest:
        ids[u.path].append(u.id)
    for kind in ("unreadable", "silent", "clipped"):
        notes = {name: h.faults[kind] for path, h in heard.items() if kind in h.faults for name in ids[path]}
        yield from _split_known(card, kind, notes, _common(notes.values()))
    alike: dict[bytes, list[str]] = defaultdict(list)
    for path, h in heard.items():
        if h.digest:
            alike[h.digest].append(path)
    for paths in alike.values():
        if len(paths) > 1:
            same = tuple(name for path in paths for name in ids[path])
            yield _known(card, Finding("duplicate", same, "the same recording, sample by sample"))


def _common(notes: Iterable[str]) -> str:
    """Return the most frequent note; where others differ, only in numbers or not, it stands for them as an example."""
    ranked = Counter(notes).most_common()
    return "" if not ranked else ranked[0][0] if len(ranked) == 1 else f"e.g. {ranked[0][0]}"


def _split_known(card: Card, kind: str, ids: Iterable[str], note: str) -> Iterator[Finding]:
    """One finding for what the card knows of, one for what it does not."""
    listed = {name: d for d in card.defects if d.kind == kind for name in d.ids}
    found = list(ids)
    for defect in dict.fromkeys(listed[name] for name in found if name in listed):
        here = tuple(name for name in found if listed.get(name) == defect)
        yield Finding(kind, here, defect.note, known=True)
    unknown = tuple(name for name in found if name not in listed)
    if unknown:
        yield Finding(kind, unknown, note)


def _known(card: Card, finding: Finding) -> Finding:
    """Mark a group of duplicates that the card lists."""
    for defect in card.defects:
        if defect.kind == finding.kind and set(finding.items) <= set(defect.ids):
            return Finding(finding.kind, finding.items, defect.note, known=True)
    return finding
