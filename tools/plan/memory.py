"""A GPU's memory, part by part, on each stage of the pipeline, at the two moments that take most."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.hardware import PIECE
from tools.plan.activations import activations, head, sequence_split
from tools.plan.configuration import Configuration
from tools.plan.parts import ACTIVATIONS, FIXED, STATES, Part
from tools.plan.states import held, states

# Of cuBLAS, PyTorch's and Transformer Engine's (pytorch/module/base.py): 32 MiB each from Hopper on.
_WORKSPACES = 64 * 2**20
# Assumed: CUDA's context and kernels on a GPU, and NCCL's buffers for each group of ranks that it serves.
_CONTEXT, _COMMUNICATOR = 0.6e9, 0.25e9
#: Reserved and not used, as a share of activations: assumed. PyTorch's reserved less allocated memory on eight B200
#: (SimuMax, docs/b200, 15 runs of Megatron-LM) was 0.20 to 0.29 of the activations; with expandable segments, which the
#: recipes set, a report on 70B has next to nothing (Megatron-Bridge, skills/nemo-mbridge-perf-memory-tuning).
FRAGMENTATION = 0.1


_OUTSIDE, _UNUSED = "CUDA and NCCL", "fragmentation"


@dataclass(frozen=True)
class Stage:
    """The memory of a GPU of one pipeline stage, in bytes."""

    number: int
    parts: list[Part]  # in the forward and backward passes
    step: Part  # what the optimizer's step takes beside the states, when there are no activations

    def of(self, kind: str) -> float:
        """Bytes of the parts of a kind."""
        return sum(part.bytes for part in self.parts if part.kind == kind)

    @property
    def passes(self) -> float:
        """Bytes at the peak of the forward and backward passes."""
        return sum(part.bytes for part in self.parts)

    @property
    def optimizer_step(self) -> float:
        """Bytes at the peak of the optimizer's step."""
        return self.of(STATES) + self.of(FIXED) + self.step.bytes

    @property
    def allocated(self) -> float:
        """Bytes at that peak that PyTorch counts as allocated (``torch.cuda.max_memory_allocated``)."""
        apart = {part.name: part.bytes for part in self.parts if part.name in (_OUTSIDE, _UNUSED)}
        outside = apart.get(_OUTSIDE, 0.0)
        return max(self.passes - outside - apart.get(_UNUSED, 0.0), self.optimizer_step - outside)

    @property
    def peak(self) -> float:
        """The larger of the two."""
        return max(self.passes, self.optimizer_step)


def memory(configuration: Configuration) -> list[Stage]:
    """Return the memory of each pipeline stage; all GPUs of a stage are alike."""
    return [stage_memory(configuration, number) for number in range(configuration.layout.pipeline_parallel)]


def stage_memory(configuration: Configuration, number: int) -> Stage:
    """Return the memory of one pipeline stage."""
    parts = [*states(configuration, number), *activations(configuration, number)]
    parts += [_moment(configuration, number), emulation(configuration)]
    if configuration.gpu:
        in_flight = sum(part.bytes for part in parts if part.kind == ACTIVATIONS)
        parts += [*_fixed(configuration, number), _fragmentation(in_flight)]
    return Stage(number, [part for part in parts if part.bytes], _step(configuration, number))


def _moment(configuration: Configuration, number: int) -> Part:
    """What comes on top when most is in flight: the loss on the last stage, or a layer's backward pass."""
    backward = _backward(configuration)
    if number < configuration.layout.pipeline_parallel - 1:
        return backward
    loss = _loss(configuration)
    return max(loss, backward, key=lambda part: part.bytes)


def _loss(configuration: Configuration) -> Part:
    """Logits in the model's type beside their FP32 copy (``tensor_parallel/cross_entropy.py``), and the last norm."""
    shape, tokens, size = configuration.shape, configuration.tokens, configuration.weight_bytes
    tensor = configuration.layout.tensor_parallel
    each = 6 if size == 2 else 4  # of FP32 logits there is no copy
    logits = (each - 4) * tokens * shape.vocabulary / tensor
    saved = sum(row.bytes for row in head(configuration))
    gathered = size * tokens * shape.hidden if sequence_split(configuration) > 1 else 0
    return Part(
        "logits and loss",
        logits + saved + gathered,
        f"{each} x {tokens:,} tokens x {shape.vocabulary:,} words / TP {tensor}, and the last norm",
        "megatron/core/tensor_parallel/cross_entropy.py",
        ACTIVATIONS,
    )


def emulation(configuration: Configuration) -> Part:
    """Return the FP32 copies while a matrix of the widest product is rounded to emulated NVFP4 (recipes/nvfp4).

    Measured on a CPU: 17 to 23 bytes a weight, or 40 to 45 a number of the input or output, whichever is more.
    """
    shape, tensor = configuration.shape, configuration.layout.tensor_parallel
    wide = 2 * shape.feed_forward // tensor  # gate and up, one product
    weights, results = shape.hidden * wide, configuration.tokens * max(wide, shape.hidden)
    return Part(
        "copies of the emulation",
        max(23 * weights, 45 * results) if configuration.format.emulated else 0,
        f"the larger of 23 x {weights:,} weights and 45 x {results:,} results of a product",
        "recipes/nvfp4/blocks.py, measured on a CPU",
        ACTIVATIONS,
    )


def _backward(configuration: Configuration) -> Part:
    """Gradients of a layer's widest activations; under sequence parallelism what is gathered as well."""
    shape, tokens, size = configuration.shape, configuration.tokens, configuration.weight_bytes
    tensor = configuration.layout.tensor_parallel
    wide = size * tokens * 3 * shape.feed_forward / tensor
    gathered = 2 * size * tokens * shape.hidden if sequence_split(configuration) > 1 else 0
    return Part(
        "gradients of activations",
        wide + gathered,
        f"{size} x {tokens:,} tokens x 3 x {shape.feed_forward:,} / TP {tensor}"
        + (f", and 2 x {shape.hidden:,} gathered" if gathered else ""),
        "megatron/core/transformer/mlp.py",
        ACTIVATIONS,
    )


def _fixed(configuration: Configuration, number: int) -> list[Part]:
    layout = configuration.layout
    widths = (
        layout.tensor_parallel,
        layout.pipeline_parallel,
        layout.context_parallel,
        configuration.data_parallel,
    )
    groups = sum(width > 1 for width in widths)
    return [
        dummy_gradients(configuration, number),
        Part("workspaces of products", _WORKSPACES, "2 x 32 MiB", "transformer_engine/pytorch/module/base.py", FIXED),
        Part(
            _OUTSIDE,
            _CONTEXT + groups * _COMMUNICATOR,
            f"0.6 GB + 0.25 GB x {groups} groups of ranks, outside of PyTorch's memory",
            "assumed",
            FIXED,
        ),
    ]


def dummy_gradients(configuration: Configuration, number: int) -> Part:
    """Return the stand-ins that autograd is given where the true gradient was added to its buffer inside a kernel.

    One for every shape of weight (``get_dummy_wgrad`` of Transformer Engine and Megatron-Core).
    """
    shape, size = configuration.shape, configuration.weight_bytes
    count = 0
    if configuration.adapters is None:
        count = shape.layer_weights
        if number == configuration.layout.pipeline_parallel - 1:
            count += shape.table
    return Part(
        "stand-ins for gradients",
        size * count / configuration.layout.tensor_parallel,
        f"{size} x {count:,} / TP {configuration.layout.tensor_parallel}: one for each shape of weight",
        "transformer_engine/pytorch/module/_common.py, get_dummy_wgrad",
        FIXED,
    )


def _fragmentation(in_flight: float) -> Part:
    return Part(
        _UNUSED,
        FRAGMENTATION * in_flight,
        f"{FRAGMENTATION:.0%} of activations",
        "assumed, with expandable segments",
        ACTIVATIONS,
    )


def _step(configuration: Configuration, number: int) -> Part:
    """FP32 copies of moments that are held in fewer bits; none for the others."""
    optimizer = configuration.layout.optimizer
    here = held(configuration, number)
    trained = here.adapters if configuration.adapters else here.base
    copied = 0.0
    if optimizer != "adam" and configuration.gpu:
        largest = (
            max(2 * configuration.shape.hidden * configuration.shape.feed_forward, configuration.shape.table)
            / configuration.layout.tensor_parallel
        )
        copied = min(trained / configuration.shards, max(PIECE, largest))
    return Part(
        "FP32 copies of moments",
        8 * copied,
        f"8 x {copied:,.0f} parameters at a time",
        "recipes/adam_in_pieces.py",
        FIXED,
    )
