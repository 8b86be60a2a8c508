"""Utterances <-> JSONL or Parquet; filters, a fingerprint, and splits that no speaker crosses.

A manifest is the labelled list of a corpus's recordings, without the audio. Its fingerprint depends on what the rows
say, not on their order, the folder they lie in or the audio container, so two people can tell that they trained on the
same data. Splits are by speaker or session only: a `Fold` whose parts share one cannot be built without its `leaky`
flag, because scores of such splits are 4-31 points too high (benchmarks/LEAKAGE.md).
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from affekt.errors import DataError, UsageError
from affekt.registry import need
from affekt.types import Affect, LabelSet, Segment, Utterance

SCHEMA = "affekt.manifest/1"

By = Literal["speaker", "session"]
Part = Literal["train", "dev", "test"]

_TEXT = ("id", "path", "speaker", "emotion", "language", "text", "session", "sex")
_NUMBERS = ("valence", "arousal", "dominance", "start", "end")
_REQUIRED = ("id", "path", "speaker")
_COLUMNS = frozenset((*_TEXT, *_NUMBERS, "age", "ratings", "extra"))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The labelled recordings of one corpus, or of a part of it.

    >>> a = Utterance("a", "x/a.wav", "demo/1", "anger")
    >>> b = Utterance("b", "x/b.wav", "demo/2", "neutral")
    >>> manifest = Manifest("demo", LabelSet(("anger", "neutral")), (a, b), licence="CC0-1.0", citation="")
    >>> manifest.speakers, len(manifest), manifest.counts
    (('demo/1', 'demo/2'), 2, {'anger': 1, 'neutral': 1})
    >>> manifest.fingerprint == replace(manifest, utterances=(b, a)).fingerprint
    True

    Raises:
        DataError: two utterances have one id, or an emotion is not among the labels.
    """

    name: str
    "the corpus, e.g. ravdess"
    labels: LabelSet
    utterances: tuple[Utterance, ...]
    licence: str
    citation: str
    root: Path | None = None
    "folder that the utterances' paths are relative to"

    def __post_init__(self) -> None:
        twice = [i for i, n in Counter(u.id for u in self.utterances).items() if n > 1]
        if twice:
            paths = [u.path for u in self.utterances if u.id == twice[0]]
            raise DataError(f"{self.name}: the id {twice[0]!r} occurs twice ({', '.join(paths)}); ids must be unique")
        for u in self.utterances:
            if u.emotion is not None and u.emotion not in self.labels:
                raise DataError(
                    f"{self.name}: {u.id} is labelled {u.emotion!r}, which is not one of {', '.join(self.labels)}"
                )

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def counts(self) -> dict[str, int]:
        """Utterances per emotion, in the order of the labels; those without a label are not counted."""
        found = Counter(u.emotion for u in self.utterances)
        return {name: found[name] for name in self.labels}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the labels and rows, whatever the rows' order, the root and the audio's file suffix."""
        digest = hashlib.sha256(_dump([SCHEMA, list(self.labels)]).encode())
        for row in sorted(map(_canonical, self.utterances)):
            digest.update(row.encode() + b"\n")
        return digest.hexdigest()

    def file(self, utterance: Utterance) -> Path:
        """Where the utterance's audio lies.

        Raises:
            DataError: the manifest has no root.
        """
        if self.root is None:
            raise DataError(f"{self.name}: this manifest does not say where its audio lies; set its `root`")
        return self.root / utterance.path

    def filter(self, keep: Callable[[Utterance], bool]) -> Manifest:
        """Return the utterances for which `keep` is true; the labels stay."""
        return replace(self, utterances=tuple(u for u in self.utterances if keep(u)))

    def subset(self, ids: Iterable[str]) -> Manifest:
        """Return the utterances with these ids, in the manifest's order.

        Raises:
            DataError: an id is not in the manifest.
        """
        wanted = set(ids)
        unknown = wanted - {u.id for u in self.utterances}
        if unknown:
            raise DataError(f"{self.name} has no utterance with the id {_some(unknown)}")
        return self.filter(lambda u: u.id in wanted)

    def relabel(self, labels: LabelSet, mapping: Mapping[str, str] | None = None) -> Manifest:
        """Bring emotions and ratings to `labels`; utterances whose emotion is not among them are dropped.

        Args:
            labels: the labels to arrive at, in the order of a model's outputs.
            mapping: own name -> name in `labels`, for names that differ.

        >>> calm = Utterance("a", "a.wav", "demo/1", "calm", ratings={"calm": 0.5, "fear": 0.5})
        >>> manifest = Manifest("demo", LabelSet(("calm", "fear")), (calm,), licence="", citation="")
        >>> [(u.emotion, u.ratings) for u in manifest.relabel(LabelSet(("neutral",)), {"calm": "neutral"})]
        [('neutral', {'neutral': 1.0})]
        """
        to = mapping or {}

        def moved(u: Utterance) -> Utterance:
            name = None if u.emotion is None else to.get(u.emotion, u.emotion)
            return replace(u, emotion=name, ratings=_merge(u.ratings, to, labels))

        kept = tuple(v for v in map(moved, self.utterances) if v.emotion in labels)
        return replace(self, labels=labels, utterances=kept)


def _merge(ratings: Mapping[str, float] | None, to: Mapping[str, str], labels: LabelSet) -> dict[str, float] | None:
    """Shares under the new names, summing to 1 again; None when nothing is left."""
    merged: dict[str, float] = {}
    for name, share in (ratings or {}).items():
        if to.get(name, name) in labels:
            merged[to.get(name, name)] = merged.get(to.get(name, name), 0.0) + share
    total = sum(merged.values())
    return {name: share / total for name, share in merged.items()} if total else None


# --- splits


@dataclass(frozen=True, slots=True)
class Fold:
    """One split. No speaker is in two parts and no session in both train and test, unless it says so.

    Raises:
        DataError: the parts share a speaker or session and `leaky` is not set.
    """

    name: str
    train: Manifest
    test: Manifest
    dev: Manifest | None = None
    leaky: bool = False
    "train, dev and test share speakers or sessions: scores are too high and must be marked"

    def __post_init__(self) -> None:
        shared = _leak(self.train, self.dev, self.test)
        if shared and not self.leaky:
            raise DataError(
                f"fold {self.name}: {_some(shared)} would be heard in training and in the test. Split by speaker "
                f"(or by session), or pass allow_leak=True, which marks the result as leaky."
            )


def _leak(train: Manifest, dev: Manifest | None, test: Manifest) -> set[str]:
    """Speakers in two parts, and sessions in both train and test."""
    heard, judged = set(train.speakers), set(test.speakers)
    tuned = set(dev.speakers) if dev else set()
    sessions = {u.session for u in train} & {u.session for u in test}
    return (heard & judged) | (heard & tuned) | (tuned & judged) | {s for s in sessions if s is not None}


def folds_sha256(folds: Iterable[Fold]) -> str:
    """Hash who is on which side of which fold, whatever their recordings and the order in which people are named.

    >>> rows = tuple(Utterance(s, f"{s}.wav", s, None) for s in "abc")
    >>> manifest = Manifest("demo", LabelSet(()), rows, licence="", citation="")
    >>> folds_sha256(leave_one_speaker_out(manifest))[:12]
    '6762acf0845d'
    """
    return sides_sha256([side.speakers if side else () for side in (f.train, f.dev, f.test)] for f in folds)


def sides_sha256(folds: Iterable[Iterable[Iterable[str]]]) -> str:
    """`folds_sha256` of bare names: for each fold the speakers of train, dev and test."""
    sides = [[sorted(set(side)) for side in fold] for fold in folds]
    return hashlib.sha256(json.dumps(sides, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def fold(name: str, *, train: Manifest, test: Manifest, dev: Manifest | None = None, allow_leak: bool = False) -> Fold:
    """Build a fold; with `allow_leak` a leak sets the fold's `leaky` flag instead of raising.

    Raises:
        DataError: train or test is empty, or they share a speaker or session.
    """
    for part, manifest in (("train", train), ("test", test)):
        if not manifest.utterances:
            raise DataError(f"fold {name}: no utterance is left to {part} with; the manifest lacks those speakers")
    return Fold(name, train, test, dev, leaky=allow_leak and bool(_leak(train, dev, test)))


def predefined(
    manifest: Manifest, part: Callable[[Utterance], Part | None], *, name: str, allow_leak: bool = False
) -> Fold:
    """Split as a release says: `part` names each utterance's part, None leaves it out."""

    def side(wanted: Part) -> Manifest:
        return manifest.filter(lambda u: part(u) == wanted)

    dev = side("dev")
    return fold(name, train=side("train"), test=side("test"), dev=dev if len(dev) else None, allow_leak=allow_leak)


def folds_by_groups(
    manifest: Manifest,
    groups: Sequence[Collection[str]],
    *,
    dev: Sequence[Collection[str]] | None = None,
    by: By = "speaker",
    allow_leak: bool = False,
) -> list[Fold]:
    """One fold per group: the group is tested, `dev` tunes, everybody else trains.

    Args:
        manifest: what to split.
        groups: speakers (or sessions) that are tested together; every one of the manifest is in exactly one group.
        dev: for each fold the speakers (or sessions) to tune on, or None for no dev part.
        by: what the groups name.
        allow_leak: mark leaking folds as leaky instead of refusing them.

    Raises:
        DataError: a speaker is in no group or in two, or a fold leaks.

    >>> rows = tuple(Utterance(f"{s}{i}", f"{s}{i}.wav", s, "fear") for s in "abc" for i in range(2))
    >>> manifest = Manifest("demo", LabelSet(("fear",)), rows, licence="", citation="")
    >>> [(f.name, f.test.speakers, f.train.speakers) for f in folds_by_groups(manifest, ["a", "bc"])]
    [('1', ('a',), ('b', 'c')), ('2', ('b', 'c'), ('a',))]
    """
    keys = {u.id: _key(u, by) for u in manifest}
    member = Counter(name for group in groups for name in set(group))
    stray, twice = set(keys.values()) - set(member), {name for name, n in member.items() if n > 1}
    if stray or twice:
        wrong = f"{_some(stray)} is in no group" if stray else f"{_some(twice)} is in two groups"
        raise DataError(f"{manifest.name}: {wrong}; every {by} must be in exactly one")

    def one(number: int, test: Collection[str]) -> Fold:
        tune = frozenset(dev[number]) if dev else frozenset()
        held = tune | frozenset(test)
        return fold(
            str(number + 1),
            train=manifest.filter(lambda u: keys[u.id] not in held),
            test=manifest.filter(lambda u: keys[u.id] in test),
            dev=manifest.filter(lambda u: keys[u.id] in tune) if tune else None,
            allow_leak=allow_leak,
        )

    return [one(number, frozenset(group)) for number, group in enumerate(groups)]


def _key(utterance: Utterance, by: By) -> str:
    key = utterance.speaker if by == "speaker" else utterance.session
    if key is None:
        raise DataError(f"{utterance.id} has no {by}; this manifest cannot be split by {by}")
    return key


def leave_one_out(manifest: Manifest, *, by: By = "speaker", allow_leak: bool = False) -> list[Fold]:
    """One fold per speaker (or session), in sorted order; each fold bears its name."""
    keys = sorted({_key(u, by) for u in manifest})
    folds = folds_by_groups(manifest, [(key,) for key in keys], by=by, allow_leak=allow_leak)
    return [replace(f, name=key) for f, key in zip(folds, keys, strict=True)]


def leave_one_speaker_out(manifest: Manifest) -> list[Fold]:
    """One fold per speaker, in sorted order.

    Raises:
        DataError: a tested speaker's session is also heard in training (two people in one recording): split by
            session instead, or use `leave_one_out(..., allow_leak=True)`.
    """
    return leave_one_out(manifest)


def speaker_groups(manifest: Manifest, k: int, *, seed: int = 0) -> list[tuple[str, ...]]:
    """Deal the speakers into `k` groups of about equally many utterances; the same seed gives the same groups anywhere.

    The largest speakers are dealt first, each to the smallest group; the seed decides between equals.

    >>> rows = tuple(Utterance(str(i), f"{i}.wav", "aaabbcd"[i], None) for i in range(7))
    >>> manifest = Manifest("demo", LabelSet(()), rows, licence="", citation="")
    >>> sorted(sorted(group) for group in speaker_groups(manifest, 2))
    [['a', 'c'], ['b', 'd']]

    Raises:
        UsageError: there are fewer than `k` speakers.
    """
    sizes = Counter(u.speaker for u in manifest)
    if not 1 <= k <= len(sizes):
        raise UsageError(f"cannot deal {len(sizes)} speakers into {k} groups; choose 1 to {len(sizes)}")
    groups: list[list[str]] = [[] for _ in range(k)]
    for speaker in sorted(sizes, key=lambda s: (-sizes[s], hashlib.sha256(f"{seed}:{s}".encode()).digest())):
        min(groups, key=lambda g: (sum(sizes[s] for s in g), len(g))).append(speaker)
    return [tuple(sorted(group)) for group in groups]


# --- files


def write(manifest: Manifest, path: str | Path) -> None:
    """Write as JSONL (a header line, then a line per utterance) or Parquet, by the file's suffix.

    Raises:
        UsageError: the suffix is neither .jsonl nor .parquet.
        MissingExtraError: Parquet without pyarrow.
    """
    path = Path(path)
    header = {
        "schema": SCHEMA,
        "name": manifest.name,
        "labels": list(manifest.labels),
        "licence": manifest.licence,
        "citation": manifest.citation,
        "root": None if manifest.root is None else str(manifest.root),
        "utterances": len(manifest),
        "fingerprint": manifest.fingerprint,
    }
    rows = [_to_row(u) for u in manifest]
    if _format(path) == ".jsonl":
        path.write_text("".join(_dump(line) + "\n" for line in (header, *rows)), encoding="utf-8", newline="\n")
    else:
        _write_parquet(path, header, rows)


def read(path: str | Path) -> Manifest:
    """Read what `write` wrote; equal to what was written.

    Raises:
        DataError: not a manifest, or damaged; the message has the line (or row) and what is wrong with it.
        UsageError: the suffix is neither .jsonl nor .parquet.
        MissingExtraError: Parquet without pyarrow.
    """
    path = Path(path)
    lines = _read_jsonl(path) if _format(path) == ".jsonl" else _read_parquet(path)
    where, first = next(lines, (f"{path}, line 1", None))
    header = _check_header(first, where)
    labels = LabelSet(tuple(header["labels"]))
    utterances = tuple(_from_row(row, where, labels) for where, row in lines)
    if len(utterances) != header.get("utterances", len(utterances)):
        raise DataError(
            f"{path}: the header announces {header['utterances']} utterances, {len(utterances)} follow; cut short?"
        )
    root = None if header.get("root") is None else Path(header["root"])
    manifest = Manifest(header["name"], labels, utterances, header["licence"], header["citation"], root)
    if manifest.fingerprint != header.get("fingerprint", manifest.fingerprint):
        raise DataError(
            f"{path}: the rows do not have the fingerprint of the header: they were changed since they were written; "
            f'delete "fingerprint" from the header if the change was meant'
        )
    return manifest


def _format(path: Path) -> str:
    if path.suffix not in (".jsonl", ".parquet"):
        raise UsageError(f"a manifest is a .jsonl or .parquet file, not {path.name!r}")
    return path.suffix


def _read_jsonl(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                yield f"{path}, line {number}", json.loads(line)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a manifest: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {number}: not JSON ({error.msg}, column {error.colno})") from error


def _read_parquet(path: Path) -> Iterator[tuple[str, Any]]:
    parquet = need("pyarrow.parquet", extra="data")
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these two
        raise DataError(f"cannot read {path} as Parquet: {error}") from error
    header = (table.schema.metadata or {}).get(b"affekt.manifest", b"null")
    yield f"{path}, schema metadata", json.loads(header)
    for number, row in enumerate(table.to_pylist(), 1):
        for name in ("ratings", "extra"):
            if row.get(name) is not None:
                row[name] = dict(row[name])
        yield f"{path}, row {number}", {k: v for k, v in row.items() if v is not None}


def _write_parquet(path: Path, header: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    arrow, parquet = need("pyarrow", extra="data"), need("pyarrow.parquet", extra="data")
    text, number = arrow.string(), arrow.float64()
    fields = [(name, text) for name in _TEXT] + [(name, number) for name in _NUMBERS]
    fields += [("age", arrow.int64()), ("ratings", arrow.map_(text, number)), ("extra", arrow.map_(text, text))]
    schema = arrow.schema(fields, metadata={"affekt.manifest": _dump(header)})
    mapped = [{k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()} for row in rows]
    parquet.write_table(arrow.Table.from_pylist(mapped, schema=schema), path)


def _to_row(u: Utterance) -> dict[str, Any]:
    """Flat row: one key per column, empty ones left out."""
    row: dict[str, Any] = {name: getattr(u, name) for name in (*_TEXT, "age")}
    if u.affect is not None:
        row |= {name: float(getattr(u.affect, name)) for name in _NUMBERS[:3]}
    if u.segment is not None:
        row |= {"start": float(u.segment.start), "end": float(u.segment.end)}
    row["ratings"] = None if u.ratings is None else {name: float(share) for name, share in u.ratings.items()}
    row["extra"] = dict(u.extra) or None
    return {name: value for name, value in row.items() if value is not None}


def _from_row(row: Any, where: str, labels: LabelSet) -> Utterance:
    _check_row(row, where, labels)
    segment = Segment(float(row["start"]), float(row["end"])) if "start" in row else None
    affect = Affect(*(float(row[name]) for name in _NUMBERS[:3])) if "valence" in row else None
    ratings = {name: float(share) for name, share in row["ratings"].items()} if "ratings" in row else None
    text = {name: row.get(name) for name in _TEXT}
    return Utterance(
        **text, affect=affect, segment=segment, ratings=ratings, age=row.get("age"), extra=row.get("extra", {})
    )


def _check_row(row: Any, where: str, labels: LabelSet) -> None:
    """Refuse a row that is not an utterance.

    Raises:
        DataError: with the place, the column and what was expected.
    """

    def refuse(what: str) -> DataError:
        return DataError(f"{where}: {what}")

    if not isinstance(row, dict):
        raise refuse("expected one JSON object per line")
    if missing := [name for name in _REQUIRED if name not in row]:
        raise refuse(f"{', '.join(missing)} missing")
    if unknown := sorted(set(row) - _COLUMNS):
        raise refuse(f"unknown column {', '.join(unknown)}; known: {', '.join(sorted(_COLUMNS))}")
    for name in _TEXT:
        if not isinstance(row.get(name, ""), str):
            raise refuse(f"{name} must be text, not {row[name]!r}")
    for name in (*_NUMBERS, "age"):
        if not _is_number(row.get(name, 0)) or (name == "age" and not isinstance(row.get("age", 0), int)):
            raise refuse(f"{name} must be a number, not {row[name]!r}")
    for group in (("valence", "arousal", "dominance"), ("start", "end")):
        if 0 < sum(name in row for name in group) < len(group):
            raise refuse(f"{', '.join(group)} must be given together")
    _check_values(row, refuse, labels)


def _check_values(row: Mapping[str, Any], refuse: Callable[[str], DataError], labels: LabelSet) -> None:
    if "emotion" in row and row["emotion"] not in labels:
        raise refuse(f"the emotion {row['emotion']!r} is not one of the labels in the header: {', '.join(labels)}")
    if row.get("sex", "female") not in ("female", "male"):
        raise refuse(f"sex must be female or male, not {row['sex']!r}")
    if "start" in row and not row["start"] <= row["end"]:
        raise refuse(f"the segment ends ({row['end']} s) before it starts ({row['start']} s)")
    ratings, extra = row.get("ratings", {}), row.get("extra", {})
    if not isinstance(ratings, dict) or not all(_is_number(share) for share in ratings.values()):
        raise refuse("ratings must be an object of emotion: share")
    if not isinstance(extra, dict) or not all(isinstance(value, str) for value in extra.values()):
        raise refuse("extra must be an object of name: text")


def _check_header(header: Any, where: str) -> dict[str, Any]:
    """Return the header, or refuse what is not one.

    Raises:
        DataError: with the place, the key and what was expected.
    """
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise DataError(f'{where}: not a manifest; it must begin with a header whose "schema" is {SCHEMA!r}')
    for name in ("name", "licence", "citation"):
        if not isinstance(header.get(name), str):
            raise DataError(f"{where}: the header's {name} must be text, not {header.get(name)!r}")
    if not isinstance(header.get("root"), str | None):
        raise DataError(f"{where}: the header's root must be a folder or null, not {header['root']!r}")
    labels = header.get("labels")
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise DataError(f"{where}: the header's labels must be a list of names, not {labels!r}")
    if len(set(labels)) < len(labels):
        raise DataError(f"{where}: the header's labels must be unique, not {', '.join(labels)}")
    return header


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _canonical(u: Utterance) -> str:
    """Return the row for the fingerprint: keys sorted, and a FLAC copy of a WAV is the same recording."""
    return json.dumps(_to_row(u) | {"path": posixpath.splitext(u.path)[0]}, sort_keys=True)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _some(names: Collection[str], most: int = 5) -> str:
    """`a, b, c, ... (12 in all)`."""
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
