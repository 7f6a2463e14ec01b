"""The bibliographic envelope of a sample document: file names, BIB.INSTANCE, and the .doc.xml that lists its files."""

from __future__ import annotations

from tools.sample.acts import YEAR, Act
from tools.sample.grammar import phrase_book

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://formex.publications.europa.eu/schema/formex-05.55-20141201.xd"'
)


def file_name(act: Act, language: str, page: int = 1, suffix: str = ".xml") -> str:
    """Return the official-style name: collection, year, issue, language, volume, page, sequence."""
    return f"L_{YEAR}{_issue(act)}{language.upper()}.01{page:04d}01{suffix}"


def last_page(act: Act) -> int:
    """Return the printed page on which the act ends, where its annex begins."""
    return 2 + sum(len(chapter.articles) for chapter in act.chapters) // 4


def bib_instance(act: Act, language: str, *, annex: bool = False) -> str:
    """Return BIB.INSTANCE of the act's own file, or of its ``annex``, which does not carry the act's number."""
    code = language.upper()
    first, last = (last_page(act) if annex else 1), last_page(act)
    return (
        f'<BIB.INSTANCE><DOCUMENT.REF FILE="{file_name(act, language, suffix=".doc.xml")}"><COLL>L</COLL>'
        f"<NO.OJ>{_issue(act)}</NO.OJ><YEAR>{YEAR}</YEAR><LG.OJ>{code}</LG.OJ><PAGE.FIRST>1</PAGE.FIRST>"
        f"<PAGE.SEQ>1</PAGE.SEQ><VOLUME.REF>01</VOLUME.REF></DOCUMENT.REF>{_date(f'{act.day:%Y%m%d}')}"
        f"<LG.DOC>{code}</LG.DOC><NO.SEQ>{'0001.0001' if annex else '0001'}</NO.SEQ>"
        f"<PAGE.FIRST>{first}</PAGE.FIRST><PAGE.SEQ>1</PAGE.SEQ><PAGE.LAST>{last}</PAGE.LAST>"
        f"<PAGE.TOTAL>{last - first + 1}</PAGE.TOTAL>{'' if annex else _number(act)}</BIB.INSTANCE>"
    )


def doc_xml(act: Act, language: str, title: str) -> str:
    """Return the .doc.xml: type, number and dates of the act, ``title`` as XML, and the files it consists of."""
    code, issue, end = language.upper(), _issue(act), last_page(act)
    published = f"{act.published:%Y%m%d}"
    legal_value = phrase_book("formulas")["kinds"][act.kind]["legal_value"]
    files = (
        f'<DOC.MAIN.PUB NO.SEQ="0001" SYNOPTISM="D0001"><LG.DOC>{code}</LG.DOC>'
        f"<LEGAL.VALUE>{legal_value}</LEGAL.VALUE>{_date(f'{act.day:%Y%m%d}')}{_physical(act, language, 1, end)}"
        "</DOC.MAIN.PUB>"
    )
    if act.annex:
        files += (
            '<DOC.SUB.PUB NO.SEQ="0001.0001" TYPE="ANNEX" SYNOPTISM="D0001.0001">'
            f"{_physical(act, language, end, end)}</DOC.SUB.PUB>"
        )
    return (
        f"{HEAD}<DOC {SCHEMA}><BIB.DOC><PROD.ID>{published}{issue}</PROD.ID><FIN.ID>{act.index + 1:05d}</FIN.ID>"
        f'{_number(act)}<DURAB TYPE="DUR"/><AUTHOR>COM</AUTHOR></BIB.DOC>'
        f'<PUBLICATION.REF FILE="L_{YEAR}{issue}{code}.toc.xml"><COLL>L</COLL><NO.OJ>{issue}</NO.OJ>'
        f"{_date(published)}<LG.OJ>{code}</LG.OJ><VOLUME.REF>01</VOLUME.REF></PUBLICATION.REF><FMX>{files}</FMX>"
        '<PAPER><VOLUME.PAPER><ITEM.VOLUME REF.NO.SEQ="0001">'
        f'<TITLE ID.TITLE="T0001"><TI><P>{title}</P></TI></TITLE><ITEM.REF>1</ITEM.REF>'
        '</ITEM.VOLUME></VOLUME.PAPER></PAPER><PDF><ITEM.VOLUME REF.NO.SEQ="0001"><TITLE REF.TITLE="T0001"/>'
        f'<ITEM.REF REF.PDF="l_{issue}{published}.pdf">1</ITEM.REF></ITEM.VOLUME></PDF></DOC>\n'
    )


def _issue(act: Act) -> str:
    return f"{act.index + 1:03d}"


def _date(day: str) -> str:
    return f'<DATE ISO="{day}">{day}</DATE>'


def _number(act: Act) -> str:
    return (
        f'<NO.DOC FORMAT="YN" TYPE="OJ"><NO.CURRENT>{act.number}</NO.CURRENT><YEAR>{YEAR}</YEAR><COM>EU</COM></NO.DOC>'
    )


def _physical(act: Act, language: str, first: int, last: int) -> str:
    return (
        f"<PAGE.FIRST>{first}</PAGE.FIRST><PAGE.LAST>{last}</PAGE.LAST><PAGE.TOTAL>{last - first + 1}</PAGE.TOTAL>"
        f'<PAGE.SEQ>1</PAGE.SEQ><REF.PHYS FILE="{file_name(act, language, first)}" TYPE="DOC.XML"/>'
    )
