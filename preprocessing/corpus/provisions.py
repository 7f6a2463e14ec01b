"""Articles out of the documents table, by the places that the registry knows: one group of rows of one file is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.documents import document_files
from preprocessing.corpus.registry import Act, TextPlace
from preprocessing.corpus.registry_rows import Row, comparable, newest_texts, registry_rows
from preprocessing.errors import RecipeError

_COLUMNS = ("base_celex", "celex", "language", "title", "date", "consolidation_date", "articles")


@dataclass(frozen=True)
class Provision:
    """One article with the text it stands in.

    ``celex`` is that text's own number, ``date`` the act's, ``consolidation_date`` None for an act as published;
    ``path`` has the titles of the divisions above the article, the outermost first.
    """

    celex: str | None
    language: str
    title: str
    date: str | None
    consolidation_date: str | None
    number: str
    heading: str
    path: list[str]
    text: str


def text_places(corpus: Path, act: Act) -> list[TextPlace]:
    """Return where the newest texts of an act stand; looked for where the registry was made without their places.

    Raises:
        UsageError: it has to look, and the folder holds no documents.
    """
    places = act.texts
    if all(place.file is not None for place in places):
        return places
    return [TextPlace(**place) for place in newest_texts(list(_rows_of(corpus, act.celex)))]


def read_article(corpus: Path, act: Act, places: Sequence[TextPlace], article: str) -> Provision | None:
    """Return an article from the first of ``places`` (of one language) that has it, or None.

    Raises:
        RecipeError: the documents are not those that the registry was made of.
    """
    number = comparable(article)
    for place in places:
        if number not in place.articles:
            continue
        row = _read_row(corpus, act.celex, place)
        for found in row["articles"]:
            if comparable(found["number"]) == number:
                about = {name: row[name] for name in ("celex", "language", "title", "date", "consolidation_date")}
                parts = {name: found[name] for name in ("number", "heading", "path", "text")}
                return Provision(**about, **parts)
    return None


def _read_row(corpus: Path, celex: str, place: TextPlace) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = corpus / "documents" / str(place.file)
    first, wanted = 0, place.row or 0
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if wanted < first + rows:
                    table = file.read_row_group(group, columns=list(_COLUMNS)).slice(wanted - first, 1)
                    row = table.to_pylist()[0]
                    if (row["base_celex"], row["language"]) == (celex, place.language):
                        return row
                    break
                first += rows
    except (OSError, pa.ArrowException) as error:
        raise RecipeError(f"{path} cannot be read ({error}); run preprocess again") from error
    raise RecipeError(f"row {wanted} of {path} is not {celex}: registry and documents differ; run preprocess again")


def _rows_of(corpus: Path, celex: str) -> Iterator[Row]:
    """Yield the registry's rows of an act's documents: of all others only the column that names their act is read."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in document_files(corpus):
        with pq.ParquetFile(path) as file:
            first = 0
            for group in range(file.num_row_groups):
                acts = file.read_row_group(group, columns=["base_celex"])["base_celex"]
                places = pc.indices_nonzero(pc.fill_null(pc.equal(acts, celex), False)).to_pylist()
                if places:
                    table = file.read_row_group(group)
                    for place in places:
                        yield from registry_rows(table.slice(place, 1), path.name, first + place)
                first += len(acts)
