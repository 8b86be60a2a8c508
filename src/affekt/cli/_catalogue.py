"""Feature sets -> what is told of them: all in a line each, or every feature of one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from affekt import features, registry
from affekt.cli import _terminal
from affekt.errors import MissingExtraError
from affekt.features import Feature, FeatureSet

if TYPE_CHECKING:
    from rich.console import Console


def tell_all(*, as_json: bool) -> None:
    """Write a line per set."""
    known = [_card(name) for name in features.names()]
    if as_json:
        click.echo(json.dumps(known, indent=2))
        return
    from rich.text import Text

    columns = ("set", "features", "functionals", "native rates", "what it is")
    table = _terminal.table(*columns, right=("features", "functionals"))
    for card in known:
        numbers = [f"{card[what]:,}" if what in card else "" for what in ("features", "functionals")]
        table.add_row(card["name"], *numbers, _rates(card["rates"]), Text(card["missing"] or card["about"]))
    console = _terminal.console()
    console.print(table)
    console.print()
    for licence, names in _licences(known).items():
        console.print(Text(f"{', '.join(names)}: {licence}", "dim"))
    console.print(Text("What each number means: affekt features --describe SET", "dim"))


def _licences(known: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what is not under Affekt's own licence: licence -> sets."""
    found: dict[str, list[str]] = {}
    for card in known:
        if card["licence"] != "Apache-2.0":
            found.setdefault(card["licence"], []).append(card["name"])
    return found


def describe(name: str, *, as_json: bool) -> None:
    """Write what every feature and functional of a set is.

    Raises:
        UnknownNameError: no such set.
        MissingExtraError: the set needs an optional package.
    """
    found = _load(name)
    frames = list(found.features)
    functionals = [found.describe(one) for one in found.functional_names]
    module = registry.load("features", name)
    offset, options = getattr(module, "OFFSET", 0.0), _options(found, getattr(module, "OPTIONS", ()))
    if as_json:
        card = _card(name) | {"features": _plain(frames), "functionals": _plain(functionals)}
        card |= {"offset": offset, "about_options": _plain(options)}
        _terminal.write_json(card)
        return
    from rich.text import Text

    console = _terminal.console()
    console.print(Text.assemble((name, "bold"), f"  {found.about}"))
    console.print(Text(f"native at {_rates(found.rates)}, version {found.version}, {found.licence}", "dim"))
    if options:
        _tell(console, "options, --option NAME=VALUE", options)
    _tell(
        console, f"{len(frames):,} features, a frame every {_ms(found.hop)}, the first centred at {_ms(offset)}", frames
    )
    _tell(console, f"{len(functionals):,} functionals of a recording", functionals)


def _options(found: FeatureSet, told: Iterable[Feature]) -> list[Feature]:
    """Return what the set says of its options; of one that it does not tell of, the default."""
    known = {option.name: option for option in told}
    return [
        known.get(name, Feature(name, "1", f"default {json.dumps(default)}", ""))
        for name, default in found.options.items()
    ]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:g} ms"


def _tell(console: Console, title: str, known: Iterable[Feature]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(Text(title, "bold"))
    for feature in known:
        unit = "" if feature.unit == "1" else f"  {feature.unit}"
        console.print(Text.assemble(f"  {feature.name}", (unit, "dim")))
        source = f" [{feature.source}]" if feature.source else ""
        console.print(Padding(Text(feature.definition + source, "dim"), (0, 0, 0, 6)))


def _card(name: str) -> dict[str, Any]:
    """Return what is known of a set without its optional package."""
    found = _load(name)
    card: dict[str, Any] = {
        "name": name,
        "about": found.about,
        "licence": found.licence,
        "missing": None,
        "options": found.options,
    }
    card |= {"hop": found.hop, "rates": list(found.rates), "version": found.version}
    try:
        return card | {"features": len(found.names), "functionals": len(found.functional_names)}
    except MissingExtraError as error:
        return card | {"missing": str(error)}


def _load(name: str) -> FeatureSet:
    warnings.filterwarnings("ignore", "openSMILE")  # its licence is in the card
    return features.load(name)


def _plain(known: Iterable[Feature]) -> list[dict[str, str]]:
    return [feature._asdict() for feature in known]


def _rates(rates: Iterable[int]) -> str:
    known = [f"{rate / 1000:g}" for rate in rates]
    return f"{known[0]} to {known[-1]} kHz" if len(known) > 3 else f"{', '.join(known)} kHz"
