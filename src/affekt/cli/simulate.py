"""`affekt simulate`: seed -> telephone calls in a folder, each with its truth: sound, JSON, RTTM."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from affekt.cli import _terminal
from affekt.errors import DataError, UsageError

if TYPE_CHECKING:
    from affekt.simulate import Call, Cast

_KINDS, _LAWS = ("calm", "angry", "mixed"), ("mu", "a")  # as in affekt.simulate, which is slow to import
_EXAMPLES = """\b
Examples:
  affekt simulate calls/                                          one call, spoken by espeak-ng
  affekt simulate calls/ --calls 20 --kind angry --noise 15       a noisy line; an episode of anger in each
  affekt simulate calls/ --corpus emodb --speakers emodb/03,emodb/08
  affekt simulate calls/ --corpus emodb --corpus ravdess --json   what was made, as JSON
Each call is NAME.wav (8 kHz, G.711; customer left, agent right), NAME.json (what is true of it) and NAME.rttm.
Exit code: 0, 1 if the corpus cannot play such calls, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--calls", "count", type=click.IntRange(1, 100_000), default=1, show_default=True, metavar="N")
@click.option("--kind", type=click.Choice(_KINDS), default="mixed", show_default=True, help="What happens in them.")
@click.option("--seconds", type=float, default=180.0, show_default=True, metavar="S", help="About, of each call.")
@click.option("--noise", default="20", show_default=True, metavar="DB", help="Noise below the speech, or none.")
@click.option("--law", type=click.Choice(_LAWS), default="mu", show_default=True, help="Of G.711.")
@click.option("--corpus", "corpora", multiple=True, metavar="NAME", help="Who speaks; repeatable. Default: espeak-ng.")
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/corpora"),
              show_default=True, metavar="FOLDER", help="Holds a folder for each corpus.")  # fmt: skip
@click.option("--speakers", metavar="NAME,...", help="Only these, such as those that a model was not trained on.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Other calls.")
@click.option("--json", "as_json", is_flag=True, help="Write what was made as JSON.")
def command(
    folder: Path,
    count: int,
    kind: str,
    seconds: float,
    noise: str,
    law: str,
    corpora: tuple[str, ...],
    root: Path,
    speakers: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Make telephone calls whose truth is known: who speaks when, in which emotion.

    Spoken by speakers of a corpus, or by a synthesiser, whose emotion is what the script says and no more. Actors do
    not answer each other: what a model finds in such calls is a test of it, and no forecast of its worth in real ones.
    """
    from affekt import simulate

    setting = simulate.Setting(cast("Any", kind), seconds, _noise(noise), cast("Any", law), seed)
    made = simulate.calls(count, cast=_cast(corpora, root, speakers), setting=setting)
    _folder(folder)
    told = []
    with _terminal.progress() as progress:
        for number, call in enumerate(made, start=1):
            told.append(_facts(call, call.write(folder)))
            progress.step("calls", number, count)
    if as_json:
        _terminal.write_json({"folder": str(folder), "setting": asdict(setting), "calls": told})
    else:
        _show(told, folder)


def _noise(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--noise is a number of dB, or none, got {text!r}") from None


def _cast(corpora: tuple[str, ...], root: Path, speakers: str | None) -> Cast | None:
    """Who speaks; None is the synthesiser."""
    if not corpora:
        if speakers:
            raise UsageError("--speakers are those of a corpus: name it with --corpus")
        return None
    from affekt import datasets, simulate

    manifests = []
    for name in dict.fromkeys(corpora):
        datasets.card(name)
        if not (root / name).is_dir():
            raise DataError(f"there is no folder {root / name}; --root must name the folder that holds {name}")
        manifests.append(datasets.load(name, root / name))
    return simulate.Corpora(manifests, speakers=[name.strip() for name in speakers.split(",")] if speakers else None)


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {str(folder)!r}: {error.strerror or error}") from error


def _facts(call: Call, files: tuple[Path, ...]) -> dict[str, Any]:
    """Return what a listing says of a call; the rest is in its own JSON."""
    truth = call.truth.to_dict()
    kept = ("name", "seconds", "cast", "synthetic", "people", "noise", "echo", "episodes")
    return {"files": [path.name for path in files]} | {key: truth[key] for key in kept}


def _show(told: list[dict[str, Any]], folder: Path) -> None:
    from affekt.view.words import clock, printable

    console = _terminal.console()
    table = _terminal.table("call", "length", "customer", "agent", "emotions", right=("length",))
    for one in told:
        people = one["people"]
        emotions = ", ".join(
            f"{e['emotion']} {clock(e['start'])}" for e in one["episodes"] if e["emotion"] != "neutral"
        )
        table.add_row(one["name"], clock(one["seconds"]), people["customer"], people["agent"], emotions or "none")
    console.print(table)
    if any(one["synthetic"] for one in told):
        click.echo("The emotions are what the script says: nobody was recorded, and nobody has judged them.", err=True)
    click.echo(f"{_terminal.count(len(told), 'call')} in {printable(str(folder))}", err=True)
    sys.stderr.flush()
