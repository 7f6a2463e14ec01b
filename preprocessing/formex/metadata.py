"""Who and what a document is: its language, type, dates and CELEX number, from wherever FORMEX happens to say it.

The sources in order: the ``.doc.xml`` that describes the document, the description inside the act's own file, the
words of its title, the names of file, folder and archive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from preprocessing.celex import (
    TYPE_LETTERS,
    base_celex,
    consolidated_celex,
    derive_celex,
    full_year,
    is_celex,
    parse_celex,
)
from preprocessing.citations.acts import named_acts
from preprocessing.formex.caselaw import CASE_LAW
from preprocessing.formex.dates import date_in_words, iso_date
from preprocessing.formex.descriptions import (
    Description,
    Number,
    date_of,
    full_celex,
    number_of,
    text_of,
    words_of,
)
from preprocessing.formex.document_types import celex_letter, document_type, type_beside, types_in_title
from preprocessing.formex.language import language_of_path
from preprocessing.formex.notices import Notice
from preprocessing.formex.parsed import ParsedFile


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


def identify(file: ParsedFile, description: Description | None, source: str, notice: Notice | None = None) -> Identity:
    """Put together who a document is from its main file, its description and its notice (if any) and its path."""
    identity = _identify_by_files(file, description, source)
    if notice is not None:
        _add_notice(identity, notice, consolidated="INFO.CONSLEG" in file.metadata)
    if identity.celex is None:
        _add_path(identity, source, is_case=file.root in CASE_LAW)
    identity.date = identity.date or date_in_words(identity.title[:_TITLE_LENGTH])
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


def _add_path(identity: Identity, source: str, is_case: bool) -> None:
    """Take the number from a name, ``62099CJ0001.xml`` or a folder of that name, unless it is of something else."""
    parts = map(unquote, reversed(_PARTS_OF_PATH.split(source.upper())))  # a file's name may hold 12016P%2FTXT
    names = (name for part in parts for name in (part, *re.split("[._]", part)))
    named = next((parse_celex(name) for name in names if is_celex(name)), None)
    if named is None or (named.sector == "6") != is_case:
        return
    base, kind = str(named.base), identity.document_type
    if identity.base_celex not in (None, base) or not named.type.endswith(_LETTERS_BY_KIND.get(kind, "")):
        return
    if kind in ("agreement", "notice", "opinion") and named.type in TYPE_LETTERS.values():
        return
    identity.base_celex = base
    if kind != "annex" and (kind == "corrigendum") == (named.corrigendum is not None) and named.date is None:
        identity.celex = str(named)


def _identify_by_files(file: ParsedFile, description: Description | None, source: str) -> Identity:
    described = description or Description([])
    own = file.metadata.get("BIB.INSTANCE")
    family = file.metadata.get("FAM.COMP")
    consolidation = file.metadata.get("INFO.CONSLEG")
    case = next((tree for tag, tree in file.metadata.items() if tag in _CASE_METADATA), None)
    first_act = family.find("BIB.DATA") if family is not None else None

    header = file.metadata.get("CURR.TITLE")  # of old reports of cases, which have no other title
    title = file.title or words_of(first_act.find("TITLE") if first_act is not None else None) or described.title
    title = title or " ".join(words_of(part) for part in (header if header is not None else ()))
    legal_value = described.legal_value
    if not legal_value and consolidation is not None:
        legal_value = consolidation.get("LEG.VAL", "").upper()
    identity = Identity(
        language=described.language
        or next((code for tree in file.metadata.values() if (code := text_of(tree, "LG.DOC"))), "").lower()
        or text_of(own, "DOCUMENT.REF/LG.OJ").lower()
        or language_of_path(source)
        or "",
        document_type=document_type(file.root, legal_value, title),
        title=title,
        publication_date=described.publication_date or date_of(file.metadata.get("BIB.OJ"), "DATE"),
        eli=described.eli,
    )
    # an act's own title is the authentic text; a description of it can be mistyped
    title_date = iso_date(file.title_dates[0]) if file.title_dates else None
    if identity.document_type in TYPE_LETTERS:
        identity.date = title_date or date_in_words(title[:_TITLE_LENGTH])
    identity.date = identity.date or described.date
    if consolidation is not None:
        _identify_consolidated(identity, consolidation, first_act, described)
        return identity
    identity.date = identity.date or date_of(own, "DATE") or title_date or date_of(case, "DATE")
    identity.date = identity.date or date_of(header, ".//DATE")
    if case is not None:
        identity.celex = full_celex(text_of(case, "NO.CELEX")) or _of_case(file.root, case)
    elif identity.document_type == "corrigendum":
        _identify_corrigendum(identity, legal_value, described)
        return identity
    else:
        identity.celex = described.celex or _derived(identity, legal_value, described, own)
    identity.base_celex = base_celex(identity.celex) if identity.celex else None
    return identity


_PARTS_OF_PATH = re.compile(r"[/\\!]+")
_LETTERS_BY_KIND = {**TYPE_LETTERS, "judgment": "J", "order": "O", "advocate_general_opinion": "C"}
_CASE_METADATA = (
    *("BIB.CASE", "BIB.CONCLUSION", "BIB.DECISION.ECR", "BIB.JUDGMENT", "BIB.OPINION", "BIB.ORDER"),
    *("BIB.REPORT.HEARING", "BIB.RULING", "BIB.SUMMARY"),
)
_CASE_NUMBER = re.compile(r"(?:([CTF])[-\u2010-\u2013])?(\d{1,4})[-/](\d\d)\b(?!.*R)")
# Of these there is one in a case; of orders there may be several, told apart by what only a notice knows ("(01)").
_CASE_LETTERS = {"JUDGMENT": "J", "CONCLUSION": "C", "OPINION": "V"}


def _of_case(root: str, case: Element) -> str | None:
    """Return the number of a judgment or an opinion by that of its (first) case: C-311/18 -> 62018CJ0311."""
    match = _CASE_NUMBER.match(text_of(case, "REF.CASE/NO.CASE"))
    letter = _CASE_LETTERS.get(root)
    court = (match[1] if match else None) or text_of(case, "AUTHOR")[:1] or "C"
    if match is None or letter is None or court not in ("CTF" if letter == "J" else "C"):
        return None
    return full_celex(f"6{full_year(int(match[3]))}{court}{letter}{int(match[2]):04d}")


def _identify_consolidated(
    identity: Identity, consolidation: Element, first_act: Element | None, described: Description
) -> None:
    celex = described.celex or full_celex(text_of(first_act, "NO.CELEX"))
    celex = celex or full_celex("3" + consolidation.get("CONSLEG.REF", ""))
    identity.date = identity.date or date_of(first_act, "DATE")
    identity.publication_date = date_of(first_act, "BIB.INSTANCE.CONS/DATE") or identity.publication_date
    start = consolidation.get("START.DATE", "")
    identity.consolidation_date = iso_date(start)
    if celex:
        identity.base_celex = base_celex(celex)
        if identity.consolidation_date:
            identity.celex = consolidated_celex(celex, start)


def _identify_corrigendum(identity: Identity, legal_value: str, described: Description) -> None:
    """Which corrigendum to its act it is, R(02), no element of FORMEX says: only a notice, or a CELEX number given."""
    if described.celex:
        identity.base_celex = base_celex(described.celex)
        identity.celex = described.celex if described.celex != identity.base_celex else None
        return
    mentioned = next(named_acts(identity.title), None)
    # for a corrigendum the legal value is that of what it corrects, or CORRIGENDUM
    kinds = [document_type("", legal_value, ""), *types_in_title(identity.title)]
    kind = next((kind for kind in kinds if kind in TYPE_LETTERS), "")
    if mentioned:
        identity.base_celex = mentioned.celex
    elif corrected := described.corrected:
        printed = (corrected.number, corrected.year) if corrected.number_first else (corrected.year, corrected.number)
        kind = type_beside(identity.title, "/".join(map(str, printed))) or kind
        identity.base_celex = _numbered(_letter(kind, "", corrected), corrected)


def _derived(identity: Identity, legal_value: str, described: Description, own: Element | None) -> str | None:
    """CELEX of an act in the L series of the Official Journal: 3, year, letter of its type, number in the year."""
    number = described.number or number_of(own)
    collection = described.collection or text_of(own, "DOCUMENT.REF/COLL")
    named = next(named_acts(identity.title[:_TITLE_LENGTH]), None)
    kind = TYPE_LETTERS.get(identity.document_type)
    if collection.startswith("C"):
        return None
    if number is None:  # "Commission Delegated Regulation (EU) 2016/522 of": the title's first words say it
        first = named is not None and kind is not None and len(identity.title[: named.start].split()) <= _WORDS_BEFORE
        return named.celex if named and first and named.celex[5] == kind else None
    if re.search(rf"\[{number.year}/{number.number}\]", identity.title):
        return None  # a number that the Official Journal gave to the act of another body
    letter = _letter(identity.document_type, legal_value, number)
    if letter is None and number.community == "JHA" and named is not None:
        letter = named.celex[5]  # a decision or a framework decision
        return named.celex if named.celex == _numbered(letter, number) else None
    return _numbered(letter, number)


_TITLE_LENGTH = 200
_WORDS_BEFORE = 3


def _letter(kind: str, legal_value: str, number: Number) -> str | None:
    return celex_letter(kind, legal_value, number.community, number.number_first)


def _numbered(letter: str | None, number: Number) -> str | None:
    try:
        return derive_celex(letter, number.year, number.number) if letter else None
    except ValueError:
        return None
