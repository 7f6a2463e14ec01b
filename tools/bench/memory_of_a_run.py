"""What a training process on a CPU really holds, beside what the plan says of it: bytes of tensors, part by part.

States are counted from the tensors of a run after its second step; activations from what autograd saves in a forward
pass. A storage counts once, whatever tensors view it.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from tools.plan.activations import head, kept
from tools.plan.configuration import Configuration
from tools.plan.states import states

#: The step after which states are counted: Adam makes its moments in the first.
STEP = 2
HEAD, EMBEDDING = "head", "embedding"


class SavedTensors:
    """Counts what autograd saves in the next forward pass of a GPT model, by layer, without parameters.

    ``bytes``: by the number of a layer on this rank, or :data:`EMBEDDING` and :data:`HEAD`, by where a storage was
    saved first. What has gone by the end of the forward pass, with the part of the graph that it was saved for, does
    not count.
    """

    def __init__(self, model: Any) -> None:
        self.bytes: dict[int | str, int] = {}
        self._parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        self._saved: list[tuple[int | str, weakref.ref[torch.Tensor]]] = []
        self._place: int | str = EMBEDDING
        self._context = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)
        self._hooks = [
            model.register_forward_pre_hook(self._enter),
            model.register_forward_hook(self._leave),
            model.decoder.register_forward_hook(self._move(HEAD)),
            *(layer.register_forward_pre_hook(self._move(number)) for number, layer in enumerate(model.decoder.layers)),
        ]
        if model.decoder.final_layernorm is not None:
            self._hooks.append(model.decoder.final_layernorm.register_forward_pre_hook(self._move(HEAD)))

    def _enter(self, *_: Any) -> None:
        self._context.__enter__()

    def _move(self, place: int | str) -> Callable[..., None]:
        def move(*_: Any) -> None:
            self._place = place

        return move

    def _pack(self, tensor: torch.Tensor) -> torch.Tensor:
        kept = tensor.detach()
        self._saved.append((self._place, weakref.ref(kept)))
        return kept

    def _leave(self, *_: Any) -> None:
        self._context.__exit__()
        for hook in self._hooks:
            hook.remove()
        counted = _Distinct(self._parameters)
        for place, reference in self._saved:
            if (tensor := reference()) is not None:
                self.bytes[place] = self.bytes.get(place, 0) + counted.bytes([tensor])


class CountBytes(Callback):
    """Writes FOLDER/memory<RANK>.json after step :data:`STEP`: the parts, each as [planned, measured] bytes."""

    def __init__(self, configuration: Configuration, folder: Path) -> None:
        self.configuration = configuration
        self.folder = folder
        self.steps = 0  # begun: Megatron's loop numbers batches in its own way

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Count what the next forward pass saves."""
        from megatron.core.models.gpt import GPTModel

        self.steps += 1
        if self.steps == STEP:
            self._saved = SavedTensors(next(m for m in pl_module.modules() if isinstance(m, GPTModel)))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the states, and write everything."""
        if self.steps != STEP:
            return
        from megatron.core import parallel_state

        stage = parallel_state.get_pipeline_model_parallel_rank()
        measured = measured_states(pl_module, trainer)
        planned = {part.name: part.bytes for part in states(self.configuration, stage)}
        counted = {
            "stage": stage,
            "states": {name: [planned.get(name, 0), measured.get(name, 0)] for name in {**planned, **measured}},
            "saved": saved(self.configuration, self._saved),
        }
        (self.folder / f"memory{trainer.global_rank}.json").write_text(json.dumps(counted))


def saved(configuration: Configuration, measured: SavedTensors) -> dict[str, list[float]]:
    """Return what one layer saves, and on the last stage what the head does: [planned, measured] bytes.

    The last layer of a rank stands for all: the first one also saves what all of them share, the mask, and with a
    frozen embedding before it less.
    """
    last = max(place for place in measured.bytes if isinstance(place, int))
    rows = {"layer": [kept(configuration), measured.bytes[last]]}
    if HEAD in measured.bytes:
        rows["logits and loss"] = [sum(row.bytes for row in head(configuration)), measured.bytes[HEAD]]
    return rows


def measured_states(pl_module: Any, trainer: Any) -> dict[str, int]:
    """Return the bytes of this rank's states, under the plan's names."""
    from megatron.core.distributed import DistributedDataParallel

    parameters = dict(pl_module.named_parameters())
    buffers = [
        buffer
        for module in pl_module.modules()
        if isinstance(module, DistributedDataParallel)
        for buffer in (*module.buffers, *module.expert_parallel_buffers)
    ]
    inner = [each for made in trainer.strategy.optimizers for each in _inner(made.mcore_optimizer)]
    masters = [master for each in inner for group in getattr(each, "fp32_from_float16_groups", []) for master in group]
    moments = [value for each in inner for state in each.optimizer.state.values() for value in state.values()]
    gradients = [buffer.grad_data for buffer in buffers]
    left = [parameter.grad for parameter in (*parameters.values(), *masters) if parameter.grad is not None]
    counted = _Distinct()
    return {
        "weights": counted.bytes(value for name, value in parameters.items() if "adapter" not in name),
        "adapters": counted.bytes(value for name, value in parameters.items() if "adapter" in name),
        "gradients": counted.bytes([*gradients, *left]),
        "master weights": counted.bytes(masters),
        "Adam's moments": counted.bytes(value for value in moments if isinstance(value, torch.Tensor)),
    }


def _inner(optimizer: Any) -> list[Any]:
    return list(getattr(optimizer, "chained_optimizers", [optimizer]))


class _Distinct:
    def __init__(self, seen: Iterable[int] = ()) -> None:
        self.seen = set(seen)

    def bytes(self, tensors: Iterable[torch.Tensor]) -> int:
        """Bytes of the storages that were not counted before."""
        storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
        new = {address: size for address, size in storages.items() if address not in self.seen}
        self.seen |= set(new)
        return sum(new.values())
