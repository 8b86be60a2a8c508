"""Options that every command has that hears recordings with a model: which model, and what it judges at once."""

from __future__ import annotations

import click

CHANNELS = ("auto", "left", "right", "mix", "each")

MODEL = click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME",
    help="A bundled model (see: affekt models) or a folder.",
)
WINDOW = click.option(
    "--window", type=float, default=3.0, show_default=True, metavar="S", help="Seconds judged at once; best 2 to 6."
)
HOP = click.option(
    "--hop", type=float, default=1.0, show_default=True, metavar="S", help="Seconds between two windows."
)
DENOISE = click.option(
    "--denoise",
    default="none",
    show_default=True,
    metavar="NAME",
    help="What reduces noise: none, wiener, deepfilter (extra denoise).",
)
VAD = click.option(
    "--vad", default="silero", show_default=True, metavar="NAME", help="What finds speech: silero, energy."
)
SPEAKERS = click.option(
    "--speakers",
    type=click.IntRange(0, 32),
    metavar="N",
    help="Tell N speakers of one track apart by voice; 0: nobody knows how many.",
)
