"""The ``.idx`` files: their own form, and whether what they describe is what ``.bin`` holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.indexed import HEADER, MAGIC, TYPE_CODES, VERSION, bin_path, idx_path, token_type
from tools.check.report import Check

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A dataset of chosen documents of <language>/train, over the same tokens: its index alone differs.
BEST = "best"
_TYPES = {code: np.dtype(name) for name, code in TYPE_CODES.items()}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Index:
    """A readable index: ``name`` is ``en/train``, ``prefix`` its path without suffix.

    ``lengths`` (int32, tokens) and ``starts`` (int64, bytes) have one entry a document; every document lies inside
    the ``.bin``.
    """

    name: str
    prefix: Path
    dtype: np.dtype[Any]
    lengths: NDArray[np.int32]
    starts: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum(dtype=np.int64))


def dataset_names(folder: Path, listed: Iterable[str]) -> list[str]:
    """Return the datasets under ``cpt/`` (``en/train``), on the disk or in the manifest's list of files."""
    files = {path.relative_to(folder).as_posix() for path in (folder / "cpt").glob("*/*.*")} | set(listed)
    pairs = (Path(name) for name in files if name.startswith("cpt/") and name.endswith((".bin", ".idx")))
    return sorted({path.relative_to("cpt").with_suffix("").as_posix() for path in pairs})


def is_subset(name: str) -> bool:
    """Return whether a dataset only points at documents of another."""
    return name.split("/")[-1] == BEST


def check_indices(folder: Path, names: Iterable[str], vocab_size: int | None) -> tuple[Check, dict[str, Index]]:
    """Read and check every index; return those whose documents can be looked at."""
    check = Check("indices")
    indexes: dict[str, Index] = {}
    names = list(names)
    for name in names:
        index = read_index(folder / "cpt" / name, name, check.fail)
        if index is None:
            continue
        indexes[name] = index
        if vocab_size is not None and index.dtype != token_type(vocab_size):
            check.fail(f"cpt/{name}.idx: ids are stored as {index.dtype}, {token_type(vocab_size)} fits {vocab_size:,}")
    for name, index in indexes.items():
        whole = indexes.get(name.removesuffix(BEST) + "train")
        if is_subset(name) and whole is not None:
            _within(index, whole, check.fail)
    documents = sum(len(index.lengths) for index in indexes.values() if not is_subset(index.name))
    check.found = f"{len(names)} datasets, {documents:,} documents"
    if not names:
        check.fail("cpt/ holds no dataset; run preprocess again")
    return check, indexes


def read_index(prefix: Path, name: str, say: Say) -> Index | None:
    """Read one index and ``say`` all that is wrong with it; None when its documents cannot be found by it."""
    idx = f"cpt/{name}.idx"
    try:
        size = bin_path(prefix).stat().st_size
        raw = idx_path(prefix).read_bytes()
    except OSError as error:
        say(f"cpt/{name}{Path(str(error.filename)).suffix}: {error.strerror or error}")
        return None
    if len(raw) < HEADER.size or not raw.startswith(MAGIC):
        say(f"{idx} is not a Megatron index: it does not begin with its {HEADER.size} bytes of header")
        return None
    _, version, code, documents, borders = HEADER.unpack_from(raw)
    if version != VERSION or code not in _TYPES or borders != documents + 1:
        say(f"{idx}: version {version}, type {code}, {documents} documents and {borders} borders do not fit together")
        return None
    if len(raw) != (expected := HEADER.size + 12 * documents + 8 * borders):
        say(f"{idx} has {len(raw):,} bytes; its {documents:,} documents need {expected:,}")
        return None
    dtype = _TYPES[code]
    lengths = np.frombuffer(raw, "<i4", documents, HEADER.size)
    starts = np.frombuffer(raw, "<i8", documents, HEADER.size + 4 * documents)
    limits = np.frombuffer(raw, "<i8", borders, HEADER.size + 12 * documents)
    if not documents:
        say(f"{idx} lists no document; Megatron cannot open it")
        return None
    if (wrong := _first(limits != np.arange(borders))) is not None:
        say(f"{idx}: border {wrong} is {limits[wrong]}; one sequence a document makes it {wrong}")
    if (wrong := _first(lengths <= 0)) is not None:
        say(f"{idx}: document {wrong} has {lengths[wrong]} tokens")
        return None
    ends = starts + lengths.astype(np.int64) * dtype.itemsize
    misplaced = _misplaced_subset(starts, ends, size) if is_subset(name) else _misplaced(starts, ends, size)
    if misplaced is not None:
        say(f"cpt/{name}: {misplaced}")
        return None
    return Index(name, prefix, dtype, lengths, starts)


def _misplaced(starts: NDArray[Any], ends: NDArray[Any], size: int) -> str | None:
    """Say where documents do not lie one behind the other, or do not fill the ``.bin`` of ``size`` bytes."""
    follows = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    if (wrong := _first(starts != follows)) is not None:
        return f"document {wrong} begins at byte {starts[wrong]:,} by the .idx, where {follows[wrong]:,} comes next"
    if size != ends[-1]:
        return f"the .bin has {size:,} bytes; the .idx lists tokens of {ends[-1]:,}"
    return None


def _misplaced_subset(starts: NDArray[Any], ends: NDArray[Any], size: int) -> str | None:
    """Say where the documents of a subset are not in the order of the ``.bin``, or lie outside it."""
    if (wrong := _first(starts[1:] < ends[:-1])) is not None:
        return f"document {wrong + 1} begins at byte {starts[wrong + 1]:,} by the .idx, before document {wrong} ends"
    if (wrong := _first((starts < 0) | (ends > size))) is not None:
        return f"document {wrong} lies outside the .bin of {size:,} bytes"
    return None


def _within(index: Index, whole: Index, say: Say) -> None:
    """Say which document of a subset is none of the dataset that it was chosen from."""
    places = np.searchsorted(whole.starts, index.starts)
    places = np.minimum(places, len(whole.starts) - 1)
    strange = (whole.starts[places] != index.starts) | (whole.lengths[places] != index.lengths)
    if (wrong := _first(strange)) is not None:
        say(f"cpt/{index.name}.idx: document {wrong} is none of cpt/{whole.name}")
    link, target = bin_path(index.prefix), bin_path(whole.prefix)
    if link.resolve() != target.resolve() and link.stat().st_size != target.stat().st_size:
        say(f"cpt/{index.name}.bin does not hold the tokens of cpt/{whole.name}.bin")


def _first(wrong: NDArray[np.bool_]) -> int | None:
    """Return the first place that is set."""
    return int(np.argmax(wrong)) if wrong.any() else None
