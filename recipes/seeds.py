"""Random numbers of a step depend on the step alone: a resumed run draws those that an uninterrupted one draws."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from typing import Any

import torch
from lightning.pytorch.callbacks import Callback


class SeedEachStep(Callback):
    """Seeds torch's generators, of the CPU and of the GPU, before each step.

    NeMo's checkpoints do not hold their states. Dropout of adapters and stochastic rounding draw from them: without
    this a resumed run would be another one from its first step on. Tensor parallel ranks get the same seed, since
    dropout on what they share must agree; data parallel and pipeline ranks get others.
    """

    def __init__(self, seed: int) -> None:
        """``seed``: the run's."""
        self.seed = seed

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Seed the step that is about to be done."""
        from megatron.core import parallel_state

        place = (parallel_state.get_data_parallel_rank(), parallel_state.get_pipeline_model_parallel_rank())
        torch.manual_seed(step_seed(self.seed, trainer.global_step, *place))


def step_seed(seed: int, step: int, data_rank: int, pipeline_rank: int) -> int:
    """Return a seed for a step on a rank; different for every combination of fewer than 2**12 ranks each."""
    return ((seed % 2**16) << 48 | (step % 2**24) << 24 | (data_rank % 2**12) << 12 | pipeline_rank % 2**12) % 2**63
