"""Seed -> telephone calls with a known truth, one after the other. For tests, benchmarks, and the load of a service.

    from affekt import simulate

    for call in simulate.calls(100, kind="angry", noise=15):
        call.audio                      # (n, 2) in [-1, 1] at call.rate: the customer left, the agent right
        call.truth.episodes             # who is in which emotion, from when to when

- `script`    what happens in a call: stretches of talk in an emotion, music on hold, silence, pressed keys
- `cast`      who speaks it: speakers of a corpus, or espeak-ng
- `stage`     script, cast -> lines in their places: turns, pauses, overlaps, backchannels
- `line`      lines -> what a telephone makes of them: noise, the agent's echo, its band, its code (ITU-T G.711)
- `call`      setting, seed -> calls
- `truth`     what was said when, by whom, in which emotion

A simulated call is not a call. A corpus's speakers act, each clip for itself, and do not answer each other; espeak-ng
only acts what its knobs allow. So a rate of false alerts on these calls is a bound for regressions, not a forecast.
"""

from __future__ import annotations

from affekt.simulate.call import Call, Setting, calls
from affekt.simulate.cast import Cast, Corpora, Espeak
from affekt.simulate.script import KINDS, Kind, Part
from affekt.simulate.truth import Aside, Episode, Line, Truth

__all__ = ["KINDS", "Aside", "Call", "Cast", "Corpora", "Episode", "Espeak", "Kind", "Line", "Part", "Setting"]
__all__ += ["Truth", "calls"]
