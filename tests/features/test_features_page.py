"""docs/features.md and its reference say what the code says. This file, run as a program, writes them anew."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner

from affekt import features
from affekt.cli import main
from affekt.errors import MissingExtraError
from affekt.features import Feature, FeatureSet

ROOT = Path(__file__).parents[2]
GUIDE, REFERENCE = (ROOT / "docs" / name for name in ("features.md", "features-reference.md"))
MOST = 130  # rows of a table that a person may read; of larger sets the command tells
INTRODUCTION = """\
# Features: the reference

Every feature, functional and option of the sets: unit, definition and where it comes from; only the functionals of
`compare` and `emobase` are too many for this page. It is written by `python tests/features/test_features_page.py` from
what the sets say of themselves, and a test holds it to them; `affekt features --describe SET` prints the same for one.
Features that differ only by a number stand in one row. The unit 1 means a share, a ratio or a count.
[features.md](features.md) is the guide.
"""


def rates(found: FeatureSet) -> str:
    known = [f"{rate / 1000:g}" for rate in found.rates]
    return f"{known[0]} to {known[-1]} kHz" if len(known) > 3 else f"{', '.join(known)} kHz"


def overview() -> str:
    lines = ["| set | what it is | features | functionals | measured at | licence |", "|---|---|---|---|---|---|"]
    for found in map(features.load, features.names()):
        licence = "openSMILE's" if found.licence.startswith("openSMILE") else found.licence
        sizes = f"{len(found.names):,} | {len(found.functional_names):,}"
        link = f"[{found.name}](features-reference.md#{found.name})"
        lines.append(f"| {link} | {found.about} | {sizes} | {rates(found)} | {licence} |")
    return "\n".join(lines)


def family(feature: Feature) -> tuple[str, ...]:
    """What features of a row have in common: all but the numbers in their names and definitions."""
    name, definition = (re.sub(r"\d+", "#", text) for text in (feature.name, feature.definition))
    return name, feature.unit, definition, feature.source


def table(known: Iterable[Feature]) -> Iterator[str]:
    yield "| name | unit | definition | source |"
    yield "|---|---|---|---|"
    for _, group in groupby(known, family):
        members = list(group)
        few = members if len(members) < 4 else members[:1]
        for feature in few:
            rest = "" if feature in few[1:] or len(few) == len(members) else f" .. `{members[-1].name}`"
            definition, source = (text.replace("|", "\\|") for text in (feature.definition, feature.source))
            yield f"| `{feature.name}`{rest} | {feature.unit} | {definition} | {source} |"


def of_module(name: str, what: str, absent: object) -> object:
    return getattr(importlib.import_module(f"affekt.features.{name}"), what, absent)


def section(name: str) -> str:
    found = features.load(name)
    frames, functionals = list(table(found.features)), [found.describe(one) for one in found.functional_names]
    rows = list(table(functionals))
    if len(rows) > MOST:
        rows = [f"{len(functionals):,}, which `affekt features --describe {name}` lists."]
    head = [f"## {name}", found.about, f"### {name}: {len(found.names):,} features, every {1000 * found.hop:g} ms"]
    head.append(f"The first frame is centred at {1000 * of_module(name, 'OFFSET', 0.0):g} ms.")
    title = f"### {name}: {len(functionals):,} functionals"
    options = of_module(name, "OPTIONS", ())
    told = [f"### {name}: options", "\n".join(table(options))] if options else []
    return "\n\n".join([*head, "\n".join(frames), title, "\n".join(rows), *told]) + "\n"


@pytest.mark.parametrize("name", features.names())
def test_every_option_is_told_with_its_default(name):
    known = features.options(name)
    told = {option.name: option.definition for option in of_module(name, "OPTIONS", ())}
    assert list(told) == list(known)
    for key, default in known.items():
        text = f"{default:g}" if isinstance(default, float) else json.dumps(default)
        assert re.search(rf"; default {re.escape(text)}(: .*)?$", told[key]), (key, told[key])


@pytest.mark.parametrize("name", features.names())
def test_the_reference_is_what_the_set_says(name):
    try:
        expected = section(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    text = REFERENCE.read_text(encoding="utf-8")
    found = re.search(rf"^## {name}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{name} is missing: python {Path(__file__).relative_to(ROOT)} writes it"
    assert found[0].strip() == expected.strip(), f"python {Path(__file__).relative_to(ROOT)} writes it anew"


def test_the_reference_has_no_set_that_is_gone():
    text = REFERENCE.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == features.names()
    assert text.startswith(INTRODUCTION)


def test_the_guide_lists_every_set():
    try:
        expected = overview()
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert expected in GUIDE.read_text(encoding="utf-8"), f"python {Path(__file__).relative_to(ROOT)} writes it"


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for which, text in found if which == language]


@pytest.fixture
def beside_the_examples(tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("line", [line for block in blocks("") for line in block.splitlines()])
def test_every_command_of_the_guide_runs(line, beside_the_examples):
    if "parquet" in line:
        pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
    if "--plot" in line:
        pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    program, *arguments = shlex.split(line, comments=True)
    assert program == "affekt"
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.exception) in ((0, None),), result.stderr


def test_the_python_of_the_guide_runs(beside_the_examples, capsys):
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert "88" in capsys.readouterr().out


def test_the_guide_names_all_that_a_set_owes():
    """Whatever the facade asks of a module is in the guide's last table."""
    source = (ROOT / "src/affekt/features/_set.py").read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:getattr|hasattr)\((?:self\._)?module, "(\w+)"', source))
    asked |= set(re.findall(r"module\.([A-Z]+|extract|functionals|describe)\b", source))
    assert {name for name in asked - {"NAMES", "RATE", "names"} if f"`{name}" not in GUIDE.read_text()} - {
        "HOP"
    } == set()


if __name__ == "__main__":
    REFERENCE.write_text("\n".join([INTRODUCTION, *map(section, features.names())]), encoding="utf-8")
    guide = GUIDE.read_text(encoding="utf-8")
    old = re.search(r"^\| set \|.*?(?=\n\n)", guide, re.MULTILINE | re.DOTALL)
    GUIDE.write_text(guide.replace(old[0], overview()), encoding="utf-8")
