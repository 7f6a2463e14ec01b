"""Read FORMEX into LegalDocuments, one after the other or over many processes, and write them as JSON Lines.

    python launch.py parse ../shared/formex/gdpr --output gdpr.jsonl --workers 2

The output is the same whatever the number of workers. Only a few batches are in memory at any time.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file
from preprocessing.formex.inputs import Rejected, Unit, discover, distinct_units
from preprocessing.formex.workers import Outcome, make_batches, read_batches


@dataclass
class ParseSummary:
    """What a run read, by kind."""

    output: str
    rejected_output: str
    documents: int = 0
    rejected: int = 0
    with_celex: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    by_language: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    seconds: float = 0.0

    def add(self, document: LegalDocument) -> None:
        """Count one document."""
        self.documents += 1
        self.with_celex += bool(document.celex)
        self.by_type[document.document_type] += 1
        self.by_language[document.language or "unknown"] += 1
        self.warnings.update(warning.split(":")[0] for warning in document.warnings)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "output": self.output,
            "rejected_output": self.rejected_output,
            "documents": self.documents,
            "rejected": self.rejected,
            "with_celex": self.with_celex,
            "by_type": dict(self.by_type.most_common()),
            "by_language": dict(self.by_language.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Return the summary as a person reads it."""

        def counts(counter: Counter[str]) -> str:
            return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"

        megabytes = self.bytes_read / 1e6
        rate = f"{megabytes / self.seconds:.1f} MB/s" if self.seconds else "no time"
        lines = [
            f"{self.documents:,} documents from {megabytes:,.1f} MB of FORMEX in {self.seconds:.1f} s ({rate})",
            f"  by type      {counts(self.by_type)}",
            f"  by language  {counts(self.by_language)}",
            f"  with CELEX   {self.with_celex / max(self.documents, 1):.1%}",
            f"  warnings     {counts(self.warnings)}",
            f"  written to   {self.output}",
        ]
        if self.rejected:
            lines.append(f"  rejected     {self.rejected:,} inputs, with reasons in {self.rejected_output}")
        return "\n".join(lines)


def read_documents(
    paths: Sequence[Path], workers: int = 1, on_progress: Callable[[int], None] | None = None
) -> Iterator[Outcome]:
    """Yield every document under ``paths`` (files, folders, zip archives) and every input that could not be read.

    The order is that of the paths and of the names in them. ``on_progress`` is told how many bytes were read.

    Raises:
        UsageError: a path does not exist, or no path is given.
        RecipeError: nothing at all was readable (raised at the end).
    """
    _check(paths, workers)

    def stream() -> Iterator[Outcome]:
        documents = 0
        first: Rejected | None = None
        for outcome, _ in _outcomes(paths, workers, on_progress, as_json=False):
            if isinstance(outcome, Rejected):
                first = first or outcome
            else:
                documents += 1
            yield outcome
        if not documents:
            raise _nothing_read(paths, first)

    return stream()


def parse_to_json_lines(
    paths: Sequence[Path], output: Path, workers: int = 1, on_progress: Callable[[int], None] | None = None
) -> ParseSummary:
    """Write every document under ``paths`` to ``output`` and every rejected input to its ``.rejected.jsonl``.

    Both files appear only when they are complete. Where nothing was readable, only the second one is written.

    Raises:
        UsageError, RecipeError: as :func:`read_documents`; also RecipeError when the output cannot be written.
    """
    _check(paths, workers)
    rejected_output = output.with_suffix(".rejected.jsonl")
    summary = ParseSummary(str(output), str(rejected_output))
    first: Rejected | None = None
    started = time.monotonic()

    def count(size: int) -> None:
        summary.bytes_read += size
        if on_progress:
            on_progress(size)

    try:
        with atomic_file(rejected_output) as rejections:
            try:
                with atomic_file(output) as documents:
                    for outcome, line in _outcomes(paths, workers, count, as_json=True):
                        if isinstance(outcome, Rejected):
                            first = first or outcome
                            summary.rejected += 1
                            row = {"source": outcome.source, "reason": outcome.reason}
                            rejections.write(json.dumps(row, ensure_ascii=False) + "\n")
                        else:
                            summary.add(outcome)
                            documents.write(line)
                    if not summary.documents:
                        raise _nothing_read(paths, first)
            except RecipeError as error:
                failure: RecipeError | None = error
            else:
                failure = None
    except OSError as error:
        raise RecipeError(f"cannot write {output}: {error.strerror or error}") from error
    if failure:
        raise failure
    summary.seconds = time.monotonic() - started
    return summary


def _check(paths: Sequence[Path], workers: int) -> None:
    if not paths:
        raise UsageError("no input given: name a FORMEX file, a folder or a zip archive")
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    for path in paths:
        if not path.exists():
            raise UsageError(f"no such file or folder: {path}")


def _nothing_read(paths: Sequence[Path], first: Rejected | None) -> RecipeError:
    where = ", ".join(str(path) for path in paths)
    why = (
        f" First of what was rejected: {first.source}: {first.reason}." if first else " It holds no .xml or .zip file."
    )
    return RecipeError(f"no FORMEX document could be read from {where}.{why}")


def _outcomes(
    paths: Sequence[Path], workers: int, on_progress: Callable[[int], None] | None, as_json: bool
) -> Iterator[tuple[Outcome, str]]:
    units: Iterable[Unit | Rejected] = (unit for path in paths for unit in discover(path))
    if len(paths) > 1:
        units = distinct_units(units)
    for size, results in read_batches(make_batches(units), workers, as_json):
        if on_progress:
            on_progress(size)
        yield from results
