"""`affekt simulate`: seed -> telephone calls: in a folder with their truth, or spoken to a service as they happen."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from affekt.cli import _load, _terminal
from affekt.errors import DataError, UsageError

if TYPE_CHECKING:
    from affekt.service.load.carrier import Load
    from affekt.simulate import Call, Cast

_KINDS, _LAWS = ("calm", "angry", "mixed"), ("mu", "a")  # as in affekt.simulate, which is slow to import
_EXAMPLES = """\b
Examples:
  affekt simulate calls/                                          one call, spoken by espeak-ng
  affekt simulate calls/ --calls 20 --kind angry --noise 15       a noisy line; an episode of anger in each
  affekt simulate calls/ --corpus emodb --speakers emodb/03,emodb/08
  affekt simulate calls/ --corpus emodb --corpus ravdess --json   what was made, as JSON
  affekt simulate --calls 60 --minutes 5 --to ws://127.0.0.1:8001 --protocol twilio --token TOKEN
  affekt simulate --calls 20 --to ws://127.0.0.1:8001 --token TOKEN --ramp 10 --faults loss=0.02,vanish=0.1 --json
Each call is NAME.wav (8 kHz, G.711; customer left, agent right), NAME.json (what is true of it) and NAME.rttm.
With --to, up to 4 calls are made and spoken at the speed of life, as often as --calls says, each from another place on;
a FOLDER is then optional, and gets those 4. Protocols: affekt, asterisk, audiohook, audiosocket, freeswitch, telnyx,
twilio, vonage.
Exit code: 0, 1 if the corpus cannot play such calls or the service refused or dropped any, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
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
@_load.options
@click.option("--json", "as_json", is_flag=True, help="Write what was made, or how the calls went, as JSON.")
def command(
    folder: Path | None,
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
    **line: Any,
) -> None:
    """Make telephone calls whose truth is known: who speaks when, in which emotion. Or speak them to a service.

    Spoken by speakers of a corpus, or by a synthesiser, whose emotion is what the script says and no more. Actors do
    not answer each other: what a model finds in such calls is a test of it, and no forecast of its worth in real ones.
    """
    from affekt import simulate

    setting = simulate.Setting(cast("Any", kind), seconds, _noise(noise), cast("Any", law), seed)
    load = _load.asked(count, seconds, seed, **line)
    if folder is None and load is None:
        raise UsageError("where to? A FOLDER gets the calls, or --to URL hears them")
    number = count if load is None else min(count, _load.SOUNDS)
    made = simulate.calls(number, cast=_cast(corpora, root, speakers), setting=setting)
    if load is not None:
        _speak(list(made), load, folder, as_json)
    elif folder is not None:
        told = _written(made, number, folder)
        if as_json:
            _terminal.write_json({"folder": str(folder), "setting": asdict(setting), "calls": told})
        else:
            _show(told, folder)


def _written(made: Iterable[Call], count: int, folder: Path) -> list[dict[str, Any]]:
    """Write calls into a folder as they are made; say what they are."""
    _folder(folder)
    told = []
    with _terminal.progress() as progress:
        for number, call in enumerate(made, start=1):
            told.append(_facts(call, call.write(folder)))
            progress.step("calls", number, count)
    return told


def _speak(made: list[Call], load: Load, folder: Path | None, as_json: bool) -> None:
    """Speak calls, and end with exit code 1 where the service has failed any."""
    told = _written(made, len(made), folder) if folder else [_facts(call, ()) for call in made]
    report = _load.speak(made, load)
    if as_json:
        _terminal.write_json(report.to_dict() | {"sounds": told})
    else:
        _load.show(report)
    if report.failed:
        click.echo(f"{_terminal.count(report.failed, 'call')} of {load.calls} refused or dropped", err=True)
    click.get_current_context().exit(1 if report.failed else 0)


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
