"""docs/datasets.md says what the cards say. `python tests/datasets/test_docs_page.py` writes its tables anew."""

from __future__ import annotations

import re
from pathlib import Path

from affekt import datasets

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"
GENERIC = ("folder", "table")


def corpora() -> str:
    lines = [
        "| name | corpus | language | speech | clips | speakers | for | licence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for card in map(datasets.card, datasets.names()):
        if card.name in GENERIC:
            continue
        numbers = ["" if n is None else f"{n:,}" for n in (card.clips, card.speakers)]
        cells = [f"`{card.name}`", f"[{card.title}]({card.homepage})", ", ".join(card.languages), card.elicitation]
        lines.append(f"| {' | '.join([*cells, *numbers, card.use, card.licence])} |")
    return "\n".join(lines)


def protocols() -> str:
    lines = ["| protocol | what it is |", "|---|---|"]
    for name in datasets.names():
        lines += [f"| `{name}/{key}` | {protocol.about} |" for key, protocol in datasets.protocols(name).items()]
    return "\n".join(lines)


def tables(page: str) -> list[str]:
    return re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE)


def test_the_page_lists_all_corpora_and_protocols_as_their_cards_do():
    first, second, *_ = tables(PAGE.read_text(encoding="utf-8"))
    assert first.strip() == corpora()
    assert second.strip() == protocols()


def test_the_page_names_the_whole_vocabulary():
    assert ", ".join(datasets.VOCABULARY) in " ".join(PAGE.read_text(encoding="utf-8").split())


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for old, new in zip(tables(text), (corpora(), protocols()), strict=False):
        text = text.replace(old, new + "\n")
    PAGE.write_text(text, encoding="utf-8")
