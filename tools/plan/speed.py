"""How long one optimizer step takes, by part, and the figures that follow from it.

FLOP and bytes are counted; the few coefficients of ``speed.yaml``, fitted to published speeds, say what share of a
GPU's data sheet they reach. ``python -m tools.bench.plan_speed`` holds the result against every published row.

Sources: the pipeline's bubble, (p - 1) / v of a micro-batch's time with v pieces a stage: Narayanan et al.,
arXiv 2104.04473, section 2.2; what tensor and sequence parallelism send: Korthikanti et al., arXiv 2205.05198; what is
recomputed: Megatron-Core 0.15.3 (``full``: each layer's forward pass; ``selective``: the core of attention).
"""

from __future__ import annotations

from typing import NamedTuple

from preprocessing.errors import UsageError
from tools.plan import communication as send
from tools.plan.coefficients import Coefficients, Overlap, inputs_of, load, peak_of
from tools.plan.configuration import Configuration
from tools.plan.layer_time import LayerTime, head_time, layer_time, rates

#: Bytes that the optimizer's step reads and writes a parameter. Adam: gradient 4, master and moments 3 x 4 each way,
#: weight 2. The precision-aware ones also write and read an FP32 copy of each moment, twice (recipes/adam_in_pieces).
_OPTIMIZER_BYTES = {"adam": 30, "precision-aware-bf16": 18 + 32, "precision-aware": 16 + 32}


class Time(NamedTuple):
    """Seconds of one step on the slowest pipeline stage by part, and what they are of."""

    products: float  # matrix products
    attention: float
    memory: float  # norms, SwiGLU, residuals, quantization, the loss: bytes, not FLOP
    overhead: float  # launching kernels, waiting for each other
    recomputation: float
    tensor: float  # communication of tensor parallelism that compute does not hide; so the others
    context: float
    pipeline: float
    bubble: float  # waiting for pipeline stages to fill and empty
    data: float
    optimizer: float
    of: Configuration

    @property
    def parts(self) -> dict[str, float]:
        """Seconds by part."""
        return dict(zip(self._fields[:-1], self[:-1], strict=True))

    @property
    def seconds(self) -> float:
        """Of one step."""
        return sum(self[:-1])

    @property
    def tokens_per_second(self) -> float:
        """Over all GPUs."""
        return self.of.global_batch_size * self.of.sequence_length / self.seconds

    @property
    def tokens_per_second_per_gpu(self) -> float:
        """What published tables state."""
        return self.tokens_per_second / self.of.world_size

    @property
    def tflops_per_gpu(self) -> float:
        """Model TFLOP/s a GPU with causal attention; what is recomputed does not count."""
        return self._flop(causal=True) / 1e12

    @property
    def tflops_per_gpu_non_causal(self) -> float:
        """The same as older tables count it: as if every token attended to all others."""
        return self._flop(causal=False) / 1e12

    @property
    def mfu(self) -> float:
        """Model FLOP utilisation: causal FLOP/s over the dense peak of the format's products."""
        assert self.of.gpu
        return self._flop(causal=True) / peak_of(self.of.gpu, inputs_of(self.of.format))

    def _flop(self, causal: bool) -> float:
        rank = self.of.adapters.rank if self.of.adapters else None
        return self.of.shape.training_flop(self.of.sequence_length, rank, causal) * self.tokens_per_second_per_gpu


def of_recipes(wanted: Configuration) -> Overlap:
    """Return what the recipes let run beside compute: NeMo's MegatronCommOverlapCallback (recipes/trainer.py)."""
    return Overlap(data=wanted.data_parallel > 1, pipeline=wanted.virtual > 1)


def step_time(wanted: Configuration, by: Coefficients | None = None, overlap: Overlap | None = None) -> Time:
    """Return the time of one optimizer step, some 50 microseconds of work.

    Args:
        wanted: the configuration; one that does not fit into memory has a time as well.
        by: the coefficients, by default those of ``speed.yaml``.
        overlap: which communication runs beside compute, by default what does in the recipes.

    Raises:
        UsageError: it has no GPU, or one that does not compute in the format.
    """
    gpu = wanted.gpu
    if gpu is None:
        raise UsageError("how fast a CPU trains is not predicted: time a run of a few steps")
    by, overlap = by or load(), overlap or of_recipes(wanted)
    inputs = inputs_of(wanted.format)
    rate = rates(gpu, inputs, by)
    layout, pieces = wanted.layout, wanted.virtual
    stages, layers = layout.pipeline_parallel, wanted.layers
    layer = layer_time(wanted, rate, inputs)
    head_products, loss = head_time(wanted, rate)

    # of one layer and micro-batch, beside what its format says
    again = layout.recompute == "full"
    overhead = (4 if again else 3) * by.layer  # a backward pass is worth two
    tensor, exposed = send.tensor_layer(wanted, gpu, by.links), by.exposed["tensor"] if overlap.tensor else 1.0
    tensor_seconds = (3 if again else 2) * exposed * tensor
    ring = send.context_layer(wanted, gpu, by.links)
    # keys and values travel while attention computes on those that are there; backward, gradients travel too
    attention, attention_back = layer.attention
    context = (2 if again else 1) * max(0.0, ring - attention) + max(0.0, 2 * ring - attention_back)
    recomputed_attention = 0.0 if layout.recompute == "none" else attention

    def stage(in_bf16: int, is_last: bool) -> tuple[float, ...]:
        """Seconds of one micro-batch, by part in the order of Time."""
        count = layers - (wanted.balanced and is_last)
        forward, products, memory = _mixed(layer, count - in_bf16, in_bf16)
        return (
            products + (head_products if is_last else 0.0),
            count * (attention + attention_back),
            memory + (loss if is_last else 0.0),
            count * overhead,
            count * recomputed_attention + (forward if again else 0.0),
            count * tensor_seconds,
            count * context,
        )

    kept = wanted.layers_in_bf16 if inputs != "bf16" else (0,) * stages
    last = stage(kept[-1], True)
    other = stage(max(kept[:-1]), False) if stages > 1 else last
    of_last, of_other = sum(last), sum(other)
    slowest, longest = (last, of_last) if of_last >= of_other else (other, of_other)
    products, attended, memory, waited, recomputed, sent, passed = [wanted.micro_batches * each for each in slowest]

    parameters = _parameters(wanted)
    exchanged = send.data_step(wanted, gpu, by.links, parameters)
    least, hidden = (by.exposed["data"], longest) if overlap.data else (1.0, 0.0)
    return Time(
        products=products,
        attention=attended,
        memory=memory,
        overhead=waited,
        recomputation=recomputed,
        tensor=sent,
        context=passed,
        pipeline=0.0 if overlap.pipeline else send.pipeline_step(wanted, gpu, by.links),
        bubble=(of_last + (stages - 1) * of_other) / stages * (stages - 1) / pieces,
        data=max(least * exchanged, exchanged - hidden),
        optimizer=by.step + _optimizer(wanted, parameters, inputs) / rate.memory,
        of=wanted,
    )


def _mixed(layer: LayerTime, quantized: int, in_bf16: int) -> tuple[float, float, float]:
    """Seconds of some layers' products and bytes: forward together, then products and bytes of both passes."""
    products = quantized * layer.quantized_products[0] + in_bf16 * layer.products[0]
    memory = quantized * layer.quantized_memory[0] + in_bf16 * layer.memory[0]
    return (
        products + memory,
        products + quantized * layer.quantized_products[1] + in_bf16 * layer.products[1],
        memory + quantized * layer.quantized_memory[1] + in_bf16 * layer.memory[1],
    )


def _parameters(wanted: Configuration) -> float:
    """Trained parameters of the GPU that has most."""
    shape, layout = wanted.shape, wanted.layout
    tensor, stages = layout.tensor_parallel, layout.pipeline_parallel
    if wanted.adapters:
        return shape.adapter_parameters(wanted.adapters.rank, wanted.adapters.layers) / tensor / stages
    tables = shape.table * (2 if stages == 1 and not shape.tied else 1)
    return (wanted.layers * shape.layer_weights + tables) / tensor


def _optimizer(wanted: Configuration, parameters: float, inputs: str) -> float:
    """Bytes a step: the optimizer's own, the gradients' norm and their setting to zero, the weights' quantization."""
    gradient = send.gradient_bytes(wanted)
    own = parameters / wanted.shards * (_OPTIMIZER_BYTES[wanted.layout.optimizer] + gradient)
    copied = 0.0 if inputs == "bf16" else wanted.layers * wanted.shape.layer_weights / wanted.layout.tensor_parallel
    return own + gradient * parameters + 4 * copied
