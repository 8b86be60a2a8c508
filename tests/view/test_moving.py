"""The moving view: a line and a tape per speaker, and the alerts, in whatever width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from affekt.live import AlertChanged, Gap, MoodChanged, Paused, TalkTime, TurnEnded, TurnStarted, WindowJudged
from affekt.types import Affect, Alert, LabelSet, Mood, Prediction, Segment
from affekt.view.moving import Moving, told

TWO = LabelSet(("anger", "neutral"))


def window(start, end, anger, *, uncertain=False):
    said = Prediction(
        Segment(start, end), TWO, (anger, 1 - anger), None, "left", max(anger, 1 - anger), uncertain, "test@1"
    )
    return WindowJudged(end, said, "customer", Segment(start, end), True)


def mood(time, anger, **more):
    levels = {"anger": anger, "neutral": 1 - anger}
    return MoodChanged(time, Mood(time, "left", levels, Affect(-0.4, 0.6, 0.0), speech=9.0, **more))


def alert(time, state="firing"):
    return AlertChanged(time, Alert("sustained", Segment(2, time), "left", "anger at 0.80", state))


EVENTS = [
    TurnStarted(0.3, "left", "customer", 0.0),
    window(0, 3, 0.1),
    mood(3.0, 0.1),
    window(3, 6, 0.9, uncertain=True),
    window(6, 9, 0.9),
    mood(9.0, 0.9),
    alert(9.0),
    TurnEnded(9.6, "left", "customer", Segment(0, 9)),
    TalkTime(9.6, (("left", 9.0), ("right", 3.0))),
    TurnStarted(10.3, "right", "agent", 10.0),
    TurnEnded(13.6, "right", "agent", Segment(10, 13)),
]


def shown(events, width=100, *, ascii_only=False):
    view = Moving("call.wav", {"left": "customer", "right": "agent"}, duration=40.0)
    for event in events:
        view.push(event)
    return drawn(view, width, ascii_only=ascii_only)


def drawn(view, width=100, *, ascii_only=False):
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if ascii_only else "utf-8", newline="")
    Console(file=file, width=width, legacy_windows=False).print(view)
    file.flush()
    return file.buffer.getvalue().decode(file.encoding)


def test_it_shows_time_people_tapes_and_alerts():
    text = shown(EVENTS)
    head, _, left, curve, tape, right, their_tape, ruler, legend, _, last = map(str.strip, text.splitlines())
    assert head == "call.wav  0:13.6 of 0:40.0"
    assert left.startswith("left")
    assert "anger" in left
    assert "90 %" in left
    assert "0:09.0 (75 %)" in left
    assert "agent: talk time only" in right
    assert curve == "arousal ▇▇▇   ▇▇▇"
    assert tape == "NNNaaaAAA·····"
    assert ruler == "0:00      0:10"
    assert legend == "N neutral  A anger  small: unsure"
    assert their_tape == "··········───·"
    assert last == "0:09.0  firing sustained  left: anger at 0.80"


def test_who_speaks_is_seen_at_once_and_a_pause_too():
    text = shown([*EVENTS[:1], Paused(2.0)])
    assert "speaks" in text
    assert "paused" in text
    assert "░" in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """And none is wrapped, from 60 characters on: the view must not jump."""
    lines = shown(EVENTS, width).splitlines()
    assert max(map(len, lines)) <= width
    assert width < 60 or len(lines) == 11


def test_the_tape_moves_and_is_forgotten():
    long = [window(3.0 * i, 3.0 * i + 3, 0.9 if i == 0 else 0.1) for i in range(2000)]
    view = Moving("call.wav", {"left": "customer"})
    for event in long:
        view.push(event)
    assert len(view._people["left"].tape) <= 600
    assert "A" not in shown(long).replace("call", "")


def test_a_microphone_has_a_meter_and_its_trouble_a_line():
    """From -60 dBFS to full scale; gone when the stream has ended."""
    view = Moving("USB", {None: "speaker"})
    assert "dBFS" not in drawn(view)
    for level in (-60.0, -30.0, -1.0):
        view.hear(3.0, level=level, note="nothing but zeros")
    head, note = drawn(view).splitlines()[:2]
    assert head.strip() == "USB  0:03.0  ▁▁▁▁▁▁▁▁▁▁▅█ -1 dBFS"
    assert note.strip() == "nothing but zeros"
    view.rest()
    assert "dBFS" not in drawn(view)


def test_the_ruler_moves_with_the_tape():
    view = Moving("USB", {None: "speaker"})
    view.hear(125.0)
    tape, ruler = drawn(view, 62).splitlines()[3:5]
    assert len(tape) == 62
    assert ruler.index("2:00") - tape.index("·") == 120 - (126 - (62 - 12))


def test_a_terminal_that_knows_no_unicode_is_spared_it():
    assert shown(EVENTS, ascii_only=True).isascii()


def test_in_a_pipe_turns_alerts_and_troubles_have_a_line_and_the_rest_has_none():
    moods = {"left": mood(9.0, 0.9).mood}
    lines = [line.plain for event in EVENTS if (line := told(event, moods))]
    assert len(lines) == 3
    assert lines[0] == "0:09.0  firing sustained  left: anger at 0.80"
    assert lines[1].startswith("0:00.0 – 0:09.0  left      anger")
    assert lines[2] == "0:10.0 – 0:13.0  right     agent: talk time only"
    assert told(Gap(1.0, "left", "lost", Segment(0.5, 1.0)), {}).plain == "0:00.5 – 0:01.0  left      lost"


def test_what_a_terminal_would_obey_is_not_printed():
    assert "\x1b" not in shown([TurnStarted(0.3, "a\x1b[31m", "customer", 0.0)])
