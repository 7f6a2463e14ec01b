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
    saved = _fused if configuration.gpu else _local
    return saved(configuration, quantized is not False)


def input_bytes(configuration: Configuration) -> float:
    """Return the bytes of a layer's input: all that full recomputation keeps of it."""
    return (
        configuration.weight_bytes * configuration.tokens * configuration.shape.hidden / sequence_split(configuration)
    )


def sequence_split(configuration: Configuration) -> int:
    """Return over how many ranks norms and residuals are divided."""
    return configuration.layout.tensor_parallel if configuration.layout.sequence_parallel else 1


def _input_split(configuration: Configuration, quantized: bool) -> int:
    """Return over how many ranks the saved input of qkv or fc1 is divided: emulated products save it gathered."""
    return 1 if configuration.format.emulated and quantized else sequence_split(configuration)


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
    """Transformer Engine's layer: each norm in one module with the product behind it, SwiGLU in one kernel."""
    shape, tokens = configuration.shape, configuration.tokens
    tensor, split = configuration.layout.tensor_parallel, sequence_split(configuration)
    size, of_input = configuration.weight_bytes, bytes_of_input(configuration, quantized)
    rows = [
        Saved("inputs of both norms", 2 * size * shape.hidden / split + 8 / split, NORM),
        *_attention(configuration, quantized),
        Saved("gate and up", size * 2 * shape.feed_forward / tensor, MLP),
    ]
    if configuration.adapters is None:
        # quantized by rows for the forward pass, by columns for the gradient of the weight; where the latter gathers
        # again, NVFP4 keeps both (pytorch/module/layernorm_linear.py drops the rows of MXFP8 and of FP8 by blocks)
        copies = 2 if split > 1 and quantized and configuration.format.name == "nvfp4" else 1
        around = _input_split(configuration, quantized)
        rows += [
            Saved("normalised inputs of qkv and fc1", 2 * copies * of_input * shape.hidden / around, NORM),
            Saved("input of fc2", of_input * shape.feed_forward / tensor, MLP),
        ]
    else:
        rows += _of_adapters(configuration, quantized)
    return [Saved(row.name, row.bytes * tokens, row.group) for row in rows if row.bytes]


def _attention(configuration: Configuration, quantized: bool) -> list[Saved]:
    """What Transformer Engine's attention and the projection behind it save a token.

    Attention keeps its result for its own backward pass, and no scores (arXiv 2205.14135). The projection saves the
    same tensor in BF16, and in FP8 too (``set_save_original_input`` in Megatron-Core's ``transformer/attention.py``);
    with delayed scaling and in FP4 it saves a quantized copy of its own. No fused kernel computes attention in FP32:
    there the scores are kept, and keys and values repeated for every head (``UnfusedDotProductAttention``).
    """
    shape, adapters, tensor = configuration.shape, configuration.adapters, configuration.layout.tensor_parallel
    size = configuration.weight_bytes
    own_copy = adapters is None and quantized and configuration.format.name in ("fp8-delayed", "nvfp4")
    read = not own_copy if adapters is None else "linear_proj" in adapters.layers
    # only what nothing else keeps is gone when attention is computed again
    result = Saved("attention's result", size * shape.queries / tensor, ATTENTION if read else CORE)
    if size == 4:
        return [
            Saved("queries, keys, values", size * 3 * shape.queries / tensor, CORE),
            Saved("attention's weights", size * shape.heads / tensor * configuration.sequence_length, CORE),
            *([result] if read else []),
        ]
    copy = bytes_of_input(configuration, quantized) * shape.queries / tensor
    return [
        Saved("queries, keys, values", size * (shape.queries + 2 * shape.keys) / tensor, CORE),
        Saved("sums of the softmax, FP32", 4 * shape.heads / tensor, CORE),
        result,
        Saved("quantized input of proj", copy if own_copy else 0.0, ATTENTION),
    ]


def _of_adapters(configuration: Configuration, quantized: bool) -> list[Saved]:
    """What adapters save a token. Their inputs are gathered from all ranks.

    Frozen products save nothing, but for Transformer Engine's with a norm in front: one that hands the norm's result on
    to an adapter also saves what it read itself, whether or not it needs it (``pytorch/module/layernorm_linear.py``;
    NeMo's ``peft/utils.py`` sets ``return_layernorm_output``). Without quantization and without sequence parallelism
    that is the adapter's input. Emulated products save their input as well, which under sequence parallelism each has
    gathered for itself (measured on a CPU).
    """
    adapters, shape = configuration.adapters, configuration.shape
    assert adapters is not None
    tensor, split, size = (
        configuration.layout.tensor_parallel,
        sequence_split(configuration),
        configuration.weight_bytes,
    )
    of_input = bytes_of_input(configuration, quantized)
    if configuration.format.emulated:
        own = size * shape.hidden if quantized and split > 1 else 0.0
    else:
        own = of_input * shape.hidden / split if configuration.gpu and (of_input != size or split > 1) else 0.0
    own_input = {
        "linear_qkv": ("qkv", size * shape.hidden, NORM),
        # on a GPU it is attention's result, counted there
        "linear_proj": ("proj", 0 if configuration.gpu else size * shape.queries / tensor, ATTENTION),
        "linear_fc1": ("fc1", size * shape.hidden, NORM),
        "linear_fc2": ("fc2", size * shape.feed_forward / tensor, MLP),
    }
    rows = []
    for name in adapters.layers:
        short, count, group = own_input[name]
        rows.append(Saved(f"input of the adapter of {short}", count, group))
        if name in ("linear_qkv", "linear_fc1"):
            rows.append(Saved(f"normalised input of {short}", own, group))
        rows.append(Saved(f"low-rank product of {short}", size * adapters.rank, group))
        if adapters.name == "dora":
            linear = shape.linears[name]
            result = linear.outputs / (split if linear.by_input else tensor)
            rows.append(Saved(f"result of {short} before its lengths", size * result, group))
    return rows


def _local(configuration: Configuration, quantized: bool) -> list[Saved]:
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
            Saved("inputs of qkv and fc1", 2 * size * hidden / _input_split(configuration, quantized), NORM),
            Saved("input of proj", size * queries / tensor, ATTENTION),
            Saved("input of fc2", size * wide / tensor, MLP),
        ]
    else:
        rows += _of_adapters(configuration, quantized)
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
    # Megatron's default module is core attention alone. Its inputs are kept: queries and keys after the rotation, and
    # values as a view of all three. (Transformer Engine's attention keeps a copy of the values alone, and no scores: on
    # a GPU this way keeps more than none.)
    shape = configuration.shape
    inputs = shape.queries + shape.keys + shape.queries + 2 * shape.keys
    inputs_bytes = configuration.weight_bytes * configuration.tokens * inputs / configuration.layout.tensor_parallel
    return sum(row.bytes for row in rows if row.group != CORE) + inputs_bytes + 4


def head(configuration: Configuration) -> list[Saved]:
    """Return what the last norm, the output layer and the loss save for one micro-batch, on the last stage.

    The loss saves the softmax of all words in FP32, in place of the logits, and of each token its number and whether it
    is among this rank's words (``tensor_parallel/cross_entropy.py``). A frozen output layer saves no input
    (``tensor_parallel/layers.py``, ``LinearWithFrozenWeight``).
    """
    shape, tokens, size = configuration.shape, configuration.tokens, configuration.weight_bytes
    of_layer = size * shape.hidden if configuration.adapters is None else 0
    # Megatron's own norm computes in FP32, and is trained or not
    of_norm = size * shape.hidden if configuration.gpu else 4 * shape.hidden * (1 + (configuration.adapters is None))
    return [
        Saved("softmax, FP32", 4 * tokens * shape.vocabulary / configuration.layout.tensor_parallel, HEAD),
        Saved(
            "last norm, input of the output layer",
            (of_norm + 4 + of_layer) * tokens / sequence_split(configuration),
            HEAD,
        ),
        Saved("targets", 9 * tokens, HEAD),
    ]


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
    share = 1 - configuration.layers_in_bf16[stage] / configuration.layers
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
