"""Rows lose nothing that the timeline knows, and every reader of CSV and JSON can read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from affekt.timeline import Timeline
from affekt.view.rows import csv_lines, header, json_lines, json_text, records

Rename = Callable[[Timeline, str], Timeline]
NAMES = ("anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def table(timelines: list[Timeline], *, windows: bool = False) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines(timelines, NAMES, windows=windows)))))


def test_csv_has_one_row_per_turn_with_the_numbers_of_the_turn(call: Timeline) -> None:
    rows = table([call])
    assert len(rows) == len(call.turns)
    for row, turn in zip(rows, call.turns, strict=True):
        assert float(row["start"]) == round(turn.segment.start, 3)
        assert row["role"] == turn.role
        if turn.prediction:
            assert row["emotion"] == turn.prediction.emotion
            assert float(row["p_anger"]) == pytest.approx(turn.prediction.probs[0], abs=5e-5)
            assert row["uncertain"] == str(turn.prediction.uncertain).lower()


def test_a_turn_that_is_not_judged_has_empty_cells(call: Timeline) -> None:
    agent = next(row for row in table([call]) if row["role"] == "agent")
    assert {name for name, value in agent.items() if value} == {"source", "start", "end", "speaker", "role"}


def test_the_header_is_the_same_with_and_without_speech(call: Timeline, silence: Timeline) -> None:
    first = [next(csv_lines([t], NAMES)) for t in (call, silence)]
    assert first[0] == first[1] == ",".join(header(NAMES)) + "\n"
    assert table([silence]) == []


def test_windows_replace_their_turn_and_keep_turns_that_have_none(call: Timeline) -> None:
    rows = table([call], windows=True)
    assert len(rows) == sum(max(1, len(t.windows)) for t in call.turns)
    assert sum(row["role"] == "agent" for row in rows) == 4
    assert {row["speaker"] for row in rows} == {"left", "right"}


def test_json_lines_are_one_object_per_turn_with_the_source(call: Timeline, mono: Timeline) -> None:
    lines = [json.loads(line) for line in json_lines([call, mono])]
    assert [line["source"] for line in lines] == ["call.wav"] * len(call.turns) + ["clip.wav"]
    assert lines[-1]["emotion"] == "anger"
    assert sum(lines[-1]["probs"].values()) == pytest.approx(1, abs=1e-3)
    assert "windows" not in lines[-1]


def test_csv_and_json_lines_are_the_same_records(call: Timeline) -> None:
    for row, line in zip(table([call], windows=True), json_lines([call], windows=True), strict=True):
        record = json.loads(line)
        assert row["emotion"] == (record["emotion"] or "")
        assert float(row["end"]) == record["end"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_of_many_is_a_list_however_many_could_be_read(call: Timeline, count: int) -> None:
    assert json.loads("".join(json_text([call] * count, many=True))) == [call.to_dict()] * count


def test_json_of_one_is_the_timeline_itself(call: Timeline) -> None:
    assert json.loads("".join(json_text([call], many=False))) == call.to_dict()


@pytest.mark.parametrize("name", ['a,"b"\n.wav', "=1+1.wav", "ü 音.wav", "\udcff.wav", "</script>\u2028.wav"])
def test_any_file_name_survives(mono: Timeline, rename: Rename, name: str) -> None:
    """Quotes, line breaks and foreign letters come back; bytes that are no UTF-8 become an escape."""
    strange = rename(mono, name)
    text = "".join(csv_lines([strange], NAMES))
    text.encode("utf-8")
    assert next(csv.DictReader(io.StringIO(text, newline="")))["source"] == name.replace("\udcff", "\\udcff")
    assert json.loads(next(json_lines([strange])))["source"] == name


def test_records_are_made_while_the_batch_runs(call: Timeline) -> None:
    """A line can be read before the next file is worked on."""

    def endless():  # type: ignore[no-untyped-def]
        yield call
        raise AssertionError("the second file was asked for too early")

    lines = csv_lines(endless(), NAMES)
    assert [next(lines) for _ in range(1 + len(call.turns))]


def test_records_do_not_change_the_timeline(call: Timeline) -> None:
    before = call.to_dict()
    list(records(call, windows=True))
    assert call.to_dict() == before
