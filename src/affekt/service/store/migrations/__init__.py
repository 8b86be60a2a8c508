"""A database of any version -> one of this version, by Alembic. One file in `versions/` = one step.

There is no `env.py` and no `alembic.ini`: the store hands its own connection over, so a step runs in the store's
transaction, all or nothing.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect

from affekt.errors import DataError
from affekt.registry import need

_VERSIONS = Path(__file__).parent / "versions"


@functools.cache
def script() -> Any:
    """Return the steps."""
    return need("alembic.script", extra="serve").ScriptDirectory(_VERSIONS.parent, version_locations=[str(_VERSIONS)])


def head() -> str:
    """Return the version that this affekt needs."""
    return str(script().get_current_head())


def revision(c: Connection) -> str | None:
    """Return the version of a database; None where it has no tables yet."""
    if not inspect(c).has_table("alembic_version"):
        return None
    found = need("alembic.migration", extra="serve").MigrationContext.configure(c).get_current_revision()
    return None if found is None else str(found)


def upgrade(c: Connection, to: str = "head") -> None:
    """Take every step from the version of a database up to another.

    Raises:
        DataError: the database is of a version that this affekt has never heard of.
    """
    found = revision(c)
    known = {step.revision for step in script().walk_revisions()}
    if found is not None and found not in known:
        raise DataError(f"the database is of version {found}, newer than this affekt, which knows {head()}: update it")
    migration = need("alembic.migration", extra="serve")
    operations = need("alembic.operations", extra="serve")
    context = migration.MigrationContext.configure(
        c, opts={"fn": lambda revision, _: script()._upgrade_revs(to, revision), "transactional_ddl": True}
    )
    with operations.Operations.context(context):
        context.run_migrations()
