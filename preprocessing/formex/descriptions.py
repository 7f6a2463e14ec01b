"""Descriptions: what a ``.doc.xml`` says about a document, and how the small trees of descriptions are read."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from preprocessing.celex import expand_short_form, full_year
from preprocessing.formex.dates import iso_date
from preprocessing.formex.xml import UnreadableError, read_tree


@dataclass(frozen=True)
class Number:
    """The number of an act as printed: 2016/679 (EU), or 45/2001 (EC) with the ``number_first``."""

    year: int
    number: int
    community: str = ""  # EU, EC, EEC, ECSC, EURATOM, CFSP, JHA
    number_first: bool = False


@dataclass
class Description:
    """What a ``.doc.xml`` says about one document; ``files`` are the act's file and its annexes in their order."""

    files: list[str]
    language: str | None = None
    legal_value: str = ""
    celex: str | None = None
    date: str | None = None
    number: Number | None = None  # the act's
    corrected: Number | None = None  # that of the act that a corrigendum corrects
    publication_date: str | None = None
    eli: str | None = None
    collection: str = ""
    title: str = ""


def read_description(data: bytes) -> Description:
    """Read a ``.doc.xml``.

    Raises:
        UnreadableError: it is not well-formed, is no description, or names no file.
    """
    tree = read_tree(data)
    if tree.tag != "DOC":
        raise UnreadableError(f"not a description of a document: root element {tree.tag}")
    files = [
        node.get("FILE", "") for node in tree.iterfind("FMX//REF.PHYS") if node.get("TYPE", "DOC.XML") == "DOC.XML"
    ]
    if not any(files):
        raise UnreadableError("describes a document but names no file of it")
    main = tree.find("FMX/DOC.MAIN.PUB")
    return Description(
        files=[name for name in files if name],
        language=text_of(main, "LG.DOC").lower() or text_of(tree, "PUBLICATION.REF/LG.OJ").lower() or None,
        legal_value=text_of(main, "LEGAL.VALUE").upper(),
        celex=full_celex(text_of(main, "NO.CELEX")),
        date=date_of(main, "DATE"),
        number=number_of(tree.find("BIB.DOC")),
        corrected=number_of(tree.find("BIB.DOC/DOC.CORR")),
        publication_date=date_of(tree, "PUBLICATION.REF/DATE"),
        eli=_attribute(tree, "BIB.DOC/NO.ELI", "ID"),
        collection=text_of(tree, "PUBLICATION.REF/COLL"),
        title=words_of(tree.find(".//TITLE/TI")),
    )


def number_of(node: Element | None) -> Number | None:
    """Return the first number under ``node`` that the Official Journal prints (not an institution's internal one)."""
    for number in node.iterfind("NO.DOC") if node is not None else ():
        year, current = text_of(number, "YEAR"), text_of(number, "NO.CURRENT")
        if year.isdecimal() and current.isdecimal() and number.get("TYPE") != "INTERNAL":
            community = text_of(number, "COM").upper()
            return Number(full_year(int(year)), int(current), community, number.get("FORMAT") == "NY")
    return None


def _attribute(node: Element, path: str, name: str) -> str | None:
    found = node.find(path)
    return found.get(name) or None if found is not None else None


def full_celex(celex: str) -> str | None:
    try:
        return expand_short_form(celex)
    except ValueError:
        return None


def text_of(node: Element | None, path: str) -> str:
    return ((node.findtext(path) if node is not None else None) or "").strip()


def words_of(node: Element | None) -> str:
    """All text of a title, its paragraphs apart by one space, without its footnotes."""
    if node is None:
        return ""
    paragraphs = node.findall(".//P") or [node]
    return " ".join(" ".join("".join(_pieces(paragraph)).split()) for paragraph in paragraphs).strip()


def _pieces(node: Element) -> list[str]:
    pieces = [node.text or ""]
    for child in node:
        if child.tag != "NOTE":
            pieces += _pieces(child)
        pieces.append(child.tail or "")
    return pieces


def date_of(node: Element | None, path: str) -> str | None:
    date = node.find(path) if node is not None else None
    return iso_date(date.get("ISO") or date.text or "") if date is not None else None
