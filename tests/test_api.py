"""`import affekt`: a few names, at no cost, that people and type checkers can see."""

from __future__ import annotations

import ast
import pydoc
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

import affekt

SOURCE = ast.parse(Path(affekt.__file__).read_text(encoding="utf-8"))


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_every_public_name_is_there_and_in_dir():
    for name in affekt.__all__:
        assert getattr(affekt, name) is not None
        assert name in dir(affekt)
    assert len(affekt.__all__) <= 12


def test_type_checkers_see_every_public_name():
    """What is loaded lazily is imported for them by name."""
    (block,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    defined = {node.name for node in SOURCE.body if isinstance(node, ast.FunctionDef)}
    assert set(affekt.__all__) <= seen | defined


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        affekt.lode  # noqa: B018


def test_the_version_is_that_of_the_package():
    assert affekt.__version__ == version("affekt")


def test_importing_it_loads_not_even_numpy():
    assert fresh("import affekt, sys; print('numpy' in sys.modules)") == "False"


def test_importing_it_takes_no_time_the_interpreters_own_included():
    """In time of the processor: a busy machine is no bug."""
    assert float(fresh("import affekt, time; print(time.process_time())")) < 0.15


def test_errors_can_be_caught_and_values_tested_by_their_public_names():
    from affekt import errors, timeline, types

    assert affekt.AffektError is errors.AffektError
    assert affekt.Timeline is timeline.Timeline
    assert affekt.Prediction is types.Prediction


def test_help_begins_with_an_example_and_names_the_nouns():
    text = pydoc.plain(pydoc.render_doc(affekt))
    start = text[: text.index("PACKAGE CONTENTS")]
    for word in (
        "affekt.load()",
        "predict_file",
        "Timeline",
        "Turn",
        "Prediction",
        "Affect",
        "affekt predict",
        "agent",
    ):
        assert word in start


def test_the_example_in_the_help_runs():
    call = Path(__file__).parents[1] / "examples" / "call.wav"
    lines = (ast.get_docstring(SOURCE) or "").split("\n\n")
    code = "\n\n".join(part for part in lines if part.startswith("    "))
    code = "if True:\n" + code.replace("call.wav", str(call))
    assert len(fresh(code).splitlines()) == 9


@pytest.mark.parametrize("as_text", [True, False])
def test_plot_draws_what_was_predicted(tmp_path, as_text):
    start = time.time()
    timeline = affekt.load("permissive").predict([0.0] * 16000, 16000)
    path = tmp_path / "call.html"
    affekt.plot(timeline, str(path) if as_text else path)
    assert path.stat().st_mtime >= start - 2
    with pytest.raises(affekt.AffektError, match=r"allowed are \.html"):
        affekt.plot(timeline, "call.gif")
