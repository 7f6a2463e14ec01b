"""Every kind of document that FORMEX knows is read: its text, its title, its type, its structure, nobody else's."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.elements import DESCRIPTION_ROOTS, TEXT_ROOTS
from preprocessing.formex.reader import read_file
from preprocessing.formex.xml import UnreadableError
from tests.preprocessing.formex.kinds import DOCUMENTS, document

SCHEMAS = Path(__file__).parents[4] / "shared/formex/schema.tar.xz"
SCHEMA = "xsd/formex-06.02.1_from_tulit-0.8.0_sdist.xsd"
_WORD = re.compile(r"\w+")
#: Parts of documents that are never files of their own.
PARTS = {"CONS.ANNEX", "CONS.DOC", "CONS.DOC.GEN"}
#: Type and title of each kind.
IDENTITIES = {
    "ACT": ("decision", "Decision of the Council of 1 April 2099"),
    "ACT.GEN": ("other", ""),
    "ADDITIONAL.DOCS.LSEU": ("other", ""),
    "AGR": ("agreement", "Agreement on clouds"),
    "ANNEX": ("annex", "ANNEX"),
    "APPEAL.TABLE": ("other", "Appeals"),
    "CASE": ("notice", "Case C-1/99"),
    "CHRON.TABLE": ("other", "Judgments"),
    "CHRON.TABLE.NP": ("other", "Orders"),
    "CJT": ("notice", "Judgment of the Court in Case C-1/99"),
    "COMPETITION": ("notice", "Open competition"),
    "CONCLUSION": ("advocate_general_opinion", "OPINION in Case C-1/99"),
    "CONS.ACT": ("other", "Consolidated"),
    "CONS.OTH": ("agreement", "Agreement on clouds"),
    "CORR": ("corrigendum", "Corrigendum to Regulation (EU) 2099/123"),
    "CORRIGENDUM.ECR": ("corrigendum", "Corrections"),
    "DECISION.ECR": ("decision", "DECISION OF THE COURT"),
    "ECR.GENERAL": ("other", "Note"),
    "FRAGMENT": ("other", ""),
    "GENERAL": ("notice", "Communication on clouds 2099/C 7/01"),
    "JUDGMENT": ("judgment", "JUDGMENT OF THE COURT"),
    "JUDGMENT.NP": ("judgment", "Judgment of 1 April 2099"),
    "LETTER": ("other", "Letter No 1"),
    "LSEU": ("other", "Clouds"),
    "OPINION": ("opinion", "OPINION 1/99"),
    "ORDER": ("order", "ORDER OF THE COURT"),
    "ORDER.NP": ("order", "Order of 1 April 2099"),
    "REPORT.HEARING": ("other", "REPORT FOR THE HEARING"),
    "RULING": ("order", "RULING 1/99"),
    "SUMMARY.JUDGMENT": ("other", "Summary of the Judgment"),
}
#: Kinds with an article of their own, and kinds with points and with a ruling.
WITH_ARTICLES = {"ACT", "ACT.GEN", "AGR", "CONS.ACT", "CONS.OTH", "GENERAL", "LETTER"}
WITH_POINTS = {"CONCLUSION", "DECISION.ECR", "JUDGMENT", "OPINION", "ORDER", "RULING"}
WITH_RULING = {
    "CASE",
    "CJT",
    "CONCLUSION",
    "DECISION.ECR",
    "JUDGMENT",
    "JUDGMENT.NP",
    "OPINION",
    "ORDER",
    "ORDER.NP",
    "RULING",
}
WITH_PARTIES = {"CASE", "JUDGMENT", "ORDER", "SUMMARY.JUDGMENT"}


def read(kind: str) -> LegalDocument:
    return assemble([read_file(document(kind))], None, "invented.xml")


@pytest.fixture(scope="module")
def schema() -> object:
    if not SCHEMAS.is_file():
        pytest.skip("the schemas are not there")
    etree = pytest.importorskip("lxml.etree")
    with tarfile.open(SCHEMAS) as archive:
        return etree.XMLSchema(etree.fromstring(archive.extractfile(SCHEMA).read()))  # type: ignore[union-attr]


def test_there_is_a_document_of_every_kind() -> None:
    assert DOCUMENTS.keys() == IDENTITIES.keys() == TEXT_ROOTS - PARTS


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_the_documents_are_valid(kind: str, schema: object) -> None:
    etree = pytest.importorskip("lxml.etree")
    schema.assertValid(etree.fromstring(document(kind)))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_type_title_and_structure_are_the_documents_own(kind: str) -> None:
    read_document = read(kind)
    assert (read_document.document_type, read_document.title) == IDENTITIES[kind]
    assert [article.number for article in read_document.articles] == (["1"] if kind in WITH_ARTICLES else [])
    assert bool(read_document.points) == (kind in WITH_POINTS)
    assert bool(read_document.operative_part) == (kind in WITH_RULING)
    assert read_document.parties == (["A. Flyer,", "Council of Clouds,"] if kind in WITH_PARTIES else [])
    assert not [warning for warning in read_document.warnings if not warning.startswith("no CELEX")]


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_every_word_is_kept_and_descriptions_are_none(kind: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    root = etree.fromstring(document(kind))
    for node in root.xpath("//*[starts-with(name(), 'BIB.') or name()='CURR.TITLE' or name()='FAM.COMP']"):
        node.getparent().remove(node)
    assert sorted(_WORD.findall(read(kind).text)) == sorted(_WORD.findall("\n".join(root.itertext())))


def test_an_old_act_keeps_its_prologue_and_its_contents_list_is_no_title() -> None:
    assert read("ACT").text.splitlines()[2:8] == [
        "Of a time before recitals.",
        "THE COUNCIL,",
        "having met,",
        "HAS DECIDED:",
        "CONTENTS",
        "1. Clouds 3",
    ]


def test_an_agreement_has_recitals_divisions_and_articles() -> None:
    agreement = read("AGR")
    assert [(recital.number, recital.text) for recital in agreement.recitals] == [("1", "Clouds cross borders.")]
    assert agreement.articles[0].path == ["TITLE I"]


def test_sections_are_above_an_article_as_divisions_are() -> None:
    assert read("GENERAL").articles[0].path == ["1. Height"]


def test_letters_in_an_annex_are_its_text() -> None:
    (annex,) = read("ANNEX").annexes
    assert (annex.heading, annex.text) == ("ANNEX", "Article 1\nA model.\nLetter No 1\nSir,\nA. Flyer")


def test_consolidated_texts_of_any_kind_tell_annexes_from_what_is_nested() -> None:
    document = read("CONS.OTH")
    assert [(annex.heading, annex.text) for annex in document.annexes] == [("ANNEX I", "Article 9\nA model.")]
    assert "We declare." in document.text and "Title in the register" not in document.text


def test_a_note_before_the_title_and_amendments_are_no_structure_of_the_document() -> None:
    lines = read("GENERAL").text.splitlines()
    assert lines[:6] == [
        "Cloudtown, 1 April 2099",
        "COM(2099) 1",
        "Note",
        "Read with care.",
        "Communication on clouds",
        "2099/C 7/01",
    ]
    assert lines[lines.index("Text | Proposal") + 1 : -1] == ["Amendment 1", "Article 7", "Low.", "Article 7", "High."]


def test_keywords_are_parted_as_their_group_says() -> None:
    assert "\n(Clouds – Height)\n" in read("JUDGMENT").text
    assert "\n1. Treaty — Height\n2. Depth\n" in read("OPINION").text


def test_old_opinions_have_annexes_and_their_summary_is_no_point() -> None:
    opinion = read("OPINION")
    assert [annex.heading for annex in opinion.annexes] == ["ANNEX I"]
    assert [point.text.split("\n")[0] for point in opinion.points] == ["The Council asks.", "It is argued."]


@pytest.mark.parametrize("root", sorted(DESCRIPTION_ROOTS))
def test_what_only_describes_or_lists_documents_is_refused(root: str) -> None:
    with pytest.raises(UnreadableError, match=f"describes documents .root element {root}."):
        read_file(f"<{root}><P>List</P></{root}>".encode())


def test_of_files_put_into_one_the_lists_and_descriptions_are_no_text() -> None:
    title = "<TITLE><TI><P>{}</P></TI></TITLE>".format
    listed = f"<PUBLICATION><OJ><SECTION>{title('I Legislative acts')}</SECTION></OJ></PUBLICATION>"
    described = f"<DOC><FMX/><PAPER>{title('A title')}</PAPER></DOC>"
    data = f"<ALL>{listed}{described}<ACT>{title('The act')}</ACT><ANNEX>{title('ANNEX')}</ANNEX></ALL>"
    file = read_file(data.encode())
    assert (file.title, file.lines) == ("The act", ["The act", "ANNEX"])
    assert len(file.annexes) == 1


def test_an_unknown_root_with_formex_in_it_is_read_and_others_are_refused() -> None:
    treaty = read_file(b"<TREATY><TITLE><TI><P>Treaty</P></TI></TITLE><CONTENTS><P>Text.</P></CONTENTS></TREATY>")
    assert (treaty.title, treaty.lines) == ("Treaty", ["Treaty", "Text."])
    assert treaty.warnings == ["unknown root element: TREATY"]
    with pytest.raises(UnreadableError, match="not FORMEX: root element rss"):
        read_file(b"<rss><title>News</title></rss>")


def test_unknown_elements_keep_their_text_in_the_line_or_beside_it_and_warn_once_a_kind() -> None:
    body = "<P>one <NEW.A>two</NEW.A><NEW.A>three</NEW.A> four</P><NEW.B><P>five</P></NEW.B>"
    file = read_file(f"<FRAGMENT>{body}</FRAGMENT>".encode())
    assert file.lines == ["one two three four", "five"]
    assert file.warnings == ["unknown element: NEW.A", "unknown element: NEW.B"]


def test_any_number_of_unknown_elements_is_read_in_time_and_named_in_few_warnings() -> None:
    body = "".join(f"<X{number}/>" for number in range(20_000)) + "<Y/>" * 50_000 + f"<{'Z' * 1_000}/>"
    file = read_file(f"<FRAGMENT><P>one{body}two</P></FRAGMENT>".encode())
    assert " ".join(file.lines) == "one two"
    assert len(file.warnings) == 50
