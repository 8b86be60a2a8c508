"""A file is drawn by its extension, or refused with what is allowed; pictures are real pictures."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MissingExtraError, UsageError
from affekt.timeline import Timeline
from affekt.view.plot import extension, save

Rename = Callable[[Timeline, str], Timeline]


def pixels(path: Path) -> np.ndarray:
    """Read a PNG as (height, width, 3) in [0, 1]."""
    image = pytest.importorskip("matplotlib.image", reason="pictures need the extra 'report'")
    return np.asarray(image.imread(path))[..., :3]


@pytest.mark.parametrize("name", ["call.jpg", "call", "call.pdf", ".png", "call.html.gz"])
def test_any_other_extension_is_refused_with_the_allowed_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"allowed are \.html, \.png, \.svg"):
        extension(Path(name))


def test_case_does_not_matter() -> None:
    assert extension(Path("A.SVG")) == ".svg"


def test_a_wrong_extension_writes_nothing(call: Timeline, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        save(call, tmp_path / "call.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["html", "png", "svg"])
def test_a_place_that_cannot_be_written_is_said(call: Timeline, tmp_path: Path, kind: str) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        save(call, tmp_path / "missing" / f"call.{kind}")


def test_html_is_the_page(call: Timeline, tmp_path: Path) -> None:
    save(call, tmp_path / "call.html")
    assert (tmp_path / "call.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["call", "silence", "mono", "meeting"])
def test_a_png_of_a_call_is_large_enough_to_read(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    save(request.getfixturevalue(name), tmp_path / "a.png")
    height, width, _ = pixels(tmp_path / "a.png").shape
    assert width == 1800
    assert 350 <= height <= 1600


def test_a_picture_has_the_colours_of_its_emotions_and_of_no_others(call: Timeline, tmp_path: Path) -> None:
    save(call, tmp_path / "a.png")
    image = (pixels(tmp_path / "a.png") * 255).round().astype(int)
    share = {c: np.mean(np.all(image == [int(c[i : i + 2], 16) for i in (1, 3, 5)], axis=-1)) for c in COLOURS}
    assert share["#cd3b05"] > 0.03
    assert share["#1a558e"] > 0.01
    assert share["#522657"] == 0


COLOURS = ("#cd3b05", "#1a558e", "#522657")


def test_an_svg_is_xml_without_references_to_elsewhere(call: Timeline, tmp_path: Path) -> None:
    save(call, tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg").getroot()
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith(("href", "src"))]
    assert links
    assert all(link.startswith("#") for link in links)


def test_the_same_timeline_gives_the_same_bytes(call: Timeline, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save(call, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["$x^2$.wav", r"a\frac{.wav", "音 ü.wav", "\x1b[2J.wav", "_hidden.wav"])
def test_a_name_is_text_and_never_a_formula(mono: Timeline, rename: Rename, tmp_path: Path, name: str) -> None:
    strange = rename(mono, name)
    [turn] = strange.turns
    save(replace(strange, turns=(replace(turn, speaker=name),), notes=(name,)), tmp_path / "a.png")


@pytest.mark.parametrize("wave", [np.zeros((0, 2)), np.full((5, 2), np.nan), np.array([[-1.0, 1.0]])])
def test_any_waveform_can_be_drawn(mono: Timeline, tmp_path: Path, wave: np.ndarray) -> None:
    save(replace(mono, waveform={"speaker": wave.astype(np.float32)}), tmp_path / "a.png")
    save(replace(mono, waveform={"speaker": wave.astype(np.float32)}), tmp_path / "a.html")


def test_drawing_leaves_matplotlibs_settings_and_pyplot_alone(tmp_path: Path) -> None:
    """A caller's own plots notice nothing."""
    code = (
        "import sys; from matplotlib import rcParams as r; known = lambda: {k: r[k] for k in r if k != 'backend'}\n"
        "before = known()\n"
        "from pathlib import Path; from affekt.timeline import Timeline; from affekt.view.plot import save\n"
        f"save(Timeline('a', 1.0, 8000, 1, (), 'm', 'CC0'), Path({str(tmp_path / 'a.png')!r}))\n"
        "print('matplotlib.pyplot' in sys.modules, known() == before)"
    )
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


def test_without_matplotlib_a_picture_names_the_extra_and_the_page_still_works(
    call: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"affekt\[report\]"):
        save(call, tmp_path / "a.png")
    save(call, tmp_path / "a.html")
