"""What each document says about its act, and how the rows of one act become one entry of the registry.

``registry_row`` is computed where the document is at hand (in a worker); the entry needs the rows of all of the act's
languages and versions (:mod:`preprocessing.corpus.registry_file` brings them together).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from preprocessing.celex import base_celex
from preprocessing.citations.defined_names import defined_names, initials, own_names
from preprocessing.citations.short_names import name_key, names_of
from preprocessing.document import LegalDocument
from preprocessing.languages import LANGUAGES

if TYPE_CHECKING:
    import pyarrow

# The act itself describes it best; then its newest consolidated version; a corrigendum or annex only if nothing else.
ACT, CONSOLIDATED, OTHER = 2, 1, 0
# Where a name comes from, the surest first: the table, the act's title, other acts' texts, the initials of the title's.
KNOWN, TITLE, DEFINED, INITIALS = "known", "title", "defined", "initials"
NAME_SOURCES = (KNOWN, TITLE, DEFINED, INITIALS)
_COLUMNS = (
    *("base_celex", "celex", "language", "document_type", "title", "date", "consolidated", "consolidation_date"),
    "text",
)
_ORDER = {language: number for number, language in enumerate(LANGUAGES)}

Row = dict[str, Any]
Reference = tuple[str, str]  # base CELEX number, article ("" where none is named)


def registry_row(document: LegalDocument, file: str | None = None, row: int | None = None) -> Row | None:
    """Return what the registry keeps of a document, some kB at most; None for one without a CELEX number.

    Args:
        document: as it stands in the documents table (where articles are held out, each of its two parts).
        file: the name of its file in ``documents/``.
        row: its row there.
    """
    values: dict[str, Any] = {name: getattr(document, name) for name in _COLUMNS}
    values["articles"] = [article.number for article in document.articles]
    values["references"] = [(reference.celex, reference.article) for reference in document.references]
    return _row(values, file, row)


def registry_rows(table: pyarrow.Table, file: str, first: int) -> list[Row]:
    """Return the rows of a piece of the documents table that stands in ``file`` from its row ``first`` on.

    They are plain lists and dicts of text and numbers, so that they may wait as JSON Lines (``load_rows``).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in _COLUMNS}
    # the numbers alone: the articles' texts need not become Python objects
    articles = (
        pa.concat_arrays(table["articles"].chunks)
        if table.num_rows
        else pa.array([], table.schema.field("articles").type)
    )
    numbers = pc.struct_field(articles.values, "number")
    columns["articles"] = pa.ListArray.from_arrays(articles.offsets, numbers).to_pylist()
    columns["references"] = [
        [(reference["celex"], reference["article"]) for reference in references or ()]
        for references in table["references"].to_pylist()
    ]
    documents = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    return [row for number, values in enumerate(documents, first) if (row := _row(values, file, number))]


def load_rows(paths: Iterable[Path]) -> Iterator[Row]:
    """Yield the rows of one JSON Lines file after the other."""
    for path in paths:
        with path.open("rb") as stream:
            yield from map(orjson.loads, stream)


def _row(values: Mapping[str, Any], file: str | None, number: int | None) -> Row | None:
    act, language = values["base_celex"], values["language"]
    if not act:
        return None
    kind, version = _rank(values)
    references = {
        (base, article or "") for celex, article in values["references"] if celex and (base := _base(celex)) != act
    }
    ours = language in LANGUAGES
    return {
        "act": act,
        "celex": values["celex"],
        "language": language,
        "kind": kind,
        "version": version,
        "document_type": values["document_type"],
        "title": values["title"],
        "date": values["date"],
        # a corrigendum's or annex's own numbering is not the act's
        "articles": list(map(comparable, values["articles"] or ())) if kind != OTHER else [],
        "references": sorted(references),
        "own_names": own_names(values["title"], act) if ours else [],
        "names": sorted(set(defined_names(values["text"]))) if ours else [],
        "file": file,
        "row": number,
    }


def comparable(article: str) -> str:
    """Return an article's number in the form in which numbers are kept and compared: ``12 bis`` -> ``12bis``."""
    return "".join(article.lower().split())


def references_of(rows: Iterable[Row]) -> list[Reference]:
    """Return the provisions of other acts that the documents of one act refer to, each once, in order."""
    return sorted({(celex, article) for row in rows for celex, article in row["references"]})


def entry(act: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the registry's entry of one act from the rows of all its documents, in corpus order."""
    description = max(rows, key=_describes)
    titles: dict[str, str] = {}
    for language in _languages(rows):
        titles[language] = max((row for row in rows if row["language"] == language), key=_describes)["title"]
    texts = newest_texts(rows)
    newest = max((text["version"] for text in texts), default="")
    articles = _distinct(text["articles"] for text in texts if text["version"] == newest)
    everywhere = _distinct(row["articles"] for row in rows)
    return {
        "celex": act,
        "document_type": description["document_type"],
        "date": description["date"],
        "languages": list(titles),
        "articles": articles,
        "other_articles": [number for number in everywhere if number not in set(articles)],
        "titles": list(titles.items()),
        "texts": texts,
        "names": _own_names(act, rows),
    }


def newest_texts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return where the text of each language stands: the newest consolidated version, else the act as published.

    A text of which articles were held out for validation stands in two places, one after the other.
    """
    texts = []
    for language in _languages(rows):
        versions = [row for row in rows if row["language"] == language and row["kind"] != OTHER]
        if not versions:
            continue
        # the first of several with the same date
        best = max(versions, key=lambda row: row["version"])
        texts += [
            {name: row[name] for name in ("language", "celex", "version", "articles", "file", "row")}
            for row in versions
            if (row["celex"], row["version"]) == (best["celex"], best["version"])
        ]
    return texts


def name_entry(name: str, language: str, source: str, votes: int = 0, of: int = 0) -> dict[str, Any]:
    """Return one short name; of ``of`` acts that define it for some act, ``votes`` do so for this one."""
    key = name_key(name)
    return {"key": key, "name": name, "language": language, "source": source, "votes": votes, "of": of}


def _own_names(act: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    names = [name_entry(name, language, KNOWN) for language, known in names_of(act).items() for name in known]
    for row in sorted(rows, key=lambda row: _ORDER.get(row["language"], len(_ORDER))):
        for name in row["own_names"]:
            names.append(name_entry(name, row["language"], TITLE))
            short = initials(name)
            if short:
                names.append(name_entry(short, row["language"], INITIALS))
    return distinct_names(names)


def distinct_names(names: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep one of equal names of a language, that of the surest source."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for name in sorted(names, key=lambda name: NAME_SOURCES.index(name["source"])):
        kept.setdefault((name["key"], name["language"]), dict(name))
    return list(kept.values())


def _languages(rows: Iterable[Row]) -> list[str]:
    found = {row["language"] for row in rows}
    return sorted(found, key=lambda language: (_ORDER.get(language, len(_ORDER)), language))


def _describes(row: Row) -> tuple[int, str]:
    return row["kind"], row["version"]


def _distinct(lists: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(number for numbers in lists for number in numbers))


def _rank(values: Mapping[str, Any]) -> tuple[int, str]:
    if values["consolidated"]:
        return CONSOLIDATED, values["consolidation_date"] or ""
    if values["celex"] == values["base_celex"] and values["document_type"] not in ("corrigendum", "annex"):
        return ACT, ""
    return OTHER, ""


@lru_cache(maxsize=50_000)
def _base(celex: str) -> str:
    try:
        return base_celex(celex)
    except ValueError:
        return celex
