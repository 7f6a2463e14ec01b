"""How much arithmetic a token takes, and how much of a GPU's peak that is.

Model FLOP, causal: what the products of the architecture need, a multiplication and an addition counted as two, and
attention only to what stands before a token. Recomputed activations do not count. For Llama-3 70B at 8192 tokens it is
0.449 TFLOP a token; counting attention to all tokens (non-causal, as some published figures do) makes it 0.481.
"""

from __future__ import annotations

from typing import Any

from recipes.shape import shape_of

#: Dense peak in TFLOP/s of one GPU by the bits of the products. NVIDIA's data sheets (half of the figures "with
#: sparsity"); A100 and L40S have no FP8 or no FP4 tensor cores where a key is missing.
PEAKS: dict[str, dict[str, float]] = {
    "a100": {"bf16": 312},
    "l40s": {"bf16": 362, "fp8": 733},
    "h100": {"bf16": 989, "fp8": 1979},
    "h200": {"bf16": 989, "fp8": 1979},
    "b200": {"bf16": 2250, "fp8": 4500},
    "gb200": {"bf16": 2450, "fp8": 4900},
    "b300": {"bf16": 2250, "fp8": 4500},
    "gb300": {"bf16": 2500, "fp8": 5000},
}


def training_flop_per_token(model: Any, sequence_length: int, adapter_rank: int | None = None) -> float:
    """Return the FLOP of training on one token (forward and backward), causal.

    Args:
        model: a Megatron configuration of a dense Llama, with its sizes.
        sequence_length: tokens a sequence.
        adapter_rank: None when all weights are trained. With adapters the frozen weights take part in the forward
            product and in that for the gradient of their input, and not in that for their own gradient.
    """
    shape = shape_of(model)
    weights = shape.layers * shape.layer_weights
    # scores, and their product with the values: each 2 x channels for each of the tokens before, on average half of all
    attention = shape.layers * 2 * 2 * shape.queries * sequence_length / 2
    if adapter_rank is None:
        return 3 * (2 * (weights + shape.table) + attention)
    adapters = shape.layers * sum(adapter_rank * (each.inputs + each.outputs) for each in shape.linears.values())
    return 2 * 2 * (weights + shape.table) + 3 * 2 * adapters + 3 * attention


def peak_tflops(chip: str, precision: str) -> float | None:
    """Return the dense peak of one ``chip`` in ``precision`` (a name of ``recipes.formats``), in TFLOP/s.

    None where a share of it would mislead: on a CPU, under NVFP4 (a part of the layers, and attention, run in other
    formats, so no one peak is the right one) and its emulation (which computes in BF16 what it rounds to four bits).
    """
    kind = "fp8" if precision.startswith(("fp8", "mxfp8")) else precision
    return PEAKS.get(chip, {}).get(kind)
