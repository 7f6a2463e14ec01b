"""The CELEX grammar reads, builds and shortens every kind of number, and refuses what is none."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.celex import (
    CELEX_PATTERN,
    base_celex,
    consolidated_celex,
    corrigendum_celex,
    derive_celex,
    expand_short_form,
    is_celex,
    parse_celex,
)

YEARS = st.integers(1950, 2099)
LETTERS = st.sampled_from(["R", "L", "D", "H", "CJ", "TO", "PC", "XC"])
NUMBERS = st.integers(0, 9999)
DATES = st.dates(min_value=datetime.date(1952, 1, 1)).map(lambda day: day.strftime("%Y%m%d"))


@pytest.mark.parametrize(
    "text",
    [
        "32016R0679",
        "32016R0679R(02)",
        "02016R0679-20160504",
        "62014CJ0123",
        "62014CJ0123_SUM",
        "31995D0001(01)",
        "12012E/TXT",
        "12012E267",
        "11957E",
        "52013PC0001",
    ],
)
def test_every_kind_of_number_survives_reading_and_writing(text: str) -> None:
    assert str(parse_celex(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2016/679",
        "32016r0679",
        "3216R0679",
        "32016R679",
        "02016R0679-20161399",
        "32016R0679-20160504",
        "31016R0679",
    ],
)
def test_what_is_no_celex_number_is_refused(text: str) -> None:
    assert not is_celex(text)
    with pytest.raises(ValueError):
        parse_celex(text)


@given(st.sampled_from("3567"), YEARS, LETTERS, NUMBERS)
def test_numbers_round_trip(sector: str, year: int, letters: str, number: int) -> None:
    text = f"{sector}{year}{letters}{number:04d}"
    parsed = parse_celex(text)
    assert (parsed.year, parsed.type, int(parsed.number)) == (year, letters, number)
    assert str(parsed) == text
    assert re.findall(CELEX_PATTERN, f"({text}), and") == [text]


@given(YEARS, st.sampled_from("RLDH"), NUMBERS, DATES, st.integers(1, 99))
def test_versions_and_corrigenda_lead_back_to_their_act(
    year: int, letter: str, number: int, day: str, nth: int
) -> None:
    act = derive_celex(letter, year, number)
    for version in (act, consolidated_celex(act, day), corrigendum_celex(act, nth)):
        assert base_celex(version) == act
        assert re.fullmatch(CELEX_PATTERN, version)


@given(YEARS.filter(lambda year: year < 2050), st.sampled_from("RLD"), NUMBERS)
def test_short_forms_expand_to_the_full_number(year: int, letter: str, number: int) -> None:
    assert expand_short_form(f"3{year % 100:02d}{letter}{number:04d}") == f"3{year}{letter}{number:04d}"
    assert expand_short_form(f"3{year}{letter}{number:04d}") == f"3{year}{letter}{number:04d}"


def test_short_forms_of_corrigenda_and_treaties_expand_too() -> None:
    assert expand_short_form("305L0051R(01)") == "32005L0051R(01)"
    assert expand_short_form("194N") == "11994N"
    with pytest.raises(ValueError):
        expand_short_form("Regulation 95/46")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("61999J0513", "61999CJ0513"),
        ("699J0513", "61999CJ0513"),
        ("61999A0007", "61999TJ0007"),
        ("61999C0513", "61999CC0513"),
    ],
)
def test_numbers_of_cases_from_before_2012_get_the_letter_of_their_court(old: str, new: str) -> None:
    assert expand_short_form(old) == new


def test_a_consolidated_treaty_belongs_to_the_treaty() -> None:
    assert base_celex("02016M/TXT-20200301") == "12016M/TXT"


def test_two_digit_years_are_completed_when_a_number_is_derived() -> None:
    assert derive_celex("L", 95, 46) == "31995L0046"


def test_the_pattern_takes_whole_numbers_only() -> None:
    found = re.findall(CELEX_PATTERN, "see 32016R0679R(02), 02016R0679-20160504 and x32016R0679 or 132016R0679")
    assert found == ["32016R0679R(02)", "02016R0679-20160504"]
