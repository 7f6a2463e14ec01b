"""A small corpus with its registry: two invented acts, one consolidated, one of which articles are held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import registry_rows
from preprocessing.document import Article, LegalDocument, Reference, arrow_schema

ACT, OTHER = "32099R0001", "32099L0002"


def document(
    celex: str, language: str, articles: dict[str, str], title: str, kind: str = "regulation", **changes: object
) -> LegalDocument:
    own = [
        Article(number, f"Heading {number}", ["CHAPTER I – Sludge"], text, [text]) for number, text in articles.items()
    ]
    values: dict[str, object] = {
        "id": f"{celex}-{language}",
        "source": "x.xml",
        "language": language,
        "document_type": kind,
        "title": title,
        "text": "\n".join([title, *articles.values()]),
        "celex": celex,
        "base_celex": celex,
        "date": "2099-05-01",
        "articles": own,
    }
    return LegalDocument(**{**values, **changes})  # type: ignore[arg-type]


def documents() -> list[LegalDocument]:
    first = {str(number): f"Published {number}." for number in range(1, 10)}
    newest = {str(number): f"Consolidated {number}." for number in (*range(1, 8), 9)} | {"9a": "Inserted 9a."}
    first["11"] = "Published 11."
    version = {"base_celex": ACT, "consolidated": True, "consolidation_date": "2099-07-01"}
    french = {str(number): f"Publié {number}." for number in range(1, 11)}
    return [
        document(ACT, "en", first, "Regulation (EU) 2099/1 on sludge (General Sludge Disposal Regulation)"),
        document("02099R0001-20990701", "en", newest, "Consolidated", **version),
        document(ACT, "fr", dict(list(french.items())[:8]), "Règlement (UE) 2099/1 (règlement général sur les boues)"),
        document(ACT, "fr", dict(list(french.items())[8:]), "Règlement (UE) 2099/1", id=f"{ACT}-fr#held-out"),
        document(
            OTHER,
            "en",
            {"1": "As in Article 5 of Regulation (EU) 2099/1 (the ‘Sludge Rule Regulation’)."},
            "Directive (EU) 2099/2 on mud (Mud Directive)",
            kind="directive",
            references=[Reference(ACT, "5", "Article 5 of Regulation (EU) 2099/1")],
        ),
        document("32099L0003", "en", {"1": "x"}, "Directive (EU) 2099/3 on more mud (Mud Directive)", kind="directive"),
        document("32099R0009R(01)", "en", {}, "Corrigendum", kind="corrigendum", base_celex="32099R0009"),
    ]


def write_corpus(folder: Path, documents: Sequence[LegalDocument], files: int = 2) -> Path:
    """Write documents into some files, two in a group of rows, and their registry; return the folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "documents").mkdir(parents=True)
    rows = []
    table = pa.Table.from_pylist([item.to_dict() for item in documents], arrow_schema())
    size = -(-len(table) // files)
    for number in range(files):
        piece = table.slice(number * size, size)
        path = folder / "documents" / f"shard-{number:05d}-of-{files:05d}.parquet"
        pq.write_table(piece, path, row_group_size=2)
        rows += registry_rows(piece, path.name, 0)
    write_registry(rows, folder / "registry.parquet")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", documents())
