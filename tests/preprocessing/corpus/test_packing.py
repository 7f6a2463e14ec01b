from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from preprocessing.corpus.indexed import IndexedWriter
from preprocessing.corpus.packing import packing


def gpt_dataset(prefix: Path, lengths: list[int], seq_length: int, seed: int) -> Any:
    """Megatron's own dataset over documents of these lengths, for one pass."""
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from megatron.core.datasets.utils import Split

    with IndexedWriter(prefix, vocab_size=70_000) as writer:
        for length in lengths:
            writer.add(np.full(length, 7))
    config = GPTDatasetConfig(
        random_seed=seed,
        sequence_length=seq_length,
        blend=([str(prefix)], None),
        split="1,0,0",
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        tokenizer=SimpleNamespace(eod=0, pad=0, unique_identifiers={"name": "test"}),
    )
    documents = np.arange(len(lengths), dtype=np.int32)
    return GPTDataset(IndexedDataset(str(prefix)), str(prefix), documents, None, Split.train, config)


def as_cut(dataset: Any, lengths: list[int]) -> dict[str, int]:
    """Count from the places that Megatron's index gives to every sample."""
    documents, samples = np.asarray(dataset.document_index), np.asarray(dataset.sample_index, dtype=np.int64)
    tokens = whole = mixed = 0
    for (begin, offset), (end, end_offset) in pairwise(samples):
        mixed += begin != end
        tokens += dataset.config.sequence_length
        for place in range(begin, end + 1):
            from_start = place > begin or offset == 0
            to_end = place < end or end_offset == lengths[documents[place]] - 1
            whole += from_start and to_end
    return {"sequences": len(samples) - 1, "mixed": int(mixed), "used": tokens + (tokens > 0), "whole": int(whole)}


@pytest.mark.parametrize("seq_length", [1, 7, 64, 500])
@pytest.mark.parametrize("seed", [1, 1234])
def test_it_is_what_megatron_cuts(tmp_path: Path, seq_length: int, seed: int):
    random = np.random.default_rng(seed)
    lengths = [*random.integers(2, 40, 60).tolist(), 7, 8, 64, 65, 1000, 2, 2]
    cut = as_cut(gpt_dataset(tmp_path / "set", lengths, seq_length, seed), lengths)
    found = packing(np.array(lengths, np.int32), seq_length, seed)
    assert (found.sequences, found.mixed) == (cut["sequences"], cut["mixed"])
    assert found.tokens - found.lost == cut["used"]
    assert found.documents - found.cut == cut["whole"]


def test_documents_of_just_a_sequence_are_mixed_by_the_token_that_two_samples_share():
    found = packing(np.array([4, 4, 4, 4]), seq_length=4, seed=1)
    assert (found.sequences, found.mixed, found.lost) == (3, 3, 3)


def test_a_single_long_document_is_cut_and_never_mixed():
    found = packing(np.array([1001]), seq_length=10, seed=1)
    assert (found.sequences, found.mixed, found.lost, found.cut) == (100, 0, 0, 1)


def test_too_little_for_one_sequence_is_all_lost():
    found = packing(np.array([5, 5]), seq_length=10, seed=1)
    assert (found.sequences, found.lost, found.cut, found.to_dict()["share_of_tokens_used"]) == (0, 10, 2, 0.0)
    assert packing(np.array([], np.int32), seq_length=10, seed=1).sequences == 0
