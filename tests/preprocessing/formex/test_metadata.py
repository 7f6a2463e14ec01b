"""Metadata: type, date, language and CELEX from the description, the file, the title or the name."""

from __future__ import annotations

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.metadata import read_description
from preprocessing.formex.reader import read_file
from preprocessing.formex.xml import UnreadableError
from tests.preprocessing.formex.invented import DECLARATION, TITLE, act, description


def read(data: bytes, described: bytes | None = None, source: str = "x.xml") -> LegalDocument:
    return assemble([read_file(data)], read_description(described) if described else None, source)


@pytest.mark.parametrize(
    ("legal_value", "document_type", "celex"),
    [
        ("REGIMP", "regulation", "32099R0123"),
        ("DIRDEL", "directive", "32099L0123"),
        ("DEC.EEA", "decision", "32099D0123"),
        ("AGR", "agreement", None),
    ],
)
def test_a_description_gives_type_date_language_and_celex(
    legal_value: str, document_type: str, celex: str | None
) -> None:
    document = read(act(), description("a.xml", legal_value=legal_value, language="FR"))
    assert (document.document_type, document.celex, document.date) == (document_type, celex, "2099-04-01")
    assert document.language == "fr"


@pytest.mark.parametrize(
    ("title", "document_type", "celex"),
    [
        ("Commission Implementing Regulation (EU) 2099/123", "regulation", "32099R0123"),
        ("Directive (UE) 2099/123 du Conseil", "directive", "32099L0123"),
        ("Durchführungsverordnung (EU) 2099/123", "regulation", "32099R0123"),
        ("Decisión (UE) 2099/123 sobre el Reglamento", "decision", "32099D0123"),
        ("Retificação da Diretiva (UE) 2099/123", "corrigendum", None),
        ("Proposal for a Regulation", "other", None),
    ],
)
def test_a_loose_act_tells_its_type_by_its_title(title: str, document_type: str, celex: str | None) -> None:
    document = read(act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>"))
    assert (document.document_type, document.celex) == (document_type, celex)


def test_a_consolidated_act_has_its_own_number_and_that_of_its_act() -> None:
    data = f"""{DECLARATION}<CONS.ACT><INFO.CONSLEG CONSLEG.REF="2099R0123" LEG.VAL="REG" START.DATE="20991231"/>
      <CONS.DOC><BIB.INSTANCE><LG.DOC>EN</LG.DOC></BIB.INSTANCE><FAM.COMP><BIB.DATA><NO.CELEX>32099R0123</NO.CELEX>
      <DATE ISO="20990401"/></BIB.DATA></FAM.COMP>{TITLE}</CONS.DOC></CONS.ACT>"""
    document = read(data.encode())
    assert (document.celex, document.base_celex) == ("02099R0123-20991231", "32099R0123")
    assert document.consolidated and document.consolidation_date == "2099-12-31" and document.date == "2099-04-01"
    assert document.id == "02099R0123-20991231-en"


def test_the_date_in_an_acts_title_goes_before_that_of_its_description() -> None:
    title = '<TITLE><TI><P>Directive 2099/1/EU of <DATE ISO="20990307">7 March 2099</DATE></P></TI></TITLE>'
    assert read(act(title=title), description("a.xml", legal_value="DIR")).date == "2099-03-07"


def test_a_judgment_carries_its_number_and_takes_its_date_from_its_title() -> None:
    data = f"""{DECLARATION}<JUDGMENT><BIB.JUDGMENT><NO.CELEX>62099CJ0007</NO.CELEX></BIB.JUDGMENT><TITLE><TI>
      <P>Judgment of the Court</P><P><DATE ISO="20990716">16 July 2099</DATE></P></TI></TITLE>
      <GR.CONSID><CONSID><P>after considering
      </P></CONSID></GR.CONSID></JUDGMENT>"""
    document = read(data.encode(), source="folder/62099CJ0007.de.fmx.xml")
    assert (document.celex, document.document_type, document.date) == ("62099CJ0007", "judgment", "2099-07-16")
    assert document.language == "de"
    assert document.recitals == []


def test_a_corrigendum_names_the_act_that_it_corrects() -> None:
    document = read(act(title="<TITLE><TI><P>Corrigendum to Directive 99/12/EC</P></TI></TITLE>", root="CORR"))
    assert (document.document_type, document.celex, document.base_celex) == ("corrigendum", None, "31999L0012")


@pytest.mark.parametrize("data", [act(), b"<DOC><FMX/></DOC>", b"<DOC>"])
def test_what_describes_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_description(data)
