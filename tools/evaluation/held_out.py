"""Loss of a Hugging Face checkpoint on the corpus' validation text, a language at a time.

Computed by transformers, not by the training code, so it also checks the conversion between the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import bin_path, read_lengths


@dataclass(frozen=True)
class HeldOutLoss:
    """Mean cross-entropy in nats a token over ``tokens`` predicted tokens."""

    loss: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """exp(loss)."""
        return math.exp(self.loss)


def held_out_loss(
    checkpoint: Path, blend: Path, sequence_length: int, max_sequences: int = 32, batch_size: int = 8
) -> dict[str, HeldOutLoss]:
    """Return the loss by language on the first ``max_sequences`` windows of each validation set of ``blend``.

    The validation text is read as training reads it: documents one after the other, in windows of
    ``sequence_length`` tokens that predict the next token each. A language with less than one window is left out.

    Raises:
        UsageError, RecipeError: the blend file or a dataset of it is missing.
    """
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    entries = load_blend(blend).validation
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(checkpoint, torch_dtype="auto").to(device).eval()
    losses = {}
    for entry in entries:
        _, dtype = read_lengths(entry.prefix)
        tokens = np.memmap(bin_path(entry.prefix), dtype=dtype, mode="r")
        count = min(max_sequences, (len(tokens) - 1) // sequence_length)
        if count == 0:
            continue
        windows = np.stack([tokens[i * sequence_length : (i + 1) * sequence_length + 1] for i in range(count)])
        total = 0.0
        with torch.inference_mode():
            for start in range(0, count, batch_size):
                batch = torch.from_numpy(windows[start : start + batch_size].astype(np.int64)).to(device)
                logits = model(batch[:, :-1]).logits.float()
                total += float(
                    torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="sum")
                )
        predicted = count * sequence_length
        losses[entry.language] = HeldOutLoss(total / predicted, predicted)
    return losses
