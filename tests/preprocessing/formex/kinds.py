"""One invented document of every kind that FORMEX knows, written from the schemas and their manual.

Each is valid against schema 06.02.1, or against the one that it names.
"""

from __future__ import annotations

_PAGES = "<PAGE.FIRST>1</PAGE.FIRST><PAGE.SEQ>1</PAGE.SEQ><PAGE.LAST>2</PAGE.LAST><PAGE.TOTAL>2</PAGE.TOTAL>"
_ECR_PAGES = _PAGES.replace("FIRST>", "FIRST.ECR>").replace("LAST>", "LAST.ECR>")
_HEADER = "<CURR.TITLE><PAGE.HEADER><P>Printed on every page</P><P>C-1/99</P></PAGE.HEADER></CURR.TITLE>"
_OJ = f"""<BIB.INSTANCE><DOCUMENT.REF FILE="x.doc.xml"><COLL>C</COLL><NO.OJ>007</NO.OJ><YEAR>2099</YEAR>
        <LG.OJ>EN</LG.OJ>
</DOCUMENT.REF><DATE ISO="20990401">20990401</DATE><LG.DOC>EN</LG.DOC>{_PAGES}</BIB.INSTANCE>"""


def _case(name: str, celex: str, pages: str = _ECR_PAGES, author: str = "<AUTHOR>CJ</AUTHOR>") -> str:
    reference = '<REF.CASE FILE="n.a."><NO.CASE>C-1/99</NO.CASE></REF.CASE>'
    return f"<{name}>{reference}<NO.CELEX>{celex}</NO.CELEX><NO.SEQ>0001</NO.SEQ>{pages}{author}</{name}>"


def _title(*paragraphs: str) -> str:
    return f"<TITLE><TI>{''.join(f'<P>{paragraph}</P>' for paragraph in paragraphs)}</TI></TITLE>"


def _section(title: str, content: str) -> str:
    return f'<GR.SEQ LEVEL="1">{_title(title)}{content}</GR.SEQ>'


def _np(number: str, text: str) -> str:
    return f"<NP><NO.P>{number}</NO.P><TXT>{text}</TXT></NP>"


def _point(number: int, text: str) -> str:
    return f'<NP.ECR IDENTIFIER="NP{number:04d}"><NO.P>{number}</NO.P><TXT>{text}</TXT></NP.ECR>'


def _article(number: str, text: str) -> str:
    parts = f"<TI.ART>Article {number}</TI.ART><ALINEA>{text}</ALINEA>"
    return f'<ARTICLE IDENTIFIER="{int(number):03d}">{parts}</ARTICLE>'


def _quoted(text: str) -> str:
    start = '<QUOT.START CODE="2018" ID="QS1" REF.END="QE1"/>'
    return f'<P>{start}{text}<QUOT.END CODE="2019" ID="QE1" REF.START="QS1"/></P>'


_PARTIES = """<PARTIES><PLAINTIFS><P>A. Flyer,</P></PLAINTIFS><AGAINST>v</AGAINST>
<DEFENDANTS><P>Council of Clouds,</P></DEFENDANTS></PARTIES>"""
_INDEX = (
    """<INDEX IDX.OPEN="(" IDX.CLOSE=")" SEPARATOR=" – "><KEYWORD>Clouds</KEYWORD><KEYWORD>Height</KEYWORD></INDEX>"""
)
_INTERMEDIATE = f"<INTERMEDIATE>{_INDEX}</INTERMEDIATE>"
_PREAMBLE = """<PREAMBLE><PREAMBLE.INIT><P>THE COURT,</P></PREAMBLE.INIT><GR.CONSID><CONSID><P>after hearing the pilots,
</P></CONSID></GR.CONSID><PREAMBLE.FINAL><P>gives the following</P></PREAMBLE.FINAL></PREAMBLE>"""
_RULING = f"""<JURISDICTION><INTRO>On those grounds, the Court hereby:</INTRO><LIST TYPE="ARAB">
<ITEM>{_np("1.", "Dismisses the action;")}</ITEM><ITEM>{_np("2.", "Orders costs.")}</ITEM></LIST></JURISDICTION>"""
_SIGNATURE = "<SIGNATURE.CASE><SIGNATORY><P>[Signatures]</P></SIGNATORY></SIGNATURE.CASE>"
_FINAL = "<FINAL><SIGNATURE><SIGNATORY><P>The President</P></SIGNATORY></SIGNATURE></FINAL>"
_SUMMARY = f"""<SUMMARY>{_title("SUMMARY")}<SUBJECTS><NP><NO.P>1.</NO.P><TXT><KEYWORD>Treaty</KEYWORD><KEYWORD>Height
</KEYWORD></TXT></NP><NP><NO.P>2.</NO.P><TXT><KEYWORD>Depth</KEYWORD></TXT></NP></SUBJECTS><ABSTRACT>
{_np("1.", "Height is not depth.")}</ABSTRACT></SUMMARY>"""
_REF_ECR = '<REF.ECR FILE="n.a."><YEAR>2099</YEAR></REF.ECR>'
_ROWS = """<TBL COLS="2" NO.SEQ="0001"><CORPUS><ROW TYPE="HEADER"><CELL COL="1" TYPE="HEADER">Case</CELL>
<CELL COL="2" TYPE="HEADER">Date</CELL></ROW><ROW><CELL COL="1">C-1/99</CELL><CELL COL="2">1.4.2099</CELL></ROW>
</CORPUS></TBL>"""
_CONSLEG = """<INFO.CONSLEG CONSLEG.REF="2099A0001" DATE.LAST.MOD="20990401" PROD.SEQ="000.001" START.DATE="20990401"
END="NEW.MOD" LEG.VAL="OTHER"/><INFO.PROD PRODUCER="X" PROD.SYSTEM="CONSLEG.NEW" PROD.DATE="20990401"/>"""
_BIB_DATA = f"""<BIB.DATA><OTH.PUB><TITLE><TI><P>Book</P></TI></TITLE><LG>EN</LG>{_PAGES}</OTH.PUB>
<TITLE><TI><P>Title in the register</P></TI></TITLE></BIB.DATA>"""

DOCUMENTS: dict[str, str] = {
    "ACT": f"""{_OJ}{_title("Decision of the Council", "of 1 April 2099")}<PROLOG><P>Of a time before recitals.</P>
        </PROLOG>
        <PREAMBLE><PREAMBLE.INIT>THE COUNCIL,</PREAMBLE.INIT><P>having met,</P><PREAMBLE.FINAL>HAS DECIDED:
        </PREAMBLE.FINAL></PREAMBLE><ENACTING.TERMS><TOC>{_title("CONTENTS")}<TOC.BLK><TOC.ITEM><NO.ITEM>1.</NO.ITEM>
        <ITEM.CONT>Clouds</ITEM.CONT><ITEM.REF>3</ITEM.REF></TOC.ITEM></TOC.BLK></TOC>
        {_article("1", "Clouds are high.")}
        </ENACTING.TERMS>{_FINAL}""",
    "ACT.GEN": f"""<PREAMBLE.GEN><P>We agree:</P></PREAMBLE.GEN><ENACTING.TERMS>{_article("1", "Clouds.")}
        </ENACTING.TERMS>""",
    "ADDITIONAL.DOCS.LSEU": "<P>More on clouds.</P>",
    "AGR": f"""{_OJ}{_title("Agreement on clouds")}<PREAMBLE><PREAMBLE.INIT>THE PARTIES,</PREAMBLE.INIT><GR.CONSID>
        <CONSID>{_np("(1)", "Clouds cross borders.")}</CONSID></GR.CONSID><PREAMBLE.FINAL>HAVE AGREED:</PREAMBLE.FINAL>
        </PREAMBLE><ENACTING.TERMS><DIVISION>{_title("TITLE I")}{_article("1", "Clouds are free.")}</DIVISION>
        </ENACTING.TERMS>{_FINAL}""",
    "ANNEX": f"""{_OJ}{_title("ANNEX")}<CONTENTS>{_article("1", "A model.")}<COLL.LETTERS><LETTER NO.SEQ="001">
        {_title("Letter No 1")}<CONTENTS><P>Sir,</P></CONTENTS><SIGNATORY><P>A. Flyer</P></SIGNATORY></LETTER>
        </COLL.LETTERS></CONTENTS>""",
    "APPEAL.TABLE": f"<BIB.APPEAL.TABLE>{_REF_ECR}{_ECR_PAGES}</BIB.APPEAL.TABLE>{_title('Appeals')}<CONTENTS>{_ROWS}"
    "</CONTENTS>",
    "CASE": f"""<BIB.CASE>{_REF_ECR}<LG.DOC>EN</LG.DOC><LG.CASE>EN</LG.CASE><NO.CASE>C-1/99</NO.CASE>
        <TYPE.CASE>JUDGMENT-C</TYPE.CASE><NO.SEQ>0001</NO.SEQ>{_ECR_PAGES}</BIB.CASE>{_title("Case C-1/99")}{_PARTIES}
        <SUBJECT><P>Clouds</P></SUBJECT><REF.JUDGMENT>{_title("Judgment of the Court")}<REF.ECR.DOC
        FILE="ECR_62099CJ0001_EN_.xml" NO.SEQ="0001.0001">I-1</REF.ECR.DOC></REF.JUDGMENT><DECISION>{_title("Decision")}
        <P>The action is dismissed.</P></DECISION>{_SUMMARY}""",
    "CHRON.TABLE": f"<BIB.CHRON.TABLE>{_REF_ECR}{_ECR_PAGES}</BIB.CHRON.TABLE>{_title('Judgments')}<CONTENTS>{_ROWS}"
    "</CONTENTS>",
    "CHRON.TABLE.NP": f"<BIB.CHRON.TABLE.NP>{_REF_ECR}{_ECR_PAGES}</BIB.CHRON.TABLE.NP>{_title('Orders')}<CONTENTS>"
    f"{_ROWS}</CONTENTS>",
    "CJT": f"""{_OJ}<TI.CJT>{_title("Judgment of the Court", "in Case C-1/99")}{_INDEX}<NO.DOC.C>2099/C 7/01</NO.DOC.C>
        <LG.PROC LG="EN">Language of the case: English</LG.PROC><TRANS.REF>Provisional translation</TRANS.REF></TI.CJT>
        <CONTENTS>{_section("Parties", "<P>A. Flyer</P>")}</CONTENTS><ENACTING.TERMS.CJT><P>The Court:</P>
        {_np("1.", "Dismisses the action;")}{_np("2.", "Orders costs.")}</ENACTING.TERMS.CJT>""",
    "COMPETITION": f"""{_OJ}{_title("Open competition")}<COMPETITION.INIT><P>For cloud watchers.</P></COMPETITION.INIT>
        <CONTENTS>{_section("I. Duties", "<P>Watching.</P>")}</CONTENTS>""",
    "CONCLUSION": f"""{_case("BIB.CONCLUSION", "62099CC0001", author="")}{_HEADER}{_title("OPINION", "in Case C-1/99")}
        <CONTENTS.CONCLUSION>{_section("I. Introduction", _point(1, "Clouds.") + _point(2, "More clouds."))}
        {_section("II. Conclusion", _point(3, "I propose rain."))}</CONTENTS.CONCLUSION>""",
    "CONS.ACT": f"""{_CONSLEG}<CONS.DOC>{_OJ}<FAM.COMP LEG.VAL="REG">{_BIB_DATA}</FAM.COMP>{_title("Consolidated")}
        <PREAMBLE>
        <PREAMBLE.INIT>THE COUNCIL,</PREAMBLE.INIT><PREAMBLE.FINAL>HAS ADOPTED:</PREAMBLE.FINAL></PREAMBLE>
        <ENACTING.TERMS>{_article("1", "In force.")}</ENACTING.TERMS><CONS.ANNEX>{_title("ANNEX")}<CONTENTS><P>More.</P>
        </CONTENTS></CONS.ANNEX></CONS.DOC>""",
    "CONS.OTH": f"""{_CONSLEG}<CONS.OTH.DOC>{_OJ}<FAM.COMP LEG.VAL="OTHER">{_BIB_DATA}</FAM.COMP>
        <CONS.DOC.GEN TYPE="ACT">
        {_title("Agreement on clouds")}<PREAMBLE><PREAMBLE.INIT>THE PARTIES,</PREAMBLE.INIT><PREAMBLE.FINAL>AGREE:
        </PREAMBLE.FINAL></PREAMBLE><ENACTING.TERMS>{_article("1", "In force.")}</ENACTING.TERMS><CONS.DOC.GEN
        TYPE="GENERAL">{_title("Declaration")}<CONTENTS><P>We declare.</P></CONTENTS></CONS.DOC.GEN><CONS.DOC.GEN
        TYPE="ANNEX">{_title("ANNEX I")}<CONTENTS>{_article("9", "A model.")}</CONTENTS></CONS.DOC.GEN></CONS.DOC.GEN>
        </CONS.OTH.DOC>""",
    "CORR": f"""{_OJ}{_title("Corrigendum to Regulation (EU) 2099/123")}<CONTENTS.CORR><GR.CORRECTION><DESCRIPTION>1. On
        page 1:</DESCRIPTION><CORRECTION><DESCRIPTION>Article 1:</DESCRIPTION><OLD.CORR FOR.READ="YES"><P>for:</P>
        {_quoted("lead")}</OLD.CORR><NEW.CORR
        FOR.READ="YES"><P>read:</P>{_quoted("led").replace("S1", "S2").replace("E1", "E2")}</NEW.CORR></CORRECTION>
        </GR.CORRECTION></CONTENTS.CORR>""",
    "CORRIGENDUM.ECR": f"""{_case("BIB.CORRIG.ECR", "", author="").replace("<NO.CELEX></NO.CELEX>", "")}
        {_title("Corrections")}
        <GR.CORRIG.ECR>{_title("Volume I")}<CORRIG.ECR><REF.ORIGINAL PAGE="I-1" NO.CASE="C-1/99">Page I-1, Case C-1/99:
        </REF.ORIGINAL><CORR.ACTION>in point 7, read:</CORR.ACTION>{_quoted("led")}</CORRIG.ECR></GR.CORRIG.ECR>""",
    "DECISION.ECR": f"""{_case("BIB.DECISION.ECR", "62099CX0001")}{_HEADER}{_title("DECISION OF THE COURT")}
        <DECISION.ECR.INIT>In Case C-1/99 RX,</DECISION.ECR.INIT>{_PREAMBLE}<CONTENTS.DECISION.ECR>
        {_section("Decision", _point(1, "The Advocate General has proposed.") + _point(2, "Clouds are high."))}{_RULING}
        </CONTENTS.DECISION.ECR>{_SIGNATURE}""",
    "ECR.GENERAL": f"""<BIB.ECR.GENERAL>{_REF_ECR}<LG.DOC>EN</LG.DOC>{_ECR_PAGES}</BIB.ECR.GENERAL>{_title("Note")}
        <CONTENTS>
        <P>On citing treaties.</P></CONTENTS>""",
    "FRAGMENT": f"{_section('Part', '<P>Of something.</P>')}",
    "GENERAL": f"""{_OJ}<PL.DATE><P>Cloudtown, <DATE ISO="20990401">1 April 2099</DATE></P></PL.DATE>
        <NO.COM>COM(2099) 1</NO.COM>
        <GR.ANNOTATION>{_title("Note")}<ANNOTATION><P>Read with care.</P></ANNOTATION></GR.ANNOTATION>
        {_title("Communication on clouds", "2099/C 7/01")}<PROLOG><P>Before all.</P></PROLOG><CONTENTS>
        {_section("1. Height", "<P>Clouds are high.</P>" + _article("1", "They stay."))}<LIST.AMEND><HEADER.LIST.AMEND>
        <HEADER.OLD>Text</HEADER.OLD><HEADER.NEW>Proposal</HEADER.NEW></HEADER.LIST.AMEND><GR.AMEND>
        <AMEND>{_title("Amendment 1")}<OLD>{_article("7", "Low.")}</OLD><NEW>{_article("7", "High.")}</NEW></AMEND>
        </GR.AMEND>
        </LIST.AMEND></CONTENTS>{_FINAL}""",
    "JUDGMENT": f"""{_case("BIB.JUDGMENT", "62099CJ0001")}{_HEADER}{_title("JUDGMENT OF THE COURT")}{_INTERMEDIATE}
        <JUDGMENT.INIT><P>In Case C-1/99,</P></JUDGMENT.INIT>{_PARTIES}{_PREAMBLE}<CONTENTS.JUDGMENT>
        {_section("Judgment", _point(1, "Clouds are high.") + _point(2, "They stay so."))}{_RULING}</CONTENTS.JUDGMENT>
        {_SIGNATURE}""",
    "JUDGMENT.NP": f"""{_case("BIB.JUDGMENT", "62099CJ0002")}{_title("Judgment of 1 April 2099")}{_INDEX}
        <SUMMARY.NP SEPARATOR=" - "><P>
        Short.</P></SUMMARY.NP><SUBJECT><P>Clouds.</P></SUBJECT><ENACTING.TERMS.CJT><P>Dismissed.</P>
        </ENACTING.TERMS.CJT>""",
    "LETTER": f"""{_title("Letter No 1")}<CONTENTS><P>Sir,</P>{_article("1", "Clouds.")}</CONTENTS>
        <SIGNATORY><P>A. Flyer</P></SIGNATORY>""",
    "LSEU": f"""<BIB.LSEU><NO.DOC.LSEU>LSEU-GLOSSARY-CLOUD-2099-04-01-1200</NO.DOC.LSEU><LG.DOC>EN</LG.DOC>
        <ARCHIVED VALUE="NO"/></BIB.LSEU>{_title("Clouds")}
        <CONTENTS.LSEU><HEADER.LSEU>{_title("SUMMARY OF:")}</HEADER.LSEU><SUMMARY.LSEU><P>What are <REF.DOC
        CONTEXT="EUR-LEX" URI="http://data.europa.eu/eli/reg/2099/123/oj">clouds</REF.DOC>?</P></SUMMARY.LSEU>
        </CONTENTS.LSEU>""",
    "OPINION": f"""{_case("BIB.OPINION", "62099CV0001")}{_HEADER}{_title("OPINION 1/99")}<OPINION.INIT>
        {_section("I", _np("1.", "The Council asks."))}</OPINION.INIT><CONTENTS.OPINION>{_title("Opinion of the Court")}
        {_SUMMARY}<ARGUMENTS>{_np("1.", "It is argued.")}</ARGUMENTS><PREAMBLE.GEN><P>Whereas:</P></PREAMBLE.GEN>
        <ENACTING.TERMS.CJT><P>The Treaty is compatible.</P></ENACTING.TERMS.CJT>{_FINAL}<INTERNAL.ANNEX>
        {_title("ANNEX I")}
        <CONTENTS><P>Questions.</P></CONTENTS></INTERNAL.ANNEX></CONTENTS.OPINION>""",
    "ORDER": f"""{_case("BIB.ORDER", "62099CO0001")}{_HEADER}{_title("ORDER OF THE COURT")}<ORDER.INIT>
        <P>In Case C-1/99,</P>
        </ORDER.INIT>{_PARTIES}<PREAMBLE.GEN><PREAMBLE.INIT>THE COURT</PREAMBLE.INIT></PREAMBLE.GEN><CONTENTS.ORDER>
        {_section("Order", _point(1, "Clouds are high."))}{_RULING}</CONTENTS.ORDER>{_SIGNATURE}""",
    "ORDER.NP": f"""{_case("BIB.ORDER", "62099CO0002")}{_title("Order of 1 April 2099")}{_INDEX}
        <SUMMARY.NP SEPARATOR=" - "><P>Short.</P>
        </SUMMARY.NP><SUBJECT><P>Clouds.</P></SUBJECT><ENACTING.TERMS.CJT><P>Removed.</P></ENACTING.TERMS.CJT>""",
    "REPORT.HEARING": f"""{_case("BIB.REPORT.HEARING", "62099CP0001", author="")}{_HEADER}
        {_title("REPORT FOR THE HEARING")}
        <CONTENTS>{_section("I. Facts", "<P>Clouds moved.</P>")}</CONTENTS>""",
    "RULING": f"""{_case("BIB.RULING", "62099CR0001")}{_HEADER}{_title("RULING 1/99")}<CONTENTS.RULING>
        {_title("Ruling")}{_SUMMARY}
        <PREAMBLE.GEN>{_np("1", "A request came.")}{_np("2", "It is admissible.")}</PREAMBLE.GEN><ENACTING.TERMS.CJT>
        <P>No
        cloud needs consent.</P></ENACTING.TERMS.CJT>{_FINAL}</CONTENTS.RULING>""",
    "SUMMARY.JUDGMENT": f"""{_case("BIB.SUMMARY", "62099SJ0001", pages=_PAGES)}{_HEADER}<CONTENTS.SUMMARY.JUDGMENT>
        {_title("Summary of the Judgment")}{_PARTIES}<P>Clouds.</P></CONTENTS.SUMMARY.JUDGMENT>""",
}


def document(kind: str) -> bytes:
    """The document of a kind as a file."""
    attributes = ' NO.SEQ="001"' if kind == "LETTER" else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind}{attributes}>{DOCUMENTS[kind]}</{kind}>'.encode()
