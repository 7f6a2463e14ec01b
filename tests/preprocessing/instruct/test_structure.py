"""Paragraphs, leads and points are read from an article's lines, whatever the language's way of numbering."""

from __future__ import annotations

import pytest

from preprocessing.document import Article
from preprocessing.instruct.structure import Paragraph, paragraphs_of


def read(*paragraphs: str) -> list[Paragraph]:
    return paragraphs_of(Article("1", "", [], "\n".join(paragraphs), list(paragraphs)))


@pytest.mark.parametrize(
    ("printed", "number"), [("1. It is so.", "1"), ("(2) Es ist so.", "2"), ("3a. It is so.", "3a")]
)
def test_a_paragraph_number_is_taken_off(printed: str, number: str) -> None:
    (paragraph,) = read(printed)
    assert paragraph.number == number
    assert paragraph.printed == printed
    assert not paragraph.text.startswith(("1", "(", "3"))


@pytest.mark.parametrize(
    "text",
    [
        "It covers:\n(a) oil;\n(b) glass.",
        "Es umfasst\na) Öl,\nb) Glas.",
        "Es bezeichnet:\n1. Öl;\n2. Glas.",
        "Elle couvre:\n— l'huile;\n— le verre.",
        "It covers:\n(i) oil;\n(ii) glass.",
    ],
)
def test_points_follow_the_lead(text: str) -> None:
    (paragraph,) = read(text)
    assert paragraph.lead == [text.split("\n")[0]]
    assert len(paragraph.points) == 2


def test_points_within_a_point_belong_to_it() -> None:
    (paragraph,) = read("It covers:\n(a) oil:\n(i) of fish;\n(ii) of olives;\n(b) glass.\nIt ends here.")
    assert [point.label for point in paragraph.points] == ["a", "b"]
    assert paragraph.points[0].text == "oil:\n(i) of fish;\n(ii) of olives;"
    assert paragraph.tail == ["It ends here."]


def test_a_second_part_of_a_point_stays_with_it() -> None:
    (paragraph,) = read("It covers:\n(1) oil;\nof any kind.\n(2) glass.")
    assert paragraph.points[0].text == "oil;\nof any kind."
    assert paragraph.tail == []


def test_points_after_h_go_on_with_i() -> None:
    letters = "abcdefghij"
    (paragraph,) = read("It covers:\n" + "\n".join(f"({letter}) thing {letter};" for letter in letters))
    assert [point.label for point in paragraph.points] == list(letters)


def test_no_break_spaces_and_blank_lines_are_squeezed() -> None:
    (paragraph,) = read("See Article\u00a05.\n\n  And   more.")
    assert paragraph.lines == ["See Article 5.", "And more."]


def test_blank_text_has_no_paragraphs() -> None:
    assert read("", " \n ") == []
