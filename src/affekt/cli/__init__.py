"""Command line -> commands. `affekt NAME ...` runs the file NAME.py in this folder.

A command is a module with `command`, a click command whose heavy imports stand inside its functions. What a user can
mend ends in one line on standard error and an exit code: 2 for a wrong call, 1 for everything else, 130 for Ctrl-C.
Results go to standard output, words about the work to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from affekt import registry
from affekt.errors import AffektError, UnknownNameError, UsageError

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


class _Affekt(click.Group):
    """The commands of the folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return registry.names("cli")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, if there is one of that name."""
        if cmd_name not in registry.names("cli"):
            return None
        command: click.Command = registry.load("cli", cmd_name).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the closest."""
        if not args[0].startswith("-") and args[0] not in registry.names("cli"):
            raise UnknownNameError("command", args[0], registry.names("cli"))
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and turn what goes wrong into a line and an exit code."""
        alone = extra.pop("standalone_mode", True)
        extra |= {"prog_name": "affekt", "standalone_mode": False}
        if not alone:
            return super().main(*args, **extra)
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            _fail(_words(error), error.exit_code)
        except AffektError as error:
            _fail(str(error), 2 if isinstance(error, UsageError) else 1)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:
            _leave_pipe()
        sys.exit(code if isinstance(code, int) else 0)


def _words(error: click.ClickException) -> str:
    message, context = error.format_message(), getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"which command? {context.command_path} --help lists them" if context else message
    if context is None:
        return message
    stop = "" if message.endswith((".", "?")) else "."
    return f"{message}{stop} See: {context.command_path} --help"


def _fail(message: str, code: int) -> NoReturn:
    from affekt.view.words import printable

    click.echo(f"affekt: {printable(' '.join(message.split()))}", err=True)
    sys.exit(code)


def _leave_pipe() -> NoReturn:
    """Whoever read has left, as `head` does. Python must not complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"affekt {version('affekt')}")
        ctx.exit()


@click.group(
    cls=_Affekt,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start: affekt predict FILE",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Hear how it is said: emotion, valence, arousal and dominance in speech."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
