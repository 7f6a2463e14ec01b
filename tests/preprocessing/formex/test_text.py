"""Text rules: what a reader sees on paper is what stands in the text, once and unglued."""

from __future__ import annotations

import pytest

from preprocessing.formex.reader import read_file
from preprocessing.formex.text import format_number, with_calls, without_calls
from preprocessing.formex.xml import UnreadableError
from tests.preprocessing.formex.invented import act


def lines(body: str) -> list[str]:
    """The lines of an act's body, footnote calls as printed."""
    return [with_calls(line) for line in read_file(act(body)).lines[2:]]


def test_blocks_break_lines_and_inline_elements_add_nothing() -> None:
    assert lines("<P>of <DATE>1 May</DATE> <HT TYPE='ITALIC'>2</HT>099</P><P>next</P>") == ["of 1 May 2099", "next"]


def test_layout_of_the_file_is_no_text() -> None:
    assert lines("<P>one\n   two</P>\n\n  <P>three</P>\n") == ["one two", "three"]


@pytest.mark.parametrize(("code", "mark"), [("2018", "‘"), ("00AB", "«"), ("0022", '"'), ("201E", "„"), ("zz", '"')])
def test_quotation_marks_are_the_characters_of_their_codes(code: str, mark: str) -> None:
    assert lines(f'<P>a <QUOT.START CODE="{code}"/>word</P>') == [f"a {mark}word"]


def test_a_number_or_marker_stands_on_the_line_of_its_text() -> None:
    body = """<PARAG><NO.PARAG>1.</NO.PARAG><ALINEA>First:<LIST TYPE="alpha"><ITEM><NP><NO.P>(a)</NO.P><TXT>one;</TXT>
      </NP></ITEM></LIST></ALINEA></PARAG><LIST TYPE="DASH"><ITEM><P>two</P></ITEM></LIST>
      <LIST TYPE="NDASH"><ITEM>three</ITEM></LIST>"""
    assert lines(body) == ["1. First:", "(a) one;", "— two", "– three"]


def test_footnotes_are_called_in_the_sentence_and_printed_once_after_it() -> None:
    body = """<ARTICLE><TI.ART>Article 1</TI.ART><ALINEA>The body<NOTE NOTE.ID="E1"><P>OJ L 1.</P></NOTE>, and
      again<NOTE NOTE.REF="E1"/>.</ALINEA></ARTICLE>"""
    assert lines(body) == ["Article 1", "The body [1], and again [1].", "[1] OJ L 1."]


def test_an_item_with_a_marker_of_its_own_gets_no_second_one() -> None:
    quoted = "<NP><NO.P><QUOT.START CODE='2018'/>—</NO.P> <TXT>one</TXT></NP>"
    items = f"<ITEM>{quoted}</ITEM> <ITEM><NP><NO.P>-</NO.P><TXT>two</TXT></NP></ITEM><ITEM><P>three</P></ITEM>"
    assert lines(f"<LIST TYPE='DASH'>{items}</LIST>") == ["‘— one", "- two", "— three"]


def test_a_mark_after_a_block_ends_its_last_line() -> None:
    quoted = "<QUOT.S LEVEL='1'><PARAG><ALINEA>‘New text.’</ALINEA></PARAG></QUOT.S>"
    assert lines(f"<P>Replaced by:</P>{quoted};<P>and</P>{quoted} .") == [
        "Replaced by:",
        "‘New text.’;",
        "and",
        "‘New text.’.",
    ]
    assert lines("<P>None:</P><P>—</P><P>… .</P>") == ["None:", "—", "… ."]


def test_footnotes_follow_the_preamble_the_final_formula_and_each_annex() -> None:
    note = '<NOTE NOTE.ID="{0}"><P>OJ {0}.</P></NOTE>'.format
    body = f"""<PREAMBLE><GR.VISA><VISA>Seen{note("A")},</VISA></GR.VISA><GR.CONSID><CONSID><NP><NO.P>(1)</NO.P>
      <TXT>So.</TXT></NP></CONSID></GR.CONSID></PREAMBLE><ENACTING.TERMS>
      <ARTICLE><TI.ART>Article 1</TI.ART><ALINEA>One{note("B")}.</ALINEA></ARTICLE>
      <ARTICLE><TI.ART>Article 2</TI.ART><ALINEA>Two.</ALINEA></ARTICLE></ENACTING.TERMS>
      <FINAL><P>This binds all.</P></FINAL>
      <CONS.ANNEX><TITLE><TI><P>ANNEX</P></TI></TITLE><CONTENTS><P>Three{note("C")}.</P></CONTENTS></CONS.ANNEX>"""
    preamble = ["Seen [1],", "(1) So.", "[1] OJ A."]
    terms = ["Article 1", "One [2].", "Article 2", "Two.", "This binds all.", "[2] OJ B."]
    assert lines(body) == [*preamble, *terms, "ANNEX", "Three [3].", "[3] OJ C."]


def test_footnote_calls_glue_no_words_whether_printed_or_taken_out() -> None:
    text = "one\x023\x03two \x024\x03, three\x025\x03(four)\x026\x03\x027\x03."
    assert without_calls(text) == "one two, three (four)."
    assert with_calls(text) == "one [3] two [4], three [5] (four) [6] [7]."


def test_table_rows_are_lines_with_cells_in_their_columns() -> None:
    body = """<TBL><GR.NOTES><NOTE NOTE.ID="E1"><P>In tonnes.</P></NOTE></GR.NOTES><CORPUS>
      <ROW><CELL COL="1">Goods<NOTE NOTE.REF="E1"/></CELL><CELL COL="2"><IE/></CELL><CELL COL="3">Price</CELL></ROW>
      <ROW><CELL COL="2"><P>a</P><P>b</P></CELL><CELL COL="3"><FT TYPE="NUMBER">35000</FT></CELL></ROW>
      <ROW><CELL COL="1"><IE/></CELL></ROW></CORPUS></TBL>"""
    assert lines(body) == ["Goods [1] | | Price", "| a b | 35\u00a0000", "[1] In tonnes."]


def test_the_only_cell_of_a_row_keeps_its_paragraphs() -> None:
    box = "<ROW><CELL COL='1' COLSPAN='2'><P>a</P><P>b</P></CELL></ROW><ROW><CELL COL='2'><P>c</P><P>d</P></CELL></ROW>"
    assert lines(f"<TBL><CORPUS>{box}</CORPUS></TBL>") == ["a", "b", "| c d"]
    inner = "<TBL><CORPUS><ROW><CELL COL='1'>a</CELL><CELL COL='2'>b</CELL></ROW></CORPUS></TBL>"
    assert lines(f"<TBL><CORPUS><ROW><CELL COL='1'><P>c</P>{inner}</CELL></ROW></CORPUS></TBL>") == ["c", "a | b"]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("35000", "35\u00a0000"),
        ("-1234567", "-1\u00a0234\u00a0567"),
        ("70", "70"),
        ("0,25", "0,25"),
        ("0123", "0123"),
        ("–1234,5678", "–1\u00a0234,5678"),
        ("2099/12", "2099/12"),
    ],
)
def test_numbers_are_grouped_by_threes(written: str, printed: str) -> None:
    assert format_number(written) == printed


def test_a_number_stands_apart_from_its_unit() -> None:
    assert lines('<P>at most <FT TYPE="NUMBER">3500</FT>kg, <FT TYPE="NUMBER">25</FT>-30</P>') == [
        "at most 3\u00a0500 kg, 25-30"
    ]


def test_raised_and_lowered_digits_are_told_apart_from_plain_ones() -> None:
    body = "<P>10<HT TYPE='SUP'>-3</HT> kg CO<HT TYPE='SUB'>2</HT>, the 1<HT TYPE='SUP'>er</HT></P>"
    assert lines(body) == ["10⁻³ kg CO₂, the 1er"]
    assert lines("<P>10<HT TYPE='SUP'>–3</HT></P>") == ["10^–3"]


def test_definitions_keep_their_separator() -> None:
    items = "<DLIST.ITEM><PREFIX>1)</PREFIX><TERM>A</TERM><DEFINITION>the area</DEFINITION></DLIST.ITEM>"
    assert lines(f'<DLIST SEPARATOR=":">{items}</DLIST>') == ["1) A: the area"]
    assert lines(f'<DLIST SEPARATOR="=">{items}</DLIST>') == ["1) A = the area"]
    assert lines(f'<P><FT TYPE="NUMBER">{items}</FT></P>') == ["1) A the area"]  # of no list


def test_formulas_are_written_on_one_line() -> None:
    body = """<FORMULA TYPE="OUTLINE"><EXPR>y<IND>1</IND></EXPR><OP.CMP TYPE="EQ"/><EXPR TYPE="BRACKET">a<OP.MATH
      TYPE="PLUS"/>b<EXPONENT>n</EXPONENT></EXPR><FRACTION><DIVIDEND>c</DIVIDEND><DIVISOR>d</DIVISOR></FRACTION>
      </FORMULA><P><INCL.ELEMENT CONTENT="FORMULA" TYPE="TIFF" FILEREF="x.tif"/></P>"""
    assert lines(body) == ["y₁ = (a + b^n) (c)/(d)", "[formula]"]


def test_tails_of_processing_instructions_are_text() -> None:
    assert lines("<P>before<?PAGE NO='2'?> after</P>") == ["before after"]


@pytest.mark.parametrize(
    ("kind", "written", "printed"),
    [
        ("CN", "08103010", "0810\u00a030\u00a010"),
        ("CN", "ex811292", "ex\u00a08112\u00a092"),
        ("TARIC", "0810301025", "0810\u00a030\u00a010\u00a025"),
        ("CN", "0810", "0810"),
        ("CN", "ex0810", "ex\u00a00810"),
        ("CODE", "08103010", "08103010"),
        ("DECIMAL", "1234,5", "1\u00a0234,5"),
    ],
)
def test_codes_of_customs_are_parted_and_other_codes_are_not(kind: str, written: str, printed: str) -> None:
    assert lines(f'<P><FT TYPE="{kind}">{written}</FT></P>') == [printed]


DELETED = '<?CLG.MDFO ID="O1" IDREF="C1" ACTION="{}" LEVEL="TEXT"?>'
CLOSED = '<?CLG.MDFC ID="C1" IDREF="O1"?>'


@pytest.mark.parametrize("action", ["DELETED", "REPEALED"])
def test_text_no_longer_in_force_is_left_out(action: str) -> None:
    opened = DELETED.format(action)
    assert lines(f"<P>kept{opened}, gone<NOTE NOTE.ID='E1'><P>gone too</P></NOTE>{CLOSED} on</P>") == ["kept on"]
    row = f"<ROW><CELL COL='1'>a</CELL>{opened}<CELL COL='2'>gone</CELL>{CLOSED}<CELL COL='3'>b</CELL></ROW>"
    assert lines(f"<TBL><CORPUS>{row}</CORPUS></TBL>") == ["a | | b"]  # the cell after it keeps its column


@pytest.mark.parametrize("action", ["REPLACED", "INSERTED"])
def test_replaced_and_inserted_text_is_in_force(action: str) -> None:
    assert lines(f"<P>kept{DELETED.format(action)}, new{CLOSED} on</P>") == ["kept, new on"]


def test_a_word_ends_where_an_amendment_begins_or_ends() -> None:
    opened = DELETED.format("REPLACED")
    assert lines(f"<P>{opened}an{CLOSED}{opened}EU{CLOSED}act, {opened}new{CLOSED}.</P>") == ["an EU act, new."]
    assert lines(f"<P>kept{DELETED.format('DELETED')}gone{CLOSED}on</P>") == ["kept on"]


def test_a_deletion_that_is_never_closed_ends_with_its_element() -> None:
    file = read_file(act(f"<LIST><ITEM>kept</ITEM>{DELETED.format('DELETED')}<ITEM>gone</ITEM></LIST><P>in force</P>"))
    assert file.lines[2:] == ["kept", "in force"]
    assert file.warnings == ["unclosed deletion: taken to end with the element it stands in"]


def test_a_deletion_may_end_in_another_element_than_it_began() -> None:
    body = f"<LIST><ITEM>kept</ITEM>{DELETED.format('DELETED')}<ITEM>gone</ITEM></LIST>{CLOSED}<P>in force</P>"
    assert lines(body) == ["kept", "in force"]


def test_deep_nesting_is_read_like_any_other_up_to_a_limit() -> None:
    def nested(depth: int) -> str:
        return "<P>" * depth + "<IE/>deep" + "</P>" * depth

    assert lines(nested(900)) == ["deep"]
    with pytest.raises(UnreadableError, match="nested more than 1,000 levels"):
        lines(nested(20_000))


def test_tags_and_texts_that_no_simple_pattern_reads() -> None:
    assert lines("<P>a<!-- <P>no</P> -->b</P><P><![CDATA[1 < 2 & <P>]]></P>") == ["ab", "1 < 2 & <P>"]
    assert lines("<P TYPE='x>y'>one</P ><P TYPE=\"a > b\">two</P>") == ["one", "two"]
    assert lines("<P>&lt;P&gt; &#60;P&#x3E; &amp;lt; &#x2019;</P>") == ["<P> <P> &lt; ’"]
    assert lines("<P>one<?PAGE NO='1>2'?>word<?X <P> ?></P>") == ["oneword"]
    described = read_file(act("<P>one</P>").replace(b"<LG.DOC>", b"<?x <P>?><LG.DOC>"))
    assert described.lines[-1] == "one" and described.metadata["BIB.INSTANCE"].findtext("LG.DOC") == "EN"
