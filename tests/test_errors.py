"""The rules of `affekt.errors`: one root, and messages that say what was given, what is allowed and what to do."""

from __future__ import annotations

import re

import pytest

from affekt import errors
from affekt.errors import AffektError, ConfigError, MissingExtraError, UnknownNameError, UsageError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AffektError)]


def test_the_tree_drawn_on_top_is_the_tree():
    drawn = re.findall(r"^([│ ├└─]*)(\w+Error)\b", errors.__doc__, re.MULTILINE)
    line: list[str] = []
    for indent, name in drawn:
        line[len(indent) // 4 :] = [name]
        if len(line) > 1:
            assert getattr(errors, name).__base__.__name__ == line[-2]
    assert {name for _, name in drawn} == {cls.__name__ for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_caught_by_the_root_and_is_no_builtin_kind(cls):
    """So that `except AffektError` means: the user can mend it."""
    assert issubclass(cls, AffektError)
    assert not issubclass(cls, ValueError | KeyError | OSError | ImportError)


def test_usage_errors_are_what_the_command_answers_with_exit_code_2():
    assert {cls for cls in CLASSES if issubclass(cls, UsageError)} == {UsageError, UnknownNameError, ConfigError}


@pytest.mark.parametrize(
    ("given", "known", "message"),
    [
        ("emodbb", ["savee", "emodb"], "no corpus is called 'emodbb'; did you mean 'emodb'? Known: emodb, savee"),
        ("EMODB", ["emodb"], "no corpus is called 'EMODB'; did you mean 'emodb'? Known: emodb"),
        ("xyz", ["savee", "emodb"], "no corpus is called 'xyz'. Known: emodb, savee"),
        ("xyz", [], "no corpus is called 'xyz'. Known: none"),
        (5, ["emodb"], "no corpus is called 5; a name is text. Known: emodb"),
        (None, ["emodb"], "no corpus is called None; a name is text. Known: emodb"),
    ],
)
def test_an_unknown_name_answers_with_the_known_ones(given, known, message):
    assert str(UnknownNameError("corpus", given, known)) == message


def test_a_missing_package_answers_with_the_command_to_type():
    assert str(MissingExtraError("torch", "train")).endswith('pip install "affekt[train]"')
