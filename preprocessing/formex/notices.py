"""Notices: what the metadata archive of the bulk data dump says about a document.

The dump keeps the text of a work in ``LEG_EN_FMX_<date>.zip`` as ``{uuid}/fmx4/*.xml`` and what is known about it in
``LEG_MTD_<date>.zip`` as ``{uuid}/tree_non_inferred.rdf``: RDF/XML in the terms of the Common Data Model (CDM), some
hundred ``rdf:Description`` elements side by side, of the work, its language versions, their formats and files. One and
the same thing goes by several names (of the Cellar, of CELEX, of the Official Journal), tied by ``owl:sameAs``; what is
said about the work may stand under any of them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from preprocessing.celex import expand_short_form, is_celex, parse_celex
from preprocessing.document import Reference
from preprocessing.formex.xml import UnreadableError

#: How the metadata archive names the notice in the folder of each work.
NOTICE_NAME = "tree_non_inferred.rdf"

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_OWL = "{http://www.w3.org/2002/07/owl#}"
_CDM = "{http://publications.europa.eu/ontology/cdm#}"
_NOTE = "{http://publications.europa.eu/ontology/annotation#}"
_RESOURCE = "http://publications.europa.eu/resource/"

_SAME_AS = f"{_OWL}sameAs"
_CELEX = f"{_CDM}resource_legal_id_celex"
_ELI = f"{_CDM}resource_legal_eli"
_TYPE = f"{_CDM}work_has_resource-type"
_DATE = f"{_CDM}work_date_document"
_BASED_ON = f"{_CDM}resource_legal_based_on_resource_legal"
# The day of the Official Journal, as said of an act published by itself (since October 2023), of a work, of an issue.
_PUBLISHED = (
    f"{_CDM}official-journal-act_date_publication",
    f"{_CDM}work_date_publication",
    f"{_CDM}publication_general_date_publication",
)
_SOURCE, _TARGET, _PROPERTY = f"{_OWL}annotatedSource", f"{_OWL}annotatedTarget", f"{_OWL}annotatedProperty"
_BASIS_COMMENT = f"{_NOTE}comment_on_legal_basis"
_WANTED = (
    _SAME_AS,
    _CELEX,
    _ELI,
    _TYPE,
    _DATE,
    _BASED_ON,
    *_PUBLISHED,
    _TARGET,
    _PROPERTY,
    _BASIS_COMMENT,
)

_TYPE_BY_CODE = (
    ("CORRIGENDUM", "corrigendum"),
    ("REG", "regulation"),
    ("DIR", "directive"),
    ("DEC", "decision"),
    ("RECO", "recommendation"),
    ("OPIN_AG", "advocate_general_opinion"),
    ("OPIN", "opinion"),
    ("JUDG", "judgment"),
    ("ORDER", "order"),
    ("AGREE", "agreement"),
    ("PROT", "agreement"),
    ("NOTICE", "notice"),
    ("INFO", "notice"),
    ("ANNOUNC", "notice"),
)
# The article in a note on a legal basis, in both its forms: "A192P1", "{ART|http://...} 192.1".
_ARTICLE = re.compile(r"^(?:A|\{ART\|[^}]*\}\s*)0*(\d{1,4})")
# The Cellar writes "no date" as a day of the year 1001 or 9999.
_DAY = re.compile(r"(?:19[5-9]\d|20\d\d)-\d\d-\d\d")


@dataclass
class Notice:
    """What the metadata archive says about one document; None, empty or "" where it says nothing.

    ``document_type`` is one of ``preprocessing.document.DOCUMENT_TYPES``; dates are ISO; the references of
    ``legal_basis`` have the CELEX number as their surface.
    """

    celex: str | None = None
    eli: str | None = None
    date: str | None = None
    publication_date: str | None = None
    document_type: str | None = None
    legal_basis: list[Reference] = field(default_factory=list)


def read_notice(data: bytes, uuid: str = "") -> Notice:
    """Read a ``tree_non_inferred.rdf``; ``uuid`` (its folder) tells the work where the notice describes several.

    Memory stays small: each description is let go once it is read. Entities are not resolved, nothing is fetched.

    Raises:
        UnreadableError: it is not well-formed, no RDF, or describes no work with a CELEX number.
    """
    names: dict[str, str] = {}  # of a name, another name of the same thing, at last the one that stands for all
    facts: dict[str, list[tuple[str, str]]] = {}  # of a name, what is said about it: property, value
    articles: dict[str, str] = {}  # of a basis, its article
    for about, said in _descriptions(data):
        if not about:
            note = dict(said)
            article = _ARTICLE.search(note.get(_BASIS_COMMENT, ""))
            if article and _CDM + note.get(_PROPERTY, "").rpartition("#")[2] == _BASED_ON:
                articles[note.get(_TARGET, "")] = article[1]
            continue
        for key, value in said:
            if key == _SAME_AS:
                names[_root(names, about)] = _root(names, value)
        rest = [fact for fact in said if fact[0] != _SAME_AS]
        if rest:
            facts.setdefault(about, []).extend(rest)
    works: dict[str, list[tuple[str, str]]] = {}
    for name, said in facts.items():
        works.setdefault(_root(names, name), []).extend(said)
    candidates = [name for name, said in works.items() if any(key == _CELEX for key, _ in said)]
    if len(candidates) > 1 and uuid:
        own = _root(names, f"{_RESOURCE}cellar/{uuid}")
        candidates = [own] if own in candidates else candidates
    if len({celex for name in candidates if (celex := _first_celex(works[name]))}) != 1:
        raise UnreadableError("describes no work, or several, by a CELEX number")
    return _notice(next(said for name in candidates if _first_celex(said := works[name])), works, names, articles)


def _descriptions(data: bytes) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each description: the name of what is described (empty for a note) and what is said that is of use."""
    from lxml import etree

    try:
        events = etree.iterparse(
            io.BytesIO(data), tag=f"{_RDF}Description", resolve_entities=False, load_dtd=False, no_network=True
        )
        for _, node in events:
            yield (
                node.get(f"{_RDF}about", ""),
                [
                    (child.tag, child.get(f"{_RDF}resource") or child.text or "")
                    for child in node.iterchildren(*_WANTED)
                ],
            )
            node.clear()
            while node.getprevious() is not None:
                del node.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise UnreadableError(f"not well-formed XML: {error}") from error


def _root(names: dict[str, str], name: str) -> str:
    while (other := names.get(name, name)) != name:
        name = other
    return name


def _first_celex(said: list[tuple[str, str]]) -> str | None:
    return next((celex for key, value in said if key == _CELEX and (celex := _celex(value))), None)


def _celex(text: str) -> str | None:
    try:
        return expand_short_form(text)
    except ValueError:
        return None


def _notice(
    said: list[tuple[str, str]],
    works: dict[str, list[tuple[str, str]]],
    names: dict[str, str],
    articles: dict[str, str],
) -> Notice:
    values: dict[str, list[str]] = {}
    for key, value in said:
        values.setdefault(key, []).append(value.strip())
    published = [day for key in _PUBLISHED for value in values.get(key, []) if (day := _day(value))]
    if not published:  # the issue of the Official Journal may be described beside the act
        issues = [value for facts in works.values() for key, value in facts if key == _PUBLISHED[2]]
        published = [day for value in issues if (day := _day(value))] if len(set(issues)) == 1 else []
    codes = [value.rpartition("/")[2].upper() for value in values.get(_TYPE, [])]
    basis = [
        Reference(celex, articles.get(target) or _treaty_article(celex), celex)
        for target in dict.fromkeys(values.get(_BASED_ON, []))
        if (celex := _celex_named(target, names))
    ]
    return Notice(
        celex=_first_celex(said),
        eli=next((value for value in values.get(_ELI, []) if "/eli/" in value), None),
        date=next((day for value in values.get(_DATE, []) if (day := _day(value))), None),
        publication_date=min(published, default=None),
        document_type=next((kind for code in codes for prefix, kind in _TYPE_BY_CODE if code.startswith(prefix)), None),
        legal_basis=basis,
    )


def _day(value: str) -> str | None:
    match = _DAY.match(value.strip())
    return match[0] if match else None


def _celex_named(name: str, names: dict[str, str]) -> str | None:
    """Return the CELEX number of a thing: in this name, or in another of its names."""
    own = _root(names, name)
    same = [name, *(other for other in names if _root(names, other) == own), own]
    marked = (other.removeprefix(f"{_RESOURCE}celex/") for other in same if other.startswith(f"{_RESOURCE}celex/"))
    return next((celex.replace("%2F", "/") for celex in marked if is_celex(celex.replace("%2F", "/"))), None)


def _treaty_article(celex: str) -> str | None:
    number = parse_celex(celex).number
    return str(int(number)) if len(number) == 3 and number.isdecimal() else None
