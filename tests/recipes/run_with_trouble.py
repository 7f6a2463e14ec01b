"""CPT runs in this very process: to two of them things happen, and one is stopped and resumed.

    python -m tests.recipes.run_with_trouble CHECKPOINT BLEND OUTPUT

OUTPUT/once: the gradients of step 3 hold a NaN in one tensor, and after step 5 somebody asks for a stop.
OUTPUT/always: the gradients of all steps from 3 on do.
OUTPUT/cpt-lora-one: see resume_in_process.

The sums of all weights after each step, and the sentence that ended the second run, come out as one JSON object.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from preprocessing.errors import RecipeError
from recipes.request import make_request
from tests.recipes import resume_in_process
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
        self.ended = ""  # the sentence of the error that ended the run

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        step = trainer.global_step + 1
        if step == SPOILT_STEP or (self.always and step > SPOILT_STEP):
            next(pl_module.parameters()).main_grad.view(-1)[0] = math.nan

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.sums.append(sum(float(parameter.double().abs().sum()) for parameter in pl_module.parameters()))
        if trainer.global_step == STOP_AFTER - 1 and not self.always:
            (self.folder / "stop").touch()


def run(checkpoint: Path, blend: Path, folder: Path, always: bool) -> Trouble:
    """Compose the recipe as ``launch.py cpt`` does, and run it here instead of through torchrun."""
    request = make_request("cpt", model="tiny", checkpoint=checkpoint, data=blend, folder=folder)
    recipe = compose(request, [*SMALL, *STEPS])
    prepare_folder(request, [recipe])
    import fiddle as fdl

    call = fdl.build(recipe)
    trouble = Trouble(folder, always)
    call.keywords["trainer"].callbacks.append(trouble)
    try:
        call()
    except RecipeError as error:
        trouble.ended = str(error)
    return trouble


def main(checkpoint: str, blend: str, output: str) -> None:
    """Do all runs, the one that fails last."""
    once = run(Path(checkpoint), Path(blend), Path(output, "once"), always=False)
    resume_in_process.forget_this_run()
    resume_in_process.main(checkpoint, blend, "", output, "cpt-lora-one")
    always = run(Path(checkpoint), Path(blend), Path(output, "always"), always=True)
    print(json.dumps({"once": once.sums, "always": always.sums, "ended": always.ended}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
