"""`affekt compare`: two models' judgements of the same utterances -> which is better, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from affekt.cli import _terminal
from affekt.cli._terminal import count
from affekt.errors import UsageError

_EXAMPLES = """\b
Examples:
  affekt compare runs/mine-lda runs/mine-svm        two runs of `affekt train`
  affekt compare mine.csv theirs.csv                tables of predictions: id, speaker, truth, prediction
  affekt compare default.json permissive.json       two evaluations of `affekt evaluate -o`
All predictions of a speaker are swapped between the models: were they equally good, it would not matter whose is whose.
Exit code: 0, 1 if the data are not what they should be, 2 if the call is wrong."""

_NAMES = {"uar": "UAR", "macro_f1": "macro F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}


@click.command(epilog=_EXAMPLES)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--merge", multiple=True, metavar="X=Y", help="Count emotion X as Y in both; may be given several times.")
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Draws of speakers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of draws and swaps.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def command(a: str, b: str, merge: tuple[str, ...], bootstraps: int, seed: int, as_json: bool) -> None:
    """Say whether A is better than B on the utterances that both have judged.

    A and B are folders of runs, CSVs of predictions, or the JSON of an evaluation.
    """
    from affekt.cli._merges import merges
    from affekt.evaluation import compare, judgements

    for path in (a, b):
        if not Path(path).exists():
            raise UsageError(f"there is no run, table or evaluation {path!r}")
    one, other = (judgements.read(path, merge=merges(merge)) for path in (a, b))
    found = compare.compare(one, other, bootstraps=bootstraps, seed=seed)
    _terminal.write_json(found) if as_json else _print(_terminal.harmless(found), (a, b))


def _print(found: Mapping[str, Any], paths: tuple[str, str]) -> None:
    console = _terminal.console()
    names = ("A", "B")
    for letter, name, path in zip(names, (found["a"], found["b"]), paths, strict=True):
        console.print(f"{letter}  {name}" + ("" if name in path else f"  ({path})"), style="bold")
    console.print(f"{count(found['n'], 'utterance')} of {count(found['speakers'], 'speaker')} that both have judged")
    if found["only_a"] or found["only_b"]:
        console.print(f"left out: {found['only_a']} only in A, {found['only_b']} only in B", style="dim")
    if found["leaky"]:
        console.print("LEAKY: train and test share speakers; the scores are too high", style="bold red")
    console.print()
    table = _terminal.table("", "A", "B", "A - B", "95 % over speakers", "p", right=("A", "B", "A - B", "p"))
    for name, row in found["scores"].items():
        table.add_row(_shown(name), *_cells(row), _p(row["p"]))
    console.print(table)
    console.print(_classes(found["classes"])) if found["classes"] else None
    for line in _words(found):
        console.print(line)


def _shown(name: str) -> str:
    return _NAMES.get(name, name.replace("ccc_", "CCC "))


def _cells(row: Mapping[str, Any]) -> list[str]:
    values = ["" if row[key] is None else f"{row[key]:.3f}" for key in ("a", "b")]
    interval = row["interval"]
    apart = "" if row["difference"] is None else f"{row['difference']:+.3f}"
    return [*values, apart, f"{interval[0]:+.3f} to {interval[1]:+.3f}" if interval else ""]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _classes(rows: list[Mapping[str, Any]]) -> Any:
    right = ("A", "B", "A - B", "p, Holm")
    table = _terminal.table("recall", "A", "B", "A - B", "95 % over speakers", "p, Holm", right=right)
    for row in rows:
        table.add_row(row["label"], *_cells(row), _p(row["p_holm"]))
    return table


def _words(found: Mapping[str, Any]) -> Iterator[str]:
    main = next(iter(found["scores"]))
    row = found["scores"][main]
    better = "A" if (row["difference"] or 0) > 0 else "B"
    if row["p"] is not None and row["p"] < 0.05:
        yield f"{better} is better in {_shown(main)}: equally good models part so far in {row['p']:.2%} of swaps"
    else:
        yield f"no difference in {_shown(main)} can be told from chance on these speakers"
    how = "every way to swap speakers was tried" if found["exact"] else f"{found['permutations']:,} swaps were drawn"
    yield f"{how}; classes are corrected for looking at several (Holm)"
    own = found["agreement"]
    if own:
        right, speakers = own["right"], own["speakers"]
        yield (
            f"they say the same of {own['same']:.0%} (kappa {own['kappa']:.2f})"
            if own["kappa"] is not None
            else f"they say the same of {own['same']:.0%}"
        )
        yield (
            f"right: both {right['both']}, only A {right['only_a']}, only B {right['only_b']}, neither "
            f"{right['neither']}; speakers better served by A {speakers['a']}, by B {speakers['b']}, equally "
            f"{speakers['equal']}"
        )
