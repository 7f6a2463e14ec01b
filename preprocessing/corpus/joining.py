"""Last stage: the token datasets of all slices are joined, a dataset for each language and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.holdout import TRAIN
from preprocessing.corpus.indexed import bin_path, idx_path, merge, write_subset
from preprocessing.corpus.receipts import checksum
from preprocessing.corpus.score import best

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The dataset of a language's best training documents, which shares the tokens of its training set.
BEST = "best"


@dataclass(frozen=True)
class JoinTask:
    """Join ``parts`` (prefixes), whose ``.bin`` files must have the xxh3 ``sums``, into ``prefix``."""

    parts: tuple[Path, ...]
    sums: tuple[str, ...]
    prefix: Path


@dataclass(frozen=True)
class Dataset:
    """An indexed dataset: its documents and tokens, and size and xxh3 of its two files by name."""

    documents: int
    tokens: int
    sums: dict[str, dict[str, Any]]


def join(task: JoinTask) -> Dataset:
    """Do one task.

    Raises:
        RecipeError: a part is not what its receipt says.
    """
    documents, tokens = merge(task.parts, task.prefix, task.sums)
    return Dataset(documents, tokens, {path.name: checksum(path) for path in _files(task.prefix)})


def choose_best(documents: Sequence[Path], share: float) -> tuple[dict[str, NDArray[Any]], dict[str, float]]:
    """Choose the best training documents of each language, by score, up to ``share`` of its tokens.

    ``documents`` are the Parquet files in their order. Return a mask over each language's training documents, in the
    order of its dataset, and the lowest score among the chosen.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = ["language", "split", "score", "tokens"]
    table = pa.concat_tables([pq.read_table(path, columns=names) for path in documents])
    table = table.filter(pc.equal(table["split"], TRAIN))
    languages = np.asarray(table["language"].to_pylist())
    chosen, thresholds = best(np.asarray(table["score"]), np.asarray(table["tokens"]), languages, share)
    return {str(language): chosen[languages == language] for language in np.unique(languages)}, thresholds


def write_best(train: Dataset, folder: Path, chosen: NDArray[Any]) -> Dataset:
    """Write the dataset of the ``chosen`` documents of a language beside its training set in ``folder``."""
    documents, tokens = write_subset(folder / TRAIN, folder / BEST, chosen)
    index = idx_path(folder / BEST)
    return Dataset(documents, tokens, {f"{BEST}.bin": train.sums[f"{TRAIN}.bin"], index.name: checksum(index)})


def _files(prefix: Path) -> tuple[Path, Path]:
    return bin_path(prefix), idx_path(prefix)
