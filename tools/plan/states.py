"""Memory that a run holds from its first step to its last: weights, gradients, optimizer states, quantized copies.

The tensors are those of Megatron-Core 0.15.3 and Transformer Engine 2.9 as the recipes configure them.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipes.formats import CHIPS
from tools.plan.configuration import Configuration
from tools.plan.parts import Part

_OPTIMIZER = "megatron/core/optimizer/distrib_optimizer.py"
_BUFFER = "megatron/core/distributed/param_and_grad_buffer.py"


@dataclass(frozen=True)
class Held:
    """Numbers of parameters that one GPU holds."""

    linear: int  # of the layers' products: the ones that may be quantized
    other: int  # norms, embedding, output layer
    adapters: int

    @property
    def base(self) -> int:
        """The model's own."""
        return self.linear + self.other


def held(configuration: Configuration, stage: int) -> Held:
    """Count the parameters on a GPU of pipeline stage ``stage``.

    Tensor parallelism divides products, tables and adapters; norms are on every rank. The first stage has the
    embedding, the last one the final norm and the output layer; a tied one is there a second time.
    """
    shape, layout = configuration.shape, configuration.layout
    tensor, last = layout.tensor_parallel, layout.pipeline_parallel - 1
    other = configuration.layers * 2 * shape.hidden
    if stage == 0:
        other += shape.table // tensor
    if stage == last:
        other += shape.hidden
        if last > 0 or not shape.tied:
            other += shape.table // tensor
    return Held(configuration.layers * shape.layer_weights // tensor, other, _adapters(configuration))


def _adapters(configuration: Configuration) -> int:
    """DoRA's lengths are divided where the outputs are (recipes/dora.py)."""
    adapters, shape, tensor = configuration.adapters, configuration.shape, configuration.layout.tensor_parallel
    if adapters is None:
        return 0
    matrices = shape.adapter_parameters(adapters.rank, adapters.layers) // shape.layers // tensor
    lengths = 0
    if adapters.name == "dora":
        each = (shape.linears[name] for name in adapters.layers)
        lengths = sum(linear.outputs // (1 if linear.by_input else tensor) for linear in each)
    return configuration.layers * (matrices + lengths)


#: Bytes a parameter of gradient, master weight, first and second moment, by optimizer, beside weights in BF16.
_ADAM = {
    "adam": (4, 4, 4, 4),
    "precision-aware-bf16": (2, 2, 2, 2),
    "precision-aware": (2, 2, 1, 2),
}


def states(configuration: Configuration, stage: int) -> list[Part]:
    """Return what a GPU of pipeline stage ``stage`` (from 0) holds all the time."""
    here = held(configuration, stage)
    size = configuration.weight_bytes
    trained = here.adapters if configuration.adapters else here.base
    gradient, master, first, second = _ADAM[configuration.layout.optimizer]
    if size == 4:
        gradient, master = 4, 0  # FP32 weights are their own masters
    shards = configuration.shards
    over = f" / {shards} shards" if shards > 1 else ""
    parts = [
        Part("weights", size * here.base, f"{size} x {here.base:,} parameters", _BUFFER),
        Part("gradients", gradient * trained, f"{gradient} x {trained:,} trained parameters", _BUFFER),
        Part("master weights", master * trained / shards, f"{master} x {trained:,}{over}", _OPTIMIZER),
        Part(
            "Adam's moments", (first + second) * trained / shards, f"{first} + {second} x {trained:,}{over}", _OPTIMIZER
        ),
    ]
    if configuration.adapters:
        parts.insert(1, Part("adapters", size * here.adapters, f"{size} x {here.adapters:,} parameters", _BUFFER))
    parts.append(quantized_copies(configuration, stage))
    return [part for part in parts if part.bytes]


def quantized_copies(configuration: Configuration, stage: int) -> Part:
    """Return the copies of weights that products read: by rows, and where they need it by columns, with their scales.

    Transformer Engine makes them in the first micro-batch of a step and keeps them (``pytorch/module/base.py``,
    ``get_weight_workspace``). One scale stands for 128 x 128 numbers (fp8-blockwise), 32 (mxfp8) or 16 (nvfp4).
    """
    each = bytes_quantized(configuration)
    layers = configuration.layers - configuration.layers_in_bf16[stage] if each else 0
    count = layers * configuration.shape.layer_weights // configuration.layout.tensor_parallel
    return Part(
        "quantized weights",
        each * count,
        f"{each:.4g} x {count:,} weights of {layers} layers in {configuration.format.name}",
        "transformer_engine/pytorch/module/base.py",
    )


def bytes_quantized(configuration: Configuration) -> float:
    """Return bytes a weight of its quantized copies; 0 where the products read the weight itself."""
    name, gpu = configuration.format.name, configuration.gpu
    if gpu is None or not configuration.format.needs_gpu:
        return 0.0
    # Blackwell multiplies FP8 in either order; Hopper and Ada need the transpose as well
    transposed = 1 if gpu.capability < CHIPS["b200"] else 0
    return {
        "fp8-delayed": 1 + transposed,
        "fp8-current": 1 + transposed,
        "fp8-blockwise": 2 * (1 + 4 / 128**2),
        "mxfp8": 2 * (1 + 1 / 32),
        "nvfp4": 2 * (0.5 + 1 / 16),
    }[name]
