"""RTTM files come back as they went out, and what is wrong is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import rttm
from affekt.errors import DataError
from affekt.types import Segment

CONVERSATION = Path(__file__).parents[1] / ".." / "shared" / "conversation"
LINE = "SPEAKER call 1 1.5 2.25 <NA> <NA> anna <NA> <NA>\n"

milliseconds = st.integers(0, 10**7).map(lambda ms: ms / 1000)
rows = st.tuples(
    st.builds(lambda start, length: Segment(start, start + length), milliseconds, st.integers(1, 10**5)),
    st.text("abcXYZ019_-", min_size=1),
)


def write(folder, text):
    path = folder / "given.rttm"
    path.write_text(text, encoding="utf-8")
    return path


@given(st.lists(rows, min_size=1, max_size=5))
def test_what_is_written_is_read_to_the_millisecond(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("rttm") / "call.rttm"
    rttm.write(path, written, "call")
    back = rttm.read(path)
    assert [name for _, name in back] == [name for _, name in sorted(written)]
    for (segment, _), (original, _) in zip(back, sorted(written), strict=True):
        assert (segment.start, segment.end) == pytest.approx((original.start, original.end), abs=1e-3)


def test_names_with_spaces_stay_one_field(tmp_path):
    rttm.write(tmp_path / "a.rttm", [(Segment(0, 1), "Mr Smith")], "a call")
    assert rttm.read(tmp_path / "a.rttm", "a_call") == [(Segment(0, 1), "Mr_Smith")]


def test_comments_blank_lines_other_types_and_a_byte_order_mark_are_passed_over(tmp_path):
    text = (
        "\ufeff" + LINE + "\n;; remark\nSPKR-INFO call 1 <NA> <NA> <NA> adult anna <NA>\n" + LINE.replace("1.5", "0.5")
    )
    assert rttm.read(write(tmp_path, text)) == [(Segment(0.5, 2.75), "anna"), (Segment(1.5, 3.75), "anna")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("SPEAKER call 1 1.5", "line 2: expected at least 8 fields, the speaker being the eighth, got 4"),
        ("SPEAKER", "line 2: expected at least 8 fields"),
        (LINE.replace("1.5", "early"), "line 2: start and duration must be seconds, .* got early 2.25"),
        (LINE.replace("1.5", "-1"), "line 2: start and duration"),
        (LINE.replace("2.25", "0"), "line 2: start and duration"),
        (LINE.replace("2.25", "nan"), "line 2: start and duration"),
        (LINE.replace("2.25", "inf"), "line 2: start and duration"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(tmp_path, line, reason):
    with pytest.raises(DataError, match=reason):
        rttm.read(write(tmp_path, LINE + line + "\n"))


def test_the_recording_is_chosen_by_name_where_there_are_several(tmp_path):
    path = write(tmp_path, LINE + LINE.replace("call", "other").replace("anna", "ben"))
    assert rttm.read(path, "other") == [(Segment(1.5, 3.75), "ben")]
    with pytest.raises(DataError, match="is about call, other; none of them is third"):
        rttm.read(path, "third")
    with pytest.raises(DataError, match="none of them is named"):
        rttm.read(path)


def test_a_file_about_one_recording_needs_no_name(tmp_path):
    assert rttm.read(write(tmp_path, LINE), "whatever") == rttm.read(write(tmp_path, LINE))


@pytest.mark.parametrize("text", ["", "hello\n", ";; nothing\n"])
def test_a_file_without_segments_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="no line of the form SPEAKER"):
        rttm.read(write(tmp_path, text))


def test_unreadable_files_are_refused(tmp_path):
    (tmp_path / "binary.rttm").write_bytes(b"\xff\xfe\x00SPEAKER")
    for path in (tmp_path / "none.rttm", tmp_path, tmp_path / "binary.rttm"):
        with pytest.raises(DataError, match="cannot be read as an RTTM file"):
            rttm.read(path)


def test_real_reference_files_are_read():
    if not CONVERSATION.exists():
        pytest.skip("no conversation in ../shared")
    two = rttm.read(CONVERSATION / "two_speakers" / "sample.rttm")
    assert len(two) == 10
    assert {name for _, name in two} == {"speaker90", "speaker91"}
    assert len(rttm.read(CONVERSATION / "ami" / "development.rttm", "dev01")) == 8


def test_all_recordings_of_a_file_are_read_by_their_names(tmp_path):
    rttm.write(tmp_path / "a.rttm", [(Segment(2, 3), "Ben"), (Segment(0, 1), "Ada")], "one call")
    text = (tmp_path / "a.rttm").read_text(encoding="utf-8")
    (tmp_path / "b.rttm").write_text(text + text.replace("one_call", "two"), encoding="utf-8")
    rows = [(Segment(0, 1), "Ada"), (Segment(2, 3), "Ben")]
    assert rttm.read_all(tmp_path / "b.rttm") == {"one_call": rows, "two": rows}
    assert rttm.read(tmp_path / "b.rttm", "one call") == rows
