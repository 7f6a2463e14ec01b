"""The loss on held-out text is the mean cross-entropy of the next token, in the training's own windows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import bin_path
from preprocessing.errors import UsageError
from tests.recipes.tiny import VOCABULARY, Tiny, shared
from tools.evaluation.held_out import HeldOutLoss, held_out_loss

LENGTH = 50


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared(tmp_path_factory.getbasetemp())


def by_hand(checkpoint: Path, tokens: list[int], windows: int) -> float:
    """One token after the other, from the logarithms of softmax."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    total = 0.0
    for window in range(windows):
        start = window * LENGTH
        with torch.inference_mode():
            logits = model(torch.tensor([tokens[start : start + LENGTH]])).logits[0].double()
        for place in range(LENGTH):
            row = logits[place]
            total += float(row.exp().sum().log() - row[tokens[start + place + 1]])
    return total / (windows * LENGTH)


def test_it_is_the_loss_computed_by_hand_in_every_language(tiny: Tiny) -> None:
    losses = held_out_loss(tiny.hf, tiny.blend, LENGTH, max_sequences=3, batch_size=2)
    entries = {entry.language: entry for entry in load_blend(tiny.blend).validation}
    assert losses.keys() == entries.keys() == {"en", "fr", "de", "es", "pt"}
    for language in ("en", "de"):
        tokens = np.fromfile(bin_path(entries[language].prefix), dtype=np.uint16).tolist()
        assert losses[language].tokens == 3 * LENGTH
        assert losses[language].loss == pytest.approx(by_hand(tiny.hf, tokens, 3), abs=1e-5)


def test_the_batch_size_does_not_change_it(tiny: Tiny) -> None:
    one, five = (held_out_loss(tiny.hf, tiny.blend, LENGTH, max_sequences=5, batch_size=size) for size in (1, 5))
    for language, loss in one.items():
        assert loss.loss == pytest.approx(five[language].loss, abs=1e-5)


def test_a_random_model_is_about_as_good_as_guessing(tiny: Tiny) -> None:
    losses = held_out_loss(tiny.hf, tiny.blend, LENGTH, max_sequences=2)
    assert all(loss.loss == pytest.approx(math.log(VOCABULARY), abs=0.5) for loss in losses.values())


def test_a_language_with_less_than_one_window_is_left_out(tiny: Tiny) -> None:
    sizes = {entry.language: entry.tokens for entry in load_blend(tiny.blend).validation}
    shortest = min(sizes, key=lambda language: sizes[language])
    length = sizes[shortest]  # one token too few to predict that many
    losses = held_out_loss(tiny.hf, tiny.blend, length, max_sequences=1, batch_size=1)
    assert losses.keys() == {language for language, size in sizes.items() if size > length}
    assert shortest not in losses


def test_perplexity_is_the_exponential() -> None:
    assert HeldOutLoss(loss=math.log(7.0), tokens=1).perplexity == pytest.approx(7.0)


def test_a_blend_file_that_is_not_there_is_named(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        held_out_loss(tiny.hf, tmp_path / "blend.yaml", LENGTH)
