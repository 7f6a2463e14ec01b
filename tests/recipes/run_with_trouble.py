"""A CPT run in this very process, to which things happen; what it says comes out as one JSON object.

    python -m tests.recipes.run_with_trouble CHECKPOINT BLEND OUTPUT once|always

The gradients of step 3 hold a NaN in one tensor, and after step 5 somebody asks for a stop; or all gradients from
step 3 on do.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from recipes.request import make_request
from tests.recipes.train_in_process import SMALL
from tools.run_state import prepare_folder
from tools.train import compose

STEPS = ("trainer.max_steps=20", "log.ckpt.every_n_train_steps=1", "trainer.val_check_interval=2")
SPOILT_STEP, STOP_AFTER = 3, 6


class Trouble(Callback):
    """Stands last: spoils gradients before the optimizer's step, and asks for a stop after one."""

    def __init__(self, folder: Path, always: bool) -> None:
        self.folder = folder
        self.always = always
        self.sums: list[float] = []  # of all weights, after each step

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        step = trainer.global_step + 1
        if step == SPOILT_STEP or (self.always and step > SPOILT_STEP):
            next(pl_module.parameters()).main_grad.view(-1)[0] = math.nan

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.sums.append(sum(float(parameter.double().abs().sum()) for parameter in pl_module.parameters()))
        if trainer.global_step == STOP_AFTER - 1 and not self.always:
            (self.folder / "stop").touch()


def main(checkpoint: str, blend: str, output: str, how_often: str) -> None:
    """Compose the recipe as ``launch.py cpt`` does, and run it here instead of through torchrun."""
    request = make_request("cpt", model="tiny", checkpoint=Path(checkpoint), data=Path(blend), folder=Path(output))
    recipe = compose(request, [*SMALL, *STEPS])
    prepare_folder(request, [recipe])
    import fiddle as fdl

    call = fdl.build(recipe)
    trouble = Trouble(Path(output), how_often == "always")
    call.keywords["trainer"].callbacks.append(trouble)
    try:
        call()
    finally:
        print(json.dumps(trouble.sums), flush=True)
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
