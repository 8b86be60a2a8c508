"""A matrix as a picture: every number is written, in every form, and colours are cividis."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from affekt.view import matrix
from affekt.view.palette import luminance

SVG = "{http://www.w3.org/2000/svg}"


def cell(kind, train, test, value, **more):
    scores = {"uar": {"value": value, "interval": None if value is None else [value - 0.1, value + 0.051]}}
    about = {"protocol": None, "leaky": False, "n": 40, "speakers": 4, "guessing": 0.4}
    return {"kind": kind, "train": train, "test": test, "scores": scores, **about, **more}


@pytest.fixture
def found():
    corpora = [
        {"name": "stage", "elicitation": "acted", "protocol": "stage/loso"},
        {"name": "life & co", "elicitation": "spontaneous", "protocol": None},
    ]
    cells = [
        cell("within", ["stage"], "stage", 0.912, protocol="stage/loso"),
        cell("across", ["stage"], "life & co", 0.333),
        cell("across", ["life & co"], "stage", 0.575),
    ]
    return {
        "run": "toy <1>",
        "model": "lda",
        "features": "functionals of logmel",
        "labels": ["anger", "neutral", "sadness"],
        "merge": {"calm": "neutral"},
        "others": False,
        "corpora": corpora,
        "measures": ["uar"],
        "cells": cells,
    }


def shown(found) -> str:
    out = io.StringIO()
    Console(file=out, width=100, color_system="truecolor", force_terminal=True).print(matrix.table(found, "uar"))
    return out.getvalue()


def texts(found) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(matrix.svg(found)).iter(f"{SVG}text")]


def test_every_form_has_every_number(found):
    for text in (shown(found), matrix.markdown(found), matrix.commas(found), matrix.svg(found), matrix.html(found)):
        for value in ("0.912", "0.333", "0.575"):
            assert value in text
    for text in (shown(found), matrix.markdown(found), matrix.html(found), *("\n".join(texts(found)),)):
        assert "0.47 to 0.63" in text
        assert "spontaneous" in text


def test_a_number_that_guessing_reaches_is_marked(found):
    for text in (shown(found), matrix.markdown(found), matrix.svg(found), matrix.html(found)):
        assert "≈ guess" in text.replace("≈ guess: a model", "")
    found["cells"][1]["guessing"] = 0.3
    assert "≈ guess" not in shown(found)


def test_what_is_not_there_is_a_dash_and_no_colour(found):
    boxes = [b for b in ElementTree.fromstring(matrix.svg(found)).iter(f"{SVG}rect") if float(b.get("height")) == 59]
    assert len(boxes) == 3
    assert [b.get("stroke") is not None for b in boxes] == [True, False, False]
    assert "–" in texts(found)
    found["cells"][0]["scores"]["uar"] = {"value": None, "interval": None}
    assert texts(found).count("–") == 2


def test_names_are_written_as_they_are(found):
    assert "life & co" in texts(found)
    assert any("toy <1>" in text for text in texts(found))
    assert "toy &lt;1&gt;" in matrix.html(found)


def test_texts_stay_inside_the_picture_and_can_be_read(found):
    found["corpora"] += [{"name": f"c{i}", "elicitation": "acted", "protocol": f"c{i}/26 groups"} for i in range(3)]
    root = ElementTree.fromstring(matrix.svg(found))
    wide, high = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        room = {"start": wide - float(text.get("x")), "end": float(text.get("x")), "middle": wide}
        length = 0.62 * float(text.get("font-size")) * len("".join(text.itertext()))
        assert length <= room[text.get("text-anchor")], text.text
        assert 0 < float(text.get("y")) < high


def test_leaky_numbers_say_so(found):
    assert "LEAKY" not in matrix.markdown(found)
    found["cells"][0]["leaky"] = True
    for text in (matrix.markdown(found), matrix.svg(found), matrix.html(found)):
        assert "LEAKY" in text


def test_commas_read_back(found):
    rows = list(csv.DictReader(io.StringIO(matrix.commas(found))))
    assert [(r["kind"], r["train"], r["test"], float(r["value"]), float(r["guessing"])) for r in rows] == [
        ("within", "stage", "stage", 0.912, 0.4),
        ("across", "stage", "life & co", 0.333, 0.4),
        ("across", "life & co", "stage", 0.575, 0.4),
    ]


def test_colours_are_cividis():
    """At our anchors exactly, and nearly between them, as Matplotlib has it, which holds the published table."""
    colormaps = pytest.importorskip("matplotlib", reason="matplotlib is not installed: make test installs it").colormaps
    theirs = np.round(255 * np.array([colormaps["cividis"](place)[:3] for place in range(256)])).astype(int)
    ours = np.array([list(bytes.fromhex(matrix.colour(place / 255)[1:])) for place in range(256)])
    anchors = [round(255 * i / 16) for i in range(17)]
    at_anchors = np.array([list(bytes.fromhex(matrix.colour(i / 16)[1:])) for i in range(17)])
    assert np.array_equal(at_anchors, theirs[anchors])
    assert np.abs(ours - theirs).max() <= 11


def test_a_higher_score_is_lighter():
    """So that nobody needs the hue: not the colour-blind, not a grey printer."""
    light = [luminance(matrix.colour(place / 100)) for place in range(101)]
    assert (np.diff(light) > 0).all()


def test_the_png_is_as_large_as_the_svg(found, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: make test installs it")
    from matplotlib.image import imread

    matrix.draw(found, tmp_path / "matrix.png", dpi=96)
    root = ElementTree.fromstring(matrix.svg(found))
    height, width = imread(tmp_path / "matrix.png").shape[:2]
    assert (width, height) == (int(root.get("width")), int(root.get("height")))
