"""The compiled pass: nothing is lost where tables and memory run out, and what is odd in XML is read as XML."""

from __future__ import annotations

import pytest

from preprocessing.formex.flatten import Flattener
from preprocessing.formex.reader import read_file
from preprocessing.formex.text import BREAK
from preprocessing.formex.xml import UnreadableError
from tests.preprocessing.formex.invented import act


def lines(body: str) -> list[str]:
    return read_file(act(body)).lines[2:]


def test_more_calls_of_rules_than_there_was_room_for() -> None:
    rows = "".join(f"<ROW><CELL COL='1'>{number}</CELL><CELL COL='2'>b</CELL></ROW>" for number in range(40_000))
    assert lines(f"<TBL><CORPUS>{rows}</CORPUS></TBL>") == [f"{number} | b" for number in range(40_000)]


def test_more_values_of_attributes_than_are_kept() -> None:
    marks = [f"<P><ANONYMOUS PLACEHOLDER='{number}'/></P>" for number in range(25_000)]
    expected = [str(number) for number in range(25_000)]
    assert lines("".join(marks)) == expected
    assert lines("".join(marks[:100])) == expected[:100]


def test_what_hostile_attributes_print_is_not_kept_for_ever() -> None:
    flattener = Flattener()
    own = len(flattener._strings)
    for file in range(3):
        marks = "".join(f"<P><ANONYMOUS PLACEHOLDER='{file}.{number}'/></P>" for number in range(21_000))
        text, *_ = flattener.flatten(f"<ACT>{marks}</ACT>".encode(), 0)
        assert text.split(BREAK)[1:] == [f"{file}.{number}" for number in range(21_000)]
        assert len(flattener._strings) == own + 21_000


def test_strings_longer_than_their_tags_find_room() -> None:
    assert lines("<P>" + "<INCL.ELEMENT/>" * 50_000 + "</P>") == [" ".join(["[image]"] * 50_000)]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_angle_brackets_in_attributes_end_no_tag(quote: str) -> None:
    assert lines(f"<P A={quote}>{quote}>one</P><P A = {quote}a > b / c{quote} >two</P >") == ["one", "two"]


def test_an_attribute_is_known_by_its_whole_name() -> None:
    table = "<TBL><CORPUS><ROW><CELL XCOL='4' COLX='5' COL = '3' X='COL=9'>c</CELL></ROW></CORPUS></TBL>"
    assert lines(table) == ["| | c"]


def test_elements_in_descriptions_of_the_same_name_end_it_no_sooner() -> None:
    inner = "<FAM.COMP><BIB.DATA><TITLE><TI><P>no</P></TI></TITLE></BIB.DATA><?X </FAM.COMP>?></FAM.COMP>"
    assert lines(f"<P>a</P><FAM.COMP>{inner}<FAM.COMP/><!-- </FAM.COMP> --><FAM.COMPX/></FAM.COMP><P>b</P>") == [
        "a",
        "b",
    ]


def test_amendments_and_units_part_words() -> None:
    mark = "<?CLG.MDFO ID='O1' IDREF='C1' ACTION='REPLACED'?>"
    assert lines(f"<P>an{mark}EU, an{mark}, 1{mark}é ({mark}b)</P>") == ["an EU, an, 1 é (b)"]
    assert lines("<P><FT TYPE='NUMBER'>3500</FT>kg <FT TYPE='NUMBER'>3500</FT>2 <FT TYPE='X'>3</FT>m</P>") == [
        "3\u00a0500 kg 3\u00a05002 3 m"
    ]


def test_characters_by_number_and_control_characters_are_what_is_meant() -> None:
    assert lines("<P>&#x2019;&#8364;&#x1F600;&#xAD;a&#x2028;b&#160;c\u0093d\u0094&#133;e\u007f</P>") == [
        "’€😀a b\u00a0c“d” e"
    ]


def test_a_tag_of_a_megabyte_is_refused() -> None:
    with pytest.raises(UnreadableError, match="a tag of more than 1,000,000 characters"):
        lines(f"<P A='{'x' * 1_000_000}'>a</P>")
