"""How much of a dataset training sees, and how it is cut: as Megatron's GPTDataset does it.

For one pass it puts the documents one after the other in a shuffled order and cuts what comes out in samples of
``seq_length`` + 1 tokens (inputs, and the same shifted by one as labels); the last token of a sample is the first of
the next one. What is left at the end, too short for a sample, is not read in that pass. Nothing is padded.

Computed from the documents' lengths alone, in a few passes over them however short the sequences are. The tests hold it
against ``megatron.core.datasets.gpt_dataset.GPTDataset``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Packing:
    """One pass over a dataset.

    ``lost`` are tokens that are in no sequence; ``mixed`` sequences that hold parts of more than one document; ``cut``
    documents that lie in no sequence whole.
    """

    tokens: int
    documents: int
    sequences: int
    lost: int
    mixed: int
    cut: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers; shares between 0 and 1, of tokens, of sequences and of documents."""
        return {
            "sequences": self.sequences,
            "share_of_tokens_used": round(1 - self.lost / max(self.tokens, 1), 6),
            "tokens_lost": self.lost,
            "share_of_mixed_sequences": round(self.mixed / max(self.sequences, 1), 4),
            "share_of_documents_cut": round(self.cut / max(self.documents, 1), 4),
        }


def packing(lengths: NDArray[Any], seq_length: int, seed: int) -> Packing:
    """Return how one pass over documents of ``lengths`` tokens (shape ``[documents]``) is cut.

    ``seed`` is GPTDataset's ``random_seed``: it decides which documents meet in a sequence, not how many sequences
    there are.
    """
    import numpy as np

    order = np.arange(len(lengths), dtype=np.int32)
    np.random.RandomState(seed).shuffle(order)
    ends = np.cumsum(lengths[order], dtype=np.int64)
    tokens = int(ends[-1]) if len(ends) else 0
    sequences = max(tokens - 1, 0) // seq_length
    first, last = ends - lengths[order], ends - 1  # of each document: its tokens' places in the stream
    # sample i holds the places i * seq_length to (i + 1) * seq_length, both included
    alone = np.maximum(last // seq_length - -(-first // seq_length), 0)
    whole = last <= (first // seq_length + 1) * seq_length
    return Packing(
        tokens=tokens,
        documents=len(lengths),
        sequences=sequences,
        lost=tokens - sequences * seq_length - 1 if sequences else tokens,
        mixed=sequences - int(alone.sum()),
        cut=len(lengths) - int((whole & (last <= sequences * seq_length)).sum()),
    )
