"""A run's folder: its logs, its checkpoints, and how it goes on after a kill.

RUN/checkpoints/step=50/...   RUN/metrics.jsonl   RUN/tensorboard/   RUN/logs/   RUN/recipe.txt   RUN/run.json
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import nemo_run as run
from nemo import lightning as nl

from recipes.checkpoints import finished_checkpoints
from recipes.keep_checkpoints import StepCheckpoints
from recipes.settings import Stage


@dataclass(kw_only=True)
class ResumeFromNewest(nl.AutoResume):
    """NeMo's AutoResume, from the newest checkpoint that is whole.

    NeMo stops with an error when a kill left its last checkpoint unfinished; this takes the one before it.

    ``branch_from`` is a checkpoint of another run of the same recipe: a run that has none of its own yet goes on from
    there, optimizer states and all.
    """

    branch_from: Optional[str] = None  # noqa: UP045 (NeMo-Run's parser does not know `str | None`)

    def _find_trainer_ckpt_path(self) -> Path | None:
        assert self.resume_from_directory is not None
        if finished := finished_checkpoints(Path(self.resume_from_directory)):
            return finished[-1]
        return Path(self.branch_from) if self.branch_from else None


def log(folder: Path, stage: Stage) -> run.Config[nl.NeMoLogger]:
    """Logs and checkpoints of a run, all inside ``folder``."""
    return run.Config(
        nl.NeMoLogger,
        explicit_log_dir=str(folder / "logs"),
        update_logger_directory=False,  # True would move TensorBoard and W&B out of the run's folder
        ckpt=run.Config(
            StepCheckpoints,
            dirpath=str(folder / "checkpoints"),
            filename="{step}",
            every_n_train_steps=stage.checkpoint_every,
            save_top_k=stage.keep_checkpoints,
            monitor="step",  # the newest ones are kept, and the best
            mode="max",
            save_last=False,  # the newest is told by its step
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
