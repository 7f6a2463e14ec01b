"""The notices of the metadata archive: RDF/XML of the Common Data Model, invented in the form of the real ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from preprocessing.document import Reference
from preprocessing.formex.metadata import identify
from preprocessing.formex.notices import Notice, notice_of_name, read_notice
from preprocessing.formex.reader import read_file
from preprocessing.formex.xml import UnreadableError
from tests.preprocessing.formex.invented import act

UUID = "5f2d7a10-0000-11e9-8d04-01aa75ed71a1"
RESOURCE = "http://publications.europa.eu/resource/"
STRING = 'rdf:datatype="http://www.w3.org/2001/XMLSchema#string"'
DATE = 'rdf:datatype="http://www.w3.org/2001/XMLSchema#date"'

CELLAR_NAMES = f"""
<rdf:Description rdf:about="{RESOURCE}cellar/{UUID}">
<owl:sameAs rdf:resource="{RESOURCE}oj/JOL_2099_007_R_0002"/>
<owl:sameAs rdf:resource="{RESOURCE}celex/32099R0007"/>
</rdf:Description>"""
WORK = f"""
<rdf:Description rdf:about="{RESOURCE}oj/JOL_2099_007_R_0002">
<j.0:resource_legal_id_celex {STRING}>32099R0007</j.0:resource_legal_id_celex>
<j.0:resource_legal_eli rdf:datatype="http://www.w3.org/2001/XMLSchema#anyURI">http://data.europa.eu/eli/reg/2099/7/oj</j.0:resource_legal_eli>
<j.0:work_date_document {DATE}>2099-04-01</j.0:work_date_document>
<j.0:official-journal-act_date_publication {DATE}>2099-04-05</j.0:official-journal-act_date_publication>
<j.0:resource_legal_date_entry-into-force {DATE}>1001-01-01</j.0:resource_legal_date_entry-into-force>
<j.0:work_has_resource-type rdf:resource="{RESOURCE}authority/resource-type/REG_IMPL"/>
<j.0:resource_legal_based_on_resource_legal rdf:resource="{RESOURCE}celex/32098R0003"/>
<j.0:resource_legal_based_on_resource_legal rdf:resource="{RESOURCE}celex/12016E192"/>
<j.0:work_cites_work rdf:resource="{RESOURCE}celex/32090L0001"/>
<rdf:type rdf:resource="http://publications.europa.eu/ontology/cdm#regulation"/>
</rdf:Description>"""
EXPRESSION = f"""
<rdf:Description rdf:about="{RESOURCE}oj/JOL_2099_007_R_0002.ENG">
<j.0:expression_belongs_to_work rdf:resource="{RESOURCE}oj/JOL_2099_007_R_0002"/>
<j.0:expression_title>An invented regulation on flying</j.0:expression_title>
</rdf:Description>"""
ANNOTATION = f"""
<rdf:Description rdf:nodeID="A7">
<j.2:comment_on_legal_basis>A5P2</j.2:comment_on_legal_basis>
<owl:annotatedTarget rdf:resource="{RESOURCE}celex/32098R0003"/>
<owl:annotatedProperty rdf:resource="http://publications.europa.eu/ontology/cdm#resource_legal_based_on_resource_legal"/>
<owl:annotatedSource rdf:resource="{RESOURCE}oj/JOL_2099_007_R_0002"/>
<rdf:type rdf:resource="http://www.w3.org/2002/07/owl#Axiom"/>
</rdf:Description>"""


def rdf(*descriptions: str) -> bytes:
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#"'
        ' xmlns:j.0="http://publications.europa.eu/ontology/cdm#"'
        ' xmlns:j.2="http://publications.europa.eu/ontology/annotation#">' + "".join(descriptions) + "</rdf:RDF>"
    ).encode()


def test_a_notice_says_what_the_work_is_under_whatever_name() -> None:
    assert read_notice(rdf(CELLAR_NAMES, EXPRESSION, WORK, ANNOTATION)) == Notice(
        celex="32099R0007",
        eli="http://data.europa.eu/eli/reg/2099/7/oj",
        date="2099-04-01",
        publication_date="2099-04-05",
        document_type="regulation",
        legal_basis=[Reference("32098R0003", "5", "32098R0003"), Reference("12016E192", "192", "12016E192")],
    )


def test_what_is_said_under_two_names_of_a_work_is_put_together() -> None:
    numbered = f"""<rdf:Description rdf:about="{RESOURCE}celex/32099R0007">
        <j.0:resource_legal_id_celex {STRING}>32099R0007</j.0:resource_legal_id_celex></rdf:Description>"""
    dated = f"""<rdf:Description rdf:about="{RESOURCE}oj/JOL_2099_007_R_0002">
        <j.0:work_date_document {DATE}>2099-04-01</j.0:work_date_document></rdf:Description>"""
    notice = read_notice(rdf(numbered, dated, CELLAR_NAMES))
    assert (notice.celex, notice.date) == ("32099R0007", "2099-04-01")


def test_a_basis_named_by_its_cellar_address_is_found_by_its_other_name() -> None:
    work = f"""<rdf:Description rdf:about="{RESOURCE}celex/32099R0007">
        <j.0:resource_legal_id_celex {STRING}>32099R0007</j.0:resource_legal_id_celex>
        <j.0:resource_legal_based_on_resource_legal rdf:resource="{RESOURCE}cellar/0001"/>
        <j.0:resource_legal_based_on_resource_legal rdf:resource="{RESOURCE}cellar/0002"/></rdf:Description>"""
    basis = f"""<rdf:Description rdf:about="{RESOURCE}cellar/0001">
        <owl:sameAs rdf:resource="{RESOURCE}celex/32098L0004"/></rdf:Description>"""
    assert [reference.celex for reference in read_notice(rdf(work, basis)).legal_basis] == ["32098L0004"]


def test_of_two_works_the_folder_tells_which_is_meant() -> None:
    other = WORK.replace("JOL_2099_007_R_0002", "JOL_2099_007_R_0003").replace("32099R0007", "32099R0008")
    assert read_notice(rdf(CELLAR_NAMES, other, WORK), UUID).celex == "32099R0007"
    with pytest.raises(UnreadableError, match="2 works"):
        read_notice(rdf(CELLAR_NAMES, other, WORK))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not well-formed"),
        (b"<html><body>Service unavailable</body></html>", "0 works"),
        (rdf(EXPRESSION), "0 works"),
        (rdf(WORK)[:-20], "not well-formed"),
        (rdf(WORK.replace("32099R0007", "not a number")), "0 works"),
    ],
)
def test_what_is_no_notice_is_refused_by_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_notice(data)


def test_an_external_entity_stays_unread(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("32099R9999")
    doctype = f'<!DOCTYPE x [<!ENTITY secret SYSTEM "{secret.as_uri()}">]>'.encode()
    with pytest.raises(UnreadableError):
        read_notice(doctype + rdf(WORK.replace(">32099R0007<", ">&secret;<")))


def test_a_chain_of_names_takes_no_time() -> None:
    chain = "".join(
        f'<rdf:Description rdf:about="{RESOURCE}x/{number}"><owl:sameAs rdf:resource="{RESOURCE}x/{number + 1}"/>'
        "</rdf:Description>"
        for number in reversed(range(50_000))
    )
    started = time.monotonic()
    assert read_notice(rdf(chain, CELLAR_NAMES, WORK)).celex == "32099R0007"
    assert time.monotonic() - started < 10


def test_the_day_of_an_issue_described_beside_the_act_is_the_acts() -> None:
    day = f"<j.0:official-journal-act_date_publication {DATE}>2099-04-05</j.0:official-journal-act_date_publication>"
    issue = f"""<rdf:Description rdf:about="{RESOURCE}oj/JOL_2099_007"><j.0:publication_general_date_publication {DATE}>
        2099-04-06</j.0:publication_general_date_publication></rdf:Description>"""
    assert read_notice(rdf(WORK.replace(day, ""), issue)).publication_date == "2099-04-06"


def test_a_notice_gives_a_document_the_number_that_no_file_has() -> None:
    corrigendum = Notice(celex="32099R0007R(02)", document_type="corrigendum", publication_date="2099-06-01")
    file = read_file(act(title="<TITLE><TI><P>Corrigendum to Regulation (EU) 2099/7</P></TI></TITLE>", root="CORR"))
    identity = identify(file, None, "a.xml", corrigendum)
    assert (identity.celex, identity.base_celex) == ("32099R0007R(02)", "32099R0007")
    assert identity.publication_date == "2099-06-01" and not identity.warnings


def test_a_notice_that_names_another_act_is_kept_with_a_warning() -> None:
    file = read_file(act(title="<TITLE><TI><P>Corrigendum to Regulation (EU) 2099/7</P></TI></TITLE>", root="CORR"))
    identity = identify(file, None, "a.xml", Notice(celex="32099R0008R(01)"))
    assert identity.base_celex == "32099R0008"
    assert ["32099R0007" in warning for warning in identity.warnings] == [True]


@pytest.mark.parametrize(
    ("archive", "celex"),
    [
        ("data/2099/32099R0123R(02).en.zip", "32099R0123R(02)"),
        ("02099R0123-20990701.fr.zip", "02099R0123-20990701"),
        ("data\\12012E%2FTXT.de.zip", "12012E/TXT"),
        ("data/32099R0123.zip", None),  # by whom it was named so is not known
        ("data/JOx.en.zip", None),
        ("data/32099R0123.en.zip!/x.xml", None),
        ("", None),
    ],
)
def test_an_archive_downloaded_by_its_number_tells_it(archive: str, celex: str | None) -> None:
    notice = notice_of_name(archive)
    assert (notice.celex if notice else None) == celex
