"""Small invented FORMEX files: acts of 2099 that no one adopted."""

from __future__ import annotations

from pathlib import Path

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
TITLE = "<TITLE><TI><P>Regulation (EU) 2099/123 of the Council</P><P>on invented things</P></TI></TITLE>"
NUMBER = "<NO.DOC><NO.CURRENT>123</NO.CURRENT><YEAR>2099</YEAR></NO.DOC>"


def act(body: str = "", title: str = TITLE, bib: str = f"<LG.DOC>EN</LG.DOC>{NUMBER}", root: str = "ACT") -> bytes:
    """An act with ``body`` as its enacting terms."""
    terms = f"<ENACTING.TERMS>{body}</ENACTING.TERMS>" if body else ""
    return f"{DECLARATION}<{root}><BIB.INSTANCE>{bib}</BIB.INSTANCE>{title}{terms}</{root}>".encode()


def article(number: str, text: str, heading: str = "") -> str:
    """One article with a single paragraph of text."""
    sti = f"<STI.ART>{heading}</STI.ART>" if heading else ""
    ti = f"<TI.ART>Article {number}</TI.ART>"
    return f'<ARTICLE IDENTIFIER="{number:>03}">{ti}{sti}<ALINEA>{text}</ALINEA></ARTICLE>'


def annex(text: str, reference: str = "") -> bytes:
    """An annex file, perhaps with the description that it refers to."""
    bib = f'<BIB.INSTANCE><DOCUMENT.REF FILE="{reference}"/></BIB.INSTANCE>' if reference else "<BIB.INSTANCE/>"
    title = "<TITLE><TI><P>ANNEX</P></TI></TITLE>"
    return f"{DECLARATION}<ANNEX>{bib}{title}<CONTENTS><P>{text}</P></CONTENTS></ANNEX>".encode()


def description(*files: str, legal_value: str = "REG", language: str = "EN", number: str = NUMBER) -> bytes:
    """A ``.doc.xml`` that names the act's file and its annex files."""
    main, *others = files
    sub = "".join(f'<DOC.SUB.PUB><REF.PHYS FILE="{name}" TYPE="DOC.XML"/></DOC.SUB.PUB>' for name in others)
    return (
        f"{DECLARATION}<DOC><BIB.DOC>{number}</BIB.DOC>"
        f"<PUBLICATION.REF><COLL>L</COLL><LG.OJ>{language}</LG.OJ></PUBLICATION.REF>"
        f"<FMX><DOC.MAIN.PUB><LG.DOC>{language}</LG.DOC><LEGAL.VALUE>{legal_value}</LEGAL.VALUE>"
        f'<DATE ISO="20990401">20990401</DATE><REF.PHYS FILE="{main}" TYPE="DOC.XML"/></DOC.MAIN.PUB>{sub}</FMX></DOC>'
    ).encode()


def write(folder: Path, **files: bytes) -> Path:
    """Write files into ``folder``; double underscores in their names stand for dots."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder
