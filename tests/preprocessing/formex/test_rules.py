"""What single elements print, as the manual of the format and the official renderings show it."""

from __future__ import annotations

import pytest

from preprocessing.formex.reader import read_file


def lines(body: str, root: str = "FRAGMENT") -> list[str]:
    """The lines of a document with ``body``, footnote calls as [n]."""
    return [
        line.replace("\x02", "[").replace("\x03", "]") for line in read_file(f"<{root}>{body}</{root}>".encode()).lines
    ]


def table(*rows: str) -> str:
    return f"<TBL COLS='2' NO.SEQ='0001'><CORPUS>{''.join(f'<ROW>{row}</ROW>' for row in rows)}</CORPUS></TBL>"


def test_a_table_in_a_cell_keeps_its_rows_apart() -> None:
    inner = table("<CELL COL='1'>a</CELL><CELL COL='2'>b</CELL>", "<CELL COL='1'>c</CELL><CELL COL='2'>d</CELL>")
    outer = table(f"<CELL COL='1'>before {inner} after</CELL><CELL COL='2'>beside</CELL>", "<CELL COL='1'>last</CELL>")
    assert lines(outer) == ["before", "a | b", "c | d", "after | beside", "last"]


def test_a_table_in_a_note_of_a_cell_is_text_of_the_note() -> None:
    inner = table("<CELL COL='1'>a</CELL><CELL COL='2'>b</CELL>")
    outer = table(f"<CELL COL='1'>x<NOTE NOTE.ID='E1'><P>See:</P>{inner}</NOTE></CELL><CELL COL='2'>y</CELL>")
    assert lines(outer) == ["x[1] | y", "[1] See: a | b"]


def test_blocks_of_rows_have_their_titles_above_them() -> None:
    block = "<BLK><TI.BLK COL.START='1' COL.END='2'>Feed</TI.BLK><STI.BLK>dry</STI.BLK>"
    block += "<ROW><CELL COL='1'>oats</CELL></ROW></BLK>"
    assert lines(f"<TBL COLS='2' NO.SEQ='1'><CORPUS>{block}</CORPUS></TBL>") == ["Feed", "dry", "oats"]


def test_what_is_said_below_a_table_follows_its_rows() -> None:
    note = "<NOTE NOTE.ID='E1'><P>Of clouds.</P></NOTE>"
    group = f"<GR.NOTES><TITLE><TI><P>Notes:</P></TI></TITLE><P>X = height</P>{note}</GR.NOTES>"
    row = "<CELL COL='1'>cloud<NOTE NOTE.REF='E1'/></CELL><CELL COL='2'>X</CELL>"
    assert lines(table(row).replace("<CORPUS>", f"{group}<CORPUS>")) == [
        "cloud[1] | X",
        "Notes:",
        "X = height",
        "[1] Of clouds.",
    ]


def test_goods_are_rows_with_the_dashes_of_their_level() -> None:
    header = "<CN.HEADER><CN.CODE ALIAS='1'>CN code</CN.CODE><CN.DESC ALIAS='2'>Description</CN.DESC><CN.RATE>Rate"
    header += "<CN.CONV.RATE><TXT>conventional</TXT></CN.CONV.RATE></CN.RATE></CN.HEADER>"
    unit = "<CN.UNIT LEVEL='2'><CN.CODE>01011010</CN.CODE><CN.DESC>Clouds</CN.DESC><CN.CONV.RATE><TXT>Free</TXT>"
    assert lines(f"<CN>{header}{unit}</CN.CONV.RATE></CN.UNIT></CN>") == [
        "CN code (1) | Description (2) | Rate | conventional",
        "0101\u00a010\u00a010 | – – Clouds | Free",
    ]


def test_taric_subheadings_are_parted_by_a_slash_as_printed() -> None:
    unit = "<CN.CODE>0101</CN.CODE><SH.TARIC>00</SH.TARIC><POS.TARIC>80</POS.TARIC><DESC>Rain</DESC>"
    assert lines(f"<TARIC><UNIT.TA LEVEL='0'>{unit}</UNIT.TA></TARIC>") == ["0101 | 00/80 | Rain"]


def test_varieties_of_plants_are_rows_under_their_species() -> None:
    title = "<TI.SPECIE><NO.SPECIE>2.</NO.SPECIE><NAME.SCIENT>Nubes alta</NAME.SCIENT>"
    title += "<NAME.COMMON><P>Cloud</P></NAME.COMMON>"
    unit = "<UNIT.VI><NAME.VAR>Abaco</NAME.VAR><CRIT COUNTRY='E'><QUALIF>*</QUALIF><ID.RESP>31</ID.RESP></CRIT>"
    unit += "<OBS.VAR>H</OBS.VAR></UNIT.VI>"
    body = f"<CAT.VEGET><SPECIE>{title}</TI.SPECIE><VAR.INFO>{unit}</VAR.INFO></SPECIE></CAT.VEGET>"
    assert lines(body) == ["2. Nubes alta Cloud", "Abaco | E * 31 | H"]


def test_entries_of_a_contents_list_end_in_their_page_and_keep_their_own_lists() -> None:
    item = "<TOC.ITEM><NO.ITEM>1.</NO.ITEM><ITEM.CONT>Clouds</ITEM.CONT>\n<ITEM.REF>3</ITEM.REF></TOC.ITEM>"
    listed = (
        "<TOC.ITEM><ITEM.CONT><TXT>Rain:</TXT><LIST TYPE='DASH'><ITEM><P>cold</P></ITEM></LIST></ITEM.CONT></TOC.ITEM>"
    )
    head = "<TOC.HD><TOC.HD.CONT>Section</TOC.HD.CONT><TOC.HD.REF>Page</TOC.HD.REF></TOC.HD>"
    assert lines(f"<TOC>{head}<TOC.BLK>{item}{listed}</TOC.BLK></TOC>") == [
        "Section Page",
        "1. Clouds 3",
        "Rain:",
        "— cold",
    ]


def test_words_of_another_language_stay_in_their_line() -> None:
    foreign = "<LV LG='FI'><TXT>pilvi</TXT></LV>/<LV LG='SV'><TXT>moln</TXT></LV>"
    assert lines(f"<P>under the{foreign} (2/99);</P>") == ["under the pilvi/moln (2/99);"]
    assert lines(f"<P>({foreign})</P>") == ["(pilvi/moln)"]


def test_a_note_that_is_called_again_is_printed_once_but_one_of_a_quotation_with_each() -> None:
    first = "<P>one<NOTE NOTE.ID='E1'><P>Optional.</P></NOTE></P>"
    again = "<P>two<NOTE NOTE.REF='E1'{}><P>Optional.</P></NOTE></P>"
    assert lines(first + again.format("")) == ["one[1]", "two[1]", "[1] Optional."]
    quoted = again.format(" TYPE='QUOTATION'")
    assert lines(first + quoted) == ["one[1]", "two[1]", "[1] Optional.", "[1] Optional."]


def test_names_that_must_not_be_published_have_their_placeholder() -> None:
    note = "<NOTE NOTE.ID='E1'><P>Information erased.</P></NOTE>"
    assert lines(f"<P>Mr <ANONYMOUS PLACEHOLDER='XY'>{note}</ANONYMOUS> flew.</P>")[0] == "Mr XY[1] flew."


def test_line_breaks_addresses_and_margins() -> None:
    assert lines("<P>one<BR/>two <ADDR>Cloud 9</ADDR>.</P><ADDR.S><P>Cloud 9</P><P>Sky</P></ADDR.S>") == [
        "one",
        "two Cloud 9.",
        "Cloud 9",
        "Sky",
    ]
    assert lines("<NP><MARGIN>001</MARGIN><NO.P>(1)</NO.P><TXT>Text.</TXT></NP>") == ["001 (1) Text."]


def test_the_number_of_a_section_is_part_of_its_titles_line() -> None:
    title = "<TITLE><TI><P>Height</P></TI></TITLE>"
    file = read_file(f"<FRAGMENT><GR.SEQ><NO.GR.SEQ>5.</NO.GR.SEQ>{title}<P>High.</P></GR.SEQ></FRAGMENT>".encode())
    assert file.lines == ["5. Height", "High."]


@pytest.mark.parametrize(
    ("formula", "printed"),
    [
        ("<EXPR>x<IND LOC='SUB'>1</IND></EXPR>", "x₁"),
        ("<EXPR>x<IND LOC='SUP'>n</IND></EXPR>", "x^n"),
        ("<EXPR><IND>i</IND></EXPR>", "_i"),
        ("<EXPR>a + b<OVER/>c</EXPR> − d", "(a + b) / c − d"),
        ("<EXPR>1<OVER/><EXPR>b · c</EXPR></EXPR>", "1 / (b · c)"),
        ("<EXPR><FRACTION><DIVIDEND>a</DIVIDEND><DIVISOR>b</DIVISOR></FRACTION></EXPR>", "(a)/(b)"),
        ("<EXPR><SUM><OVER>n</OVER><UNDER>i=1</UNDER></SUM>i</EXPR>", "∑^(n)_(i=1) i"),
        ("<EXPR TYPE='BRACKET'>a<BAR/>b</EXPR>", "(a|b)"),
        ("<EXPR><FUNCTION><UNDER>x</UNDER></FUNCTION>y</EXPR>", "ƒ_(x) y"),
        ("<EXPR>a<MATH.SYMBOL value='∇'/>b</EXPR>", "a∇b"),
    ],
)
def test_formulas_are_written_on_one_line(formula: str, printed: str) -> None:
    assert lines(f"<FORMULA TYPE='OUTLINE'>{formula}</FORMULA>") == [printed]


def test_a_fraction_bar_outside_a_formula_is_one_all_the_same() -> None:
    assert lines("<P>a<OVER/>b</P>") == ["a / b"]


def test_the_title_of_a_part_is_not_that_of_the_document() -> None:
    note = "<GR.ANNOTATION><TITLE><TI><P>Note</P></TI></TITLE><ANNOTATION><P>Mind.</P></ANNOTATION></GR.ANNOTATION>"
    file = read_file(f"<GENERAL>{note}<TITLE><TI><P>Clouds</P></TI></TITLE><CONTENTS/></GENERAL>".encode())
    assert file.title == "Clouds"
    article = (
        "<ARTICLE><TI.ART>Article 1</TI.ART><SUBDIV><TITLE><TI><P>Part</P></TI></TITLE><ALINEA>A.</ALINEA></SUBDIV>"
    )
    terms = f"<ENACTING.TERMS><DIVISION>{article}</ARTICLE></DIVISION></ENACTING.TERMS>"
    assert read_file(f"<ACT>{terms}</ACT>".encode()).articles[0].path == []


DELETED = '<?CLG.MDFO ID="O1" IDREF="C1" ACTION="DELETED"?>{}<?CLG.MDFC ID="C1" IDREF="O1"?>'


def test_what_is_deleted_from_inside_an_element_on_is_left_out_and_what_precedes_it_stays() -> None:
    words = "<HT TYPE='BOLD'>x</HT> " * 3
    rows = ["a", f"c {words}", "e"]
    opened, closed = DELETED.split("{}")
    deleted = f"{opened}gone</P></CELL></ROW><ROW><CELL><P>gone</P></CELL></ROW><ROW><CELL><P>gone{closed} d"
    body = "</P></CELL></ROW><ROW><CELL><P>".join(rows).replace(words, words + deleted)
    assert lines(f"<TBL><CORPUS><ROW><CELL><P>{body}</P></CELL></ROW></CORPUS></TBL>") == ["a", "c x x x", "d", "e"]
    raised = f"<HT TYPE='SUP'>a <HT TYPE='ITALIC'>b</HT> c{opened}gone</HT> gone <HT TYPE='SUP'>gone</HT>{closed}"
    assert lines(f"<P>see {raised} end</P>") == ["see a b c end"]
    note = f"<NOTE NOTE.ID='E1'><P>one {words}{opened}gone</P></NOTE> gone <HT TYPE='BOLD'>gone</HT>{closed}"
    assert lines(f"<P>see{note} end</P>") == ["see[1] end", "[1] one x x x"]


def test_the_page_of_a_contents_list_is_deleted_where_it_says_so() -> None:
    item = f"<TOC.ITEM><ITEM.CONT><P>x</P></ITEM.CONT>{DELETED.format('<ITEM.REF>gone</ITEM.REF>')}</TOC.ITEM>"
    assert lines(f"<TOC><TOC.BLK>{item}</TOC.BLK></TOC>") == ["x"]
