"""`affekt report`: judgements of a model -> a page, Markdown, JSON, a model card: what a reader should know of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _files
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.bundle import Card
    from affekt.evaluation.judgements import Judgements

_EXAMPLES = """\b
Examples:
  affekt report runs/mine-lda -o report.html            a run of `affekt train`, as a page of one file
  affekt report runs/mine-lda runs/mine-svm -o both.html   the first, and how the others compare with it
  affekt report mine.json --stress stress.json -o report.html --card card.md
  affekt report theirs.csv -o report.md -o report.json  predictions of another system
  affekt report runs/mine-lda                           Markdown on standard output
mine.json is what `affekt evaluate -o` wrote, stress.json what `affekt stress -o` wrote. Numbers: docs/evaluation.md.
Exit code: 0, 1 if the data are not what they should be, 2 if the call is wrong."""

_FORMS = (".html", ".md", ".json")


@click.command(epilog=_EXAMPLES)
@click.argument("what", metavar="WHAT [OTHER...]", nargs=-1, required=True)
@click.option("-o", "--output", multiple=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write FILE.html, FILE.md or FILE.json; may be given several times.")  # fmt: skip
@click.option("--card", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.md",
              help="Write a model card as well.")  # fmt: skip
@click.option("--stress", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.json",
              help="What `affekt stress -o` found of the first.")  # fmt: skip
@click.option("--bundle", metavar="BUNDLE", help="The bundle that judged, by name or folder, for its licence, data and "
              "limits; that of a run, or of a bundled model, is found by itself.")  # fmt: skip
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/corpora"),
              show_default=True, help="The folder that holds the corpora, for what they know of raters.")  # fmt: skip
@click.option("--merge", multiple=True, metavar="A=B", help="Count emotion A as B; may be given several times.")
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Draws of speakers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.pass_context
def command(
    ctx: click.Context,
    what: tuple[str, ...],
    output: tuple[Path, ...],
    card: Path | None,
    stress: Path | None,
    bundle: str | None,
    root: Path,
    merge: tuple[str, ...],
    bootstraps: int,
    seed: int,
    as_json: bool,
) -> None:
    """Report how good a model is, how sure that is, and where it must not be trusted.

    WHAT is the folder of a run, a CSV of predictions, or the JSON of an evaluation; each OTHER is compared with it.
    """
    from affekt.cli._merges import merges
    from affekt.evaluation import report

    _refuse(output, card)
    read = [_read(one, merges(merge), root) for one in what]
    found = report.gather(
        read[0],
        read[1:],
        stress=None if stress is None else report.read_stress(stress),
        card=_card(what[0], read[0], bundle),
        run=report.read_run(Path(what[0])),
        command=_again(ctx),
        bootstraps=bootstraps,
        seed=seed,
    )
    for path in output:
        _files.write(_form(found, path.suffix), path)
        click.echo(f"report: {path}", err=True)
    if card is not None:
        _files.write(_form(found, "card"), card)
        click.echo(f"model card: {card}", err=True)
    if as_json or not (output or card):
        click.echo(_form(found, ".json" if as_json else ".md"), nl=False)


def _refuse(output: Sequence[Path], card: Path | None) -> None:
    """Refuse what could not be written in the end before anything is measured."""
    for path in output:
        if path.suffix not in _FORMS:
            raise UsageError(f"-o writes {', '.join(_FORMS)}, by the end of the name, not {path.suffix or 'nothing'!r}")
    if card is not None and card.suffix != ".md":
        raise UsageError(f"--card writes Markdown, so its name must end in .md, not in {card.suffix or 'nothing'!r}")
    for path in (*output, *([card] if card else [])):
        _files.check(path)


def _read(what: str, merge: dict[str, str] | None, root: Path) -> Judgements:
    from affekt import bundle
    from affekt.cli._known import joined
    from affekt.evaluation import judgements

    path = Path(what)
    if what in bundle.names() and not path.exists():
        raise UsageError(f"{what} has judged nothing yet: affekt evaluate {what} --on CORPUS -o {what}.json")
    if not path.exists():
        raise UsageError(f"there is no run, table or evaluation {what!r}")
    found = judgements.read(path, merge=merge)
    return found if path.suffix == ".json" else joined(found, root)


def _card(what: str, judged: Judgements, named: str | None) -> Card | None:
    """Find the card of what judged: as told, of the run, or of the bundled model of that name."""
    from affekt import bundle

    if named is not None:
        return bundle.card(named)
    folder = Path(what) / "bundle"
    if (folder / "card.json").is_file():
        return bundle.card(folder)
    known = [bundle.card(name) for name in bundle.names()]
    return next((card for card in known if card.id == judged.name), None)


def _again(ctx: click.Context) -> str:
    """The command that makes the report again, as a shell takes it."""
    told = ctx.params
    words = ["affekt", "report", *told["what"]]
    words += [word for path in told["output"] for word in ("-o", str(path))]
    words += [
        word for name in ("card", "stress", "bundle", "root") if told[name] for word in (f"--{name}", str(told[name]))
    ]
    words += [word for pair in told["merge"] for word in ("--merge", pair)]
    words += ["--bootstraps", str(told["bootstraps"]), "--seed", str(told["seed"])]
    return shlex.join(words)


def _form(found: Mapping[str, Any], form: str) -> str:
    from affekt.view import report, report_markdown

    if form == ".html":
        return report.page(found)
    if form == ".json":
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    return report_markdown.card(found) if form == "card" else report_markdown.markdown(found)
