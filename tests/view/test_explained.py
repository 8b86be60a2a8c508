"""The page of an explanation: no script, nothing from outside, names stay names; and a browser draws it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from affekt import bundle, explain, windows
from affekt.explain import Contribution, Explanation, Near, Remark, Said
from affekt.types import Segment, Signal
from affekt.view import explained, explained_terminal
from affekt.view.explained_page import page, png

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)>{{data}}&\u2028'\".wav"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def plain() -> Explanation:
    samples = np.random.default_rng(0).normal(0, 0.05, 24000).astype(np.float32)
    window = windows.whole(Signal(samples, 16000, start=160000), speaker="left")
    return explain.explain(bundle.load("permissive"), window, source="folder/call.wav", fast=True)


@pytest.fixture(scope="module")
def full(plain: Explanation) -> Explanation:
    """All that an explanation can have."""
    return replace(
        plain,
        words=(Said("no", Segment(10.2, 10.6), 0.4), Said("note", Segment(10.6, 11.0), -0.2)),
        contributions=tuple(
            Contribution(f"f{i}", "a feature", "Hz", 2.0, 1.0, 0.5 - i / 20, float("nan")) for i in range(20)
        ),
        remarks=(Remark("F0median", "pitch", "Hz", 231.0, 160.0, 0.93, "high"),),
        nearest=(Near("emodb", "03a01Wa", "wav/03a01Wa.wav", "emodb/03", "anger", "Das will sie", 0.41),),
    )


def test_the_page_has_no_script_and_asks_nothing_of_the_network(full: Explanation) -> None:
    text = page(full)
    assert not re.search(r"https?:|@import|url\(|<script", text)
    for tag, attrs in Tags(text).found:
        assert tag != "script"
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src")]
        assert attrs.get("href", "data:").startswith("data:")  # type: ignore[union-attr]


def test_the_policy_allows_the_pages_own_style_alone(full: Explanation) -> None:
    text = page(full)
    policy = next(a["content"] for _, a in Tags(text).found if a.get("http-equiv") == "Content-Security-Policy")
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_hostile_names_stay_names(full: Explanation) -> None:
    odd = replace(
        full,
        source=HOSTILE,
        words=tuple(replace(one, word=HOSTILE) for one in full.words),
        nearest=tuple(replace(one, speaker=HOSTILE, text=HOSTILE, id=HOSTILE) for one in full.nearest),
        notes=(HOSTILE,),
    )
    names = [tag for tag, _ in Tags(page(odd)).found]
    assert names == [tag for tag, _ in Tags(page(replace(full, notes=("x",)))).found]
    assert "<img" not in page(odd)


def test_the_page_says_all_that_is_known(full: Explanation) -> None:
    text = page(full).replace("&nbsp;", " ")
    for words in (
        *("call.wav", "Is it true?", "03a01Wa", "pitch", "f0", "What this is not", "Which moments and frequencies"),
        *(full.card.licence_line, full.card.limits[0], "and no proof that the model is right", "for", "against"),
    ):
        assert words in text
    assert "5 more" in text


def test_what_is_not_there_has_no_section(plain: Explanation) -> None:
    assert "Which features spoke" not in page(plain)
    assert "What it sounds like" not in page(plain)


def test_for_and_against_are_told_without_colour(full: Explanation) -> None:
    """Above and below the line, and a sign in every strong cell."""
    text = page(full)
    strong = np.abs(full.cells) >= np.abs(full.cells).max() / 2
    assert text.count('class="sign"') == strong.sum()
    tops = re.findall(r'<rect class="(for|against)" [^>]*? y="([\d.]+)%"', text)
    assert {name for name, y in tops if float(y) < 49.99} <= {"for"}


def test_page_and_picture_have_the_same_colours(plain: Explanation) -> None:
    assert f"--for: {explained.FOR}; --against: {explained.AGAINST};" in page(plain)


def test_bars_hold_all_that_the_moments_say(full: Explanation) -> None:
    found = explained.bars(full)
    assert sum(one.worth for one in found) == pytest.approx(full.moments.sum())
    assert (found[0].start, found[-1].end) == pytest.approx((10.0, 11.5))
    assert [one.end for one in found[:-1]] == pytest.approx([one.start for one in found[1:]])


def test_a_verdict_does_not_praise_what_does_not_hold(plain: Explanation) -> None:
    good = replace(plain.check, without_top=0.1, without_random=0.4, without_loudest=0.3)
    bad = replace(good, without_loudest=0.05)
    assert "the attribution holds" in explained.verdict(replace(plain, check=good))
    assert "does not hold" in explained.verdict(replace(plain, check=bad))


def test_a_picture_is_a_valid_png() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(grey)
    size = struct.unpack(">II", data[16:24])
    length = struct.unpack(">I", data[33:37])[0]
    raw = zlib.decompress(data[41 : 41 + length])
    assert size == (4, 3)
    assert np.frombuffer(raw, np.uint8).reshape(3, 5)[:, 1:].tolist() == grey.tolist()


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    tone = Signal(np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32), 16000)
    levels = explained.spectrogram(tone)
    mel = 2595 * np.log10(1 + np.array([1000, 8000]) / 700)
    assert levels.mean(axis=1).argmax() == pytest.approx((1 - mel[0] / mel[1]) * 95, abs=1.5)
    assert (levels.min() >= 0, levels.max() <= 1) == (True, True)


def test_the_terminal_names_what_matters(full: Explanation) -> None:
    text = "\n".join(line.plain for line in explained_terminal.lines(full))
    for word in ("folder/call.wav", "moments", "frequencies", "no +0.40", "feature", "sounds like", "pitch: high"):
        assert word in text
    assert text.endswith(full.card.licence_line)


# ---- A real browser ------------------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the page is not drawn")
def test_a_browser_draws_it_without_a_complaint(full: Explanation, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(full), "utf-8")
    ran = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--v=0", "--dump-dom"),
            (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    assert ran.stdout.count('class="cell ') == full.cells.size
