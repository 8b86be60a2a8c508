"""`affekt evaluate`: a run, a table of predictions, or a bundle -> how good it is, and how sure that is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from affekt.cli import _files, _terminal
from affekt.cli._known import joined
from affekt.cli._merges import merges as read_merges
from affekt.cli._terminal import count, score
from affekt.errors import DataError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from affekt.evaluation.judgements import Judgements
    from affekt.manifest import Manifest

_EXAMPLES = """\b
Examples:
  affekt evaluate runs/mine-lda                     what `affekt train` left behind
  affekt evaluate predictions.csv                   of any system: id, speaker, truth, p_anger, p_neutral, ...
  affekt evaluate permissive --on ravdess           a bundle, on a corpus that it has not heard
  affekt evaluate default --on ravdess/6fold        its recipe, trained anew in each fold of a protocol
  affekt evaluate runs/mine-lda -o mine.json        everything, for a program or a page
  affekt evaluate mine.csv --merge calm=neutral     two emotions counted as one
Every number and key: docs/evaluation.md. Two models: affekt compare A B.
Exit code: 0, 1 if the data are not what they should be or a recording cannot be read, 2 if the call is wrong."""

_SHOWN = 5
"Speakers and recordings that people see; the JSON has all."


@click.command(epilog=_EXAMPLES)
@click.argument("what", metavar="WHAT")
@click.option("--on", metavar="CORPUS", help="What a bundle judges: a corpus, a protocol (ravdess/6fold), a manifest "
              "(.jsonl, .parquet), a CSV, or a folder with a folder per emotion.")  # fmt: skip
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/corpora"),
              show_default=True, help="The folder that holds the corpora.")  # fmt: skip
@click.option("--merge", multiple=True, metavar="A=B", help="Count emotion A as B; may be given several times.")
@click.option("--offered", type=click.Choice(["corpus", "all"]), default="corpus", show_default=True,
              help="What a bundle may say: what the corpus can name, or all that it knows.")  # fmt: skip
@click.option("--allow-leak", is_flag=True, help="Judge what the bundle knows from training; stamps all LEAKY.")
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Draws of speakers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.json",
              help="Write the JSON to a file.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Where features are kept (default: the user's cache folder).")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes for a recipe's features; default: all.")
def command(
    what: str,
    on: str | None,
    root: Path,
    merge: tuple[str, ...],
    offered: Literal["corpus", "all"],
    allow_leak: bool,
    bootstraps: int,
    seed: int,
    as_json: bool,
    output: Path | None,
    cache: Path | None,
    workers: int | None,
) -> int:
    """Measure how good a model is on speakers that it has not heard, and how sure that is.

    WHAT is the folder of a run, a CSV of predictions, the JSON of an evaluation, or a bundle: the name of a bundled
    model, or its folder.
    """
    from affekt.cache import default_folder
    from affekt.evaluation import scores

    if output is not None and output.suffix != ".json":
        raise UsageError(f"-o writes JSON, so its name must end in .json, not in {output.suffix or 'nothing'!r}")
    if output is not None:
        _files.check(output)
    merges, kept = read_merges(merge), cache or default_folder()
    bundle = _bundle(what, on)
    if bundle is None:
        if on is not None:
            raise UsageError(f"--on is what a bundle judges; {what} holds judgements already")
        judged = joined(_read(what, merges), root)
    else:
        judged = _judged(bundle, str(on), root, (kept, workers or os.cpu_count() or 1), (merges, offered, allow_leak))
    for line in judged.about.get("skipped") or ():
        click.echo(f"affekt: left out: {_terminal.harmless(line)}", err=True)
    found = scores.evaluate(judged, bootstraps=bootstraps, seed=seed)
    if output is not None:
        write(found, output)
    if as_json:
        click.echo(text(found), nl=False)
    else:
        _print(_terminal.harmless({**found, "rows": None}), output)
    return 1 if bundle is not None and found["about"]["skipped"] else 0


def text(found: Mapping[str, Any]) -> str:
    """Write an evaluation as JSON, a line for each key and for each column of the rows.

    >>> print(text({"n": 1, "rows": {"id": ["a"]}}), end="")
    {
    "n": 1,
    "rows": {
    "id": ["a"]
    }
    }
    """
    lines = []
    for key, value in found.items():
        shown = text(value).rstrip() if key == "rows" else json.dumps(value, ensure_ascii=False)
        lines.append(f"{json.dumps(key)}: {shown}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write an evaluation to a file, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    _files.write(text(found), path)


# What is judged ---------------------------------------------------------------------------------------------------


def _bundle(what: str, on: str | None) -> str | Path | None:
    """Which bundle is meant, None where it is judgements."""
    from affekt import bundle

    folder = Path(what)
    if (folder / "card.json").is_file():
        found: str | Path = folder
    elif on is not None and (folder / "bundle" / "card.json").is_file():
        found = folder / "bundle"
    elif what in bundle.names():
        found = what
    else:
        return None
    if on is None:
        raise UsageError(f"{what} is a bundle: say what it judges, e.g. --on ravdess, or --on ravdess/6fold")
    return found


def _read(what: str, merges: dict[str, str] | None) -> Judgements:
    from affekt import bundle
    from affekt.evaluation import judgements

    if not Path(what).exists():
        raise UsageError(f"there is no run, table or bundle {what!r}; bundled models are {', '.join(bundle.names())}")
    return judgements.read(what, merge=merges)


def _judged(
    source: str | Path,
    on: str,
    root: Path,
    work: tuple[Path, int],
    settings: tuple[dict[str, str] | None, Literal["corpus", "all"], bool],
) -> Judgements:
    from affekt import bundle
    from affekt.cache import Cache
    from affekt.cli import _anew
    from affekt.evaluation import judgements

    model = bundle.load(source)
    merge, offered, allow_leak = settings
    with _terminal.progress() as progress:
        if _anew.is_protocol(on):
            return _anew.judge(
                model, on, root=root, cache=work[0], workers=work[1], merge=merge, offered=offered, progress=progress
            )
        manifest = _manifest(on, root)
        return judgements.judge(
            model,
            manifest,
            merge=merge,
            offered=offered,
            allow_leak=allow_leak,
            cache=Cache(work[0] / "heard"),
            progress=lambda done, total: progress.step(manifest.name, done, total),
        )


def _manifest(on: str, root: Path) -> Manifest:
    from affekt import datasets, manifest
    from affekt.errors import UnknownNameError

    path = Path(on)
    if on in datasets.names() and not path.exists():
        if not (root / on).is_dir():
            raise DataError(f"there is no folder {root / on}; --root must name the folder that holds {on}")
        return datasets.load(on, root / on)
    if not path.exists():
        raise UnknownNameError("corpus (and no file or folder)", on, datasets.names())
    if path.suffix in (".jsonl", ".parquet"):
        return manifest.read(path)
    return datasets.load("folder" if path.is_dir() else "table", path)


# What came out ----------------------------------------------------------------------------------------------------


def _print(found: Mapping[str, Any], output: Path | None) -> None:
    console = _terminal.console()
    about = found["about"]
    console.print(f"{found['name']}{': ' + about['protocol'] if about['protocol'] else ''}", style="bold")
    unheard = "" if found["leaky"] else " not heard in training" if about["tested"] else ""
    console.print(f"{count(found['n'], 'utterance')} of {count(found['speakers'], 'speaker')}{unheard}")
    if found["leaky"]:
        why = about["known"] or "train and test share speakers"
        console.print(f"LEAKY: {why}; the scores are too high, do not quote them", style="bold red")
    for line in found["notes"]:
        console.print(f"note: {line}", style="yellow")
    for line in _notes(about):
        console.print(line, style="dim")
    for block, show in (("emotion", _print_emotion), ("affect", _print_affect), ("soft", _print_soft)):
        if found[block]:
            console.print()
            show(console, found)
    for line in _trust(found):
        console.print(line)
    if output:
        console.print(f"everything: {output}", style="dim")


def _notes(about: Mapping[str, Any]) -> Iterator[str]:
    if about["recipe"]:
        yield f"judged by {about['recipe']}"
    if about["offered"]:
        what = "what the corpus can name" if about["offered"] == "corpus" else "all that the model knows"
        yield f"emotions offered: {what} (--offered)"
    if about["merge"]:
        yield "counted as one: " + ", ".join(f"{one} = {other}" for one, other in about["merge"].items())
    if about["left_out"]:
        told = ", ".join(f"{name} {n}" for name, n in about["left_out"].items())
        yield f"left out, since the model does not know them: {told}"
    if about["skipped"]:
        yield f"left out, since they could not be read: {count(len(about['skipped']), 'recording')}"
    if about["tried"]:
        yield f"{about['tried']} combinations of options were tried, on training speakers"


def _print_emotion(console: Console, found: Mapping[str, Any]) -> None:
    own = found["emotion"]
    peers = {row["name"]: row for row in own["peers"]}
    right = ("score", "majority", "guessing")
    table = _terminal.table("", "score", "95 % over speakers", "majority", "guessing", right=right)
    for name, shown in _NAMES.items():
        guess = peers["random"][name]
        table.add_row(shown, *score(own[name]), f"{peers['majority'][name]['value']:.3f}", _range(guess["interval"]))
    if own["top2"]:
        table.add_row("among the two best", *score(own["top2"]), "", "")
    console.print(table)
    console.print(_classes(own))
    if own["resolves"]["uar"]:
        alike, unlike = own["resolves"]["uar"]["alike"], own["resolves"]["uar"]["unlike"]
        console.print(f"noise: two equally good models lie up to {alike:.3f} apart in UAR here, up to {unlike:.3f} if "
                      f"they find other speakers hard")  # fmt: skip
    worst = found["per_speaker"][:_SHOWN]
    if found["speakers"] > 1:
        console.print("hardest speakers: " + ", ".join(f"{row['speaker']} {row['accuracy']:.2f}" for row in worst))


_NAMES = {"uar": "UAR", "macro_f1": "macro F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}


def _range(interval: list[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _classes(own: Mapping[str, Any]) -> Any:
    right = ("utterances", "recall", "precision", "F1")
    table = _terminal.table(
        "", "utterances", "recall", "95 %", "precision", "F1", "most often mistaken for", right=right
    )
    for row, counts in zip(own["classes"], own["confusion"]["counts"], strict=True):
        recall, interval = score(row["recall"])
        precision, f1 = score(row["precision"])[0], score(row["f1"])[0]
        if row["support"] == 0:
            recall, interval = "", ""
        table.add_row(
            row["label"], f"{row['support']}", recall, interval, precision, f1, _mistaken(row["label"], own, counts)
        )
    return table


def _mistaken(label: str, own: Mapping[str, Any], counts: list[int]) -> str:
    others = [(n, name) for n, name in zip(counts, own["confusion"]["labels"], strict=True) if name != label and n]
    if not others:
        return ""
    most, name = max(others, key=lambda pair: pair[0])
    return f"{name} ({most})"


def _print_affect(console: Console, found: Mapping[str, Any]) -> None:
    own = found["affect"]
    console.print(f"affect, {count(own['n'], 'utterance')} with ratings")
    table = _terminal.table("", "CCC", "95 % over speakers", "Pearson", "RMSE", "MAE", right=("CCC", "Pearson", "RMSE"))
    for axis in ("valence", "arousal", "dominance"):
        rest = [score(own[axis][name])[0] for name in ("pearson", "rmse", "mae")]
        table.add_row(axis, *score(own[axis]["ccc"]), *rest)
    console.print(table)


def _print_soft(console: Console, found: Mapping[str, Any]) -> None:
    own = found["soft"]
    words = [f"{shown} {own[name]['value']:.3f}" for name, shown in _SOFT.items()]
    console.print(f"beside the raters of {count(own['n'], 'utterance')}: {', '.join(words)}")


_SOFT = {"jsd": "Jensen-Shannon", "kld": "Kullback-Leibler", "cross_entropy": "cross entropy", "top2": "top 2"}


def _trust(found: Mapping[str, Any]) -> Iterator[str]:
    own, sure = found["calibration"], found["selective"]
    if own:
        raw, heat = own["raw"], own["temperature"]
        after = f", {heat['ece']['value']:.3f} with a temperature fitted on {own['fitted_on']}" if heat else ""
        yield (
            f"calibration: ECE {raw['ece']['value']:.3f} (if perfect up to {raw['ece']['perfect']['interval'][1]:.3f})"
            f"{after}; confidence {raw['confidence']:.2f}, accuracy {raw['accuracy']:.2f}"
        )
    if sure:
        kept = ", ".join(f"{at['accuracy']['value']:.3f} on the surest {at['coverage']:.0%}" for at in sure["at"])
        yield f"leaving the unsure out: accuracy {kept}"
