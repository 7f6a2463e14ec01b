"""Seconds that GPUs take to send each other what the ways to divide a model need, were nothing of it hidden.

Ranks lie over GPUs as Megatron-Core lays them: tensor parallel first, then context, data, and pipeline parallel last.
"""

from __future__ import annotations

from recipes.gpus import Gpu
from tools.plan.configuration import Configuration

_BF16 = 2  # bytes


def gradient_bytes(wanted: Configuration) -> int:
    """Bytes of a gradient in the buffer it is added up in (recipes/optimizer.py)."""
    return 4 if wanted.layout.optimizer == "adam" else 2


def rate(gpu: Gpu, group: int, stride: int, node: int, share: float) -> float:
    """Return bytes a second and GPU, one way, within a ``group`` of GPUs ``stride`` apart; ``node`` GPUs have NVLink.

    A group over several nodes uses the network adapters of all its members in a node together.
    """
    if group * stride <= node:
        return gpu.nvlink * share
    members = max(1, min(group, node // stride))
    return min(gpu.nvlink, gpu.network * members) * share


def tensor_layer(wanted: Configuration, gpu: Gpu, share: float) -> float:
    """Seconds of one pass of a micro-batch through a layer; backward takes as long.

    Two all-reduces, or with sequence parallelism two gathers and two scattered sums, which send as much
    (arXiv 2205.05198, section 4.2.2). Gathering products' inputs again in the backward pass is not counted:
    Transformer Engine hides it behind another product.
    """
    tensor = wanted.layout.tensor_parallel
    if tensor == 1:
        return 0.0
    sent = 4 * _BF16 * wanted.tokens * wanted.shape.hidden * (tensor - 1) / tensor
    return sent / rate(gpu, tensor, 1, wanted.devices, share)


def context_layer(wanted: Configuration, gpu: Gpu, share: float) -> float:
    """Seconds of passing keys and values of a micro-batch round the ring in a layer's forward pass."""
    tensor, context = wanted.layout.tensor_parallel, wanted.layout.context_parallel
    if context == 1:
        return 0.0
    sent = (context - 1) * _BF16 * wanted.tokens * 2 * wanted.shape.keys / tensor
    return sent / rate(gpu, context, tensor, wanted.devices, share)


def pipeline_step(wanted: Configuration, gpu: Gpu, share: float) -> float:
    """Seconds a step in which a stage sends activations on, and gradients back, of each piece and micro-batch."""
    layout = wanted.layout
    if layout.pipeline_parallel == 1:
        return 0.0
    divided = layout.tensor_parallel if layout.sequence_parallel else 1
    sent = 2 * wanted.virtual * wanted.micro_batches * _BF16 * wanted.tokens * wanted.shape.hidden / divided
    stride = wanted.world_size // layout.pipeline_parallel
    return sent / rate(gpu, layout.pipeline_parallel, stride, wanted.devices, share)


def data_step(wanted: Configuration, gpu: Gpu, share: float, parameters: float) -> float:
    """Seconds a step of adding up the gradients of a rank's ``parameters``, and of gathering these after the step."""
    shards = wanted.shards
    if shards == 1:
        return 0.0
    sent = (gradient_bytes(wanted) + _BF16) * parameters * (shards - 1) / shards
    return sent / rate(gpu, shards, wanted.layout.tensor_parallel, wanted.devices, share)
