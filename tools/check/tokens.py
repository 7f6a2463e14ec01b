"""The ``.bin`` files: every id is one of the vocabulary, and every document ends in end-of-text.

Read once, in blocks of a memory map; the parts of all datasets are spread over the cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.indexed import bin_path
from tools.check.indices import Index, is_subset
from tools.check.report import KEPT, Check
from tools.check.work import Crew

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART_BYTES = 256 << 20
BLOCK_TOKENS = 4 << 20


@dataclass(frozen=True)
class Part:
    """Documents of one dataset that follow each other: the first one's number and byte, and their lengths."""

    name: str
    file: Path
    dtype: np.dtype[Any]
    first: int
    start: int
    lengths: NDArray[np.int32]
    vocab_size: int
    end_of_text: int


@dataclass
class Seen:
    """What is wrong in a part, by document number; the lists are cut at ``KEPT``, the counts are not.

    ``strange``: ids outside the vocabulary, the first of each block. ``open``: documents that do not end in
    end-of-text. ``inner``: end-of-text ids elsewhere in a document, which its text may contain.
    """

    strange: list[tuple[int, int]] = field(default_factory=list)
    strange_count: int = 0
    open: list[int] = field(default_factory=list)
    open_count: int = 0
    inner: dict[int, int] = field(default_factory=dict)


def check_tokens(
    indexes: Mapping[str, Index], vocabulary: tuple[int, int] | None, crew: Crew
) -> tuple[Check, dict[str, list[Seen]]]:
    """Look at every token; ``vocabulary`` is its size and the end-of-text id. Return what :func:`check_ends` needs."""
    check = Check("tokens")
    if vocabulary is None:
        check.skip("how large the vocabulary is: no blend file can be read; give --tokenizer DIR")
        return check, {}
    # a subset points at documents of another dataset, which are looked at there
    looked_at = [index for index in indexes.values() if not is_subset(index.name)]
    parts = [part for index in looked_at for part in cut(index, *vocabulary)]
    sizes = [int(part.lengths.sum(dtype=np.int64)) * part.dtype.itemsize for part in parts]
    seen: dict[str, list[Seen]] = {index.name: [] for index in looked_at}
    for part, result in zip(parts, crew.run("tokens", look, parts, sizes), strict=True):
        if isinstance(result, str):
            check.fail(f"cpt/{part.name}.bin cannot be read: {result}")
            continue
        seen[part.name].append(result)
        for document, token in result.strange:
            check.fail(f"cpt/{part.name}.bin: document {document} holds id {token}; the largest is {vocabulary[0] - 1}")
        check.count += result.strange_count - len(result.strange)
    check.found = f"{sum(index.tokens for index in looked_at):,} ids, vocabulary of {vocabulary[0]:,}"
    return check, seen


def check_ends(
    seen: Mapping[str, list[Seen]], in_text: Callable[[str, int], int | None], name_of: Callable[[str, int], str]
) -> Check:
    """Say which documents do not end in end-of-text, or hold one that their text does not.

    Args:
        seen: what :func:`check_tokens` returned.
        in_text: gives how often a document's text says end-of-text; None where its row is not known.
        name_of: gives a document's name from its dataset and number.
    """
    check = Check("end-of-text")
    if not seen:
        check.skip("where documents end: no dataset's tokens could be read")
    for name, results in seen.items():
        for result in results:
            check.fail_each(f"{name_of(name, document)} does not end in end-of-text" for document in result.open)
            check.count += result.open_count - len(result.open)
            for document, count in result.inner.items():
                expected = in_text(name, document)
                if count != (expected or 0):
                    check.fail(
                        f"{name_of(name, document)}: end-of-text stands {count} times inside it, "
                        f"{expected or 0} times in its text"
                    )
    check.found = "every document ends in it, and none holds another that its text does not" if not check.count else ""
    return check


def cut(index: Index, vocab_size: int, end_of_text: int) -> list[Part]:
    """Cut a dataset between documents into parts of about ``PART_BYTES``."""
    group = index.starts // PART_BYTES
    firsts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    borders = [*firsts.tolist(), len(index.lengths)]
    return [
        Part(
            name=index.name,
            file=bin_path(index.prefix),
            dtype=index.dtype,
            first=first,
            start=int(index.starts[first]),
            lengths=index.lengths[first:last],
            vocab_size=vocab_size,
            end_of_text=end_of_text,
        )
        for first, last in pairwise(borders)
    ]


def look(part: Part) -> Seen | str:
    """Read one part; the reason, where it cannot be read."""
    ends = np.cumsum(part.lengths, dtype=np.int64)
    try:
        tokens = np.memmap(part.file, part.dtype, mode="r", offset=part.start, shape=(int(ends[-1]),))
    except (OSError, ValueError) as error:
        return str(error)
    seen = Seen()
    # seen as unsigned, a negative id is a very large one: one comparison finds both
    ids = tokens.view(f"u{part.dtype.itemsize}")
    for start in range(0, len(ids), BLOCK_TOKENS):
        block = ids[start : start + BLOCK_TOKENS]
        if int(block.max()) >= part.vocab_size:
            wrong = np.flatnonzero(block >= part.vocab_size) + start
            seen.strange_count += len(wrong)
            document = int(np.searchsorted(ends, wrong[0], side="right"))
            seen.strange.append((part.first + document, int(tokens[wrong[0]])))
        marks = np.flatnonzero(block == part.end_of_text) + start
        documents = np.searchsorted(ends, marks, side="right")
        inner = documents[ends[documents] - 1 != marks]
        for document, count in zip(*np.unique(inner, return_counts=True), strict=True):
            number = part.first + int(document)
            seen.inner[number] = seen.inner.get(number, 0) + int(count)
    unended = np.flatnonzero(tokens[ends - 1] != part.end_of_text) + part.first
    seen.open, seen.open_count = unended[:KEPT].tolist(), len(unended)
    return seen
