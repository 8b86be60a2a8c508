"""The report's page: whole, alone, harmless, and drawn and worked by a real browser at two widths."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import judged
import reported
from affekt.evaluation import report as reports
from affekt.view import report_markdown, report_words
from affekt.view.palette import luminance
from affekt.view.report import page


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return reported.full()


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    return reported.full(reported.HOSTILE, leaky=True)


def test_every_form_says_where_a_score_means_nothing():
    """Of one emotion alone a UAR of 1 is no feat, and no better than guessing."""
    own = judged.judgements(skill=9.0)
    found = reports.gather(own.part(own.names == "anger"), bootstraps=5)
    for text in (page(found), report_markdown.markdown(found), report_markdown.card(found)):
        assert "The truth knows one emotion only, anger: UAR and the other scores say nothing" in text
        assert "more than guessing" not in text
    alone = reports.gather(own.part(own.speakers == own.speakers[0]), bootstraps=5)
    assert "One speaker is no sample of people" in report_markdown.card(alone)


def tags(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, [name for name, _ in attrs]))

    Parser().feed(text)
    return found


def data(text: str) -> Any:
    return json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])


def test_the_page_asks_nothing_of_the_network(full):
    text = page(full)
    bare = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", bare)
    assert not any("src" in names for _, names in tags(text))


def test_the_page_runs_with_the_strictest_policy(full):
    """Only the script and the style whose hashes it names; no markup is ever made of text."""
    text = page(full)
    policy = html.unescape(re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[0])
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not [name for _, names in tags(text) for name in names if name.startswith("on") or name == "style"]


def test_hostile_names_stay_names(full, hostile):
    """Of a speaker, a file, an utterance, a corpus, a protocol, a note: no tag more than with harmless ones."""
    text = page(hostile)
    assert tags(text) == tags(page(full))
    assert data(text)["report"]["subject"]["name"] == reported.HOSTILE
    assert "\u2028" not in text
    assert text.count("{{data}}") == 0 or "{{data}}" in reported.HOSTILE


def test_the_page_has_the_numbers_and_leaves_out_the_rows(full):
    found = data(page(full))
    assert found["report"]["subject"]["emotion"] == json.loads(json.dumps(full["subject"]["emotion"]))
    assert "rows" not in found["report"]["subject"]
    assert len(found["stress"]["rows"]) == len(full["stress"]["results"])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(top: str, ground: str, share: float) -> str:
    parts = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (top, ground))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(*parts, strict=True))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_all_text_can_be_read(theme):
    """WCAG 2: 4.5 to 1, on every ground, on the darkest cell of the confusion matrix as well."""
    own = [files("affekt.view").joinpath(name).read_text("utf-8") for name in ("base.css", "report.html")]
    found = [re.findall(r"--([\w]+): (#[0-9a-f]{6}|\.\d+)", text.split("@media print")[0]) for text in own]
    half = [next(i for i in range(1, len(pairs)) if pairs[i][0] == pairs[0][0]) for pairs in found]
    colours: dict[str, str] = {}
    for pairs, at in zip(found, half, strict=True):
        colours |= dict(pairs[:at]) | (dict(pairs[at:]) if theme else {})
    for ink, ground in itertools.product(("ink", "soft", "accent", "bad", "good"), ("panel", "ground")):
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ink in ("ink", "soft"):
        assert contrast(colours[ink], colours["faint"]) >= 4.5, ink
    assert contrast(colours["panel"], colours["accent"]) >= 4.5
    cell = mixed(colours["accent"], colours["faint"], float(colours["heat"]))
    assert contrast(colours["ink"], cell) >= 4.5


# What it says -----------------------------------------------------------------------------------------------------


def test_the_summary_says_what_came_out_and_how_much_was_tried(full):
    said = " ".join(report_words.summary(full))
    uar = full["subject"]["emotion"]["uar"]
    assert f"UAR {uar['value']:.3f}" in said
    assert f"{uar['interval'][0]:.3f} to {uar['interval'][1]:.3f}" in said
    assert "12 combinations of options were tried" in said
    assert "That is more than guessing" in said
    assert "cannot be compared with demo elsewhere" in said
    assert "differs by" in said


def test_a_model_that_guesses_is_told_from_no_guess():
    own = reports.gather(judged.judgements(skill=0.0), bootstraps=50)
    assert any("cannot be told from guessing" in line for line in report_words.summary(own))


def test_a_leak_is_said_before_anything_else(full, hostile):
    assert report_words.leaky(full) == ""
    assert "do not quote" in report_words.leaky(hostile)
    for text in (report_markdown.markdown(hostile), report_markdown.card(hostile)):
        assert text.splitlines()[2].startswith("**LEAKY")


def test_markdown_keeps_every_row_of_a_table_whole_whatever_the_names(hostile):
    text = report_markdown.markdown(hostile) + report_markdown.card(hostile)
    assert "<" not in text.replace("&lt;", "")
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block[:200]


def test_the_card_has_what_a_model_card_owes(full):
    text = report_markdown.card(full)
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert titles == [
        *("What it is", "Trained on", "Licence", "Intended use", "Prohibited and wrong use"),
        *("Scores, with intervals and protocol", "Fairness", "Robustness", "Calibration", "Limits", "How to reproduce"),
    ]
    assert "article 5 (1) f" in text
    assert "EmoDB" in text.split("## Trained on")[1].split("##")[0]
    assert "| demo | sex | UAR | gap | 0.1263 |" in text


def test_without_a_bundle_the_card_says_what_is_not_known():
    text = report_markdown.card(reports.gather(judged.judgements(), bootstraps=20))
    assert "Not known" in text.split("## Licence")[1].split("##")[0]
    assert text.split("## Robustness")[1].split("##")[0].strip() == "Not measured."


# A real browser ---------------------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the page is not drawn")

PROBE = r"""
addEventListener("load", () => {
  const $ = (s) => document.querySelector(s), all = (s) => [...document.querySelectorAll(s)], out = {};
  const label = (e) => e.id && $(`label[for="${e.id}"]`)?.textContent;
  const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || label(e);
  const over = (e) => !e.closest(".scroll, .unseen, svg") && e.getBoundingClientRect().right > innerWidth + 1;
  out.wide = all("body *").filter(over).map((e) => e.outerHTML.slice(0, 90));
  out.scrolls = document.documentElement.scrollWidth > innerWidth;
  out.nameless = all("button, input, select, a, section, [role=img], [role=region]").filter((e) => !named(e)).length;
  out.twice = all("[id]").map((e) => e.id).filter((id, i, ids) => ids.indexOf(id) !== i);
  out.sections = all("section").map((e) => e.getAttribute("aria-label"));
  out.stamp = !$("#stamp").hidden;
  out.images = all("img").length;
  const cells = all("#matrix td"), said = $("#matrix").closest("section").querySelector(".said");
  if (cells.length) {
    out.stops = cells.filter((c) => c.tabIndex === 0).length;
    out.counts = cells.map((c) => c.textContent);
    all("#matrix").at(0).closest("section").querySelectorAll(".tools button")[1].click();
    out.shares = cells.map((c) => c.textContent);
    cells[0].focus();
    cells[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    out.walked = document.activeElement === cells[1];
    out.words = said.textContent;
  }
  const slider = $("#coverage");
  if (slider) {
    slider.value = slider.max;
    slider.dispatchEvent(new Event("input"));
    out.covered = slider.getAttribute("aria-valuetext");
  }
  const picks = all("#the-surest-mistakes select"), lines = all("#the-surest-mistakes tbody tr");
  if (picks.length) {
    picks[0].value = picks[0].options[1].value;
    picks[0].dispatchEvent(new Event("change"));
    out.kept = [...new Set(lines.filter((l) => !l.hidden).map((l) => l.cells[2].textContent))];
    out.truth = picks[0].value;
  }
  const tests = $("#stress-and-fairness");
  if (tests) {
    tests.querySelectorAll(".tools button")[1].click();
    out.verdicts = [...tests.querySelectorAll("tbody tr:not(.group)")].map((l) => l.cells[5].textContent);
  }
  out.folded = all("tbody tr").filter((l) => l.hidden).length;
  dispatchEvent(new Event("beforeprint"));
  out.closed = all("details:not([open])").length;
  parent.postMessage(JSON.stringify(out), "*");
});
"""


def worked(report: dict[str, Any], folder: Path, width: int) -> tuple[dict[str, Any], str]:
    """Let a browser draw the page and a probe work it; return what it saw and what the browser complained of."""
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    text = page(report).replace("</body>", f"<script>{PROBE}</script></body>")
    text = text.replace("script-src 'sha", f"script-src 'sha256-{digest}' 'sha", 1)
    (folder / "report.html").write_text(text, "utf-8")
    (folder / "frame.html").write_text(
        f"<!doctype html><iframe src='report.html' width={width} height=900></iframe><pre id=o></pre>"
        "<script>addEventListener('message', (e) => { document.getElementById('o').textContent = e.data; });</script>"
    )
    ran = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0"),
            *("--virtual-time-budget=5000", "--window-size=1400,1000", "--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seen = html.unescape(ran.stdout.split('<pre id="o">')[1].split("</pre>")[0])
    complaints = "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)
    assert seen, complaints
    return json.loads(seen), complaints


@browser
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_draws_and_works_the_page(full, tmp_path, width):
    seen, complaints = worked(full, tmp_path, width)
    assert complaints == ""
    assert (seen["wide"], seen["scrolls"]) == ([], False)
    assert (seen["nameless"], seen["twice"], seen["closed"]) == (0, [], 0)
    assert seen["sections"] == [
        *("Scores", "Affect", "Side by side", "Emotions", "Confusion", "Folds", "Corpora", "Speakers", "Calibration"),
        *("Leaving the unsure out", "Raters' shares", "The surest mistakes", "Stress and fairness", "Use and limits"),
        *("How it was measured", "What the numbers mean"),
    ]
    counts = list(itertools.chain(*full["subject"]["emotion"]["confusion"]["counts"]))
    assert list(map(int, seen["counts"])) == counts
    assert int(seen["shares"][0]) == pytest.approx(100 * counts[0] / sum(counts[:4]), abs=0.51)
    assert (seen["stops"], seen["walked"]) == (1, True)
    assert f"{counts[1]} (" in seen["words"]
    assert seen["covered"] == f"Judge 100 %: accuracy {full['subject']['calibration']['raw']['accuracy']:.3f}."
    assert seen["kept"] == [seen["truth"]]
    assert seen["verdicts"] == ["✗ FAILED", "✗ FAILED"]
    assert not seen["stamp"]


@browser
def test_a_browser_shows_hostile_names_and_runs_nothing(hostile, tmp_path):
    seen, complaints = worked(hostile, tmp_path, 400)
    assert complaints == ""
    assert (seen["images"], seen["wide"], seen["scrolls"]) == (0, [], False)
    assert seen["stamp"]


@browser
@pytest.mark.parametrize("speakers", [1, 8])
def test_a_browser_draws_a_report_of_little(tmp_path, speakers):
    """No probabilities, one speaker: what there is nothing to say of is left out, and nothing breaks."""
    from dataclasses import replace

    own = judged.judgements(speakers=speakers)
    bare = replace(own, probs=None, decided=own.probs.argmax(axis=1))
    seen, complaints = worked(reports.gather(bare, bootstraps=20), tmp_path, 400)
    assert complaints == ""
    assert "Calibration" not in seen["sections"]
    assert "Scores" in seen["sections"]
