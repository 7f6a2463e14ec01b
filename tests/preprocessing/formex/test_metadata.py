"""Metadata: type, date, language and CELEX from the description, the file, the title or the name."""

from __future__ import annotations

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.descriptions import read_description
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
        ("DEC.EEA", "decision", None),
        ("AGR", "agreement", None),
        ("RESOLUTION", "other", None),
        ("PROP.REG", "other", None),
        ("PROC", "other", None),
        ("INFO.CJT", "notice", None),
        ("OTHER", "regulation", "32099R0123"),  # left to the title
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


@pytest.mark.parametrize("date", ['<DATE ISO="20990307">7.3.2099</DATE>', "7 March 2099"])
def test_the_date_in_an_acts_title_goes_before_that_of_its_description(date: str) -> None:
    title = f"<TITLE><TI><P>Directive 2099/1/EU of {date}</P></TI></TITLE>"
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


def test_an_old_report_of_a_case_has_its_date_and_title_above_its_pages() -> None:
    data = f"""{DECLARATION}<JUDGMENT><BIB.JUDGMENT><NO.CELEX>61999J0007</NO.CELEX></BIB.JUDGMENT><CURR.TITLE><LEFT>
      JUDGMENT OF <DATE ISO="19990716">16.7.1999</DATE> - CASE C-7/99</LEFT><RIGHT>CLOUD v RAIN</RIGHT></CURR.TITLE>
      <TITLE><TI><P><IE/></P></TI></TITLE><JUDGMENT.INIT><P>REFERENCE of <DATE ISO="19980101">1 January 1998</DATE></P>
      </JUDGMENT.INIT></JUDGMENT>"""
    document = read(data.encode())
    assert (document.celex, document.date) == ("61999CJ0007", "1999-07-16")
    assert document.title == "JUDGMENT OF 16.7.1999 - CASE C-7/99 CLOUD v RAIN"
    assert document.text == "REFERENCE of 1 January 1998"


@pytest.mark.parametrize(
    ("root", "title", "source", "celex", "base_celex"),
    [
        ("ORDER", "Order", "cases/62099CO0007/DOC_1.xml", "62099CO0007", "62099CO0007"),
        ("CONCLUSION", "Opinion", "a.zip!/62099CC0007.en.fmx.xml", "62099CC0007", "62099CC0007"),
        ("JUDGMENT", "Judgment", "ECR_62099CJ0007_NL_01.xml", "62099CJ0007", "62099CJ0007"),
        ("CONCLUSION", "Opinion", "62099CJ0007/DOC_2.xml", None, None),  # beside the judgment in that case
        ("CORR", "Corrigendum to Directive 99/12/EC", "31999l0012r(02)/en/x.xml", "31999L0012R(02)", "31999L0012"),
        ("CORR", "Corrigendum to Directive 99/12/EC", "31999L0013R(02)/en/x.xml", None, "31999L0012"),
        ("CORR", "Corrigendum", "32099R0007/x.xml", None, "32099R0007"),
        ("ANNEX", "ANNEX II", "32099R0007/x.xml", None, "32099R0007"),
        ("ACT", "Decision", "32099R0007/x.xml", None, None),
        ("ACT", "Decision", "62099CJ0007/x.xml", None, None),
        ("ACT", "Opinion of the Central Bank", "32099R0007/x.xml", None, None),
        ("GENERAL", "Charter", "2099/12099P%2FTXT.en.zip!/x.xml", "12099P/TXT", "12099P/TXT"),
        ("AGR", "Agreement", "22099A0102(01)/x.xml", "22099A0102(01)", "22099A0102(01)"),
        ("CORR", "Corrigendum", "02099R0007-20990101/x.xml", None, "32099R0007"),
    ],
)
def test_what_files_and_folders_are_named_by_is_a_number_where_none_is_given(
    root: str, title: str, source: str, celex: str | None, base_celex: str | None
) -> None:
    document = read(act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>", bib="", root=root), source=source)
    assert (document.celex, document.base_celex) == (celex, base_celex)


def test_a_corrigendum_names_the_act_that_it_corrects() -> None:
    document = read(act(title="<TITLE><TI><P>Corrigendum to Directive 99/12/EC</P></TI></TITLE>", root="CORR"))
    assert (document.document_type, document.celex, document.base_celex) == ("corrigendum", None, "31999L0012")


@pytest.mark.parametrize("data", [act(), b"<DOC><FMX/></DOC>", b"<DOC>"])
def test_what_describes_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_description(data)


NY, YN = 'FORMAT="NY" TYPE="OJ"', 'FORMAT="YN" TYPE="OJ"'


@pytest.mark.parametrize(
    ("legal_value", "form", "community", "celex"),
    [
        ("DEC", YN, "EU", "32099D0123"),
        ("DEC", YN, "", "32099D0123"),
        ("DEC", NY, "EC", "32099D0123"),
        ("DEC", NY, "", None),  # of a joint committee or an association council
        ("DEC.EEA", NY, "", None),
        ("DEC.ECSC", NY, "ECSC", "32099S0123"),
        ("DEC.ECSC", YN, "ECSC", "32099D0123"),
        ("DEC", YN, "JHA", None),  # a decision or a framework decision
        ("JOINT.ACT", YN, "CFSP", "32099E0123"),
        ("COM.POS", YN, "CFSP", "32099E0123"),
        ("COM.POS", YN, "EC", None),
        ("REG", NY, "EC", "32099R0123"),
    ],
)
def test_the_letter_of_a_number_is_certain_or_there_is_none(
    legal_value: str, form: str, community: str, celex: str | None
) -> None:
    number = f"<NO.DOC {form}><NO.CURRENT>123</NO.CURRENT><YEAR>2099</YEAR><COM>{community}</COM></NO.DOC>"
    title = "<TITLE><TI><P>On invented things</P></TI></TITLE>"
    assert read(act(title=title), description("a.xml", legal_value=legal_value, number=number)).celex == celex


def test_a_framework_decision_is_one_by_its_title() -> None:
    number = f"<NO.DOC {YN}><NO.CURRENT>123</NO.CURRENT><YEAR>2099</YEAR><COM>JHA</COM></NO.DOC>"
    described = description("a.xml", legal_value="DEC", number=number)
    for name, celex in (("Framework Decision", "32099F0123"), ("Decision", "32099D0123")):
        title = f"<TITLE><TI><P>Council {name} 2099/123/JHA of 1 April 2099</P></TI></TITLE>"
        assert read(act(title=title), described).celex == celex


def test_a_number_in_square_brackets_is_no_number_of_the_act() -> None:
    title = "<TITLE><TI><P>Decision No 1/2099 of the Joint Committee on Clouds [2099/123]</P></TI></TITLE>"
    assert read(act(title=title), description("a.xml", legal_value="DEC")).celex is None


@pytest.mark.parametrize(
    ("title", "celex"),
    [
        (
            "Commission Implementing Regulation (EU) 2099/7 of 1 April 2099 amending Regulation (EU) 2098/3",
            "32099R0007",
        ),
        ("Commission Regulation of 1 April 2099 amending Regulation (EU) 2098/3", None),
        ("Commission Decision of 1 April 2099 on Regulation (EU) 2098/3", None),
    ],
)
def test_without_a_number_the_first_words_of_the_title_give_it(title: str, celex: str | None) -> None:
    assert read(act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>", bib="")).celex == celex


@pytest.mark.parametrize(
    ("title", "document_type"),
    [
        ("Provádějící nařízení Komise", "regulation"),
        ("Euroopan parlamentin ja neuvoston direktiivi", "directive"),
        ("A Bizottság végrehajtási határozata", "decision"),
        ("Oikaisu komission asetukseen", "corrigendum"),
        ("Препоръка на Съвета", "recommendation"),
        ("Genomförandeförordning", "regulation"),
        ("On clouds", "other"),
    ],
)
def test_types_are_read_in_every_language(title: str, document_type: str) -> None:
    assert read(act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>", bib="")).document_type == document_type


def test_publication_date_and_identifier_come_from_the_description() -> None:
    described = description("a.xml").replace(
        b"</BIB.DOC>", b'<NO.ELI ID="http://data.europa.eu/eli/reg/2099/123/oj">ELI</NO.ELI></BIB.DOC>'
    )
    described = described.replace(b"<COLL>L</COLL>", b'<COLL>L</COLL><DATE ISO="20990405">20990405</DATE>')
    document = read(act(), described)
    assert (document.publication_date, document.eli) == ("2099-04-05", "http://data.europa.eu/eli/reg/2099/123/oj")
    assert (read(act()).publication_date, read(act()).eli) == (None, None)


def test_a_consolidated_act_was_published_with_its_first_act() -> None:
    data = f"""{DECLARATION}<CONS.ACT><INFO.CONSLEG CONSLEG.REF="2099R0123" LEG.VAL="REG" START.DATE="20991231"/>
      <CONS.DOC><BIB.INSTANCE><LG.DOC>EN</LG.DOC></BIB.INSTANCE><FAM.COMP><BIB.DATA><BIB.INSTANCE.CONS>
      <DATE ISO="20990405"/></BIB.INSTANCE.CONS></BIB.DATA></FAM.COMP>{TITLE}</CONS.DOC></CONS.ACT>"""
    assert read(data.encode()).publication_date == "2099-04-05"


@pytest.mark.parametrize(
    ("root", "case", "author", "celex"),
    [
        ("JUDGMENT", "C‑311/98", "CJ", "61998CJ0311"),
        ("JUDGMENT", "T-7/98 P", "T", "61998TJ0007"),
        ("JUDGMENT", "26/62", "CJ", "61962CJ0026"),
        ("CONCLUSION", "C-311/98", "", "61998CC0311"),
        ("OPINION", "1/98", "CJ", "61998CV0001"),
        ("ORDER", "C-311/98", "CJ", None),  # there may be several
        ("JUDGMENT", "C-311/98 R", "CJ", None),
        ("JUDGMENT", "", "CJ", None),
    ],
)
def test_the_number_of_a_case_gives_that_of_its_judgment(root: str, case: str, author: str, celex: str | None) -> None:
    bib = f"<REF.CASE FILE='n.a.'><NO.CASE>{case}</NO.CASE></REF.CASE><AUTHOR>{author}</AUTHOR>"
    data = f"{DECLARATION}<{root}><BIB.{root}>{bib}</BIB.{root}><TITLE><TI><P>In case</P></TI></TITLE></{root}>"
    assert read(data.encode()).celex == celex


@pytest.mark.parametrize(
    ("given", "celex"), [("32099R0123R(02)", "32099R0123R(02)"), ("32099R0123", None), ("399R0123R(01)", None)]
)
def test_a_corrigendum_has_a_number_of_its_own_only_where_one_is_given(given: str, celex: str | None) -> None:
    described = description("a.xml", legal_value="CORRIGENDUM").replace(
        b"<DATE ", f"<NO.CELEX>{given}</NO.CELEX><DATE ".encode()
    )
    document = read(act(title="<TITLE><TI><P>Corrigendum</P></TI></TITLE>", root="CORR"), described)
    assert document.celex == (celex or ("31999R0123R(01)" if given.startswith("399") else None))
    assert document.base_celex == ("31999R0123" if given.startswith("399") else "32099R0123")


def test_the_description_of_a_corrigendum_names_what_it_corrects_in_any_language() -> None:
    corrected = "<DOC.CORR><COLL>L</COLL><NO.DOC><NO.CURRENT>7</NO.CURRENT><YEAR>2098</YEAR></NO.DOC></DOC.CORR>"
    described = description("a.xml", legal_value="CORRIGENDUM", number="", language="FI").replace(
        b"</BIB.DOC>", f"{corrected}</BIB.DOC>".encode()
    )
    for title in (
        "Oikaisu komission asetukseen (EU) 2098/7",
        "Helyesbítés a 95/46/EK irányelv hatályon kívül helyezéséről szóló, (EU) 2098/7 tanácsi rendelethez",
        "Labojums Padomes Regulā (ES) 2098/7, ar ko atceļ Direktīvu 95/46/EK",
    ):
        data = act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>", root="CORR")
        assert read(data, described).base_celex == "32098R0007", title


def test_an_impossible_day_is_no_date() -> None:
    title = '<TITLE><TI><P>Directive 2099/1/EU of <DATE ISO="20990231">31 February</DATE></P></TI></TITLE>'
    assert read(act(title=title), description("a.xml", legal_value="DIR")).date == "2099-04-01"


@pytest.mark.parametrize(
    ("title", "date"),
    [
        ("Regulation of 27 April 2099 on clouds of 1 May 2098", "2099-04-27"),
        ("Règlement du 1er août 2099", "2099-08-01"),
        ("Beschluss vom 3. März 2099", "2099-03-03"),
        ("Decisión de 2 de enero de 2099", "2099-01-02"),
        ("Decisão de 9 de dezembro de 2099", "2099-12-09"),
        ("Regulation of 31 April 2099", None),
        ("Regulation of April 2099", None),
    ],
)
def test_a_title_without_marks_tells_its_date_in_words(title: str, date: str | None) -> None:
    assert read(act(title=f"<TITLE><TI><P>{title}</P></TI></TITLE>", bib="")).date == date
