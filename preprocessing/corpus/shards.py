"""One shard's work, pure and repeatable: its staged documents become a Parquet file and token datasets.

A shard reads one file and writes only files of its own, so shards run in any order, in any number of processes, and
give the same bytes. Merging follows shard order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from preprocessing.corpus.documents import documents_schema, iter_batches
from preprocessing.corpus.holdout import SplitPlan
from preprocessing.corpus.indexed import IndexedWriter, merge
from preprocessing.corpus.tokenizer import Encoder, TokenizerFacts
from preprocessing.document import LegalDocument
from preprocessing.pool import worker_pool

if TYPE_CHECKING:
    import pyarrow

# A process takes about a second to start: less staged work than this is done sooner without it.
BYTES_PER_WORKER = 8_000_000

# language, split, document type, year ("" where unknown)
Cell = tuple[str, str, str, str]


@dataclass(frozen=True)
class ShardTask:
    """What a shard reads (``staged``) and where it writes: ``documents`` (a file) and ``tokens`` (a folder)."""

    staged: Path
    documents: Path
    tokens: Path


@dataclass
class Counts:
    """Documents, characters and tokens by language, split, type and year."""

    documents: Counter[Cell] = field(default_factory=Counter)
    characters: Counter[Cell] = field(default_factory=Counter)
    tokens: Counter[Cell] = field(default_factory=Counter)

    def update(self, other: Counts) -> None:
        """Add the counts of another shard."""
        self.documents.update(other.documents)
        self.characters.update(other.characters)
        self.tokens.update(other.tokens)

    def total(self, what: str, language: str | None = None, split: str | None = None) -> int:
        """Sum ``what`` (``documents``, ``characters`` or ``tokens``) over the cells of a language and split."""
        cells: Counter[Cell] = getattr(self, what)
        return sum(n for cell, n in cells.items() if language in (None, cell[0]) and split in (None, cell[1]))


def run_shard(task: ShardTask, plan: SplitPlan, facts: TokenizerFacts, encoder: Encoder) -> Counts:
    """Split, write and tokenize one shard; peak memory is one group of rows, whatever the shard's size."""
    import pyarrow.parquet as pq

    counts = Counts()
    writers: dict[tuple[str, str], IndexedWriter] = {}
    with ExitStack() as files:
        output = files.enter_context(pq.ParquetWriter(task.documents, documents_schema(), compression="zstd"))
        for batch in iter_batches(task.staged):
            table = split_batch(batch, plan)
            output.write_table(table)
            columns = [table[name].to_pylist() for name in ("language", "split", "document_type", "date", "text")]
            encoded = encoder.encode(columns[-1])
            for language, split, kind, date, text, tokens in zip(*columns, encoded, strict=True):
                if (language, split) not in writers:
                    prefix = task.tokens / language / split
                    writers[language, split] = files.enter_context(IndexedWriter(prefix, facts.vocab_size))
                writers[language, split].add(tokens)
                cell = (language, split, kind, (date or "")[:4])
                counts.documents[cell] += 1
                counts.characters[cell] += len(text)
                counts.tokens[cell] += len(tokens)
    return counts


def split_batch(batch: pyarrow.RecordBatch, plan: SplitPlan) -> pyarrow.Table:
    """Return the rows with their ``split`` column, as :meth:`SplitPlan.apply` says."""
    import pyarrow as pa

    names = zip(batch["base_celex"].to_pylist(), batch["id"].to_pylist(), strict=True)
    acts = [base_celex or name for base_celex, name in names]
    if plan.articles.keys().isdisjoint(acts):
        # nearly always: the rows stay as they are, and need not become Python objects
        splits = pa.array([plan.split_of(act) for act in acts], pa.string())
        return pa.Table.from_batches([batch]).append_column("split", splits)
    documents = (LegalDocument.from_dict(row) for row in batch.to_pylist())
    rows = [{**part.to_dict(), "split": split} for document in documents for split, part in plan.apply(document)]
    return pa.Table.from_pylist(rows, documents_schema())


def run_shards(
    tasks: Sequence[ShardTask], plan: SplitPlan, facts: TokenizerFacts, workers: int
) -> Iterator[tuple[int, Counts]]:
    """Run every shard, in this process when one worker is enough; yield shard number and counts as they finish.

    Raises:
        RecipeError: a worker process died (most often: out of memory).
    """
    staged = sum(task.staged.stat().st_size for task in tasks)
    workers = min(workers, len(tasks), 1 + staged // BYTES_PER_WORKER)
    if workers <= 1:
        encoder = Encoder(facts)
        for number, task in enumerate(tasks):
            yield number, run_shard(task, plan, facts, encoder)
        return
    with worker_pool(workers, _start_worker, (plan, facts)) as pool:
        futures = {pool.submit(_run_in_worker, task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()


def merge_tokens(folders: Sequence[Path], output: Path, language: str, split: str) -> tuple[int, int]:
    """Join a language's datasets of all shards, in shard order; return documents and tokens, (0, 0) if there are none.

    Nothing is written for a language without text: Megatron cannot open an empty dataset.
    """
    parts = [folder / language / split for folder in folders]
    parts = [part for part in parts if part.with_name(part.name + ".idx").exists()]
    return merge(parts, output / language / split) if parts else (0, 0)


_plan: SplitPlan
_facts: TokenizerFacts
_encoder: Encoder


def _start_worker(plan: SplitPlan, facts: TokenizerFacts) -> None:
    global _plan, _facts, _encoder
    _plan, _facts, _encoder = plan, facts, Encoder(facts)


def _run_in_worker(task: ShardTask) -> Counts:
    return run_shard(task, _plan, _facts, _encoder)
