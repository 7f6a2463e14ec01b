"""``final_precision``: the last steps of a run in another numeric format, in the same folder, on the same schedule."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import dataclasses
from typing import Any

import nemo_run as run
from lightning.pytorch.callbacks import Callback

from preprocessing.errors import UsageError
from recipes.formats import format_named, require_chip
from recipes.precision import weight_type
from recipes.request import Request


class StopAt(Callback):
    """Ends training after ``step`` steps, with a checkpoint.

    Another ``trainer.max_steps`` would end the learning-rate schedule there: NeMo copies it to the scheduler.
    """

    def __init__(self, step: int) -> None:
        """``step``: of the whole run."""
        self.step = step

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Say stop once the step is done."""
        if trainer.global_step >= self.step:
            trainer.checkpoint_callback.save(trainer)
            trainer.should_stop = True


def final_request(request: Request) -> Request | None:
    """Return ``request`` in its final precision; None where it has none of its own.

    Raises:
        UsageError: the hardware lacks it, or it holds weights in another type.
    """
    name = request.stage.final_precision
    if name is None or name == request.format.name:
        return None
    final = format_named(name)
    require_chip(final, request.hardware.chip)
    if weight_type(final) != weight_type(request.format):
        raise UsageError(
            f"final_precision {name} holds weights in another type than {request.format.name}: a checkpoint of one "
            "does not go on in the other"
        )
    return dataclasses.replace(request, format=final)


def switch_step(request: Request, steps: int) -> int:
    """Return after how many of ``steps`` the final precision takes over, at least 1 and before the last."""
    return min(max(1, round(steps * (1 - request.stage.final_share))), steps - 1)


def stop_at(recipe: run.Partial, step: int) -> run.Partial:
    """Return ``recipe``, ended after ``step`` steps."""
    recipe.trainer.callbacks = [*recipe.trainer.callbacks, run.Config(StopAt, step=step)]
    return recipe
