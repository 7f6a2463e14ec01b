"""One way to train one model on some GPUs: what memory and time are computed for."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from preprocessing.errors import UsageError
from recipes.division import OF_A_PLAN, Division
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
        UsageError: the layout does not divide the model, the batch or the devices, or a part of it does not go together
            with another; one sentence for each fault.
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
    packed: bool = False  # several chats share a sequence
    elsewhere: bool = False  # it ran in other software than NeMo, which has limits of its own

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
    def layers_in_bf16(self) -> tuple[int, ...]:
        """How many layers of each pipeline stage the format leaves in BF16."""
        start, end = self.format.layers_in_bf16(self.shape.layers)
        stages = self.layout.pipeline_parallel
        return layers_in_bf16(self.shape.layers, stages, self.virtual, start, end, self.balanced)

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight, and of a number between layers: 4 in FP32, else 2."""
        return 4 if self.format.plugin is None else 2


def faults(wanted: Configuration) -> list[str]:
    """Return what in the layout can't be; [] where all can."""
    layout = wanted.layout
    return Division(
        shape=wanted.shape,
        world_size=wanted.world_size,
        tensor_parallel=layout.tensor_parallel,
        pipeline_parallel=layout.pipeline_parallel,
        virtual_pipeline=layout.virtual_pipeline,
        context_parallel=layout.context_parallel,
        sequence_parallel=layout.sequence_parallel,
        sequence_length=wanted.sequence_length,
        micro_batch_size=wanted.micro_batch_size,
        global_batch_size=wanted.global_batch_size,
        adapter_rank=wanted.adapters.rank if wanted.adapters else None,
        balanced=wanted.balanced,
        on_gpu=wanted.gpu is not None,
        scaling=wanted.format.scaling,
        fp32_weights=wanted.weight_bytes == 4,
        precision_aware=layout.optimizer != "adam",
        packed=wanted.packed,
        in_nemo=not wanted.elsewhere,
    ).faults(OF_A_PLAN)


@functools.lru_cache(maxsize=4096)
def layers_in_bf16(layers: int, stages: int, pieces: int, start: int, end: int, balanced: bool) -> tuple[int, ...]:
    """Return how many layers of each pipeline stage stay BF16: of the model's, ``start`` and ``end`` do.

    Stages take pieces of the model in turn, as Megatron-Core deals them out.
    """
    size = (layers + 2 * balanced) // (stages * pieces)
    found = [0] * stages
    for index in (*range(start), *range(layers - end, layers)):
        found[(index + balanced) // size % stages] += 1
    return tuple(found)
