"""`affekt explain`: a recording -> which moments, frequencies, features and words spoke, and whether that is true."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _agent, _files, _options
from affekt.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from affekt.bundle import Bundle
    from affekt.explain import Explanation
    from affekt.manifest import Manifest

    Tell = Callable[[str], None]

_EXAMPLES = """\b
Examples:
  affekt explain angry.wav                              a summary in the terminal
  affekt explain call.wav --agent right -o why.html     the most certain window of a call, as a page
  affekt explain call.wav --turn 3 --target anger       why turn 3 could be anger
  affekt explain call.wav --time 12.5 --against neutral why what was said at 12.5 s is not neutral
  affekt explain a.wav --words a.ctm -o why.html        words above the waveform
  affekt explain a.wav --examples emodb=corpora/emodb   what it sounds like to the model
What it tells is which parts of the sound the model used; it measures for each recording whether that holds.
Exit code: 0, 1 if the recording cannot be explained, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("file")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.html",
              help="Write a page that needs nothing else.")  # fmt: skip
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png", help="Draw a picture (.png, .svg)."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@_options.MODEL
@click.option("--target", metavar="EMOTION", help="Explain this emotion; else the one that the model names.")
@click.option("--against", metavar="EMOTION", help="Against this emotion alone, rather than all others.")
@click.option(
    "--turn", type=click.IntRange(1), metavar="N", help="The Nth turn; of a long one, its most certain window."
)
@click.option("--time", type=click.FloatRange(0), metavar="S", help="The window around this second.")
@click.option("--whole", is_flag=True, help="The file as one window of at most 6 s, without looking for speech.")
@click.option(
    "--channel", type=click.Choice(_options.CHANNELS), metavar="WHICH", default="auto", help="As in affekt predict."
)
@click.option("--agent", multiple=True, callback=_agent.one, metavar="WHO",
              help="Channel or speaker who is not judged, nor explained.")  # fmt: skip
@click.option("--segments", type=click.Path(exists=True, dir_okay=False), metavar="RTTM", help="Who speaks when.")
@click.option("--words", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Words with times: CTM, or CSV or JSON with word, start, end.")  # fmt: skip
@click.option(
    "--examples", metavar="[CORPUS=]PATH", help="Manifest, or a corpus's folder: the model's training corpus."
)
@click.option("--speaker", metavar="ID", help="Who speaks, as the examples call them: their own are not listed.")
@click.option("--own", is_flag=True, help="List the speaker's own recordings among the nearest, too.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep the examples' features here.",
)
@click.option("--fast", is_flag=True, help="Fewer calls of the model, coarser answers.")
@_options.WINDOW
@_options.HOP
def command(file: str, output: Path | None, plot: Path | None, as_json: bool, **asked: Any) -> None:
    """Explain what a model says of FILE: which moments, frequencies, features and words spoke for an emotion.

    Of a long recording one window is explained: the one that the model is most sure of, or of a turn or time that you
    choose. An agent is never judged, and so never explained.
    """
    _check(output, plot, asked)
    with _progress() as tell:
        said = _explained(file, asked, tell)
    if output:
        from affekt.view.explained_page import page

        _files.write(page(said), output)
    if plot:
        from affekt.view.explained_figure import draw

        draw(said, plot)
    if as_json:
        click.echo(json.dumps(said.to_dict(), indent=2, allow_nan=False))
    else:
        _print(said)


def _check(output: Path | None, plot: Path | None, asked: dict[str, Any]) -> None:
    """Refuse a wrong call before any work is done."""
    if output and output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o writes a page, so its name must end in .html, not {output.name!r}; a picture is --plot")
    if plot and plot.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"--plot draws a .png or .svg file, not {plot.name!r}; the page is -o")
    if plot:
        from affekt.registry import need

        need("matplotlib", extra="report")
    if (asked["speaker"] or asked["own"]) and not asked["examples"]:
        raise UsageError("--speaker and --own are about the nearest examples; give --examples as well")


def _explained(file: str, asked: dict[str, Any], tell: Tell) -> Explanation:
    from affekt import bundle, explain
    from affekt.cli._chosen import Choice, find
    from affekt.explain import words
    from affekt.recognizer import Recognizer

    transcript = words.read(asked["words"]) if asked["words"] else []
    manifest = _manifest(asked["examples"]) if asked["examples"] else None
    model = bundle.load(asked["model"])
    tell("listening")
    window, timeline = find(
        model,
        Choice(asked["turn"], asked["time"], asked["target"]),
        lambda recognizer: recognizer.predict_file(file, **_hearing(asked)),
        lambda keeper: Recognizer(keeper, window=asked["window"], hop=asked["hop"]),
    )
    said = explain.explain(
        model,
        window,
        source=timeline.source,
        target=asked["target"],
        against=asked["against"],
        transcript=transcript,
        fast=asked["fast"],
        progress=tell,
    )
    return said if manifest is None else _compared(said, model, manifest, file, asked, tell)


def _hearing(asked: dict[str, Any]) -> dict[str, Any]:
    from affekt import rttm

    segments = rttm.read(asked["segments"]) if asked["segments"] else None
    return {"channel": asked["channel"], "agent": asked["agent"], "segments": segments, "whole": asked["whole"]}


def _manifest(given: str) -> Manifest:
    """Read `emodb=corpora/emodb`, a manifest's file, or a corpus's folder of that name."""
    from affekt import datasets
    from affekt import manifest as manifests

    name, sign, path = given.partition("=")
    if sign:
        return datasets.load(name, path)
    if Path(given).is_dir():
        return datasets.load(Path(given).name.lower(), given)
    return manifests.read(given)


def _compared(
    said: Explanation, model: Bundle, manifest: Manifest, file: str, asked: dict[str, Any], tell: Tell
) -> Explanation:
    from affekt import cache, explain
    from affekt.explain import examples

    store = cache.Cache(asked["cache"] or cache.default_folder() / "explain")
    tell("examples")
    among = examples.hear(
        model, manifest, store=store, progress=lambda done, total: tell(f"examples {done:.0f} of {total:.0f}")
    )
    without = [] if asked["own"] else _speakers(manifest, file, asked["speaker"])
    return explain.compare(said, model, among, without=without, store=store, progress=tell)


def _speakers(manifest: Manifest, file: str, given: str | None) -> list[str]:
    """Who is heard, as far as it is known: said by the caller, or the file is one of the examples itself."""
    found = [given] if given else []
    if given and given not in manifest.speakers:
        raise UsageError(f"{manifest.name} has no speaker {given!r}; it has {', '.join(manifest.speakers[:5])}, ...")
    same = [u.speaker for u in manifest if file != "-" and manifest.file(u).resolve() == Path(file).resolve()]
    return [*found, *same]


def _print(said: Explanation) -> None:
    from rich.console import Console

    from affekt.view.explained_terminal import lines

    console = Console(highlight=False)
    for line in lines(said):
        console.print(line)


@contextmanager
def _progress() -> Iterator[Tell]:
    """Say on standard error what is being done, where a person watches."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update
