"""How much arithmetic a token takes, and how much of a GPU's peak that is.

Model FLOP, causal: what the products of the architecture need, a multiplication and an addition counted as two, and
attention only to what stands before a token. Recomputed activations do not count. For Llama-3 70B at 8192 tokens it is
0.449 TFLOP a token; counting attention to all tokens (non-causal, as some published figures do) makes it 0.481.
"""

from __future__ import annotations

from typing import Any

from recipes.gpus import GPUS
from recipes.shape import shape_of


def training_flop_per_token(model: Any, sequence_length: int, adapter_rank: int | None = None) -> float:
    """Return the FLOP of training on one token (forward and backward), causal.

    Args:
        model: a Megatron configuration of a dense Llama, with its sizes.
        sequence_length: tokens a sequence.
        adapter_rank: None when all weights are trained. With adapters the frozen weights take part in the forward
            product and in that for the gradient of their input, and not in that for their own gradient.
    """
    return shape_of(model).training_flop(sequence_length, adapter_rank)


def peak_tflops(chip: str, precision: str) -> float | None:
    """Return the dense peak of one ``chip`` in ``precision`` (a name of ``recipes.formats``), in TFLOP/s.

    None where a share of it would mislead: on a CPU, under NVFP4 (a part of the layers, and attention, run in other
    formats, so no one peak is the right one) and its emulation (which computes in BF16 what it rounds to four bits).
    """
    kind = "fp8" if precision.startswith(("fp8", "mxfp8")) else precision
    return GPUS[chip].peaks.get(kind) if chip in GPUS and kind != "nvfp4" else None
