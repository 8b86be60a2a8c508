"""Databases for the tests of the service: SQLite in a file, and a real PostgreSQL where one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRET = bytes(range(32))


def _programs() -> Path | None:
    """Where initdb is: Debian keeps it beside the other versions, and out of the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _as_somebody() -> list[str]:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("runuser") or subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL refuses root, and there is no user postgres to run it as")
    return ["runuser", "-u", "postgres", "--"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a private PostgreSQL, which lives as long as the tests; its port is its own."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: sudo apt install postgresql")
    somebody = _as_somebody()
    folder = Path(tempfile.mkdtemp(prefix="affekt-pg-"))
    if somebody:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50"

    def run(*command: str) -> None:
        done = subprocess.run([*somebody, *command], capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr

    run(f"{programs}/initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "affekt", "-E", "UTF8", "--no-sync")
    run(f"{programs}/pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql://affekt@127.0.0.1:{port}"
    finally:
        run(f"{programs}/pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _database(server: str) -> str:
    """Make an empty database and return its address."""
    from sqlalchemy import create_engine, text

    name = f"t{uuid.uuid4().hex}"
    address = server.replace("postgresql://", "postgresql+pg8000://")
    engine = create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        c.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The address of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/affekt.db"
    return _database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def migrated(postgres) -> str:
    """The address of a database of PostgreSQL with its tables: to make them for each test would take long."""
    from affekt.service.store import Store

    address = _database(postgres)
    store = Store(address, SECRET)
    store.migrate()
    store.close()
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """A store with its tables, and the tenants `default` and `other`."""
    from affekt.service.store import Store
    from affekt.service.store.schema import erased, tenants

    lite = request.param == "sqlite"
    address = f"sqlite:///{tmp_path}/affekt.db" if lite else request.getfixturevalue("migrated")
    found = Store(address, SECRET, vault=tmp_path / "vault")
    if lite:
        found.migrate()
    with found._write() as c:  # all rows hang on their tenant, but those that say nothing of anybody
        c.execute(tenants.delete())
        c.execute(erased.delete())
    found.tenant_add("default")
    found.tenant_add("other")
    yield found
    found.close()
