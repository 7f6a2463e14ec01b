"""Seconds that one micro-batch spends in one layer, and in the model's head, on one GPU.

FLOP over what the tensor cores reach, bytes over what the memory does. Counted is what Megatron-Core 0.15 computes
with Transformer Engine for a Llama: fused attention, norms and SwiGLU, the quantization of each product's input and of
its output's gradient, and the weights' gradient, which is added to a buffer.
"""

from __future__ import annotations

from typing import NamedTuple

from recipes.gpus import Gpu
from tools.plan.coefficients import Coefficients, generation, peak_of
from tools.plan.communication import gradient_bytes
from tools.plan.configuration import Configuration

_BF16 = 2  # bytes
_BACKWARD_ATTENTION = 2.5  # flash attention computes the scores again: five products, against two (arXiv 2307.08691)
#: Bytes of a quantized number with its share of a scale, and how often the BF16 numbers are read for it: where one
#: scale is of a whole tensor, its largest value must be known first.
_QUANTIZED = {"fp8": (1.0, 2), "mxfp8": (1 + 1 / 32, 1), "nvfp4": (0.5 + 1 / 16, 2)}

Passes = tuple[float, float]  # seconds forward, and backward


class LayerTime(NamedTuple):
    """What one micro-batch costs in one layer; ``quantized_*`` hold where its products are not in BF16."""

    products: Passes
    quantized_products: Passes
    attention: Passes
    memory: Passes
    quantized_memory: Passes


class Rates(NamedTuple):
    """FLOP and bytes a second."""

    bf16: float
    quantized: float
    attention: float
    memory: float


def rates(gpu: Gpu, inputs: str, by: Coefficients) -> Rates:
    """Return what ``gpu`` reaches by the coefficients, for products of such ``inputs``."""
    factor = by.generation[generation(gpu)]
    bf16 = peak_of(gpu, "bf16") * factor
    return Rates(
        bf16 * by.products["bf16"],
        peak_of(gpu, inputs) * factor * by.products[inputs],
        bf16 * by.attention,
        gpu.bandwidth * by.memory,
    )


def layer_time(wanted: Configuration, rate: Rates, inputs: str) -> LayerTime:
    """Return the time of one micro-batch in one layer, whose quantized products have such ``inputs``."""
    shape, layout = wanted.shape, wanted.layout
    tokens = wanted.tokens / layout.tensor_parallel  # a rank's share of what tensor parallelism divides
    whole = tokens if layout.sequence_parallel else wanted.tokens  # of norms and residuals
    hidden, queries, keys, wide = shape.hidden, shape.queries, shape.keys, shape.feed_forward
    weights = shape.layer_weights
    flop = 2 * tokens * weights
    attention = tokens * shape.attention_flop(wanted.sequence_length) / rate.attention

    # norms read and write, residual sums read two and write one; queries, keys and values are rotated and split;
    # SwiGLU reads two halves and writes one, and backward reads three and writes two
    forward = _BF16 * (10 * whole * hidden + tokens * (4 * queries + 6 * keys + 3 * wide))
    backward = _BF16 * (12 * whole * hidden + tokens * (4 * queries + 6 * keys + 5 * wide))
    extra, copies = 0.0, 2
    if wanted.adapters:
        extra, moved = _adapters(wanted, tokens)
        extra, copies = extra / rate.bf16, 1  # frozen weights have no gradient, nor a copy of their input for it
        forward, backward = forward + moved, backward + 2 * moved
    else:
        backward += 2 * gradient_bytes(wanted) * weights / layout.tensor_parallel  # read and written

    def products(flops: float) -> Passes:
        once = flop / flops
        return once + extra, copies * once + 2 * extra

    memory = forward / rate.memory, backward / rate.memory
    quantized = memory
    if inputs != "bf16":
        size, reads = _QUANTIZED[inputs]
        each = (_BF16 * reads + copies * size) / rate.memory
        read = 2 * whole * hidden + tokens * (queries + wide)
        written = 2 * whole * hidden + tokens * (queries + 2 * keys + 2 * wide)
        quantized = memory[0] + each * read, memory[1] + each * written
    return LayerTime(
        products(rate.bf16),
        products(rate.quantized),
        (attention, _BACKWARD_ATTENTION * attention),
        memory,
        quantized,
    )


def _adapters(wanted: Configuration, tokens: float) -> tuple[float, float]:
    """Return FLOP and bytes of a layer's adapters, forward: what they cost is to read inputs and add to outputs."""
    assert wanted.adapters
    linears = [wanted.shape.linears[name] for name in wanted.adapters.layers]
    flop = 2 * tokens * wanted.adapters.rank * sum(each.inputs + each.outputs for each in linears)
    return flop, _BF16 * tokens * sum(each.inputs + 2 * each.outputs for each in linears)


def head_time(wanted: Configuration, rate: Rates) -> Passes:
    """Return seconds of the output layer's product, always BF16, and of the loss: both passes, on the last stage."""
    tokens = wanted.tokens / wanted.layout.tensor_parallel
    product = 2 * tokens * wanted.shape.table / rate.bf16
    # the loss reads BF16 logits, writes and reads FP32 ones; backward reads these and writes a BF16 gradient
    return product * (2 if wanted.adapters else 3), 16 * tokens * wanted.shape.vocabulary / rate.memory
