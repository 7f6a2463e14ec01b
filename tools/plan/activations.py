"""Memory between a forward pass and its backward pass: what autograd saves, of one layer and of a pipeline stage.

After Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models" (arXiv 2205.05198), with what
Llama has instead of GPT's parts (grouped queries, SwiGLU, RMSNorm, no dropout), and with the tensors that the code in
use really saves: Transformer Engine 2.9's on a GPU, Megatron-Core 0.15.3's own layers on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

from tools.plan.configuration import Configuration
from tools.plan.parts import ACTIVATIONS, Part

PAPER = "arXiv 2205.05198"


class Saved(NamedTuple):
    """A tensor, or several of a kind, that one layer saves for one micro-batch."""

    name: str
    bytes: float
    group: str  # what recomputing leaves out together


NORM, CORE, ATTENTION, MLP, HEAD = "norm", "core attention", "attention", "mlp", "head"


def layer(configuration: Configuration, quantized: bool | None = None) -> list[Saved]:
    """Return what one layer saves without recomputation.

    ``quantized``: whether the layer is computed in the configuration's format (one of its BF16 layers is not); by
    default it is.
    """
    return _fused(configuration, quantized is not False) if configuration.gpu else _local(configuration)


def input_bytes(configuration: Configuration) -> float:
    """Return the bytes of a layer's input: all that full recomputation keeps of it."""
    return (
        configuration.weight_bytes * configuration.tokens * configuration.shape.hidden / sequence_split(configuration)
    )


def sequence_split(configuration: Configuration) -> int:
    """Return over how many ranks norms and residuals are divided."""
    return configuration.layout.tensor_parallel if configuration.layout.sequence_parallel else 1


def bytes_of_input(configuration: Configuration, quantized: bool) -> float:
    """Return bytes a number of a product's saved input: in the format, as the gradient of the weight reads it."""
    gpu_format = configuration.gpu is not None and configuration.format.needs_gpu and quantized
    if not gpu_format:
        return configuration.weight_bytes
    return {
        "fp8-delayed": 1.0,
        "fp8-current": 1.0,
        "fp8-blockwise": 1 + 4 / 128,
        "mxfp8": 1 + 1 / 32,
        "nvfp4": 0.5 + 1 / 16,
    }[configuration.format.name]


def _fused(configuration: Configuration, quantized: bool) -> list[Saved]:
    """Transformer Engine's layer: attention without its scores (arXiv 2205.14135), SwiGLU in one kernel."""
    shape, tokens = configuration.shape, configuration.tokens
    tensor, split = configuration.layout.tensor_parallel, sequence_split(configuration)
    size, of_input = configuration.weight_bytes, bytes_of_input(configuration, quantized)
    hidden, queries, keys, wide = shape.hidden, shape.queries, shape.keys, shape.feed_forward
    rows = [
        Saved("inputs of both norms", 2 * size * hidden / split + 8 / split, NORM),
        Saved("queries, keys, values", size * (queries + 2 * keys) / tensor, CORE),
        Saved("attention's result", (size * queries + 4 * shape.heads) / tensor, CORE),
        Saved("gate and up", size * 2 * wide / tensor, MLP),
    ]
    if configuration.adapters is None:
        # attention's own copy of its result serves the projection too, unless that reads quantized numbers
        copy = of_input * queries / tensor if of_input != size else 0.0
        rows += [
            Saved("normalised inputs of qkv and fc1", 2 * of_input * hidden / split, NORM),
            Saved("quantized input of proj", copy, ATTENTION),
            Saved("input of fc2", of_input * wide / tensor, MLP),
        ]
    else:
        rows += _of_adapters(configuration)
    return [Saved(row.name, row.bytes * tokens, row.group) for row in rows if row.bytes]


def _of_adapters(configuration: Configuration) -> list[Saved]:
    """What adapters save a token; the frozen products save nothing. Their inputs are gathered from all ranks."""
    adapters, shape = configuration.adapters, configuration.shape
    assert adapters is not None
    tensor, split, size = (
        configuration.layout.tensor_parallel,
        sequence_split(configuration),
        configuration.weight_bytes,
    )
    own_input = {
        "linear_qkv": ("qkv", size * shape.hidden, NORM),
        "linear_proj": ("proj", 0 if configuration.gpu else size * shape.queries / tensor, ATTENTION),
        "linear_fc1": ("fc1", size * shape.hidden, NORM),
        "linear_fc2": ("fc2", size * shape.feed_forward / tensor, MLP),
    }
    rows = []
    for name in adapters.layers:
        short, count, group = own_input[name]
        rows.append(Saved(f"input of the adapter of {short}", count, group))
        rows.append(Saved(f"low-rank product of {short}", size * adapters.rank, group))
        if adapters.name == "dora":
            linear = shape.linears[name]
            result = linear.outputs / (split if linear.by_input else tensor)
            rows.append(Saved(f"result of {short} before its lengths", size * result, group))
    return rows


def _local(configuration: Configuration) -> list[Saved]:
    """Megatron-Core's own layer in PyTorch, as on a CPU: scores kept, keys and values repeated for every head."""
    shape, tokens = configuration.shape, configuration.tokens
    tensor, split, size = (
        configuration.layout.tensor_parallel,
        sequence_split(configuration),
        configuration.weight_bytes,
    )
    hidden, queries, wide, length = shape.hidden, shape.queries, shape.feed_forward, configuration.sequence_length
    trained = configuration.adapters is None
    grouped = shape.heads > shape.groups
    # ungrouped values are a view of the whole of queries, keys and values
    values = queries if grouped else queries + 2 * shape.keys
    rows = [
        Saved("inputs of both norms, FP32", 2 * (4 * hidden + 4) / split, NORM),
        Saved("queries, keys, values", size * (2 * queries + values) / tensor, CORE),
        Saved("attention's weights", size * shape.heads / tensor * length, CORE),
        Saved("gate, its activation, up", size * 4 * wide / tensor, MLP),
    ]
    if trained:
        rows += [
            Saved("normalised, FP32", 2 * 4 * hidden / split, NORM),
            Saved("inputs of qkv and fc1", 2 * size * hidden / split, NORM),
            Saved("input of proj", size * queries / tensor, ATTENTION),
            Saved("input of fc2", size * wide / tensor, MLP),
        ]
    else:
        rows += _of_adapters(configuration)
    found = [Saved(row.name, row.bytes * tokens, row.group) for row in rows if row.bytes]
    # of positions, for queries and for keys: one row a position, whatever the batch
    return [*found, Saved("cosines and sines", 4 * size * length * shape.channels, ATTENTION)]


def kept(configuration: Configuration, quantized: bool | None = None) -> float:
    """Return the bytes that one layer keeps of one micro-batch, by the layout's way of recomputing."""
    how = configuration.layout.recompute
    if how == "full":
        return input_bytes(configuration)
    rows = layer(configuration, quantized)
    if how == "none":
        return sum(row.bytes for row in rows)
    # Megatron's default module is core attention alone: its inputs are kept, its result where the projection reads it
    rest = sum(row.bytes for row in rows if row.group != CORE)
    return rest + _selective_inputs(configuration)


def _selective_inputs(configuration: Configuration) -> float:
    shape, tokens, tensor = configuration.shape, configuration.tokens, configuration.layout.tensor_parallel
    size = configuration.weight_bytes
    if configuration.gpu:
        result = size * shape.queries if configuration.adapters is None else 0
        return tokens * (size * (shape.queries + 2 * shape.keys) + result) / tensor
    # queries and keys after the rotation, and values as a view of all three
    return size * tokens * (shape.queries + shape.keys + shape.queries + 2 * shape.keys) / tensor + 4


def head(configuration: Configuration) -> list[Saved]:
    """Return what the last norm, the output layer and the loss save for one micro-batch, on the last stage.

    The loss saves the softmax of all words in FP32, in place of the logits (``tensor_parallel/cross_entropy.py``).
    """
    shape, tokens, size = configuration.shape, configuration.tokens, configuration.weight_bytes
    split, trained = sequence_split(configuration), configuration.adapters is None
    rows = [Saved("softmax, FP32", 4 * tokens * shape.vocabulary / configuration.layout.tensor_parallel, HEAD)]
    if configuration.gpu:
        rows.append(Saved("last norm", 2 * size * tokens * shape.hidden / split, HEAD))
        return rows
    norm = 4 * shape.hidden + 4 + trained * (4 + size) * shape.hidden
    # of each token its number, and whether it is among this rank's words
    return [*rows, Saved("last norm, FP32", norm * tokens / split, HEAD), Saved("targets", 9 * tokens, HEAD)]


def pieces_in_flight(configuration: Configuration, stage: int) -> tuple[int, int]:
    """Return how many pieces of the model a stage holds activations of at once, and how many layers a piece has.

    One forward, one backward: as many micro-batches as there are stages from here to the end. With virtual stages
    (Narayanan et al., arXiv 2104.04473, section 2.2) the warm-up is longer: ``megatron/core/pipeline_parallel/
    schedules.py``, ``get_pp_rank_microbatches``.
    """
    stages, virtual, batches = (
        configuration.layout.pipeline_parallel,
        configuration.virtual,
        configuration.micro_batches,
    )
    if virtual == 1:
        return min(stages - stage, batches), configuration.layers
    warm_up = min(2 * (stages - stage - 1) + (virtual - 1) * stages, batches * virtual)
    return min(warm_up + 1, batches * virtual), configuration.layers // virtual


def activations(configuration: Configuration, stage: int) -> list[Part]:
    """Return what a GPU of pipeline stage ``stage`` holds when most is in flight."""
    count, layers = pieces_in_flight(configuration, stage)
    share = 1 - configuration.layers_in_bf16[stage] / configuration.layers if configuration.format.needs_gpu else 1.0
    each = share * kept(configuration) + (1 - share) * kept(configuration, quantized=False)
    parts = [
        Part(
            "activations",
            count * layers * each,
            f"{count} piece{'s' * (count > 1)} in flight x {layers} layers x {each / 1e6:,.1f} MB",
            PAPER,
            ACTIVATIONS,
        )
    ]
    if configuration.layout.recompute == "full":
        whole = sum(row.bytes for row in layer(configuration))
        parts.append(Part("a layer recomputed", whole, "what one layer saves, made again", PAPER, ACTIVATIONS))
    return parts
