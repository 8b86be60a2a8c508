"""Tables come from migrations alone, and are those of the schema."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from told import Call, whole

from affekt.errors import DataError, UsageError
from affekt.service.store import Store
from affekt.service.store.migrations import head, revision, script, upgrade
from affekt.service.store.schema import metadata

SECRET = bytes(32)
STEPS = [step.revision for step in reversed(list(script().walk_revisions()))]


@pytest.fixture
def empty(url):
    store = Store(url, SECRET)
    yield store
    store.close()


def differences(store: Store) -> list:
    with store._read() as c:
        return compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), metadata)


def test_migrations_lead_to_the_schema(empty):
    empty.migrate()
    assert differences(empty) == []
    with empty._read() as c:
        names = {table: {index["name"] for index in inspect(c).get_indexes(table)} for table in metadata.tables}
    for name, table in metadata.tables.items():  # the comparison above does not look into all of them
        assert {index.name for index in table.indexes} <= names[name]


@pytest.mark.parametrize("step", STEPS)
def test_every_older_version_becomes_this_one(empty, step):
    with empty._write() as c:
        upgrade(c, step)
        assert revision(c) == step
    empty.migrate()
    assert differences(empty) == []
    assert [tenant["id"] for tenant in empty.tenants()] == ["default"]


def test_migrating_again_changes_nothing(empty):
    empty.migrate()
    call = Call()
    empty.record(whole(call))
    before = empty.call("default", call.id)
    empty.migrate()
    assert empty.call("default", call.id) == before


def test_a_step_that_fails_leaves_nothing_behind(empty):
    def half() -> None:
        with empty._write() as c:
            upgrade(c)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with empty._read() as c:
        assert revision(c) is None
        assert set(inspect(c).get_table_names()) & set(metadata.tables) == set()


def test_check_says_what_is_missing(empty):
    with pytest.raises(DataError, match=r"version None.*migrate\(\)"):
        empty.check()
    empty.migrate()
    empty.check()


def test_a_newer_database_is_left_alone(empty):
    empty.migrate()
    with empty._write() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match="newer than this affekt"):
        empty.migrate()
    with pytest.raises(DataError, match=f"9999, and this affekt needs {head()}"):
        empty.check()


def test_a_database_that_cannot_be_reached_is_said_to_be_so_without_its_password():
    store = Store("postgresql://affekt:geheim@127.0.0.1:9/none", SECRET)
    with pytest.raises(DataError, match="cannot be reached") as error:
        store.check()
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "nothing"])
def test_only_what_can_be_used_is_taken(url):
    with pytest.raises(UsageError, match=r"sqlite:///file\.db or postgresql://"):
        Store(url, SECRET)


def test_sqlite_is_set_to_survive_and_to_forget(tmp_path):
    """Writers do not stop readers, a commit is on the disk, rows hang together, and what is deleted is overwritten."""
    store = Store(f"sqlite:///{tmp_path}/deep/affekt.db", SECRET)
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    files = list((tmp_path / "deep").iterdir())
    assert {path.name for path in files} >= {"affekt.db"}
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    with store._read() as c:
        assert {name: c.execute(text(f"PRAGMA {name}")).scalar() for name in pragmas} == pragmas
    store.close()
