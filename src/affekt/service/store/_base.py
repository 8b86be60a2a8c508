"""A database -> transactions, on SQLite or PostgreSQL alike: many read at once, one writes."""

from __future__ import annotations

import base64
import json
import math
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    URL,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    column,
    create_engine,
    event,
    func,
    make_url,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, TimeoutError

from affekt.errors import DataError, UsageError
from affekt.service.store.vault import Vault

When = float | str | datetime
"""A time of day: Unix seconds, ISO 8601 (UTC where no zone is told), or a datetime."""
Found = dict[str, Any]
"""A row, ready for JSON."""

PAGE = 200
"""rows that one page holds at most"""

_BUSY = 30.0  # s that a writer waits for another process; longer than any transaction of ours
_KEPT, _MORE = 8, 56  # connections that stay open; that come on top where that many threads ask at once
_LOCK = 0x41666665  # of PostgreSQL's advisory locks: ours
_TEXT = 400  # characters that a label keeps; more is a mistake, or an attack


class Database:
    """Connections to one database, and what all parts of the store need of it."""

    def __init__(self, url: str, secret: bytes, *, vault: Path | None = None) -> None:
        self._url = _checked(url)
        self._secret = secret
        self.vault = None if vault is None else Vault(vault, secret)
        self._engine = _engine(self._url)
        self._writing = threading.Lock()
        self.timed: Callable[[str, float], None] = lambda operation, seconds: None
        "told of each transaction: read or write, and the seconds that it took"
        self._insert = sqlite.insert if self._lite else postgresql.insert

    @property
    def _lite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DataError: it cannot be reached, or its tables are not those of this version.
        """
        from affekt.service.store.migrations import head, revision

        with self._read() as c:
            found = revision(c)
        if found != head():
            raise DataError(
                f"the tables of {self._url} are of version {found}, and this affekt needs {head()}: migrate() first"
            )

    def migrate(self) -> None:
        """Bring the tables to this version, from nothing or from any older one; what is in them stays.

        Raises:
            DataError: a newer affekt has been here.
        """
        from affekt.service.store.migrations import upgrade

        with self._write() as c:
            upgrade(c)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A look at one state of the database, whatever is written meanwhile."""
        with self._told(), self._clocked("read"), self._engine.connect() as c, c.begin():
            if not self._lite:  # as SQLite does by itself
                c.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield c

    @contextmanager
    def _clocked(self, operation: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.timed(operation, time.perf_counter() - begun)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """A transaction of the one writer: others wait, here in their thread and elsewhere in the database.

        So what is read in it is still so when it is written, and no two writers ever wait for each other.
        """
        with self._told(), self._clocked("write"), self._writing, self._engine.connect() as plain:
            c = plain.execution_options(affekt_writes=True)
            with c.begin():
                if not self._lite:
                    c.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                yield c

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what the database would not do, without what it was asked to keep: that is nothing for a log."""
        try:
            yield
        except (DBAPIError, TimeoutError) as error:
            cause = getattr(error, "orig", error)
            raise DataError(f"the database {self._url} cannot be reached, or refuses: {cause}") from None

    def _excluded(self, table: Table) -> Any:
        """Return the row that an upsert would have inserted."""
        return self._insert(table).excluded

    def _upsert(self, c: Connection, table: Table, rows: Sequence[Found], **more: Any) -> Sequence[Row[Any]]:
        """Insert rows, many at once; those whose key is there are left, or changed where `change` says how.

        What comes back is what was inserted or changed: the key columns, or those of `returning`.
        """
        if not rows:
            return []
        insert, values = self._inserting(table, rows)
        keys = list(table.primary_key) if "on" not in more else [table.c[name] for name in more["on"]]
        if "change" in more:
            insert = insert.on_conflict_do_update(
                index_elements=keys, set_=more["change"](insert.excluded), where=more.get("where")
            )
        else:
            insert = insert.on_conflict_do_nothing(index_elements=keys)
        return c.execute(insert.returning(*more.get("returning", keys)), values).all()

    def _inserting(self, table: Table, rows: Sequence[Found]) -> tuple[Any, Any]:
        """Return what inserts many rows, and its values.

        PostgreSQL gets them as one JSON value: thousands of parameters take it, and its driver, ten times as long.
        """
        if self._lite:
            return self._insert(table), rows
        columns = [table.c[name] for name in rows[0]]
        given = func.json_to_recordset(bindparam("rows", type_=JSON)).table_valued(
            *(column(each.key, each.type) for each in columns), name="given"
        )
        chosen = select(*given.render_derived(with_types=True).c)
        return self._insert(table).from_select(columns, chosen), {"rows": rows}


# The engine -------------------------------------------------------------------------------------------------------


def _checked(url: str) -> URL:
    try:
        given = make_url(url)
    except ArgumentError as error:
        raise UsageError(f"{url!r} is no address of a database; {_ALLOWED}") from error
    if given.get_backend_name() == "postgresql":
        return given.set(drivername="postgresql+pg8000")
    if given.get_backend_name() == "sqlite" and given.database and given.database != ":memory:":
        return given.set(drivername="sqlite+pysqlite")
    raise UsageError(f"{given} is a database that the service cannot use; {_ALLOWED}")


_ALLOWED = "give sqlite:///file.db or postgresql://user@host/name"


def _engine(url: URL) -> Engine:
    lite = url.get_backend_name() == "sqlite"
    if lite:
        path = Path(str(url.database))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # SQLite gives its other files the same rights
    engine = create_engine(
        url,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        hide_parameters=True,  # an error's text may go to a log
        connect_args={"timeout": _BUSY} if lite else {},
        pool_size=_KEPT,
        max_overflow=_MORE,
        pool_pre_ping=not lite,  # a database that was restarted is met again, and nobody is told of the old connection
    )
    if lite:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _hasten)
    return engine


def _hasten(connection: Any, _: Any) -> None:
    """Turn Nagle's algorithm off, which pg8000 leaves on: a batch would wait 40 ms for an acknowledgement."""
    connected = getattr(connection, "_usock", None)  # where a later pg8000 calls it otherwise, it is only slower
    if connected is not None and connected.family != getattr(socket, "AF_UNIX", None):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _prepare(connection: Any, _: Any) -> None:
    """Set what SQLite asks each connection for."""
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    for pragma in (
        "journal_mode=WAL",  # readers never wait
        "synchronous=FULL",  # what is committed survives a loss of power: an acknowledged alert is on the disk
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted is overwritten with zeros
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(c: Connection) -> None:
    """A writer takes its lock at once: who reads first and writes later may find that another has written between."""
    c.exec_driver_sql("BEGIN IMMEDIATE" if c.get_execution_options().get("affekt_writes") else "BEGIN")


# Values -----------------------------------------------------------------------------------------------------------


def now() -> float:
    """Return the Unix time, in seconds."""
    return time.time()


def fresh() -> str:
    """Return a new id."""
    return str(uuid.uuid4())


def iso(at: float | None) -> str | None:
    """Unix seconds -> ISO 8601 in UTC, to the millisecond.

    >>> iso(0.5), iso(None)
    ('1970-01-01T00:00:00.500Z', None)
    """
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix(when: When) -> float:
    """Any time of day -> Unix seconds.

    >>> unix("1970-01-02"), unix("1970-01-01T01:00:00+01:00"), unix(3.0)
    (86400.0, 0.0, 3.0)

    Raises:
        UsageError: it is no time.
    """
    try:
        if isinstance(when, str):
            when = datetime.fromisoformat(when)
        if isinstance(when, datetime):
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        iso(when)  # beyond the years of a calendar it is none either
        return float(when)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise UsageError(
            f"{when!r} is no time; give ISO 8601, such as 2026-07-01T12:00:00Z, or Unix seconds"
        ) from error


def day(at: float) -> int:
    """Return the day of a time, counted from 1970, in UTC."""
    return math.floor(at / 86400)


def date_of(day: int) -> str:
    """Day -> ISO 8601.

    >>> date_of(0)
    '1970-01-01'
    """
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()


def clean(value: object, limit: int = _TEXT) -> str | None:
    """Text as both databases take it: no NUL, no half of a surrogate pair, and not longer than it may be.

    >>> clean("a\\x00b"), clean(None), clean(7)
    ('ab', None, '7')
    """
    if value is None:
        return None
    return str(value)[:limit].replace("\x00", "").encode("utf-8", "replace").decode()


def folded(*texts: str | None) -> str:
    """Join texts so that a search finds them however they are written.

    >>> folded("Straße", None, "KÖLN")
    'strasse\\nköln'
    """
    return "\n".join(text.casefold() for text in texts if text)


def like(words: str) -> str:
    """Return what LIKE finds words by, anywhere in a folded text; `%` and `_` are plain marks here."""
    plain = (clean(words) or "").casefold()
    for mark in "\\%_":
        plain = plain.replace(mark, "\\" + mark)
    return f"%{plain}%"


# Pages ------------------------------------------------------------------------------------------------------------


def page(
    c: Connection, query: Select[Any], order: tuple[ColumnElement[Any], ...], *, cursor: str | None, limit: int
) -> tuple[list[Found], str | None]:
    """Return the newest rows before the cursor, and the cursor of the rest: rows that come meanwhile move nothing.

    The columns of `order` are among those of the query, by their names.
    """
    limit = max(1, min(int(limit), PAGE))
    if cursor is not None:
        query = query.where(_before(order, _opened(cursor, len(order))))
    rows = many(c, query.order_by(*(column.desc() for column in order)).limit(limit + 1))
    more = len(rows) > limit
    last = [rows[limit - 1][str(column.key)] for column in order] if more else []
    token = base64.urlsafe_b64encode(json.dumps(last).encode()).decode() if more else None
    return rows[:limit], token


def _before(order: tuple[ColumnElement[Any], ...], last: list[Any]) -> ColumnElement[bool]:
    first, *rest = order
    older = first < last[0]
    return older if not rest else or_(older, and_(first == last[0], _before(tuple(rest), last[1:])))


def _opened(cursor: str, size: int) -> list[Any]:
    try:
        last = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        kinds = [float, str] if size == 2 else [int]
        if not isinstance(last, list) or [type(one) for one in last] not in (kinds, [int, str][:size]):
            raise ValueError("another kind of cursor")
    except (ValueError, UnicodeError) as error:
        raise UsageError(f"{cursor!r} is no cursor; give the `next` of the page before, unchanged") from error
    return last


def groups(c: Connection, query: Select[Any], by: str) -> dict[Any, list[Found]]:
    """Return the rows of a query, by one of their columns."""
    found: dict[Any, list[Found]] = {}
    for row in many(c, query):
        found.setdefault(row[by], []).append(row)
    return found


def many(c: Connection, query: Any) -> list[Found]:
    """Return the rows of a query."""
    return [dict(row) for row in c.execute(query).mappings()]


def one(c: Connection, query: Select[Any]) -> Found | None:
    """Return the only row of a query, or None."""
    row = c.execute(query).mappings().first()
    return None if row is None else dict(row)


def exists(c: Connection, table: Table, **columns: Any) -> bool:
    """Say whether a row has these values."""
    wanted = and_(*(table.c[name] == value for name, value in columns.items()))
    return c.execute(select(text("1")).select_from(table).where(wanted).limit(1)).first() is not None
