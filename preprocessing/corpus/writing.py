"""Third stage: the documents of a slice that are kept become a Parquet file and token datasets; then all are joined.

A slice reads its own staged file and writes only files of its own, so slices run in any order, in any number of
processes, and give the same bytes. Joining follows their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from preprocessing.corpus.documents import documents_schema
from preprocessing.corpus.holdout import SPLITS, act_of, hold_out
from preprocessing.corpus.indexed import IndexedWriter, bin_path, idx_path
from preprocessing.corpus.receipts import Receipt, true_receipt, write_receipt
from preprocessing.corpus.registry_rows import registry_rows
from preprocessing.corpus.score import PARTS
from preprocessing.corpus.tokenizer import Encoder, TokenizerFacts
from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.files import atomic_file
from preprocessing.memory import give_memory_back

if TYPE_CHECKING:
    import pyarrow

# language, split, document type, year ("" where unknown)
Cell = tuple[str, str, str, str]


@dataclass(frozen=True)
class WriteTask:
    """Write what ``plan`` (a table, as :func:`planning.plan_schema` says) keeps of the documents ``staged``.

    It goes to ``folder``: ``NAME.parquet``, the rows of the registry in ``NAME.registry.jsonl`` and, in a folder NAME,
    token datasets ``LANGUAGE.SPLIT``.
    """

    staged: Path
    plan: pyarrow.Table
    held_out: Mapping[str, tuple[str, ...]]  # articles of acts that could not be spared
    tokenizer: TokenizerFacts
    folder: Path
    name: str
    key: str

    @property
    def size(self) -> int:
        """Bytes to read."""
        return self.staged.stat().st_size

    @property
    def receipt(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def documents(self) -> Path:
        return self.folder / f"{self.name}.parquet"

    @property
    def registry(self) -> Path:
        return self.folder / f"{self.name}.registry.jsonl"

    def tokens(self, language: str, split: str) -> Path:
        """Return the prefix of a token dataset."""
        return self.folder / self.name / f"{language}.{split}"


@dataclass
class Counts:
    """Documents, characters and tokens by language, split, type and year."""

    documents: Counter[Cell] = field(default_factory=Counter)
    characters: Counter[Cell] = field(default_factory=Counter)
    tokens: Counter[Cell] = field(default_factory=Counter)

    def add(self, cells: Sequence[Sequence[Any]]) -> None:
        """Add the counts that :meth:`to_list` gave."""
        for language, split, kind, year, documents, characters, tokens in cells:
            cell = (language, split, kind, year)
            self.documents[cell] += documents
            self.characters[cell] += characters
            self.tokens[cell] += tokens

    def to_list(self) -> list[list[Any]]:
        """Return plain lists: the cell's four parts, documents, characters, tokens."""
        return [[*cell, n, self.characters[cell], self.tokens[cell]] for cell, n in self.documents.items()]

    def total(self, what: str, language: str | None = None, split: str | None = None) -> int:
        """Sum ``what`` (``documents``, ``characters`` or ``tokens``) over the cells of a language and split."""
        cells: Counter[Cell] = getattr(self, what)
        return sum(n for cell, n in cells.items() if language in (None, cell[0]) and split in (None, cell[1]))


def write_slice(task: WriteTask) -> Receipt:
    """Do one task; peak memory is one group of rows, whatever the slice's size.

    The receipt's result: ``cells`` (see :class:`Counts`), ``datasets`` (language and split of each).
    """
    import pyarrow.parquet as pq

    if finished := true_receipt(task.receipt, task.key):
        return finished
    counts = Counts()
    writers: dict[tuple[str, str], IndexedWriter] = {}
    encoder = _encoder(task.tokenizer)
    task.documents.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        stream = files.enter_context(atomic_file(task.documents, "wb"))
        output = files.enter_context(
            pq.ParquetWriter(stream, documents_schema(), compression="zstd", compression_level=1)
        )
        registry = files.enter_context(atomic_file(task.registry, "wb"))
        written = 0
        for rows in _kept(task):
            texts = rows["text"].to_pylist()
            encoded = encoder.encode(texts)
            output.write_table(_with_tokens(rows, [len(tokens) for tokens in encoded]))
            for row in registry_rows(rows, task.documents.name, written):
                registry.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            written += len(rows)
            columns = [rows[name].to_pylist() for name in ("language", "split", "document_type", "date")]
            for language, split, kind, date, text, tokens in zip(*columns, texts, encoded, strict=True):
                if (language, split) not in writers:
                    writer = IndexedWriter(task.tokens(language, split), task.tokenizer.vocab_size)
                    writers[language, split] = files.enter_context(writer)
                writers[language, split].add(tokens)
                cell = (language, split, kind, (date or "")[:4])
                counts.documents[cell] += 1
                counts.characters[cell] += len(text)
                counts.tokens[cell] += len(tokens)
    datasets = sorted(writers)
    outputs = [path for key in datasets for path in (bin_path(task.tokens(*key)), idx_path(task.tokens(*key)))]
    result = {"cells": counts.to_list(), "datasets": [list(key) for key in datasets]}
    give_memory_back()
    return write_receipt(task.receipt, task.key, (task.documents, task.registry, *outputs), result)


def _kept(task: WriteTask) -> Iterator[pyarrow.Table]:
    """Yield the documents that the plan keeps, with their split and score, a group of rows at a time."""
    import pyarrow as pa

    rows = task.plan["row"].to_numpy()
    before = done = 0
    with pa.OSFile(str(task.staged)) as stream:
        staged = pa.ipc.open_file(stream)
        for number in range(staged.num_record_batches):
            batch = staged.get_batch(number)
            end = done + int((rows[done:] < before + batch.num_rows).sum())
            if end > done:
                plan = task.plan.slice(done, end - done)
                yield _decided(batch.take(pa.array(rows[done:end] - before)), plan, task.held_out)
            before += batch.num_rows
            done = end


def _decided(batch: pyarrow.RecordBatch, plan: pyarrow.Table, held_out: Mapping[str, tuple[str, ...]]) -> pyarrow.Table:
    """Return the rows with ``split``, ``score`` and ``score_parts``; articles held out as rows of their own."""
    import pyarrow as pa

    parts = pa.StructArray.from_arrays([plan[name].combine_chunks() for name in PARTS], names=list(PARTS))
    table, splits, scores = pa.Table.from_batches([batch]), plan["split"], plan["score"]
    names = zip(batch["base_celex"].to_pylist(), batch["id"].to_pylist(), strict=True)
    if not held_out.keys().isdisjoint([base_celex or name for base_celex, name in names]):
        rows: list[tuple[int, str, LegalDocument]] = []
        for place, row in enumerate(batch.to_pylist()):
            document = LegalDocument.from_dict(row)
            divided = hold_out(document, held_out.get(act_of(document), ()))
            pieces = zip(SPLITS, divided, strict=True) if divided else [(splits[place].as_py(), document)]
            rows += [(place, split, piece) for split, piece in pieces]
        places = pa.array([place for place, _, _ in rows])
        table = pa.Table.from_pylist([piece.to_dict() for _, _, piece in rows], arrow_schema())
        splits = pa.array([split for _, split, _ in rows], pa.string())
        scores, parts = scores.take(places), parts.take(places)
    table = table.append_column("split", splits)
    return table.append_column("score", scores).append_column("score_parts", parts)


def _with_tokens(table: pyarrow.Table, tokens: Sequence[int]) -> pyarrow.Table:
    import pyarrow as pa

    return table.append_column("tokens", pa.array(tokens, pa.int32())).select(documents_schema().names)


@lru_cache(maxsize=1)
def _encoder(tokenizer: TokenizerFacts) -> Encoder:
    return Encoder(tokenizer)
