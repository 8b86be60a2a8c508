"""`affekt diarize`: a recording -> who speaks when, as RTTM or JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from affekt.cli import _options

_EXAMPLES = """\b
Examples:
  affekt diarize call.wav                                 RTTM on standard output
  affekt diarize call.wav --speakers 2 > call.rttm        two speak, which helps to know
  affekt predict call.wav --segments call.rttm            their emotions, each for themselves
  affekt diarize call.wav --json                          for a program
Exit code: 0, 1 if the recording cannot be heard, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("file", metavar="FILE")
@_options.SPEAKERS
@_options.VAD
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list instead of RTTM.")
def command(file: str, speakers: int | None, vad: str, as_json: bool) -> None:
    """Say who speaks when.

    FILE is a recording, or - for standard input. Channels with different sound carry a speaker each. On a single track
    voices are told apart as they would be live; that is uncertain: check it before you rely on it.
    """
    from affekt import diarize, registry, rttm

    registry.load("vad", vad)  # what is wrong is said before any sound is heard
    rows = diarize.recording(file, count=speakers or None, detector=vad)
    if as_json:
        found = [{"start": round(s.start, 3), "end": round(s.end, 3), "speaker": name} for s, name in rows]
        text = json.dumps(found, ensure_ascii=False) + "\n"
    else:
        text = "".join(rttm.lines(rows, "standard input" if file == "-" else Path(file).stem))
    sys.stdout.buffer.write(text.encode("utf-8"))
    if not rows:
        click.echo(f"{file}: no speech found", err=True)
