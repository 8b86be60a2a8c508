"""The pages for those who run and answer for the service say what is: metrics, alerts, settings, defaults, scores."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
pytest.importorskip("prometheus_client", reason='pip install "affekt[serve]"')
pytest.importorskip("sqlalchemy", reason='pip install "affekt[serve]"')

from affekt import bundle  # noqa: E402
from affekt.service import log, settings  # noqa: E402
from affekt.service.metrics import FAMILIES, STALE  # noqa: E402
from affekt.service.shared import RING  # noqa: E402
from affekt.service.store.retain import AUDIT_DAYS, ERASED_DAYS  # noqa: E402

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("operations", "security", "dpia", "instructions-for-use")
}
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def rows(page: str, head: str) -> list[list[str]]:
    lines = page[page.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def words(page: str) -> str:
    return " ".join(PAGES[page].split())


def test_every_metric_is_in_the_table_as_it_is():
    told = rows(PAGES["operations"], "| metric | kind")
    expected = []
    for family in FAMILIES:
        labels = [*family.labels, *(["process"] if family.process == "each" else [])]
        cells = [f"`{family.name}`", family.kind, family.process, ", ".join(f"`{x}`" for x in labels), family.help]
        expected.append(cells)
    assert told == expected


def test_every_alert_has_its_page_of_the_runbook_and_no_page_is_of_none():
    headings = re.findall(r"^### (Affekt\w+)$", PAGES["operations"], re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_variable_of_the_environment_is_named():
    told = {name for row in rows(PAGES["operations"], "| variable |") for name in re.findall(r"AFFEKT_\w+", row[0])}
    assert told == set(settings.VARIABLES)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("operations", f"`drain_seconds` ({settings.Serve().drain_seconds:g})"),
        ("operations", f"silent for {STALE:g} s is left out"),
        ("operations", f"{log.BURST} in {log.SPAN:g} seconds are written"),
        ("operations", f"{settings.Ingest().max_calls * (RING + 8192) / 1e6:.0f} MB for 256"),
        ("security", f"up to {RING // 1024} KB a call"),
        ("security", f"{settings.Privacy().retention_days} by default"),
        ("security", f"| {AUDIT_DAYS} days |"),
        ("security", f"| {ERASED_DAYS} days |"),
        ("dpia", f"{settings.Privacy().retention_days} by default"),
        ("instructions-for-use", f"{settings.Privacy().retention_days} by default"),
        ("instructions-for-use", f"| {AUDIT_DAYS} days |"),
    ],
)
def test_a_number_that_the_code_has_is_the_same_on_the_page(page, text):
    assert text in words(page)


def test_the_scores_are_those_of_the_models_card():
    scores = bundle.card("default").scores
    columns = [
        "UAR, speakers not heard (8 emotions offered)",
        "the same over a telephone (G.711)",
        "UAR, corpora not heard (8 emotions offered)",
    ]
    told = rows(PAGES["instructions-for-use"], "| model `default`")
    assert sorted(row[0].split()[0].lower() for row in told) == sorted(scores[columns[0]])
    for name, *cells in told:
        assert cells == [scores[column][name.split()[0].lower()] for column in columns], name
    sure = {name: float(value) for name, value in scores["confidence, corpora not heard"].items() if name != "ECE"}
    share, right, unsure = (round(100 * value) for value in sure.values())
    assert f"sure of {share} %" in words("instructions-for-use")
    assert f"right in {right} % of that; where it says `uncertain`, in {unsure} %" in words("instructions-for-use")


def test_the_alerts_found_are_those_of_the_benchmark():
    """The rows of the model that ships, on corpora that it has not heard."""
    page = (ROOT / "benchmarks/LIVE.md").read_text(encoding="utf-8")
    told = rows(PAGES["instructions-for-use"], "| alerts on simulated calls")
    for (_, found, false), corpora in zip(told, ("ravdess and emodb", "all four"), strict=True):
        row = next(
            line for line in page.splitlines() if line.startswith(f"| **{corpora}** | like `default`, corpus not")
        )
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert (found, false) == (cells[3], cells[8])
    rate = next(line for line in page.splitlines() if line.startswith("| like `default`, corpus not heard | 9"))
    assert f"raise {rate.strip('|').split('|')[8].strip()} alerts an hour" in words("instructions-for-use")


@pytest.mark.parametrize("article", ["5 (1) (f)", "50 (3)", "annex III 1 (c)", "| 26 |", "| 27 |"])
def test_the_assessment_names_the_articles_of_the_ai_act(article):
    assert article in PAGES["dpia"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_routes_and_settings_that_exist(page):
    pytest.importorskip("fastapi", reason='pip install "affekt[serve]"')
    from affekt.service.auth.roles import TABLE

    for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) (/[\w/{}]+)`", PAGES[page]):
        assert f"{method} {path}" in TABLE
    serve = settings.Serve()
    sections = {
        name: set(getattr(getattr(serve, name), "__dataclass_fields__", ())) for name in serve.__dataclass_fields__
    }
    for section, key in re.findall(r"`(http|ingest|engine|privacy|log|auth|predict)\.([a-z_]+)`", PAGES[page]):
        assert key in sections[section], f"{section}.{key}"
