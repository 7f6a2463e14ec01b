"""A step whose gradients are not finite is not taken; too many in a row end the run."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import math
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from preprocessing.errors import RecipeError
from recipes.monitoring.alerts import SKIPPED, Alert
from recipes.monitoring.watcher import tell


class SkipNonFinite(Callback):
    """Leaves out optimizer steps whose gradient norm is NaN or infinite, and counts them.

    Megatron skips steps for FP16's loss scale only; in BF16 and FP32 one bad batch would turn every weight into NaN.
    The norm is that over all ranks, so all decide alike. Learning rate and data go on: the batch is lost, the run is
    not. A fault that comes back in every step is no accident: after ``stop_after`` in a row the run fails, and its
    weights are still those from before.
    """

    def __init__(self, folder: str, stop_after: int = 5) -> None:
        """``folder``: the run's. ``stop_after``: how many skipped steps in a row end the run."""
        self.folder = folder
        self.stop_after = stop_after
        self._optimizer: Any = None
        self._skipped = False
        self._norm = 0.0
        self._in_a_row = 0
        self._in_all = 0

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Take hold of Megatron's optimizer (with adapters it is made only after the first step has begun)."""
        megatron = optimizer.mcore_optimizer
        if megatron is not self._optimizer:
            self._optimizer = megatron
            self._watch(megatron)

    def _watch(self, megatron: Any) -> None:
        prepare, step = megatron.prepare_grads, megatron.step

        def prepare_grads() -> bool:
            # True makes Megatron's step() return without having changed anything
            overflow = bool(prepare())
            self._norm = math.nan if overflow else float(megatron.get_grad_norm())
            self._skipped = not math.isfinite(self._norm)
            return self._skipped

        def step_with_norm() -> tuple[bool, Any, Any]:
            done, norm, zeros = step()
            # a step that was left out returns no norm; NeMo then logs none, and the one before would be read again
            return done, self._norm if self._skipped else norm, zeros

        megatron.prepare_grads, megatron.step = prepare_grads, step_with_norm

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count and tell; raises RecipeError, on every rank, after too many in a row."""
        if not self._skipped:
            self._in_a_row = 0
            return
        self._skipped = False
        self._in_a_row += 1
        self._in_all += 1
        if self._in_a_row >= self.stop_after:
            raise RecipeError(
                f"the gradients of {self._in_a_row} steps in a row were not finite, up to step {trainer.global_step}; "
                "go back to an earlier checkpoint (--resume-from) with a lower optim.config.lr or a higher precision"
            )
        if trainer.is_global_zero:
            text = (
                f"step {trainer.global_step} skipped: its gradients are not finite ({self._in_a_row} in a row, "
                f"{self._in_all} in all; {self.stop_after} in a row end the run)"
            )
            tell(trainer, Path(self.folder), Alert(SKIPPED, trainer.global_step, text))
