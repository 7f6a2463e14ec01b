"""``final_precision``: the last steps of a run in another numeric format, in the same folder, on the same schedule."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from typing import Any

import nemo_run as run
from lightning.pytorch.callbacks import Callback


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


def stop_at(recipe: run.Partial, step: int) -> run.Partial:
    """Return ``recipe``, ended after ``step`` steps."""
    recipe.trainer.callbacks = [*recipe.trainer.callbacks, run.Config(StopAt, step=step)]
    return recipe
