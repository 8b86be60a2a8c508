"""`affekt models`: which models are there, and the card of each: training, scores, limits, licence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from affekt.bundle import Card

_as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")


@click.group(invoke_without_command=True)
@_as_json
@click.pass_context
def command(ctx: click.Context, /, as_json: bool) -> None:
    """List the bundled models, or show the card of one."""
    if ctx.invoked_subcommand is not None:
        return
    from affekt import bundle

    cards = [bundle.card(name) for name in bundle.names()]
    if as_json:
        _write_json([card.to_dict() for card in cards])
    else:
        _print_list(cards)


_SHOW = """\b
Examples:
  affekt models show permissive        what it was trained on, how good it is, what it may be used for"""


@command.command(epilog=_SHOW)
@click.argument("name")
@_as_json
def show(name: str, as_json: bool) -> None:
    """Show the card of the model NAME: a bundled model, or the folder of another bundle."""
    from affekt import bundle

    card = bundle.card(name)
    if as_json:
        _write_json(card.to_dict())
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card.text))
    else:
        click.echo(card.text, nl=False)


def _write_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_list(cards: list[Card]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for card in cards:
        console.print(Text.assemble((card.name, "bold"), f"  {card.title}"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for what, text in _facts(card):
            table.add_row(Text(f"  {what}", "dim"), Text(text))
        console.print(table)
        console.print()
    console.print(Text("The whole card: affekt models show NAME. To use one: affekt predict --model NAME FILE", "dim"))


def _facts(card: Card) -> Iterator[tuple[str, str]]:
    yield "id", f"{card.id}, {card.size / 1e6:.1f} MB with its encoder"
    yield "emotions", ", ".join(card.labels)
    yield "languages", ", ".join(card.languages)
    yield "licence", f"{card.licence}; for: {card.use}"
    for what, values in list(card.scores.items())[:1]:  # the first is the one that matters most
        yield "scores", "\n".join([f"{what}", *_lines(values)])


def _lines(scores: Any) -> Iterator[str]:
    if isinstance(scores, Mapping):
        yield from (f"{name} {value}" for name, value in scores.items())
    else:
        yield str(scores)
