"""One way to train one model on some GPUs: what memory and time are computed for."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.errors import UsageError
from recipes.formats import Format
from recipes.gpus import Gpu
from recipes.hardware import Layout
from recipes.settings import Adapters
from recipes.shape import Shape


@dataclass(frozen=True)
class Configuration:
    """A model, its layout over GPUs, its batches and its precision.

    ``gpu`` is None on a CPU, where Megatron's own layers in PyTorch take the place of Transformer Engine's kernels, and
    its plain optimizer that of the distributed one; both hold other things.

    Raises:
        UsageError: the layout does not divide the model, the batch or the devices; one sentence for each fault.
    """

    shape: Shape
    layout: Layout
    format: Format
    sequence_length: int  # tokens
    micro_batch_size: int  # sequences a device holds at once
    global_batch_size: int  # sequences a step
    gpu: Gpu | None
    devices: int = 1  # of a node
    nodes: int = 1
    adapters: Adapters | None = None  # None: all parameters are trained
    balanced: bool = False  # embedding and loss take the place of a layer each where stages share layers out

    def __post_init__(self) -> None:
        if found := faults(self):
            raise UsageError("this layout can't be: " + "; ".join(found))

    @property
    def world_size(self) -> int:
        """Processes in all."""
        return self.devices * self.nodes

    @property
    def data_parallel(self) -> int:
        """Copies of the model, each on batches of its own."""
        return self.world_size // self.layout.model_parallel

    @property
    def shards(self) -> int:
        """Ranks that share the optimizer's states: those of data and of context parallelism (1 on a CPU)."""
        return self.data_parallel * self.layout.context_parallel if self.gpu else 1

    @property
    def micro_batches(self) -> int:
        """Micro-batches that a copy of the model goes through in a step."""
        return self.global_batch_size // (self.micro_batch_size * self.data_parallel)

    @property
    def tokens(self) -> int:
        """Tokens of a micro-batch on one rank, before tensor parallelism."""
        return self.sequence_length * self.micro_batch_size // self.layout.context_parallel

    @property
    def virtual(self) -> int:
        """Pieces of the model that a pipeline stage has."""
        return self.layout.virtual_pipeline or 1

    @property
    def layers(self) -> int:
        """Layers of a pipeline stage, that of the fullest where they are not equal."""
        return (self.shape.layers + 2 * self.balanced) // self.layout.pipeline_parallel

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight, and of a number between layers: 4 in FP32, else 2."""
        return 4 if self.format.plugin is None else 2


def faults(wanted: Configuration) -> list[str]:
    """Return what in the layout does not divide; [] where all does."""
    shape, layout = wanted.shape, wanted.layout
    tensor, pipeline, context = layout.tensor_parallel, layout.pipeline_parallel, layout.context_parallel
    for name in ("sequence_length", "micro_batch_size", "global_batch_size", "devices", "nodes"):
        if getattr(wanted, name) < 1:
            return [f"{name} must be at least 1, not {getattr(wanted, name)}"]
    if wanted.world_size % layout.model_parallel:
        return [
            f"tensor x pipeline x context parallel = {tensor} x {pipeline} x {context} does not divide "
            f"{wanted.world_size} devices"
        ]
    found = [
        f"{count:,} {name} must be a multiple of tensor parallel {tensor}"
        for name, count in (
            ("attention heads", shape.heads),
            ("key-value heads", shape.groups),
            ("MLP columns", shape.feed_forward),
            ("words", shape.vocabulary),
        )
        if count % tensor
    ]
    if wanted.adapters and wanted.adapters.rank % tensor:
        found.append(f"adapters of rank {wanted.adapters.rank} do not divide over tensor parallel {tensor}")
    if wanted.virtual > 1 and pipeline == 1:
        found.append("virtual pipeline pieces need pipeline parallel of at least 2")
    if (shape.layers + 2 * wanted.balanced) % (pipeline * wanted.virtual):
        found.append(f"{shape.layers} layers do not divide over {pipeline} x {wanted.virtual} pieces of the pipeline")
    if context > 1 and wanted.sequence_length % (2 * context):
        found.append(f"sequences of {wanted.sequence_length} tokens do not divide over 2 x {context} parts")
    if layout.sequence_parallel and wanted.sequence_length // context % tensor:
        found.append(f"sequences of {wanted.sequence_length} tokens do not divide over {tensor} ranks")
    if wanted.global_batch_size % (wanted.micro_batch_size * wanted.data_parallel):
        found.append(
            f"a batch of {wanted.global_batch_size} is no multiple of micro-batches of {wanted.micro_batch_size} x "
            f"{wanted.data_parallel} data parallel copies"
        )
    elif wanted.virtual > 1 and wanted.micro_batches % pipeline:
        found.append(
            f"{wanted.micro_batches} micro-batches a step are no multiple of {pipeline} pipeline stages; take a larger "
            "batch, or no virtual pipeline"
        )
    return found
