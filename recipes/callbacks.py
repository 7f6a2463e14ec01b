"""Validation at the end of a run."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from typing import Any

from lightning.pytorch.callbacks import Callback


class ValidateAtEnd(Callback):
    """Validates after the last step, whatever the interval.

    Lightning does so when the last step is the last batch it counted, which a resumed run counts otherwise.
    """

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Extend the loop's own rule."""
        loop = trainer.fit_loop.epoch_loop
        by_interval = loop._should_check_val_fx
        loop._should_check_val_fx = lambda fetcher: by_interval(fetcher) or loop.global_step >= trainer.max_steps
