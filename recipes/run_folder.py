"""A run's folder: its logs, its checkpoints, and how it goes on after a kill.

RUN/checkpoints/step=50/...   RUN/metrics.jsonl   RUN/tensorboard/   RUN/logs/   RUN/recipe.txt
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nemo_run as run
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from nemo import lightning as nl

from recipes.checkpoints import finished_checkpoints
from recipes.settings import Stage


@dataclass(kw_only=True)
class ResumeFromNewest(nl.AutoResume):
    """NeMo's AutoResume, from the newest checkpoint that is whole.

    NeMo stops with an error when a kill left its last checkpoint unfinished; this takes the one before it.
    """

    def _find_trainer_ckpt_path(self) -> Path | None:
        assert self.resume_from_directory is not None
        finished = finished_checkpoints(Path(self.resume_from_directory))
        return finished[-1] if finished else None


class StepCheckpoints(nl.ModelCheckpoint):
    """NeMo's ModelCheckpoint, named after the number of steps that were done (NeMo's own names say one less)."""

    def _monitor_candidates(self, trainer: Any) -> dict[str, torch.Tensor]:
        return {**super()._monitor_candidates(trainer), "step": torch.tensor(trainer.global_step)}


def log(folder: Path, stage: Stage) -> run.Config[nl.NeMoLogger]:
    """Logs, TensorBoard and checkpoints of a run, all inside ``folder``."""
    return run.Config(
        nl.NeMoLogger,
        explicit_log_dir=str(folder / "logs"),
        update_logger_directory=False,  # True would move TensorBoard out of the run's folder
        tensorboard=run.Config(TensorBoardLogger, save_dir=str(folder / "tensorboard"), name="", version=""),
        ckpt=run.Config(
            StepCheckpoints,
            dirpath=str(folder / "checkpoints"),
            filename="{step}",
            every_n_train_steps=stage.checkpoint_every,
            save_top_k=stage.keep_checkpoints,
            monitor="step",  # the newest ones are kept
            mode="max",
            save_last="link",  # a link to the newest, not a second copy of it
            save_optim_on_train_end=True,  # so that a finished run can be given more steps
        ),
    )


def resume(folder: Path, checkpoint: Path) -> run.Config[ResumeFromNewest]:
    """Go on from the run's own newest checkpoint, else start from the weights of ``checkpoint``."""
    return run.Config(
        ResumeFromNewest,
        resume_if_exists=True,
        resume_ignore_no_checkpoint=True,
        resume_past_end=True,
        resume_from_directory=str(folder / "checkpoints"),
        restore_config=run.Config(nl.RestoreConfig, path=str(checkpoint)),
    )
