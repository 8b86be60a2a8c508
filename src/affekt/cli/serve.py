"""`affekt serve`: calls in, dashboard and alerts out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from affekt.cli import _terminal
from affekt.errors import UsageError
from affekt.registry import need

_EXAMPLES = """\b
Examples:
  affekt serve                            dashboard on http://127.0.0.1:8000, calls on ws://127.0.0.1:8001
  affekt serve --no-auth                  the same, without signing in: on this machine only, for trying
  affekt serve --config affekt.toml       as the file says; docs/operations.md explains it
  affekt serve --config affekt.toml --check   what would run, and each mistake with its place
Calls to try it with: affekt simulate --calls 3 --to ws://127.0.0.1:8001
It needs: pip install "affekt[serve]"
Exit code: 0 after Ctrl-C or SIGTERM, 1 if a process cannot work, 2 if the call or the file is wrong."""


@click.command(epilog=_EXAMPLES)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="TOML; else defaults.")
@click.option("--check", is_flag=True, help="Say what would run and what is wrong; start nothing.")
@click.option("--no-auth", "open_to_all", is_flag=True, help="Let anybody in; on loopback only.")
@click.option("--json", "as_json", is_flag=True, help="With --check: as JSON.")
def command(config: Path | None, check: bool, open_to_all: bool, as_json: bool) -> None:
    """Hear calls live: WebSockets of telephone platforms in, dashboard, REST and alerts out."""
    need("fastapi", extra="serve")
    from affekt.service import settings

    if check:
        _check(config, as_json)
        return
    if as_json:
        raise UsageError("--json goes with --check")
    serve = settings.load(config)
    if open_to_all:
        serve = settings.opened(serve)
    settings.unlock(serve)
    _run(serve, config, open_to_all)


def _check(config: Path | None, as_json: bool) -> None:
    from affekt.service import settings

    found = settings.explain(config)
    if as_json:
        _terminal.write_json({"plan": list(found.plan), "mistakes": list(found.mistakes)})
    else:
        for line in found.plan:
            click.echo(line)
        for mistake in found.mistakes:
            click.echo(f"mistake: {mistake}", err=True)
    if found.mistakes:
        sys.exit(2)


def _run(serve: object, config: Path | None, open_to_all: bool) -> None:
    from affekt.service import log
    from affekt.service.settings import Serve
    from affekt.service.supervise import Supervisor

    assert isinstance(serve, Serve)  # noqa: S101 - for the type checker: the command imports late
    log.configure(serve.log.level, form=serve.log.format, process="affekt")
    click.echo(f"dashboard on {serve.http.address}, calls on {serve.ingest.address}; Ctrl-C ends", err=True)
    sys.exit(Supervisor(serve, config=config, open_to_all=open_to_all).run())
