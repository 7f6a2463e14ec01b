"""Runs that are stopped and resumed, and runs that are not, one after the other in this very process (or its ranks).

    torchrun --nproc-per-node 2 -m tests.recipes.resume_in_process CHECKPOINT BLEND CHATS OUTPUT CASE...

A case is STAGE-TUNING-LAYOUT, as in cpt-lora-tp2. Of each, OUTPUT/CASE/whole is a run of six steps and
OUTPUT/CASE/parts one that was stopped after the third and went on; in cpt-lora-tp2-pp2 it goes on in another layout.
Adapters have dropout, so that random numbers count too; not in another layout, where it would fall elsewhere. One
process for all: the import of NeMo costs far more than these runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from recipes.request import make_request
from tests.recipes.train_in_process import SMALL
from tools.run_state import prepare_folder
from tools.train import compose

STEPS, STOP_AFTER = 6, 3
LAYOUTS = {
    "one": (),
    "tp2": ("trainer.devices=2", "trainer.strategy.tensor_model_parallel_size=2"),
    "pp2": ("trainer.devices=2", "trainer.strategy.pipeline_model_parallel_size=2"),
}


class AskToStop(Callback):
    """Touches RUN/stop, so that the run stops after step ``after``."""

    def __init__(self, folder: Path, after: int) -> None:
        self.folder = folder
        self.after = after

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.is_global_zero and trainer.global_step == self.after - 1:
            (self.folder / "stop").touch()


LENGTHS = {"cpt": 64, "sft": 320}


def train(
    checkpoint: Path,
    data: Path,
    folder: Path,
    stage: str,
    tuning: str,
    layout: str,
    stop_after: int | None = None,
    dropout: float = 0.1,
) -> None:
    """Compose the recipe as ``launch.py`` does, and run it here."""
    peft = None if tuning == "full" else tuning
    request = make_request(stage, model="tiny", checkpoint=checkpoint, data=data, folder=folder, peft=peft)
    steps = (f"trainer.max_steps={STEPS}", "log.ckpt.every_n_train_steps=2", "trainer.val_check_interval=4")
    length = (f"data.seq_length={LENGTHS[stage]}", f"model.config.seq_length={LENGTHS[stage]}")
    recipe = compose(request, [*SMALL, *length, *steps, *LAYOUTS[layout]])
    if peft:
        recipe.peft.dropout = dropout
    import fiddle as fdl

    if os.environ.get("RANK", "0") == "0":
        fdl.build(recipe.data).prepare_data()
        prepare_folder(request, [recipe])
    call = fdl.build(recipe)
    _next_port()
    if stop_after:
        call.keywords["trainer"].callbacks.append(AskToStop(folder, stop_after))
    call()
    forget_this_run()


def _next_port() -> None:
    """Give the processes of each run a meeting point of their own: torchrun's keeps what earlier ones said there."""
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"
    if "RANK" in os.environ:
        os.environ["MASTER_PORT"] = str(20000 + (int(os.environ["MASTER_PORT"]) + 7) % 10000)


def forget_this_run() -> None:
    """Leave nothing in this process that the next run would take for its own."""
    from megatron.core import num_microbatches_calculator, parallel_state
    from nemo.utils import AppState

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    parallel_state.destroy_model_parallel()
    num_microbatches_calculator.unset_num_microbatches_calculator()
    type(AppState)._Singleton__instances.pop(AppState)


def main(checkpoint: str, blend: str, chats: str, output: str, *cases: str) -> None:
    """Do all cases."""
    for case in cases:
        stage, tuning, layout, *other = case.split("-")
        data, folder = Path(blend if stage == "cpt" else chats), Path(output, case)
        dropout = 0.0 if other else 0.1
        train(Path(checkpoint), data, folder / "whole", stage, tuning, layout, None, dropout)
        train(Path(checkpoint), data, folder / "parts", stage, tuning, layout, STOP_AFTER, dropout)
        train(Path(checkpoint), data, folder / "parts", stage, tuning, *(other or [layout]), None, dropout)


if __name__ == "__main__":
    main(*sys.argv[1:])
