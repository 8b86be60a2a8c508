"""Samples -> events, as they come. The streaming core: from sound to mood to alert, without I/O.

    from affekt.live import Session

    session = Session(channels={"left": "customer", "right": "agent"})
    for event in session.push(samples, rate):
        print(event.to_dict())

The same core serves a file, a microphone, a game and a thousand calls. It knows no clock, no thread and no socket:
samples go in, events come out, and the same samples give the same events in whatever chunks they arrive.

- `session`     samples of any rate and length -> events; the way in for programs
- `pipeline`    hear, judge, feel; taken apart by a service that batches many streams
- `track`       lost, late, double and reordered sound -> samples in their places, and gaps that are told
- `tick`        the step of 32 ms in which all is decided
- `echo`        an agent's voice on the other tracks -> silence
- `ear`         one track -> turns and windows, by way of `stage`s
- `batch`       voice activity of many streams in one network call, for a service
- `talk`        turns -> talk time, overlap, silence
- `trajectory`  predictions -> moods, smoothed in seconds of speech
- `rules/`      one file = one rule; `alerts` is the state machine of all
- `events`      what is told, and its JSON form
"""

from __future__ import annotations

from affekt.live.events import (
    AlertChanged,
    Event,
    Finished,
    Gap,
    MoodChanged,
    Overlap,
    Paused,
    Resumed,
    TalkTime,
    TurnEnded,
    TurnStarted,
    WindowJudged,
)
from affekt.live.pipeline import Pipeline, Settings
from affekt.live.session import Session
from affekt.live.stage import Stage, Stages
from affekt.live.track import Patience
from affekt.live.trajectory import Smoothing

__all__ = [
    "AlertChanged",
    "Event",
    "Finished",
    "Gap",
    "MoodChanged",
    "Overlap",
    "Patience",
    "Paused",
    "Pipeline",
    "Resumed",
    "Session",
    "Settings",
    "Smoothing",
    "Stage",
    "Stages",
    "TalkTime",
    "TurnEnded",
    "TurnStarted",
    "WindowJudged",
]
