"""The adapters of a LoRA or DoRA run, from its checkpoint: merged into the base model, or written for Hugging Face.

NeMo's own ``merge_lora`` computes in BF16 and knows no DoRA; its export for Hugging Face's PEFT leaves DoRA's lengths
out. Here W + alpha/r B A, and for DoRA its rows scaled to their trained lengths, are computed in FP32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from recipes.checkpoints import newest_checkpoint

_META = "adapter_metadata.json"  # NeMo's, with the path of the base model; a whole model's checkpoint has none
# NeMo's fused layer -> Hugging Face's, in the order in which NeMo's rows hold them
LAYERS = {
    "self_attention.linear_qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.linear_proj": ("self_attn.o_proj",),
    "mlp.linear_fc1": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.linear_fc2": ("mlp.down_proj",),
}


@dataclass(frozen=True)
class Adapter:
    """One layer's: A, ``[rank, inputs]``, B, ``[outputs, rank]``, and DoRA's length of each row, ``[outputs]``."""

    inner: Any
    outer: Any
    length: Any | None


@dataclass(frozen=True)
class AdapterSet:
    """All adapters of a checkpoint, in FP32, by layer number and name in :data:`LAYERS`."""

    base: Path
    rank: int
    alpha: float
    dora: bool
    layers: dict[tuple[int, str], Adapter]

    def merged(self, adapter: Adapter, weight: Any) -> Any:
        """Return ``weight`` with ``adapter`` in it, computed in FP32, in the type of ``weight``."""
        import torch

        merged = weight.float() + self.alpha / self.rank * adapter.outer @ adapter.inner
        if adapter.length is not None:
            merged *= (adapter.length / torch.linalg.norm(merged, dim=1))[:, None]
        return merged.to(weight.dtype)


def has_adapters(checkpoint: Path) -> bool:
    """Whether ``checkpoint`` holds adapters alone."""
    return (checkpoint / "weights" / _META).is_file()


def read_adapters(checkpoint: Path, base: Path | None = None) -> AdapterSet:
    """Read the adapters of a NeMo checkpoint.

    Args:
        checkpoint: one of a LoRA or DoRA run.
        base: the NeMo checkpoint they were trained on; by default where it was then.

    Raises:
        UsageError: the base checkpoint is not there.
        RecipeError: the checkpoint has other adapters than this project's.
    """
    from nemo.lightning import io

    trained_on = Path(json.loads((checkpoint / "weights" / _META).read_text(encoding="utf-8"))["model_ckpt_path"])
    if base is None and not trained_on.is_dir():
        raise UsageError(
            f"the adapters of {checkpoint} were trained on {trained_on}, which is not there; give its place with --base"
        )
    peft = io.load_context(checkpoint, subpath="model.model_transform", build=False)
    kind = peft.__fn_or_cls__.__name__
    if kind not in ("LoRA", "WholeRowDoRA"):
        # NeMo's own DoRA saves the lengths of one rank's part of a row, see recipes/dora.py
        raise RecipeError(f"{checkpoint} has adapters of the kind {kind}; only those of this project can be merged")
    config = io.load_context(checkpoint, subpath="model.config", build=False)
    return AdapterSet(
        base=newest_checkpoint(base or trained_on),
        rank=int(peft.dim),
        alpha=float(peft.alpha),
        dora=kind != "LoRA",
        layers=dict(_layers(_stored_tensors(checkpoint / "weights"), int(config.num_layers))),
    )


def merge(model: Any, adapters: AdapterSet) -> None:
    """Put ``adapters`` into the weights of ``model``, Megatron's on one process.

    Raises:
        RecipeError: the model has no such layer, or one of another shape.
    """
    import torch

    weights = {name.removeprefix("module."): parameter for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for (number, layer), adapter in adapters.layers.items():
            weight = weights.get(f"decoder.layers.{number}.{layer}.weight")
            if weight is None or weight.shape != (len(adapter.outer), adapter.inner.shape[1]):
                raise RecipeError(
                    f"{adapters.base} has no layer {number} {layer} as its adapters were trained on; give the "
                    "checkpoint that they were trained on with --base"
                )
            weight.copy_(adapters.merged(adapter, weight))


def write_peft_folder(adapters: AdapterSet, config: Any, output: Path) -> int:
    """Write ``adapters`` as Hugging Face's PEFT reads them; return the number of parameters.

    Args:
        adapters: of :func:`read_adapters`.
        config: the model's configuration, NeMo's.
        output: gets ``adapter_config.json`` and ``adapter_model.safetensors``.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    tensors = {}
    for (number, layer), adapter in adapters.layers.items():
        for name, rows in zip(LAYERS[layer], rows_of(layer, config, len(adapter.outer)), strict=True):
            place = f"base_model.model.model.layers.{number}.{name}"
            tensors[f"{place}.lora_A.weight"] = adapter.inner.clone()
            tensors[f"{place}.lora_B.weight"] = adapter.outer[rows].contiguous()
            if adapter.length is not None:
                tensors[f"{place}.lora_magnitude_vector"] = adapter.length[rows].contiguous()
    LoraConfig(
        r=adapters.rank,
        lora_alpha=int(adapters.alpha),
        target_modules=sorted({name.split(".")[-1] for _, layer in adapters.layers for name in LAYERS[layer]}),
        use_dora=adapters.dora,
        task_type="CAUSAL_LM",
        inference_mode=True,
    ).save_pretrained(str(output))
    save_file(tensors, output / "adapter_model.safetensors", metadata={"format": "pt"})
    return sum(tensor.numel() for tensor in tensors.values())


def rows_of(layer: str, config: Any, count: int) -> list[Any]:
    """Which of the ``count`` rows of NeMo's fused ``layer`` belong to each of its :data:`LAYERS`, as index tensors.

    Queries, keys and values lie together group by group: the queries of a group, its key, its value.
    """
    import torch

    rows = torch.arange(count)
    if layer == "mlp.linear_fc1":
        return list(rows.chunk(2))
    if layer != "self_attention.linear_qkv":
        return [rows]
    groups = config.num_query_groups or config.num_attention_heads
    heads = config.num_attention_heads // groups
    # [group, head in it (its queries, key, value), row of the head]
    split = rows.view(groups, heads + 2, -1)
    return [part.reshape(-1) for part in (split[:, :heads], split[:, heads], split[:, heads + 1])]


def _layers(stored: dict[str, Any], count: int) -> Iterator[tuple[tuple[int, str], Adapter]]:
    for layer in LAYERS:
        place = f"decoder.layers.{layer}.adapter"
        if f"{place}.linear_in.weight" not in stored:
            continue
        inner, outer = stored[f"{place}.linear_in.weight"], stored[f"{place}.linear_out.weight"]
        length = stored.get(f"{place}.weight_magnitude")
        if len(inner) != count:
            raise RecipeError(f"the checkpoint has adapters at {len(inner)} of {count} layers' {layer}; it is damaged")
        for number in range(count):
            yield (number, layer), Adapter(inner[number], outer[number], None if length is None else length[number])


def _stored_tensors(weights: Path) -> dict[str, Any]:
    """The adapters' tensors by name, all layers in one (``[layers, ...]``), whole whatever the run's parallelism."""
    import torch
    from torch.distributed.checkpoint import FileSystemReader, load

    reader = FileSystemReader(str(weights))
    found = {
        name: entry
        for name, entry in reader.read_metadata().state_dict_metadata.items()
        if ".adapter." in name and hasattr(entry, "chunks") and not name.startswith(("optimizer", "chained"))
    }
    tensors = {name: torch.empty(entry.size, dtype=entry.properties.dtype) for name, entry in found.items()}
    load(tensors, storage_reader=reader, no_dist=True)
    return {name.removeprefix("module."): tensor.float() for name, tensor in tensors.items()}
