"""What is wanted: CELEX numbers given, or queries over the Cellar's metadata by type, time and the Official Journal.

The queries speak the Common Data Model (CDM) of the Publications Office: a work has expressions (languages), these have
manifestations (formats). They ask for languages that exist in FORMEX, so that nothing is asked for in vain.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from preprocessing.celex import expand_short_form
from preprocessing.errors import UsageError, did_you_mean
from tools.fetch.download import LANGUAGE_CODES

#: The Cellar's codes by the names that people use (its list: http://publications.europa.eu/resource/authority/resource-type).
TYPES: dict[str, tuple[str, ...]] = {
    "regulation": ("REG", "REG_IMPL", "REG_DEL", "REG_FINANC"),
    "directive": ("DIR", "DIR_IMPL", "DIR_DEL"),
    "decision": ("DEC", "DEC_IMPL", "DEC_DEL", "DEC_ENTSCHEID", "DEC_FRAMW", "JOINT_DEC"),
    "recommendation": ("RECO", "RECO_DEC", "RECO_DIR", "RECO_OPIN", "RECO_RES", "RECO_REG", "RECO_RECO"),
    "agreement": ("AGREE_INTERNATION", "AGREE_AMEND", "AGREE_PROT", "PROT", "EXCH_LET", "CONVENTION", "ARRANG"),
    "judgment": ("JUDG",),
    "order": ("ORDER",),
    "advocate_general_opinion": ("OPIN_AG", "VIEW_AG"),
    "consolidated": ("CONS_TEXT",),
    "corrigendum": ("CORRIGENDUM",),
}
DEFAULT_TYPES = ("regulation", "directive", "decision")
#: The Cellar began with the treaties; what comes in years to come is not there.
FIRST_YEAR, LAST_YEAR = 1950, 2100

_AUTHORITY = "http://publications.europa.eu/resource/authority/"
_CODE = re.compile(r"[A-Z][A-Z_]+")
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")


@dataclass(frozen=True)
class Query:
    """A selection by metadata. Years are those of the document or, with ``official_journal``, of its publication."""

    years: range
    types: tuple[str, ...] = ()  # the Cellar's codes; empty: all
    in_force: bool = False
    official_journal: bool = False  # what the L series published
    languages: tuple[str, ...] = tuple(LANGUAGE_CODES)

    def slices(self) -> list[tuple[datetime.date, datetime.date]]:
        """Return the years as days from and to (not included): each is asked for by itself."""
        return [(datetime.date(year, 1, 1), datetime.date(year + 1, 1, 1)) for year in self.years]

    def sparql(self, start: datetime.date, end: datetime.date, after: str, rows: int) -> str:
        """Return the query for one slice: ``celex`` and ``language``, in order, from the number ``after`` on.

        A page begins at a number, not at an offset: the server sorts no more than 10,000 rows for one answer, and what
        is added between two pages moves no other row.
        """
        languages = " ".join(f"<{_AUTHORITY}language/{LANGUAGE_CODES[code].upper()}>" for code in self.languages)
        lines = [
            "PREFIX cdm: <http://publications.europa.eu/ontology/cdm#>",
            "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>",
            "SELECT DISTINCT (STR(?number) AS ?celex) ?language WHERE {",
            *self._dates(),
            f'FILTER(?date >= "{start}"^^xsd:date && ?date < "{end}"^^xsd:date)',
            "?work cdm:resource_legal_id_celex ?number .",
            *self._restrictions(),
            "?expression cdm:expression_belongs_to_work ?work ; cdm:expression_uses_language ?language .",
            f"VALUES ?language {{ {languages} }}",
            "?manifestation cdm:manifestation_manifests_expression ?expression ; cdm:manifestation_type ?format .",
            'FILTER(STR(?format) = "fmx4")',
            *([f'FILTER(STR(?number) >= "{after}")'] if after else []),
            f"}} ORDER BY ?celex ?language LIMIT {rows}",
        ]
        return "\n".join(lines)

    def _dates(self) -> list[str]:
        if not self.official_journal:
            return ["?work cdm:work_date_document ?date ."]
        series = f"<{_AUTHORITY}document-collection/OJ-L>"
        return [
            "{",  # since October 2023 every act is published by itself
            "?work cdm:official-journal-act_date_publication ?date ;",
            f"cdm:official-journal-act_part_of_collection_document {series} .",
            "} UNION {",  # before, in issues
            "?work cdm:resource_legal_published_in_official-journal ?issue .",
            "?issue cdm:publication_general_date_publication ?date ;",
            f"cdm:official-journal_part_of_collection_document {series} .",
            "}",
        ]

    def _restrictions(self) -> list[str]:
        lines = []
        if self.types:
            codes = " ".join(f"<{_AUTHORITY}resource-type/{code}>" for code in self.types)
            lines += [f"VALUES ?type {{ {codes} }}", "?work cdm:work_has_resource-type ?type ."]
            corrigendum = TYPES["corrigendum"][0]
            if corrigendum not in self.types:  # a corrigendum has the type of its act too
                other = f"?work cdm:work_has_resource-type <{_AUTHORITY}resource-type/{corrigendum}>"
                lines.append(f"FILTER NOT EXISTS {{ {other} }}")
        if self.in_force:
            lines += ["?work cdm:resource_legal_in-force ?force .", 'FILTER(STR(?force) IN ("true", "1"))']
        return lines


def parse_types(value: str) -> tuple[str, ...]:
    """Read a comma-separated list of :data:`TYPES` or of the Cellar's own codes (``REG_IMPL``) into codes.

    Raises:
        UsageError: a name is unknown.
    """
    codes: list[str] = []
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name in TYPES:
            codes += TYPES[name]
        elif _CODE.fullmatch(name):
            codes.append(name)
        else:
            raise UsageError(f"unknown type '{name}'.{did_you_mean(name, TYPES)}")
    return tuple(dict.fromkeys(codes))


def parse_years(value: str) -> range:
    """Read ``2016`` or ``2015-2020``.

    Raises:
        UsageError: it is neither.
    """
    match = _YEARS.fullmatch(value.strip())
    years = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
    if not years or years[0] < FIRST_YEAR or years[-1] > LAST_YEAR:
        raise UsageError(f"'{value}' names no years from {FIRST_YEAR} on; write 2016 or 2015-2020")
    return years


def read_celex_list(path: Path) -> Iterator[str]:
    """Yield the entries of a text file: one a line or several with commas between; what follows ``#`` is a comment.

    Raises:
        UsageError: it cannot be read as text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the list {path} cannot be read: {error}") from error
    for line in lines:
        yield from filter(None, re.split(r"[\s,;]+", line.partition("#")[0].strip()))


def normal_celex(text: str) -> str:
    """Return a CELEX number in its normal form: ``32016r0679``, ``316R0679`` -> ``32016R0679``.

    Raises:
        ValueError: it is none.
    """
    return expand_short_form(text.strip().upper())
