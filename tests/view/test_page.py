"""The page carries all its data, needs nothing else, runs nothing else, and draws in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.timeline import Timeline
from affekt.types import LabelSet
from affekt.view.page import page

Rename = Callable[[Timeline, str], Timeline]
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>{{data}}&\u2028\u2029\udcff'\".wav"


class Parsed(HTMLParser):
    """Every tag with its attributes, and the text inside title, script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def data(text: str) -> dict:  # type: ignore[type-arg]
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["call", "silence", "mono"])
def test_the_data_reads_back_as_the_timeline(name: str, request: pytest.FixtureRequest) -> None:
    timeline = request.getfixturevalue(name)
    assert data(page(timeline))["timeline"] == json.loads(json.dumps(timeline.to_dict()))


def test_the_page_asks_nothing_of_the_network(call: Timeline) -> None:
    text = page(call)
    parsed = Parsed(text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
    assert not any("src" in attrs for _, attrs in parsed.tags)
    assert [attrs["href"] for attrs in parsed.all("link")] == ["data:,"]


def test_the_page_runs_with_the_strictest_policy(call: Timeline) -> None:
    """Only the script and the style whose hashes it names, no attribute that would need more."""
    text = page(call)
    policy = next(a["content"] for a in Parsed(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attrs in Parsed(text).tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]


def test_a_hostile_file_name_stays_a_name(call: Timeline, rename: Rename) -> None:
    text = page(rename(call, HOSTILE))
    text.encode("utf-8")
    plain = page(call)
    assert [tag for tag, _ in Parsed(text).tags] == [tag for tag, _ in Parsed(plain).tags]
    assert data(text)["timeline"]["source"] == HOSTILE
    assert "\u2028" not in text
    assert "\u2029" not in text


@given(st.text())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_gives_the_same_tags(mono: Timeline, rename: Rename, name: str) -> None:
    tags = [tag for tag, _ in Parsed(page(mono)).tags]
    text = page(rename(mono, name))
    assert [tag for tag, _ in Parsed(text).tags] == tags
    assert data(text)["timeline"]["source"] == name


def test_names_of_speakers_emotions_and_notes_are_data_too(mono: Timeline) -> None:
    [turn] = mono.turns
    assert turn.prediction
    odd = LabelSet(("</script>", *turn.prediction.labels.names[1:]))
    said = replace(turn.prediction, labels=odd)
    strange = replace(
        mono, turns=(replace(turn, speaker="<b>", prediction=said, windows=(said,)),), notes=("<i>",), licence="</p>"
    )
    text = page(strange)
    assert [t for t, _ in Parsed(text).tags] == [t for t, _ in Parsed(page(mono)).tags]
    assert "</script>" in data(text)["palette"]


def test_the_title_is_the_file_without_its_folder(call: Timeline, rename: Rename) -> None:
    parsed = Parsed(page(rename(call, "/home/someone/calls/7.wav")))
    assert [text for tag, text in parsed.texts if tag == "title"] == ["7.wav · affekt"]


def test_the_page_names_its_language_and_its_controls(call: Timeline) -> None:
    parsed = Parsed(page(call))
    assert parsed.all("html") == [{"lang": "en"}]
    assert all(attrs.get("aria-label") for attrs in parsed.all("section"))
    assert [attrs["tabindex"] for tag, attrs in parsed.tags if attrs.get("role") == "application"] == ["0"]
    assert any(attrs.get("aria-live") for _, attrs in parsed.tags)


def test_three_hours_fit_into_a_few_megabytes(meeting: Timeline) -> None:
    wide = replace(meeting, waveform={"Ada": np.tile(np.array([[-0.5, 0.5]], np.float32), (200_000, 1))})
    text = page(wide)
    assert sum(len(t.windows) for t in meeting.turns) > 9_000
    assert len(text) < 5e6
    assert len(data(text)["waveform"]["Ada"][0]) == 12_000


def test_a_waveform_keeps_its_peaks_and_its_silence(mono: Timeline) -> None:
    """Coarsening takes the lowest and the highest of each stretch; what is not a number is silence."""
    wave = np.zeros((50_000, 2), np.float32)
    wave[33_333] = (-1.0, 0.5)
    wave[100] = np.nan
    low, high = data(page(replace(mono, waveform={"speaker": wave})))["waveform"]["speaker"]
    assert (min(low), max(high)) == (-127, 64)
    assert low.count(0) == 11_999
    assert low.index(-127) == pytest.approx(33_333 / 50_000 * 12_000, abs=1)


# ---- A real browser ------------------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the page is not drawn")


def drawn(timeline: Timeline, folder: Path) -> tuple[str, str]:
    """Return the document after its script has run, and what the browser complained of."""
    (folder / "page.html").write_text(page(timeline), "utf-8")
    ran = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0", "--dump-dom"),
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stdout, "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


@browser
@pytest.mark.parametrize("name", ["call", "silence", "mono", "meeting"])
def test_a_browser_draws_every_turn_without_a_complaint(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    timeline = request.getfixturevalue(name)
    document, complaints = drawn(timeline, tmp_path)
    assert complaints == ""
    table = document.split('<table id="turns">')[1].split("</table>")[0]
    assert table.count("<tr") == 1 + len(timeline.turns)
    assert f'<h1 id="name">{timeline.source}</h1>' in document


@browser
def test_a_browser_shows_a_hostile_name_and_runs_nothing(call: Timeline, rename: Rename, tmp_path: Path) -> None:
    document, complaints = drawn(rename(call, HOSTILE.replace("/", "_")), tmp_path)
    assert complaints == ""
    assert "&lt;img src=x onerror=alert(2)&gt;" in document
    assert "<img" not in document
