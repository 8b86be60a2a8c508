"""One person, one subject, however the number is written; and no number from a subject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.service.subject import normalise, subject

SECRET = bytes(range(32))

SAME = [
    "+4930123456",
    "+49 30 123456",
    "+49 (0)30 123-456",
    "+49 (30) 123.456",
    "004930123456",
    "00 49 30 123456",
    "4930123456",
    "tel:+49-30-123456",
    "TEL:+4930123456;phone-context=x",
    "sip:+4930123456@pbx.example.org",
    "sips:4930123456@10.0.0.1:5061;transport=tls",
    "sip:004930123456@x",
    " +49 30 123456 ext. 12",
    "+49 30 123456x12",
    "+４９３０１２３４５６",
    "+٤٩٣٠١٢٣٤٥٦",
]


@pytest.mark.parametrize("number", SAME)
def test_every_way_to_write_a_number_is_the_same_person(number):
    assert subject(SECRET, number) == subject(SECRET, SAME[0])


@pytest.mark.parametrize(
    "number",
    [
        None,
        "",
        "  ",
        "anonymous",
        "Anonymous",
        "sip:anonymous@anonymous.invalid",
        "restricted",
        "sip:unknown@x",
        "+",
        "()",
        "12",
    ],
)
def test_who_withheld_the_number_is_nobody(number):
    assert subject(SECRET, number) is None


def test_other_numbers_secrets_and_addresses_are_others():
    found = [
        subject(SECRET, number)
        for number in ("+4930123456", "+4930123457", "030123456", "sip:ann@a.org", "sip:ann@b.org")
    ]
    assert len({*found, subject(bytes(32), "+4930123456"), None}) == 7
    assert subject(SECRET, "sip:Ann@A.org") == subject(SECRET, "ann@a.org;tag=1")


def test_a_subject_says_nothing_of_the_number():
    found = subject(SECRET, "+4930123456")
    assert len(found) == 32
    assert int(found, 16) >= 0
    assert "30123456" not in found


@given(st.text(max_size=60))
def test_any_text_is_taken(text):
    found = subject(SECRET, text)
    assert found is None or len(found) == 32
    assert found == subject(SECRET, text)


@given(
    st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True), st.lists(st.sampled_from(" -.()/"), min_size=15, max_size=15)
)
def test_marks_between_the_digits_do_not_count(digits, marks):
    spread = "".join(digit + mark for digit, mark in zip(digits, marks, strict=False))
    assert normalise("+" + spread) == normalise("00" + spread) == normalise(digits) == digits
