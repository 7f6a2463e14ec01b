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
from collections.abc import Iterable, Iterator
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
_TARGET, _PROPERTY = f"{_OWL}annotatedTarget", f"{_OWL}annotatedProperty"
_COMMENT = f"{_NOTE}comment_on_legal_basis"
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
    _COMMENT,
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


# No act has more; more would make a hostile notice slow.
_MOST_BASES = 200

Fact = tuple[str, str]  # property, value


# What a download by number is called: 32016R0679R(02).en.zip, 12012E%2FTXT.en.zip
_NAMED_BY_CELEX = re.compile(r"(?:^|[/\\])([^/\\]+)\.[a-z]{2}\.zip$")


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


def notice_of_name(archive: str) -> Notice | None:
    """Return what the name of an archive downloaded by its number says: which corrigendum it is, no file in it does."""
    match = _NAMED_BY_CELEX.search(archive)
    celex = match[1].replace("%2F", "/") if match else ""
    return Notice(celex=celex) if is_celex(celex) else None


def read_notice(data: bytes, uuid: str = "") -> Notice:
    """Read a ``tree_non_inferred.rdf``; ``uuid`` (its folder) tells the work where the notice describes several.

    Memory stays small: each description is let go once it is read. Entities are not resolved, nothing is fetched.

    Raises:
        UnreadableError: it is not well-formed, no RDF, or describes no work with a CELEX number.
    """
    names = _Names()
    facts: dict[str, list[Fact]] = {}  # by the name of what they are about
    articles: dict[str, str] = {}  # of a basis, its article
    for about, said in _descriptions(data):
        if about:
            for key, value in said:
                if key == _SAME_AS:
                    names.tie(about, value)
                else:
                    facts.setdefault(about, []).append((key, value))
            continue
        note = dict(said)
        article = _ARTICLE.match(note.get(_COMMENT, ""))
        if article and _CDM + note.get(_PROPERTY, "").rpartition("#")[2] == _BASED_ON:
            articles[note.get(_TARGET, "")] = article[1]
    works: dict[str, list[Fact]] = {}
    for name, said in facts.items():
        works.setdefault(names.root(name), []).extend(said)
    numbers = {name: celex for name, said in works.items() if (celex := _first_celex(said))}
    own = names.root(f"{_RESOURCE}cellar/{uuid}")
    if own not in numbers:
        if len(set(numbers.values())) != 1:
            raise UnreadableError(f"describes {len(numbers)} works with a CELEX number, not one")
        own = next(iter(numbers))
    return _notice(works, own, names, articles)


def _descriptions(data: bytes) -> Iterator[tuple[str, list[Fact]]]:
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


class _Names:
    """Which names are names of the same thing."""

    def __init__(self) -> None:
        self._next: dict[str, str] = {}  # from each name on the way to the one that stands for all

    def root(self, name: str) -> str:
        """Return the name that stands for all names of the thing."""
        ways = self._next
        while (other := ways.get(name, name)) != name:
            ways[name] = ways.get(other, other)  # halves the way each time it is gone
            name = other
        return name

    def tie(self, name: str, other: str) -> None:
        """Note that both names are of the same thing."""
        self._next.setdefault(name, name)
        self._next.setdefault(other, other)
        self._next[self.root(name)] = self.root(other)

    def same(self, name: str) -> list[str]:
        """Return all names of the thing, this one first."""
        root = self.root(name)
        return [name, *(other for other in list(self._next) if self.root(other) == root)]


def _first_celex(said: list[Fact]) -> str | None:
    return next((celex for key, value in said if key == _CELEX and (celex := _celex(value))), None)


def _celex(text: str) -> str | None:
    try:
        return expand_short_form(text)
    except ValueError:
        return None


def _notice(works: dict[str, list[Fact]], own: str, names: _Names, articles: dict[str, str]) -> Notice:
    values: dict[str, list[str]] = {}
    for key, value in works[own]:
        values.setdefault(key, []).append(value.strip())
    published = _days(value for key in _PUBLISHED for value in values.get(key, []))
    if not published:  # the issue of the Official Journal may be described beside the act
        issues = _days(value for said in works.values() for key, value in said if key == _PUBLISHED[2])
        published = issues if len(set(issues)) == 1 else []
    codes = [value.rpartition("/")[2].upper() for value in values.get(_TYPE, [])]
    basis = [
        Reference(celex, articles.get(target) or _treaty_article(celex), celex)
        for target in dict.fromkeys(values.get(_BASED_ON, [])[:_MOST_BASES])
        if (celex := _celex_named(target, names))
    ]
    return Notice(
        celex=_first_celex(works[own]),
        eli=next((value for value in values.get(_ELI, []) if "/eli/" in value), None),
        date=next(iter(_days(values.get(_DATE, []))), None),
        publication_date=min(published, default=None),
        document_type=next((kind for code in codes for prefix, kind in _TYPE_BY_CODE if code.startswith(prefix)), None),
        legal_basis=basis,
    )


def _days(values: Iterable[str]) -> list[str]:
    return [match[0] for value in values if (match := _DAY.match(value.strip()))]


def _celex_named(name: str, names: _Names) -> str | None:
    """Return the CELEX number of a thing: in this name, or in another of its names."""
    addresses = (other for other in names.same(name) if other.startswith(f"{_RESOURCE}celex/"))
    numbers = (address.removeprefix(f"{_RESOURCE}celex/").replace("%2F", "/") for address in addresses)
    return next((number for number in numbers if is_celex(number)), None)


def _treaty_article(celex: str) -> str | None:
    """Return the article that the number of a treaty ends in: 12016E192 -> 192."""
    number = parse_celex(celex).number
    return str(int(number)) if len(number) == 3 and number.isdecimal() else None
