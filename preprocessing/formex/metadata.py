"""Who and what a document is: its language, type, dates and CELEX number, from wherever FORMEX happens to say it.

The sources in order: the ``.doc.xml`` that describes the document, the description inside the act's own file, the
words of its title, the names of file, folder and archive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from preprocessing.celex import TYPE_LETTERS, base_celex, consolidated_celex, derive_celex, expand_short_form, full_year
from preprocessing.citations.acts import named_acts
from preprocessing.formex.language import language_of_path
from preprocessing.formex.notices import Notice
from preprocessing.formex.parsed import ParsedFile
from preprocessing.formex.xml import UnreadableError, read_tree

_TYPE_BY_ROOT = {
    "JUDGMENT": "judgment",
    "JUDGMENT.NP": "judgment",
    "ORDER": "order",
    "ORDER.NP": "order",
    "RULING": "order",
    "OPINION": "opinion",
    "CONCLUSION": "advocate_general_opinion",
    "CORR": "corrigendum",
    "CORRIGENDUM.ECR": "corrigendum",
    "AGR": "agreement",
    "ANNEX": "annex",
    "CASE": "notice",
    "CJT": "notice",
    "COMPETITION": "notice",
}
_TYPE_BY_LEGAL_VALUE = (
    ("CORRIGENDUM", "corrigendum"),
    ("REG", "regulation"),
    ("DIR", "directive"),
    ("DEC", "decision"),
    ("REC", "recommendation"),
    ("OP", "opinion"),
    ("AGR", "agreement"),
    ("PROT", "agreement"),
    ("JUDGMENT", "judgment"),
    ("ORDER", "order"),
    ("NOTICE", "notice"),
    ("INFO", "notice"),
)
# The first of these words in a title tells the type, in English, French, German, Spanish and Portuguese.
_TYPE_WORDS = {
    "other": r"proposal|proposition|vorschlag|propuesta|proposta",
    "corrigendum": r"corrigendum|rectificatif|berichtigung|corrección de errores|re(?:c)?tificação",
    "regulation": r"regulation|règlement|\w*verordnung|reglamento|regulamento",
    "directive": r"directive|\w*richtlinie|dire(?:c)?tiva",
    "decision": r"decision|décision|\w*beschluss|entscheidung|decisión|decisão",
    "recommendation": r"recommendation|recommandation|empfehlung|recomendación|recomendação",
    "opinion": r"opinion|avis|stellungnahme|dictamen|parecer",
    "agreement": r"agreement|protocol|convention|accord|protocole|\w*abkommen|übereinkommen|acuerdo|acordo",
    "notice": r"notice|communication|bekanntmachung|mitteilung|anuncio|comunicación|aviso|comunicação",
}
_TITLE_TYPE = re.compile("|".join(rf"\b(?P<{name}>{words})\b" for name, words in _TYPE_WORDS.items()), re.IGNORECASE)


@dataclass
class Description:
    """What a ``.doc.xml`` says about one document; ``files`` are the act's file and its annexes in their order."""

    files: list[str]
    language: str | None = None
    legal_value: str = ""
    celex: str | None = None
    date: str | None = None
    number: tuple[int, int] | None = None  # (year, number) of the act
    collection: str = ""
    title: str = ""


@dataclass
class Identity:
    """Who a document is: the fields of LegalDocument that do not come from its text."""

    language: str
    document_type: str
    celex: str | None = None
    base_celex: str | None = None
    date: str | None = None
    consolidation_date: str | None = None
    publication_date: str | None = None
    eli: str | None = None
    title: str = ""
    warnings: list[str] = field(default_factory=list)


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
        language=_text(main, "LG.DOC").lower() or _text(tree, "PUBLICATION.REF/LG.OJ").lower() or None,
        legal_value=_text(main, "LEGAL.VALUE").upper(),
        celex=_expanded(_text(main, "NO.CELEX")),
        date=_date_of(main, "DATE"),
        number=_number_of(tree.find("BIB.DOC/NO.DOC")),
        collection=_text(tree, "PUBLICATION.REF/COLL"),
        title=_words(tree.find(".//TITLE/TI")),
    )


def identify(file: ParsedFile, description: Description | None, source: str, notice: Notice | None = None) -> Identity:
    """Put together who a document is from its main file, its description and its notice (if any) and its path."""
    identity = _identify_by_files(file, description, source)
    if notice is not None:
        _add_notice(identity, notice, consolidated=file.root == "CONS.ACT")
    return identity


def _add_notice(identity: Identity, notice: Notice, consolidated: bool) -> None:
    """Complete what the files say by the notice, which alone knows numbers that no file has (``R(02)``)."""
    if identity.document_type == "other" and notice.document_type:
        identity.document_type = notice.document_type
    identity.date = identity.date or notice.date
    identity.publication_date = identity.publication_date or notice.publication_date
    identity.eli = identity.eli or notice.eli
    if notice.celex is None or (consolidated and not notice.celex.startswith("0")):
        return  # the notice of the act that the consolidated text is of
    base = base_celex(notice.celex)
    if identity.base_celex and identity.base_celex != base:
        identity.warnings.append(
            f"CELEX number: {identity.base_celex} by its files, {base} by its notice, which is kept"
        )
    identity.celex, identity.base_celex = notice.celex, base


def _identify_by_files(file: ParsedFile, description: Description | None, source: str) -> Identity:
    own = file.metadata.get("BIB.INSTANCE")
    family = file.metadata.get("FAM.COMP")
    consolidation = file.metadata.get("INFO.CONSLEG")
    case = next((file.metadata[tag] for tag in file.metadata if tag in _CASE_METADATA), None)
    first_act = family.find("BIB.DATA") if family is not None else None

    title = file.title or _words(first_act.find("TITLE") if first_act is not None else None)
    title = title or (description.title if description else "")
    legal_value = description.legal_value if description else ""
    if not legal_value and consolidation is not None:
        legal_value = consolidation.get("LEG.VAL", "").upper()
    document_type = _document_type(file.root, legal_value, title)
    identity = Identity(
        language=(description.language if description else None)
        or _text(own, "LG.DOC").lower()
        or _text(own, "DOCUMENT.REF/LG.OJ").lower()
        or language_of_path(source)
        or "",
        document_type=document_type,
        title=title,
    )
    # an act's own title is the authentic text; a description of it can be mistyped
    title_date = _iso(file.title_dates[0]) if file.title_dates else None
    identity.date = title_date if document_type in TYPE_LETTERS else None
    identity.date = identity.date or (description.date if description else None)
    if consolidation is not None:
        _identify_consolidated(identity, consolidation, first_act, description)
        return identity
    identity.date = identity.date or _date_of(own, "DATE") or title_date
    if case is not None:
        identity.celex = identity.base_celex = _expanded(_text(case, "NO.CELEX"))
        return identity
    if document_type == "corrigendum":
        # which corrigendum to the act it is, no FORMEX file says: only the act's number is known
        mentioned = next(named_acts(title), None)
        identity.base_celex = mentioned.celex if mentioned else None
        return identity
    identity.celex = (description.celex if description else None) or _derived(document_type, own, description)
    identity.base_celex = base_celex(identity.celex) if identity.celex else None
    return identity


_CASE_METADATA = (
    *("BIB.CASE", "BIB.CONCLUSION", "BIB.DECISION.ECR", "BIB.JUDGMENT", "BIB.OPINION", "BIB.ORDER"),
    *("BIB.REPORT.HEARING", "BIB.RULING", "BIB.SUMMARY"),
)


def _identify_consolidated(
    identity: Identity, consolidation: Element, first_act: Element | None, description: Description | None
) -> None:
    celex = (description.celex if description else None) or _expanded(_text(first_act, "NO.CELEX"))
    celex = celex or _expanded("3" + consolidation.get("CONSLEG.REF", ""))
    identity.date = identity.date or _date_of(first_act, "DATE")
    start = consolidation.get("START.DATE", "")
    identity.consolidation_date = _iso(start)
    if celex:
        identity.base_celex = base_celex(celex)
        if identity.consolidation_date:
            identity.celex = consolidated_celex(celex, start)


def _document_type(root: str, legal_value: str, title: str) -> str:
    if root in _TYPE_BY_ROOT:
        return _TYPE_BY_ROOT[root]
    for prefix, document_type in _TYPE_BY_LEGAL_VALUE:
        if legal_value.startswith(prefix):
            return document_type
    match = _TITLE_TYPE.search(title[:300])
    return match.lastgroup or "other" if match else "other"


def _derived(document_type: str, own: Element | None, description: Description | None) -> str | None:
    """CELEX of an Official Journal act: 3, year, letter of its type, number in the year."""
    number = (description.number if description else None) or _number_of(
        own.find("NO.DOC") if own is not None else None
    )
    collection = (description.collection if description else "") or _text(own, "DOCUMENT.REF/COLL")
    letter = TYPE_LETTERS.get(document_type)
    if number is None or letter is None or collection.startswith("C"):
        return None
    try:
        return derive_celex(letter, *number)
    except ValueError:
        return None


def _number_of(node: Element | None) -> tuple[int, int] | None:
    year, number = _text(node, "YEAR"), _text(node, "NO.CURRENT")
    return (full_year(int(year)), int(number)) if year.isdecimal() and number.isdecimal() else None


def _expanded(celex: str) -> str | None:
    try:
        return expand_short_form(celex)
    except ValueError:
        return None


def _text(node: Element | None, path: str) -> str:
    return ((node.findtext(path) if node is not None else None) or "").strip()


def _words(node: Element | None) -> str:
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


def _date_of(node: Element | None, path: str) -> str | None:
    date = node.find(path) if node is not None else None
    return _iso(date.get("ISO") or date.text or "") if date is not None else None


def _iso(text: str) -> str | None:
    match = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", text.strip())
    return "-".join(match.groups()) if match and match[2] != "00" and match[3] != "00" else None
