"""One shard's work, pure and repeatable: its staged documents become a Parquet file and token datasets.

A shard reads one file and writes only files of its own, so shards run in any order, in any number of processes, and
give the same bytes. Merging follows shard order.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from preprocessing.corpus.documents import documents_schema, iter_shard
from preprocessing.corpus.holdout import SplitPlan
from preprocessing.corpus.indexed import IndexedWriter, merge
from preprocessing.corpus.tokenizer import Encoder, TokenizerFacts
from preprocessing.errors import RecipeError

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
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = documents_schema()
    counts = Counts()
    writers: dict[tuple[str, str], IndexedWriter] = {}
    with ExitStack() as files:
        table = files.enter_context(pq.ParquetWriter(task.documents, schema, compression="zstd"))
        for group in iter_shard(task.staged):
            rows = [row for document in group for row in plan.apply(document)]
            table.write_table(
                pa.Table.from_pylist([{**document.to_dict(), "split": split} for split, document in rows], schema)
            )
            encoded = encoder.encode([document.text for _, document in rows])
            for (split, document), tokens in zip(rows, encoded, strict=True):
                key = (document.language, split)
                if key not in writers:
                    prefix = task.tokens / document.language / split
                    writers[key] = files.enter_context(IndexedWriter(prefix, facts.vocab_size))
                writers[key].add(tokens)
                cell = (document.language, split, document.document_type, (document.date or "")[:4])
                counts.documents[cell] += 1
                counts.characters[cell] += len(document.text)
                counts.tokens[cell] += len(tokens)
    return counts


def run_shards(
    tasks: Sequence[ShardTask], plan: SplitPlan, facts: TokenizerFacts, workers: int
) -> Iterator[tuple[int, Counts]]:
    """Run every shard, in this process when one worker is enough; yield shard number and counts as they finish.

    Raises:
        RecipeError: a worker process died (most often: out of memory).
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    staged = sum(task.staged.stat().st_size for task in tasks)
    workers = min(workers, len(tasks), 1 + staged // BYTES_PER_WORKER)
    if workers <= 1:
        encoder = Encoder(facts)
        for number, task in enumerate(tasks):
            yield number, run_shard(task, plan, facts, encoder)
        return
    # spawn: a forked child would inherit threads that do not exist in it (Arrow's, gigatoken's) and wait for them
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(plan, facts)
    )
    try:
        futures = {pool.submit(_run_in_worker, task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise RecipeError(
            "a worker process was killed, most often because memory ran out; run again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
    # Ctrl-C is the main process's to handle: it lets the shards in hand end and starts no more
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _plan, _facts, _encoder = plan, facts, Encoder(facts)


def _die_with_parent() -> None:
    """A main process killed outright must not leave workers behind that write into the next run's files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_in_worker(task: ShardTask) -> Counts:
    return run_shard(task, _plan, _facts, _encoder)
