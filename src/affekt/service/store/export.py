"""Calls of a tenant -> Parquet files: calls, turns, points, alerts. One row each, places in seconds of the call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from affekt.registry import need
from affekt.service.store._base import Found, When, unix
from affekt.service.store.calls import Calls

_COLUMNS: dict[str, dict[str, str]] = {
    "calls": {
        **dict.fromkeys(("id", "external", "protocol", "subject", "agent", "queue", "direction", "model"), "text"),
        "notice": "bool",
        "consent": "text",
        **dict.fromkeys(("started", "ended"), "time"),
        "reason": "text",
        "seconds": "number",
        "emotion": "text",
        **dict.fromkeys(("valence", "arousal", "dominance"), "number"),
        "skipped": "count",
    },
    "turns": {
        **dict.fromkeys(("call", "speaker", "role", "emotion"), "text"),
        **dict.fromkeys(("start", "end", "speaker_confidence"), "number"),
    },
    "points": {
        "call": "text",
        "time": "number",
        **dict.fromkeys(("speaker", "emotion"), "text"),
        **dict.fromkeys(("level", "valence", "arousal", "dominance"), "number"),
        "uncertain": "bool",
        "snr": "number",
        "levels": "levels",
    },
    "alerts": {
        **dict.fromkeys(("id", "call", "rule", "speaker", "state", "reason", "by"), "text"),
        **dict.fromkeys(("time", "start", "end", "snr"), "number"),
        **dict.fromkeys(("fired", "changed"), "time"),
    },
}


class Export(Calls):
    """What leaves as a whole."""

    def export(self, tenant: str, folder: Path, since: When | None = None, until: When | None = None) -> dict[str, int]:
        """Write `calls.parquet`, `turns.parquet`, `points.parquet` and `alerts.parquet` of calls.

        Those that began from `since` on and before `until`. Memory does not grow with their number. A file is there
        when it is whole. Returns how many rows each has.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = {name: _File(folder / f"{name}.parquet", columns) for name, columns in _COLUMNS.items()}
        try:
            for call in self._calls_between(tenant, since, until):
                files["calls"].add([call])
                for name in ("turns", "points", "alerts"):
                    files[name].add([row | {"call": call["id"]} for row in call[name]])
            return {name: file.close() for name, file in files.items()}
        finally:
            for file in files.values():
                file.drop()

    def _calls_between(self, tenant: str, since: When | None, until: When | None) -> Iterator[Found]:
        cursor = None
        while True:
            found = self.calls(tenant, since=since, until=until, cursor=cursor)
            for short in found["items"]:
                call = self.call(tenant, short["id"])
                if call is not None:  # erased meanwhile
                    yield call
            cursor = found["next"]
            if cursor is None:
                return


class _File:
    """A Parquet file that grows by row groups."""

    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        self._arrow = need("pyarrow", extra="data")
        self._schema = self._arrow.schema([(name, self._type(kind)) for name, kind in columns.items()])
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._writer: Any = need("pyarrow.parquet", extra="data").ParquetWriter(self._part, self._schema)
        self._columns = columns
        self._rows: list[Found] = []
        self._count = 0

    def add(self, rows: list[Found]) -> None:
        self._rows += [{name: _value(row[name], kind) for name, kind in self._columns.items()} for row in rows]
        if len(self._rows) >= _GROUP:
            self._flush()

    def close(self) -> int:
        self._flush()
        self._writer.close()
        self._part.replace(self._path)
        return self._count

    def drop(self) -> None:
        """Leave nothing half-written behind; what was closed is there."""
        self._writer.close()
        self._part.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._count += len(self._rows)
            self._rows = []

    def _type(self, kind: str) -> Any:
        arrow = self._arrow
        return {
            "text": arrow.string(),
            "bool": arrow.bool_(),
            "time": arrow.timestamp("ms", tz="UTC"),
            "number": arrow.float64(),
            "count": arrow.int64(),
            "levels": arrow.map_(arrow.string(), arrow.float32()),
        }[kind]


_GROUP = 20_000  # rows of a row group


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "time":
        return round(unix(value) * 1000)
    return list(value.items()) if kind == "levels" else value
