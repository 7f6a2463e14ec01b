"""What must divide in a layout of a model over devices: asked of a plan, and of a recipe once its overrides are in."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.shape import Shape


@dataclass(frozen=True)
class Names:
    """What the numbers are called where a person can change them."""

    tensor: str
    global_batch: str
    micro_batch: str
    remedy: str = ""  # of devices that do not divide


#: In a recipe that is overridden, and in a plan.
OF_A_RECIPE = Names(
    tensor="trainer.strategy.tensor_model_parallel_size=",
    global_batch="data.global_batch_size=",
    micro_batch="data.micro_batch_size=",
    remedy="; change trainer.devices or the trainer.strategy.*_parallel_size",
)
OF_A_PLAN = Names(
    tensor="tensor parallel ",
    global_batch="a batch of ",
    micro_batch="micro-batches of ",
)


@dataclass(frozen=True)
class Division:
    """The numbers that have to go together."""

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

    def faults(self, names: Names) -> list[str]:
        """Return one sentence for each thing that does not divide; [] where all does."""
        too_small = [
            f"{name} must be at least 1, not {getattr(self, name)}"
            for name in ("world_size", "sequence_length", "micro_batch_size", "global_batch_size")
            if getattr(self, name) < 1
        ]
        if too_small:
            return too_small
        return [*self._of_devices(names), *self._of_the_model(names), *self._of_sequences(), *self._of_batches(names)]

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
        if (shape.layers + 2 * self.balanced) % (self.pipeline_parallel * virtual):
            pieces = f"{self.pipeline_parallel} stages" + (f" x {virtual} pieces" if virtual > 1 else "")
            found.append(f"{shape.layers} layers do not divide over {pieces} of the pipeline")
        return found

    def _of_sequences(self) -> list[str]:
        context, tensor, length = self.context_parallel, self.tensor_parallel, self.sequence_length
        found = []
        if self.sequence_parallel and tensor > 1 and length // context % tensor:
            found.append(f"sequences of {length} tokens do not divide over {tensor} sequence parallel devices")
        if context > 1 and length % (2 * context):
            found.append(f"sequences of {length} tokens do not divide over 2 x {context} context parallel parts")
        return found

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
