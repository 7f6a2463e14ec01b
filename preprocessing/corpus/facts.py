"""What the corpus-wide decisions need to know of each document: a small row, instead of its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.score import FEATURES, features
from preprocessing.corpus.shingles import SIGNATURE_BYTES, fingerprints
from preprocessing.document import LegalDocument
from preprocessing.files import atomic_file
from preprocessing.formex.reader import warm_up as warm_up_reader

if TYPE_CHECKING:
    import pyarrow


def warm_up() -> None:
    """Load what reading a document is compiled to; where it is not compiled yet, do it now (once an installation)."""
    warm_up_reader()
    document = LegalDocument("", "", "", "", "", ".")
    fingerprints([document.text])
    features(document)


def facts_schema() -> pyarrow.Schema:
    """The columns: who the document is, hash and MinHash signature of its text, what its score is made from."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            *((name, text) for name in ("id", "source", "language", "document_type", "celex", "base_celex", "date")),
            ("consolidated", pa.bool_()),
            ("consolidation_date", text),
            ("characters", pa.int64()),
            ("warnings", pa.int32()),
            ("text_hash", pa.uint64()),
            ("signature", pa.binary(SIGNATURE_BYTES)),
            ("features", pa.struct([(name, pa.float32()) for name in FEATURES])),
            ("articles", pa.list_(text)),
        ]
    )


class FactsWriter:
    """Write the facts of documents, group by group, in their order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> FactsWriter:
        import pyarrow as pa

        stream = self._files.enter_context(atomic_file(self.path, "wb"))
        self._writer = self._files.enter_context(pa.ipc.new_file(stream, facts_schema()))
        return self

    def add(self, documents: Sequence[LegalDocument]) -> None:
        import pyarrow as pa

        schema = facts_schema()
        texts = [document.text for document in documents]
        hashes, signatures = fingerprints(texts)
        columns: dict[str, Any] = {
            **{name: [getattr(document, name) for document in documents] for name in schema.names[:9]},
            "characters": [len(text) for text in texts],
            "warnings": [len(document.warnings) for document in documents],
            "text_hash": hashes,
            "signature": [row.tobytes() for row in signatures],
            "features": [features(document) for document in documents],
            "articles": [[article.number for article in document.articles] for document in documents],
        }
        arrays = [pa.array(columns[field.name], field.type) for field in schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)


def load_facts(paths: Sequence[Path], columns: Sequence[str]) -> pyarrow.Table:
    """Return some columns of the facts of all slices, in order, with ``slice`` and ``row`` (int32) of each document."""
    import pyarrow as pa

    tables = []
    for number, path in enumerate(paths):
        table = _read(path, columns)
        places = (pa.array([number] * len(table), pa.int32()), pa.array(range(len(table)), pa.int32()))
        tables.append(table.append_column("slice", places[0]).append_column("row", places[1]))
    return pa.concat_tables(tables)


def iter_facts(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the facts of one slice after the other as rows."""
    for path in paths:
        yield _read(path, columns).to_pylist()


def _read(path: Path, columns: Sequence[str]) -> pyarrow.Table:
    import pyarrow as pa

    names = facts_schema().names
    options = pa.ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in columns))
    with pa.OSFile(str(path)) as stream:
        return pa.ipc.open_file(stream, options=options).read_all()
