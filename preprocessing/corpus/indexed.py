"""Megatron's indexed dataset (``.bin`` + ``.idx``), written and merged without torch.

``.bin`` holds every token id, document after document, little-endian. ``.idx`` says where the documents lie:

    9 bytes   ``MMIDIDX`` and two zero bytes
    uint64    version, 1
    uint8     type of the token ids: 4 is int32, 8 is uint16
    uint64    number of sequences n
    uint64    number of document borders, n + 1 here: one sequence a document
    int32[n]  tokens in each sequence
    int64[n]  where each begins in ``.bin``, in bytes
    int64[n+1] border k is the first sequence of document k

The tests hold it against ``megatron.core.datasets.indexed_dataset.IndexedDataset``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from preprocessing.errors import RecipeError
from preprocessing.files import atomic_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
TYPE_CODES = {"int32": 4, "uint16": 8}
# Megatron's own border: below it token ids are stored in two bytes.
UINT16_VOCABULARY = 65500
COPY_BYTES = 8 << 20


def token_type(vocab_size: int) -> np.dtype[Any]:
    """Return how the ids of a vocabulary are stored: uint16 below 65,500 entries, else int32 (as Megatron does)."""
    return np.dtype(np.uint16 if vocab_size < UINT16_VOCABULARY else np.int32)


def bin_path(prefix: Path) -> Path:
    """Return the file of token ids; ``prefix`` is the path without suffix, as Megatron takes it."""
    return prefix.with_name(prefix.name + ".bin")


def idx_path(prefix: Path) -> Path:
    """Return the index file of ``prefix``."""
    return prefix.with_name(prefix.name + ".idx")


class IndexedWriter:
    """Write one dataset, document by document; both files appear only when the ``with`` block ends without error.

    Args:
        prefix: path without suffix.
        vocab_size: ids must be below it; it also fixes the type they are stored in.
    """

    def __init__(self, prefix: Path, vocab_size: int) -> None:
        self.prefix = prefix
        self.vocab_size = vocab_size
        self.dtype = token_type(vocab_size)
        self.lengths: list[int] = []
        self._files = ExitStack()
        self._bin: Any = None

    def __enter__(self) -> IndexedWriter:
        self._bin = self._files.enter_context(atomic_file(bin_path(self.prefix), "wb"))
        return self

    def add(self, tokens: NDArray[Any]) -> None:
        """Append one document.

        Raises:
            ValueError: no tokens, or an id outside the vocabulary (it would be stored as another one).
        """
        if not len(tokens):
            raise ValueError(f"{self.prefix}: a document without tokens cannot be indexed")
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= self.vocab_size:
            wrong = low if low < 0 else high
            raise ValueError(f"{self.prefix}: token id {wrong} is outside the vocabulary of {self.vocab_size}")
        self._bin.write(np.ascontiguousarray(tokens, dtype=self.dtype).data)
        self.lengths.append(len(tokens))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if error is None:
            # last: a reader looks for the index first, and it must never describe tokens that are not there
            lengths = np.asarray(self.lengths, dtype=np.int32)
            _write_index(self.prefix, lengths, _starts(lengths, self.dtype), self.dtype)


def read_lengths(prefix: Path) -> tuple[NDArray[np.int32], np.dtype[Any]]:
    """Return the tokens of each document (shape ``[documents]``) and the type the ids are stored in.

    Raises:
        RecipeError: a file is missing or damaged, or the two do not belong together.
    """
    lengths, dtype = index_lengths(prefix)
    if _size_of(bin_path(prefix)) != int(lengths.sum(dtype=np.int64)) * dtype.itemsize:
        raise RecipeError(f"{bin_path(prefix)} does not hold the tokens that its index lists; run preprocess again")
    return lengths, dtype


def index_lengths(prefix: Path) -> tuple[NDArray[np.int32], np.dtype[Any]]:
    """Return what :func:`read_lengths` does, of an index whose ``.bin`` may hold more than it lists.

    Raises:
        RecipeError: it is missing or damaged.
    """
    _size_of(idx_path(prefix))
    raw = idx_path(prefix).read_bytes()
    damaged = RecipeError(f"{idx_path(prefix)} is damaged or not a Megatron index; run preprocess again")
    if len(raw) < HEADER.size:
        raise damaged
    magic, version, code, sequences, borders = HEADER.unpack_from(raw)
    names = {value: name for name, value in TYPE_CODES.items()}
    expected = HEADER.size + 12 * sequences + 8 * borders
    if magic != MAGIC or version != VERSION or code not in names or borders != sequences + 1 or len(raw) != expected:
        raise damaged
    lengths = np.frombuffer(raw, dtype="<i4", count=sequences, offset=HEADER.size).astype(np.int32)
    return lengths, np.dtype(names[code])


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise RecipeError(f"{path} is missing; run preprocess again") from error


def merge(parts: Sequence[Path], prefix: Path, sums: Sequence[str] | None = None) -> tuple[int, int]:
    """Join the datasets ``parts`` (prefixes), in the order given, into ``prefix``; return documents and tokens.

    ``sums`` are the xxh3 that the parts' ``.bin`` files must have.

    Raises:
        RecipeError: a part is damaged, or the parts store their ids in different types.
        ValueError: no parts.
    """
    indexes = [read_lengths(part) for part in parts]
    if not indexes:
        raise ValueError("nothing to merge")
    dtype = indexes[0][1]
    for part, (_, other) in zip(parts, indexes, strict=True):
        if other != dtype:
            raise RecipeError(f"{part} stores token ids as {other}, {parts[0]} as {dtype}; they cannot be joined")
    with atomic_file(bin_path(prefix), "wb") as output:
        for number, part in enumerate(parts):
            digest = xxhash.xxh3_64()
            with bin_path(part).open("rb") as stream:
                while block := stream.read(COPY_BYTES):
                    digest.update(block)
                    output.write(block)
            if sums is not None and digest.hexdigest() != sums[number]:
                raise RecipeError(f"{bin_path(part)} was changed after it was written; run preprocess again")
    lengths = np.concatenate([part_lengths for part_lengths, _ in indexes])
    _write_index(prefix, lengths, _starts(lengths, dtype), dtype)
    return len(lengths), int(lengths.sum(dtype=np.int64))


def write_subset(whole: Path, prefix: Path, chosen: NDArray[np.bool_]) -> tuple[int, int]:
    """Write a dataset of the documents ``chosen`` of another (prefixes, in one folder) without copying a token.

    Its ``.bin`` is a link to the other's; its index points at the chosen documents alone. Return documents and tokens.
    """
    lengths, dtype = read_lengths(whole)
    bin_path(prefix).unlink(missing_ok=True)
    bin_path(prefix).symlink_to(bin_path(whole).name)
    _write_index(prefix, lengths[chosen], _starts(lengths, dtype)[chosen], dtype)
    return int(chosen.sum()), int(lengths[chosen].sum(dtype=np.int64))


def _starts(lengths: NDArray[np.int32], dtype: np.dtype[Any]) -> NDArray[np.int64]:
    """Return where each document begins, in bytes, when they follow each other."""
    ends = np.cumsum(lengths, dtype=np.int64) * dtype.itemsize
    return np.concatenate([np.zeros(1, dtype=np.int64), ends])[:-1]


def _write_index(prefix: Path, lengths: NDArray[np.int32], starts: NDArray[np.int64], dtype: np.dtype[Any]) -> None:
    borders = np.arange(len(lengths) + 1, dtype=np.int64)
    with atomic_file(idx_path(prefix), "wb") as output:
        output.write(HEADER.pack(MAGIC, VERSION, TYPE_CODES[dtype.name], len(lengths), len(borders)))
        for array, kind in ((lengths, "<i4"), (starts, "<i8"), (borders, "<i8")):
            output.write(array.astype(kind).tobytes())
