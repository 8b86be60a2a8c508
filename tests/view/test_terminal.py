"""What is printed says everything without colour, fits its width, and never claims what the model doubts."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from affekt.timeline import Timeline
from affekt.view.terminal import bar, render, sparkline

Rename = Callable[[Timeline, str], Timeline]


def shown(timeline: Timeline, width: int = 80, *, colour: bool = False, top: int = 1, footer: bool = True) -> str:
    """Print to memory as `affekt predict` would to a pipe or a terminal."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    console.print(render(timeline, top=top, footer=footer))
    return out.getvalue()


def line_with(text: str, part: str) -> str:
    return next(line for line in text.splitlines() if part in line)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", ["call", "silence", "mono", "meeting"])
def test_no_line_is_wider_than_the_console(name: str, width: int, request: pytest.FixtureRequest) -> None:
    text = shown(request.getfixturevalue(name), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_a_pipe_gets_no_colour_codes_and_a_terminal_does(call: Timeline) -> None:
    assert "\x1b" not in shown(call)
    assert "\x1b[" in shown(call, colour=True)


def test_a_line_has_times_speaker_emotion_probability_and_affect(call: Timeline) -> None:
    line = line_with(shown(call), "0:11.3")
    assert "0:11.3 – 0:26.6  left   anger" in line
    assert "60 %" in line
    assert "▼ −0.46   ▲ +0.61" in line


def test_doubt_is_drawn_as_doubt(call: Timeline) -> None:
    line = line_with(shown(call), "0:31.5")
    assert "sadness ?" in line
    assert "░" in line
    assert "█" not in line


def test_an_agents_turn_is_talk_time_only(call: Timeline) -> None:
    line = line_with(shown(call), "0:08.4")
    assert line.rstrip().endswith("right  agent: talk time only")


def test_a_turn_too_short_to_judge_says_so(call: Timeline) -> None:
    assert "too short to judge" in line_with(shown(call), "0:41.7")


def test_a_long_turn_has_a_tape_of_its_windows(call: Timeline) -> None:
    """A letter per window, small where the window is uncertain, then the arousal."""
    assert "NNaAAAAAAAAA  arousal ▅▅▆▆▇▇████▇▇" in shown(call)


def test_a_tape_longer_than_the_line_is_thinned(meeting: Timeline) -> None:
    from dataclasses import replace

    windows = tuple(w for t in meeting.turns for w in t.windows)
    long = replace(meeting, turns=(replace(meeting.turns[0], windows=windows),))
    assert max(len(line) for line in shown(long).splitlines()) <= 80


def test_top_adds_the_next_best_emotions(call: Timeline) -> None:
    lines = shown(call, top=3).splitlines()
    at = next(i for i, line in enumerate(lines) if "0:11.3" in line)
    assert [line.split()[0] for line in lines[at + 1 : at + 3]] == ["neutral", "surprise"]


def test_top_beyond_the_labels_shows_them_all(mono: Timeline) -> None:
    assert "boredom" in shown(mono, top=99)


def test_the_summary_has_shares_affect_talk_time_and_doubt(call: Timeline) -> None:
    text = shown(call)
    assert "A anger" in text
    assert "valence −0.38   arousal +0.20" in text
    assert "right 0:11.2 (29 %), left 0:27.5 (71 %)" in text
    assert "5 % of the judged speech" in text


def test_the_licence_and_the_notes_are_printed(call: Timeline) -> None:
    assert "telephone stereo" in shown(call)
    assert "research and non-commercial use only" in shown(call)
    assert "research and non-commercial use only" not in shown(call, footer=False)


def test_a_recording_without_speech_has_no_table(silence: Timeline) -> None:
    text = shown(silence)
    assert "no speech found" in text
    assert "Summary" not in text


def test_one_turn_needs_no_summary(mono: Timeline) -> None:
    assert "Summary" not in shown(mono)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_console_that_is_not_unicode_gets_signs_it_can_write(call: Timeline, rename: Rename, encoding: str) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=out, width=80).print(render(rename(call, "ü音.wav")))
    out.flush()
    assert "anger       ##########......" in raw.getvalue().decode(encoding)


def test_a_file_name_cannot_steer_the_terminal(mono: Timeline, rename: Rename) -> None:
    text = shown(rename(mono, "[red]x\x1b[2J\u202e\udcff.wav"), colour=True)
    assert "\x1b[2J" not in text
    assert "[red]x" in text


@given(st.floats(-0.5, 1.5), st.integers(1, 60), st.booleans())
@example(0.763671875, 40, True)
def test_a_bar_has_its_width_and_its_share(share: float, width: int, hatched: bool) -> None:
    full, track = bar(share, width, hatched=hatched)
    assert len(full) + len(track) == width
    assert len(full) - 1 <= min(1, max(0, share)) * width <= len(full) + 0.5 + 1e-9


@given(st.lists(st.floats(-1, 1), min_size=2))
def test_a_sparkline_keeps_the_order_of_its_values(values: list[float]) -> None:
    line = sparkline(sorted(values))
    assert list(line) == sorted(line)
    assert len(line) == len(values)
