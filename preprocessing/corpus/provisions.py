"""Articles out of the documents table, by the places that the registry knows: one group of rows of one file is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.registry import Act, TextPlace
from preprocessing.corpus.registry_rows import comparable
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
