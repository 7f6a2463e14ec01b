"""Case law: the parties, the numbered points and what is ruled, in the schemas of all times."""

from __future__ import annotations

from preprocessing.document import LegalDocument, Point
from preprocessing.formex.assemble import assemble
from preprocessing.formex.reader import read_file
from tests.preprocessing.formex.invented import DECLARATION

TITLE = "<TITLE><TI><P>JUDGMENT OF THE COURT</P><P><DATE ISO='20990401'>1 April 2099</DATE></P></TI></TITLE>"
PARTIES = """<PARTIES><PLAINTIFS><P>A. Flyer, residing in Cloudtown,</P>
<PARTY.STATUS>applicant,</PARTY.STATUS></PLAINTIFS><AGAINST>v</AGAINST>
<DEFENDANTS><P>Council of Clouds,</P><P>defendant,</P></DEFENDANTS></PARTIES>"""


def read(body: str, root: str = "JUDGMENT") -> LegalDocument:
    data = f"{DECLARATION}<{root}>{TITLE}{body}</{root}>".encode()
    return assemble([read_file(data)], None, "invented.xml")


def section(title: str, content: str) -> str:
    return f"<GR.SEQ LEVEL='1'><TITLE><TI><P>{title}</P></TI></TITLE>{content}</GR.SEQ>"


def np(number: str, text: str, tag: str = "NP") -> str:
    return f"<{tag}><NO.P>{number}</NO.P><TXT>{text}</TXT></{tag}>"


def ruling(content: str) -> str:
    return f"<JURISDICTION><INTRO>On those grounds, the Court hereby rules:</INTRO>{content}</JURISDICTION>"


def test_each_side_is_one_text_and_what_stands_between_them_is_none() -> None:
    document = read(PARTIES)
    assert document.parties == [
        "A. Flyer, residing in Cloudtown,\napplicant,",
        "Council of Clouds,\ndefendant,",
    ]
    assert "\nv\n" in document.text


def test_parties_without_sides_of_their_own_are_paragraphs() -> None:
    assert read("<PARTIES><P>A. Flyer</P><P>B. Walker</P></PARTIES>").parties == ["A. Flyer", "B. Walker"]


def test_points_keep_their_numbers_and_their_paragraphs() -> None:
    first = "<NP.ECR><NO.P>1</NO.P><TXT>Clouds<NOTE NOTE.ID='E1'><P>OJ L 1.</P></NOTE> are:</TXT><LIST TYPE='DASH'>"
    first += "<ITEM><P>high,</P></ITEM><ITEM><P>wet.</P></ITEM></LIST></NP.ECR>"
    body = f"<CONTENTS.JUDGMENT>{section('Law', first + np('2', 'They move.', 'NP.ECR'))}</CONTENTS.JUDGMENT>"
    document = read(body)
    assert document.points == [Point("1", "Clouds are:\n— high,\n— wet."), Point("2", "They move.")]
    assert "[1] OJ L 1." in document.text


def test_a_point_without_a_number_is_a_point() -> None:
    body = "<CONTENTS.JUDGMENT><NP.ECR IDENTIFIER='NP0001'><TXT>In 2099 clouds came.</TXT></NP.ECR></CONTENTS.JUDGMENT>"
    assert read(body).points == [Point("", "In 2099 clouds came.")]


def test_before_points_had_an_element_their_place_in_the_series_tells_them() -> None:
    quoted = "<P><QUOT.S LEVEL='1'>" + np("3.", "Quoted.") + "</QUOT.S></P>"
    listed = "<LIST TYPE='ARAB'><ITEM>" + np("1.", "Listed.") + "</ITEM></LIST>"
    body = section("Facts", np("1", "One:") + listed + np("2", "Two:") + quoted) + section("Law", np("3", "Three."))
    assert read(f"<CONTENTS.JUDGMENT>{body}{ruling('<P>Dismisses it.</P>')}</CONTENTS.JUDGMENT>").points == [
        Point("1", "One:\n1. Listed."),
        Point("2", "Two:\n3. Quoted."),
        Point("3", "Three."),
    ]


def test_what_is_ruled_is_told_item_by_item() -> None:
    items = "".join(f"<ITEM>{np(f'{number}.', text)}</ITEM>" for number, text in [(1, "Annuls it;"), (2, "Orders:")])
    more = "<P>Cloudtown, <DATE ISO='20990401'>1 April 2099</DATE></P>"
    inner = "<LIST TYPE='DASH'><ITEM><P>costs.</P></ITEM></LIST></TXT>"
    listed = f"<LIST TYPE='ARAB'>{items}</LIST>".replace("Orders:</TXT>", f"Orders:{inner}") + more
    document = read(f"<CONTENTS.JUDGMENT>{ruling(listed)}</CONTENTS.JUDGMENT>")
    assert document.operative_part == ["1. Annuls it;", "2. Orders:\n— costs."]
    assert "hereby rules:" in document.text and "Cloudtown, 1 April 2099" in document.text


def test_an_unnumbered_ruling_is_its_paragraphs() -> None:
    body = "<CONTENTS.ORDER>" + ruling("<P>The appeal is dismissed.</P><P>Each bears its costs.</P>")
    document = read(f"{body}</CONTENTS.ORDER>", root="ORDER")
    assert document.operative_part == ["The appeal is dismissed.", "Each bears its costs."]


def test_what_an_advocate_general_proposes_is_the_last_point() -> None:
    items = "".join(f"<ITEM>{np(f'({number})', text)}</ITEM>" for number, text in [(1, "Yes."), (2, "No.")])
    last = np("2.", "I propose to answer:", "NP.ECR").replace("</NP.ECR>", f"<LIST TYPE='ARAB'>{items}</LIST></NP.ECR>")
    body = section("I. Facts", np("1.", "Clouds.", "NP.ECR")) + section("II. Conclusion", last)
    document = read(f"<CONTENTS.CONCLUSION>{body}</CONTENTS.CONCLUSION>", root="CONCLUSION")
    assert document.operative_part == ["(1) Yes.", "(2) No."]
    assert [point.number for point in document.points] == ["1", "2"]


def test_an_act_has_no_parts_of_a_case() -> None:
    document = read(f"<ENACTING.TERMS>{np('1', 'One.')}{np('2', 'Two.')}</ENACTING.TERMS>", root="ACT")
    assert (document.parties, document.points, document.operative_part) == ([], [], [])
