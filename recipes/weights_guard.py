"""Proof that a run starts from the weights it should, and still has them after its first steps."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from preprocessing.errors import RecipeError
from recipes.model import assert_architecture

_STEPS = 2  # with overlapped communication, other ranks' part of a step arrives with the next one
_SAMPLED = 256  # elements of a tensor
_ROUNDING = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11, torch.float32: 2.0**-23}


class ImportedWeights(Callback):
    """Stops a run that would not start from its checkpoint, or loses it in its first steps.

    Before the first step every parameter of this rank is compared with what the checkpoint holds for it. That reads
    the checkpoint once more and takes its size in host memory (141 GB for 70B in BF16, over all ranks of a node). A
    resumed run starts from its own checkpoint instead; with adapters, the frozen weights are compared then too.

    An optimizer may hold copies of the weights that were made before loading and write them back in its first step:
    Megatron-Core 0.15.3's HybridDeviceOptimizer (offload to the host) can. So after each of the first two steps of any
    run, no weight may be farther from where it was than Adam can have moved it, and no frozen one may have moved at
    all; a sample of 256 elements of each tensor is looked at.
    """

    def __init__(self, checkpoint: str) -> None:
        """``checkpoint``: the imported NeMo checkpoint that the recipe restores."""
        self.checkpoint = checkpoint
        self._sample: dict[str, torch.Tensor] = {}
        self._steps_seen = 0
        self._rate = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Compare architecture and weights; raises RecipeError on the first difference."""
        checkpoint = Path(self.checkpoint)
        if trainer.ckpt_path:
            # an AdapterPath, where the checkpoint holds adapters only; they are put in after this
            base = getattr(trainer.ckpt_path, "base_model_path", None)
            if base is None:
                return
            checkpoint = Path(base).parent if Path(base).name == "weights" else Path(base)
        assert_architecture(pl_module.config, checkpoint)
        compared = assert_weights(trainer, checkpoint, pl_module.config.vocab_size)
        if trainer.is_global_zero:
            print(f"weights: all {compared} tensors of rank 0 equal those of {checkpoint}", file=sys.stderr)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Keep a sample of all weights (adapters are there only now)."""
        if self._steps_seen >= _STEPS:
            return
        self._rate = max(self._rate, _largest(trainer, "lr"))
        if not self._sample:
            # of the strategy's model, not pl_module: a virtual pipeline has several pieces
            self._sample = {
                name: sampled(value) for name, value in trainer.strategy.megatron_parallel.named_parameters()
            }

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Compare the weights with the sample; raises RecipeError where one has moved farther than a step can."""
        if self._steps_seen >= _STEPS:
            return
        self._steps_seen += 1
        # the schedule has moved on by now: a warm-up to a higher rate, a short run's cosine to one far below the step's
        self._rate = max(self._rate, _largest(trainer, "lr"))
        live = trainer.strategy.megatron_parallel.named_parameters()
        wrong = moved_too_far(live, self._sample, self._steps_seen * self._rate, _largest(trainer, "weight_decay"))
        if wrong:
            raise RecipeError(
                f"after step {trainer.global_step}, {len(wrong)} of {len(self._sample)} tensors are farther from where "
                f"they were than the optimizer can have moved them: {', '.join(wrong[:5])}; it has lost the weights "
                "that were loaded (as optim.config.optimizer_cpu_offload does in Megatron-Core 0.15.3)"
            )
        if self._steps_seen == _STEPS:
            self._sample = {}


def _largest(trainer: Any, name: str) -> float:
    """The largest value of ``name`` among the optimizers' groups."""
    groups = (group for optimizer in trainer.strategy.optimizers for group in optimizer.param_groups)
    return max((float(group.get(name, 0.0)) for group in groups), default=0.0)


def sampled(parameter: torch.Tensor) -> torch.Tensor:
    """Return a copy on the host of up to 256 elements, spread evenly over ``parameter``."""
    flat = parameter.detach().reshape(-1)
    places = torch.linspace(0, flat.numel() - 1, min(_SAMPLED, flat.numel()), dtype=torch.float64).long()
    return flat[places.to(flat.device)].cpu().clone()


def moved_too_far(
    parameters: Iterator[tuple[str, torch.Tensor]], before: dict[str, torch.Tensor], rate: float, decay: float
) -> list[str]:
    """Name the ``parameters`` that are farther from ``before`` (samples by name) than Adam's steps explain.

    Args:
        parameters: names and tensors as they are now.
        before: what :func:`sampled` returned of each.
        rate: the learning rates of the steps in between, summed.
        decay: the weight decay.

    A step of Adam moves an element by its learning rate at most (Kingma and Ba, section 2.1, for our betas), and decay
    by rate x decay x its size; twice that, and the rounding of its type, is allowed.
    """
    wrong = []
    for name, parameter in parameters:
        old = before[name].float()
        new = sampled(parameter).float()
        moved = (new - old).abs()
        if parameter.requires_grad:
            size = old.abs()
            allowed = 2 * rate * (1 + decay * size) + 2 * _ROUNDING.get(parameter.dtype, 2.0**-8) * (size + rate)
        else:
            allowed = torch.zeros_like(moved)
        # not "moved > allowed": NaN would pass
        if not bool((moved <= allowed).all()):
            wrong.append(name)
    return wrong


def assert_weights(trainer: Any, checkpoint: Path, vocab_size: int) -> int:
    """Compare every parameter of this rank with ``checkpoint``; return how many tensors there were.

    Raises:
        RecipeError: names the first tensors that differ; or there was nothing to compare.
    """
    from megatron.core import dist_checkpointing

    live = dict(_tensors(trainer.strategy.megatron_parallel.sharded_state_dict()))
    if not live:
        raise RecipeError(f"this rank has no tensor to compare with those of {checkpoint}: NeMo's state has changed")
    # one load of everything, on the host: a load is a collective, and pipeline stages hold different tensors
    wanted = {
        name: dataclasses.replace(tensor, data=torch.empty_like(tensor.data, device="cpu"))
        for name, tensor in live.items()
    }
    stored = dist_checkpointing.load(wanted, str(checkpoint / "weights"), validate_access_integrity=False)
    wrong = []
    for name, tensor in live.items():
        rows = _rows_of_vocabulary(tensor, vocab_size)
        if not torch.equal(tensor.data[:rows].cpu(), stored[name][:rows]):
            wrong.append(name)
    if wrong:
        raise RecipeError(
            f"{len(wrong)} of {len(live)} tensors are not those of {checkpoint}: {', '.join(wrong[:5])}; "
            "the run would have trained from other weights"
        )
    return len(live)


def _tensors(state: dict[str, Any], parents: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and tensors of a sharded state; with a virtual pipeline NeMo's has a dict for each piece of it."""
    from megatron.core.dist_checkpointing.mapping import ShardedTensor, ShardedTensorFactory

    for name, value in state.items():
        if isinstance(value, dict):
            yield from _tensors(value, f"{parents}{name}.")
        elif isinstance(value, (ShardedTensor, ShardedTensorFactory)):
            yield f"{parents}{name}", value


def _rows_of_vocabulary(tensor: Any, vocab_size: int) -> int:
    """Rows that mean something: embeddings are padded for tensor parallelism, and padding is not in the checkpoint."""
    rows = tensor.data.shape[0]
    if getattr(tensor, "allow_shape_mismatch", False):
        return max(0, min(rows, vocab_size - tensor.global_offset[0]))
    return rows
