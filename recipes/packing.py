"""Several chats in one sequence: which go together, and the files that hold them.

A padded sequence computes on its padding; chats are a tenth of a sequence long. Packed, they fill it, and the borders
between them (``cu_seqlens``) keep attention inside each chat. Only Transformer Engine's attention knows such borders,
so this is for GPUs.

Reading costs nothing: the files are mapped into memory (NeMo's own packed file is a pickle of Python lists, which takes
about 100 bytes a token in every process).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# tokens (int32) and whether the label of each is trained on (uint8), chat after chat; where each chat starts, and
# which chat each sequence starts with, both with one more entry for the end
_ARRAYS = ("tokens", "trained", "chats", "sequences")


def first_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put each of ``lengths``, in their order, into the first bin that has room for it.

    Takes n log n steps: a tree of the largest free space finds the first bin (150,000 chats take about a second).

    Returns:
        The places of ``lengths`` in each bin.

    Raises:
        ValueError: one is longer than ``capacity``.
    """
    size = 1
    while size < len(lengths):
        size *= 2
    free = [capacity] * (2 * size)
    bins: list[list[int]] = []
    for place, length in enumerate(lengths):
        if length > capacity:
            raise ValueError(f"a length of {length} does not fit into {capacity}")
        node = 1
        while node < size:
            node = 2 * node if free[2 * node] >= length else 2 * node + 1
        if node - size == len(bins):
            bins.append([])
        bins[node - size].append(place)
        free[node] -= length
        while node > 1:
            node //= 2
            free[node] = max(free[2 * node], free[2 * node + 1])
    return bins


def write_packed(
    folder: Path, examples: Iterable[tuple[Sequence[int], Sequence[bool]]], capacity: int, seed: int
) -> dict[str, Any]:
    """Pack ``examples`` (token ids of a chat, and which of them are trained on) and write them to ``folder``.

    The chats are shuffled before, so that a sequence holds long and short ones, of any language.

    Returns:
        How many ``sequences`` of how many ``chats`` there are, and what share of them is ``filled``.
    """
    tokens, trained = [], []
    for ids, mask in examples:
        tokens.append(np.asarray(ids, dtype=np.int32))
        trained.append(np.asarray(mask, dtype=np.uint8))
    order = list(range(len(tokens)))
    random.Random(seed).shuffle(order)
    # a chat of n tokens takes n - 1 places: its last token is a label only, its first an input only
    lengths = [len(tokens[place]) - 1 for place in order]
    bins = first_fit(lengths, capacity)
    chats = [order[place] for together in bins for place in together]
    folder.mkdir(parents=True)
    arrays = {
        "tokens": np.concatenate([tokens[chat] for chat in chats]),
        # at the place of the input whose label it is, as NeMo has it
        "trained": np.concatenate([np.append(trained[chat][1:], 0).astype(np.uint8) for chat in chats]),
        "chats": np.cumsum([0, *(len(tokens[chat]) for chat in chats)], dtype=np.int64),
        "sequences": np.cumsum([0, *(len(together) for together in bins)], dtype=np.int64),
    }
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", arrays[name])
    return {"sequences": len(bins), "chats": len(chats), "filled": round(sum(lengths) / (len(bins) * capacity), 4)}


class PackedChats:
    """The sequences that :func:`write_packed` wrote, as NeMo's packed dataset asks for them."""

    def __init__(self, folder: Path) -> None:
        self._tokens, self._trained, self._chats, self._sequences = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS
        )

    def __len__(self) -> int:
        """Sequences."""
        return len(self._sequences) - 1

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Return the chats of one sequence behind each other, and where each starts."""
        first, last = self._sequences[number], self._sequences[number + 1]
        borders = np.asarray(self._chats[first : last + 1])
        whole = slice(int(borders[0]), int(borders[-1]))
        return {
            "input_ids": np.asarray(self._tokens[whole]),
            "loss_mask": np.asarray(self._trained[whole]),
            "seq_start_id": (borders[:-1] - borders[0]).tolist(),
        }
