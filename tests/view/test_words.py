"""Numbers are written so that they can be read back, and names so that they harm nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from affekt.view.words import clock, percent, printable, signed


@given(st.floats(0, 1e6))
def test_a_time_reads_back_to_a_tenth_of_a_second(seconds: float) -> None:
    parts = [float(p) for p in clock(seconds).split(":")]
    assert parts[-1] < 60
    assert abs(sum(p * 60**i for i, p in enumerate(reversed(parts))) - seconds) <= 0.0501


@given(st.floats(-1, 1))
def test_a_signed_value_always_has_five_characters_and_no_minus_zero(value: float) -> None:
    text = signed(value)
    assert len(text) == 5
    assert abs(float(text.replace("−", "-")) - value) <= 0.00501
    assert text not in ("−0.00", "+0.00")


@given(st.floats(0, 1))
def test_percent_is_whole(share: float) -> None:
    assert abs(int(percent(share).removesuffix(" %")) - 100 * share) <= 0.5001


@given(st.text())
def test_a_printable_name_keeps_its_length_and_has_nothing_to_obey(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    shown.encode("utf-8")
