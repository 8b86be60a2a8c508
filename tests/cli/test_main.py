"""`affekt`: a file is a command, and whatever goes wrong is one line and an exit code."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner, Result

from affekt import errors, registry
from affekt.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_lists_every_command_with_what_it_does(arguments):
    result = run(*arguments)
    assert result.exit_code == 0
    for name in registry.names("cli"):
        (line,) = (line for line in result.stdout.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 3


@pytest.mark.parametrize("name", registry.names("cli"))
def test_every_command_helps(name):
    for flag in ("-h", "--help"):
        result = run(name, flag)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"Usage: affekt {name} ")


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"affekt {version('affekt')}\n"


def test_python_m_affekt_is_the_command():
    done = subprocess.run([sys.executable, "-m", "affekt", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"affekt {version('affekt')}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("predcit",),
            "no command is called 'predcit'; did you mean 'predict'? Known: ",
        ),
        (("--verison",), "See: affekt --help"),
        (("data",), "which command? affekt data --help lists them"),
        (("data", "shw"), "See: affekt data --help"),
        (("models", "show", "defualt"), "did you mean 'default'?"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_right(arguments, said):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("affekt: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.UsageError("no such\n  thing"), 2, "affekt: no such thing\n"),
        (errors.ConfigError("unknown key"), 2, "affekt: unknown key\n"),
        (errors.AudioError("x.wav: empty"), 1, "affekt: x.wav: empty\n"),
        (errors.DataError("x"), 1, "affekt: x\n"),
        (errors.BundleError("x"), 1, "affekt: x\n"),
        (
            errors.MissingExtraError("av", "video"),
            1,
            "affekt: this needs the package 'av': pip install \"affekt[video]\"\n",
        ),
        (click.ClickException("cannot write"), 1, "affekt: cannot write\n"),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_every_error_has_its_exit_code(monkeypatch, error, code, said):
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "get_command", lambda ctx, name: click.Command(name, callback=fail))
    result = run("data")
    assert (result.exit_code, result.stderr) == (code, said)


def test_an_error_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(main, "get_command", lambda ctx, name: click.Command(name, callback=lambda: [][1]))
    assert isinstance(run("data").exception, IndexError)


def _commands(group, path=()):
    for name in group.list_commands(None):
        one = group.get_command(None, name)
        yield from _commands(one, (*path, name)) if isinstance(one, click.Group) else [(*path, name)]


@pytest.mark.parametrize("path", list(_commands(main)), ids=" ".join)
def test_every_command_has_examples_in_its_help(path):
    shown = CliRunner().invoke(main, [*path, "--help"]).output
    assert "Examples:" in shown
    assert f"affekt {' '.join(path)}" in shown.split("Examples:")[1]
