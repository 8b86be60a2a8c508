"""Nothing -> the first tables, and the tenant that is there before anybody adds one."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('firing', 'acknowledged')")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "erased",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_erased")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("record_audio", sa.Boolean(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_audits_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audits_tenant_id"), "audits", ["tenant", "id"], unique=False)
    op.create_index(op.f("ix_audits_what"), "audits", ["what"], unique=False)
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("external", sa.Text(), nullable=True),
        sa.Column("protocol", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("notice", sa.Boolean(), nullable=True),
        sa.Column("consent", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("consent_at", sa.Double(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("folded", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_calls_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index(op.f("ix_calls_ended_at"), "calls", ["ended_at"], unique=False)
    op.create_index(op.f("ix_calls_tenant_day"), "calls", ["tenant", "day"], unique=False)
    op.create_index(op.f("ix_calls_tenant_started_at_id"), "calls", ["tenant", "started_at", "id"], unique=False)
    op.create_index(op.f("ix_calls_tenant_subject"), "calls", ["tenant", "subject"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("disabled", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_destinations_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_destinations_tenant_name")),
    )
    op.create_table(
        "expected",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("external", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_expected_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expected")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("progress", sa.REAL(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_jobs_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_tenant_created_at"), "jobs", ["tenant", "created_at"], unique=False)
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_keys_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_keys_hash")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("material", sa.LargeBinary(), nullable=True),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("notice", sa.Boolean(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_tokens_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_users_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_users_tenant_name")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_sessions_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"], unique=False)
    op.create_table(
        "streams",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=True),
        sa.Column("tracks", sa.JSON(), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_streams_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_streams")),
    )
    op.create_index(op.f("ix_streams_call"), "streams", ["call"], unique=False)
    op.create_table(
        "tallies",
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("emotion", sa.Text(), nullable=False),
        sa.Column("moods", sa.Integer(), nullable=False),
        sa.Column("rated", sa.Integer(), nullable=False),
        sa.Column("valence", sa.Double(), nullable=False),
        sa.Column("arousal", sa.Double(), nullable=False),
        sa.Column("dominance", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_tallies_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "emotion", name=op.f("pk_tallies")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fired_at", sa.Double(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("snr", sa.REAL(), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_alerts_call"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["stream"], ["streams.id"], name=op.f("fk_alerts_stream"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_alerts_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_call"), "alerts", ["call"], unique=False)
    op.create_index(
        "ix_alerts_open", "alerts", ["call", "rule", "speaker"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index(op.f("ix_alerts_stream"), "alerts", ["stream"], unique=False)
    op.create_index(op.f("ix_alerts_tenant_fired_at_id"), "alerts", ["tenant", "fired_at", "id"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("talk", sa.JSON(), nullable=True),
        sa.Column("talk_n", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["stream"], ["streams.id"], name=op.f("fk_feeds_stream"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeds")),
        sa.UniqueConstraint("stream", "sender", name=op.f("uq_feeds_stream_sender")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("end", sa.Double(), nullable=True),
        sa.Column("until_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_changes_alert"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_changes_alert"), "changes", ["alert"], unique=False)
    op.create_table(
        "marks",
        sa.Column("feed", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", sa.Double(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["feed"], ["feeds.id"], name=op.f("fk_marks_feed"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed", "n", name=op.f("pk_marks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_notes_alert"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_notes_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_alert"), "notes", ["alert"], unique=False)
    op.create_index(op.f("ix_notes_call"), "notes", ["call"], unique=False)
    op.create_table(
        "points",
        sa.Column("feed", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.Column("emotion", sa.Text(), nullable=False),
        sa.Column("level", sa.REAL(), nullable=False),
        sa.Column("valence", sa.REAL(), nullable=True),
        sa.Column("arousal", sa.REAL(), nullable=True),
        sa.Column("dominance", sa.REAL(), nullable=True),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        sa.Column("snr", sa.REAL(), nullable=True),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["feeds.id"], name=op.f("fk_points_feed"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed", "n", name=op.f("pk_points")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "turns",
        sa.Column("feed", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("speaker_confidence", sa.REAL(), nullable=True),
        sa.ForeignKeyConstraint(["feed"], ["feeds.id"], name=op.f("fk_turns_feed"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed", "n", name=op.f("pk_turns")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("leased_until", sa.Double(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["change"], ["changes.id"], name=op.f("fk_deliveries_change"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["destination"], ["destinations.id"], name=op.f("fk_deliveries_destination"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_change"), "deliveries", ["change"], unique=False)
    op.create_index(op.f("ix_deliveries_destination"), "deliveries", ["destination"], unique=False)
    op.create_index(op.f("ix_deliveries_state_due_at"), "deliveries", ["state", "due_at"], unique=False)
    tenants = sa.table("tenants", *(sa.column(name) for name in _DEFAULT))
    op.bulk_insert(tenants, [_DEFAULT | {"created_at": time.time()}])


_DEFAULT = {"id": "default", "name": "default", "record_audio": False, "retention_days": 30, "created_at": 0.0}
