"""What is kept, as tables.

Times of day are Unix seconds, UTC (`..._at`); places in the sound are seconds of their stream (`time`, `start`, `end`),
and only a reader adds where in the call the stream lies, so a stream whose beginning is told late is put right by one
row. `feed` and `n` are what a message is known by: the n-th of one sender on one stream; so a replay finds itself.

Written once and never changed: points, turns, marks, changes, audits. `alerts.state` is the last of its changes, kept
beside it for the queries and for the index that lets one alert of a rule and speaker be open at a time. Everything that
belongs to a call goes with it (ON DELETE CASCADE). After a change here: a migration in `migrations/`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    REAL,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

OPEN = ("firing", "acknowledged")
"""States of an alert that is not over."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _of(parent: str, **more: Any) -> ForeignKey:
    return ForeignKey(parent, ondelete="CASCADE", **more)


def _tenant() -> Column[str]:
    return Column("tenant", Text, _of("tenants.id"), nullable=False)


def _facts() -> JSON:
    return JSON(none_as_null=True)


# Who --------------------------------------------------------------------------------------------------------------

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("record_audio", Boolean, nullable=False),
    Column("retention_days", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("role", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("tenant", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("user", Text, _of("users.id"), nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("by", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("used_at", Double),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("name", Text, nullable=False),
    Column("protocol", Text),
    Column("prefix", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("material", LargeBinary),
    Column("roles", _facts(), nullable=False),
    Column("notice", Boolean, nullable=False),
    Column("consent", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

expected = Table(
    "expected",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("external", Text, nullable=False),
    Column("track", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("details", _facts(), nullable=False),
    Column("expires_at", Double, nullable=False),
)

audits = Table(
    "audits",
    metadata,
    Column("id", Integer, primary_key=True),
    _tenant(),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("what", Text),
    Column("detail", _facts()),
    Index(None, "tenant", "id"),
    Index(None, "what"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("progress", REAL, nullable=False),
    Column("request", _facts()),
    Column("result", _facts()),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Index(None, "tenant", "created_at"),
)

# Calls ------------------------------------------------------------------------------------------------------------

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("external", Text),
    Column("protocol", Text),
    Column("subject", Text),
    Column("agent", Text),
    Column("queue", Text),
    Column("direction", Text),
    Column("model", Text),
    Column("notice", Boolean),
    Column("consent", Text, nullable=False, server_default="unknown"),
    Column("consent_at", Double),
    Column("started_at", Double, nullable=False),
    Column("heard_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("reason", Text),
    Column("day", Integer, nullable=False),
    Column("folded", Text, nullable=False, server_default=""),
    Index(None, "tenant", "started_at", "id"),
    Index(None, "tenant", "day"),
    Index(None, "tenant", "subject"),
    Index(None, "ended_at"),
)

streams = Table(
    "streams",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call", Text, _of("calls.id"), nullable=False, index=True),
    Column("protocol", Text),
    Column("tracks", _facts()),
    Column("rate", Integer),
    Column("started_at", Double, nullable=False),
    Column("heard_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("reason", Text),
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream", Text, _of("streams.id"), nullable=False),
    Column("sender", Text, nullable=False),
    Column("talk", _facts()),
    Column("talk_n", Integer),
    UniqueConstraint("stream", "sender"),
    sqlite_autoincrement=True,
)


def _feed() -> list[Any]:
    return [
        Column("feed", Integer, _of("feeds.id"), nullable=False),
        Column("n", Integer, nullable=False),
        PrimaryKeyConstraint("feed", "n"),
    ]


points = Table(
    "points",
    metadata,
    *_feed(),
    Column("time", Double, nullable=False),
    Column("speaker", Text),
    Column("emotion", Text, nullable=False),
    Column("level", REAL, nullable=False),
    Column("valence", REAL),
    Column("arousal", REAL),
    Column("dominance", REAL),
    Column("uncertain", Boolean, nullable=False),
    Column("snr", REAL),
    Column("levels", _facts(), nullable=False),
    sqlite_with_rowid=False,
)

turns = Table(
    "turns",
    metadata,
    *_feed(),
    Column("speaker", Text),
    Column("role", Text, nullable=False),
    Column("start", Double, nullable=False),
    Column("end", Double, nullable=False),
    Column("speaker_confidence", REAL),
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",
    metadata,
    *_feed(),
    Column("type", Text, nullable=False),
    Column("time", Double),
    Column("facts", _facts()),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tallies",
    metadata,
    Column("call", Text, _of("calls.id"), nullable=False),
    Column("emotion", Text, nullable=False),
    Column("moods", Integer, nullable=False),
    Column("rated", Integer, nullable=False),
    Column("valence", Double, nullable=False),
    Column("arousal", Double, nullable=False),
    Column("dominance", Double, nullable=False),
    PrimaryKeyConstraint("call", "emotion"),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call", Text, _of("calls.id"), nullable=False, index=True),
    Column("alert", Text, _of("alerts.id"), index=True),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("folded", Text, nullable=False),
)

erased = Table(
    "erased",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("at", Double, nullable=False),
)

# Alerts -----------------------------------------------------------------------------------------------------------

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("call", Text, _of("calls.id"), nullable=False, index=True),
    Column("stream", Text, _of("streams.id"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fired_at", Double, nullable=False),
    Column("time", Double, nullable=False),
    Column("start", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("snr", REAL),
    Column("evidence", _facts()),
    Index(None, "tenant", "fired_at", "id"),
    Index(
        "ix_alerts_open",
        "call",
        "rule",
        "speaker",
        unique=True,
        sqlite_where=text("state IN ('firing', 'acknowledged')"),
        postgresql_where=text("state IN ('firing', 'acknowledged')"),
    ),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", Text, _of("alerts.id"), nullable=False, index=True),
    Column("change", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Text),
    Column("end", Double),
    Column("until_at", Double),
    sqlite_autoincrement=True,
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", _facts(), nullable=False),
    Column("secret", LargeBinary),
    Column("disabled", Text),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("tenant", "name"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("change", Integer, _of("changes.id"), nullable=False, index=True),
    Column("destination", Text, _of("destinations.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("leased_until", Double),
    Column("status", Integer),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Index(None, "state", "due_at"),
)
