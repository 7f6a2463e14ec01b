"""What must go together in a layout of a model over devices.

Asked of a plan, and of a recipe once its overrides are in: what one refuses, the other does.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipes.shape import Shape


@dataclass(frozen=True)
class Names:
    """What the numbers are called where a person can change them."""

    tensor: str
    global_batch: str
    micro_batch: str
    no_pieces: str  # what to set for a pipeline without virtual pieces
    remedy: str = ""  # of devices that do not divide


#: In a recipe that is overridden, and in a plan.
OF_A_RECIPE = Names(
    tensor="trainer.strategy.tensor_model_parallel_size=",
    global_batch="data.global_batch_size=",
    micro_batch="data.micro_batch_size=",
    no_pieces="set trainer.strategy.virtual_pipeline_model_parallel_size=None",
    remedy="; change trainer.devices or the trainer.strategy.*_parallel_size",
)
OF_A_PLAN = Names(
    tensor="tensor parallel ",
    global_batch="a batch of ",
    micro_batch="micro-batches of ",
    no_pieces="take none",
)

#: What rows and columns of a layer's products must be multiples of on each rank, by :attr:`Format.scaling`. In
#: NVFP4 and MXFP8 so many share a scale; other FP8 products go to cuBLAS, which takes no others (Transformer Engine
#: 2.9: pytorch/utils.py:438, tensor/mxfp8_tensor.py:101).
_BLOCKS = {
    "nvfp4": (16, "NVFP4 takes blocks of 16"),
    "mxfp8": (32, "MXFP8 takes blocks of 32"),
    **dict.fromkeys(("delayed", "tensorwise", "blockwise"), (16, "FP8 takes multiples of 16")),
}
#: The same of what sequence parallelism gathers (tensor/float8_blockwise_tensor.py:203).
_GATHERED = {"blockwise": (128, "blockwise FP8 with sequence parallelism takes blocks of 128")}
_COUNTS = (
    *("world_size", "sequence_length", "micro_batch_size", "global_batch_size"),
    *("tensor_parallel", "pipeline_parallel", "virtual_pipeline", "context_parallel", "adapter_rank"),
)
_MOST = 10**9  # what is computed of larger ones is no number that floats can hold


@dataclass(frozen=True)
class Division:
    """The numbers that have to go together; most must divide one another."""

    shape: Shape
    world_size: int
    tensor_parallel: int
    pipeline_parallel: int
    virtual_pipeline: int | None  # pieces of the model that a pipeline stage has; None: one, in the plain schedule
    context_parallel: int
    sequence_parallel: bool
    sequence_length: int
    micro_batch_size: int
    global_batch_size: int
    adapter_rank: int | None = None
    balanced: bool = False  # embedding and loss take the place of a layer each where stages share layers out
    on_gpu: bool = True
    scaling: str | None = None  # of the layers' products: Format.scaling
    fp32_weights: bool = False
    precision_aware: bool = False  # Megatron's optimizer of that name, with the remainders of BF16 weights
    packed: bool = False  # several chats share a sequence
    in_nemo: bool = True  # not in other software, that a published speed was measured with

    def faults(self, names: Names) -> list[str]:
        """Return one sentence for each thing that does not divide; [] where all does."""
        counts = {name: getattr(self, name) for name in _COUNTS if getattr(self, name) is not None}
        too_small = [f"{name} must be at least 1, not {count}" for name, count in counts.items() if count < 1]
        too_large = [f"{name} must be at most {_MOST:,}" for name, count in counts.items() if count > _MOST]
        if too_small or too_large:
            return too_small + too_large
        return [
            *self._of_devices(names),
            *self._of_the_model(names),
            *self._of_sequences(),
            *self._of_batches(names),
            *self._of_packed_chats(names),
            *self._of_the_optimizer(),
            *self._of_blocks(),
        ]

    @property
    def _parallel(self) -> int:
        return self.tensor_parallel * self.pipeline_parallel * self.context_parallel

    def _of_devices(self, names: Names) -> list[str]:
        if self.world_size % self._parallel == 0:
            return []
        product = f"{self.tensor_parallel} x {self.pipeline_parallel} x {self.context_parallel}"
        return [
            f"tensor x pipeline x context parallel = {product} does not divide its {self.world_size} devices"
            f"{names.remedy}"
        ]

    def _of_the_model(self, names: Names) -> list[str]:
        shape, tensor = self.shape, self.tensor_parallel
        found = [
            f"{count} {name} must be a multiple of {names.tensor}{tensor}"
            for name, count in (
                ("attention heads", shape.heads),
                ("key-value heads", shape.groups),
                ("MLP columns", shape.feed_forward),
                ("words", shape.vocabulary),
                ("columns of adapters", self.adapter_rank or 0),
            )
            if count % tensor
        ]
        virtual = self.virtual_pipeline or 1
        if self.virtual_pipeline and self.pipeline_parallel == 1:
            found.append("virtual pipeline pieces need at least 2 pipeline stages")
        if self.virtual_pipeline and self.adapter_rank and self.in_nemo:
            # it puts the weights of each piece into a dict of its own, and looks for adapters beside these dicts
            # (nemo/lightning/megatron_parallel.py:773, pytorch/callbacks/peft.py:505)
            found.append(f"NeMo 2.7.3 saves no adapters of a model in virtual pipeline pieces; {names.no_pieces}")
        if (shape.layers + 2 * self.balanced) % (self.pipeline_parallel * virtual):
            pieces = f"{self.pipeline_parallel} stages" + (f" x {virtual} pieces" if virtual > 1 else "")
            found.append(f"{shape.layers} layers do not divide over {pieces} of the pipeline")
        return found

    def _of_sequences(self) -> list[str]:
        context, tensor, length = self.context_parallel, self.tensor_parallel, self.sequence_length
        found = []
        if self.sequence_parallel and tensor == 1:
            found.append("sequence parallelism needs at least 2 tensor parallel devices; leave it out")
        if self.sequence_parallel and length // context % tensor:
            found.append(f"sequences of {length} tokens do not divide over {tensor} sequence parallel devices")
        if context > 1 and length % (2 * context):
            found.append(f"sequences of {length} tokens do not divide over 2 x {context} context parallel parts")
        return found

    def _of_packed_chats(self, names: Names) -> list[str]:
        if not self.packed:
            return []
        found = []
        if not self.on_gpu:
            found.append("packed chats need Transformer Engine's attention, which is for GPUs; set data.packed=false")
        if self.micro_batch_size != 1:
            found.append(f"packed chats need {names.micro_batch}1, not {self.micro_batch_size}")
        if self.context_parallel > 1:
            # megatron.core.utils.get_batch_on_this_cp_rank cuts the whole sequence and its list of borders alike
            found.append(
                f"NeMo 2.7.3 can't divide packed chats over {self.context_parallel} context parallel parts; set "
                "packed_chats: null in a file for --config"
            )
        return found

    def _of_the_optimizer(self) -> list[str]:
        if not self.precision_aware:
            return []
        if not self.on_gpu:
            return ["the precision-aware optimizer is Transformer Engine's, which is for GPUs; leave it out on a CPU"]
        if self.fp32_weights:
            return [
                "the precision-aware optimizer adds 16 bits to BF16 weights, and these are FP32; use --precision bf16"
            ]
        return []

    def _of_blocks(self) -> list[str]:
        """A block lies within one rank's share."""
        if self.scaling is None:
            return []
        shape, tensor = self.shape, self.tensor_parallel
        shards = self.context_parallel * (tensor if self.sequence_parallel else 1)
        gathered = (
            ("hidden columns", shape.hidden, 1),
            ("tokens of a micro-batch", self.sequence_length * self.micro_batch_size, shards),
        )
        parts = (
            *gathered,
            ("query columns", shape.queries, tensor),
            ("query, key and value columns", shape.queries + 2 * shape.keys, tensor),
            ("MLP columns", shape.feed_forward, tensor),
        )
        of_all, of_gathered = _BLOCKS[self.scaling], _GATHERED.get(self.scaling)
        checks = [(*of_all, part) for part in parts]
        if of_gathered and self.sequence_parallel:
            checks = [(*of_gathered, part) for part in gathered] + checks[len(gathered) :]
        return [
            f"{rule}, and {count} {name} do not divide into them over {over} rank{'s' * (over > 1)}; use bf16 or "
            "another layout"
            for block, rule, (name, count, over) in checks
            if count % (block * over)
        ]

    def _of_batches(self, names: Names) -> list[str]:
        copies = max(1, self.world_size // self._parallel)
        sequences = self.micro_batch_size * copies
        if self.global_batch_size % sequences:
            return [
                f"{names.global_batch}{self.global_batch_size} must be a multiple of {names.micro_batch}"
                f"{self.micro_batch_size} x {copies} data parallel copies"
            ]
        micro_batches = self.global_batch_size // sequences
        if self.virtual_pipeline and micro_batches % self.pipeline_parallel:
            return [
                f"{micro_batches} micro-batches a step must be a multiple of the {self.pipeline_parallel} pipeline "
                "stages; take a larger batch, or no virtual pipeline"
            ]
        return []
