"""Short runs of the real recipe in one process and in two, each a fork of a process that has imported NeMo already.

The folder gets one for each of :func:`all_runs`. A run that is called ``... resumed`` finds the checkpoint in the
middle of the run that has the rest of its name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.recipes.train_in_process import SMALL
from tools.bench.warm_runs import Run, finish, start

STEPS, MIDDLE = 4, 2
RESUMED = " resumed"
RECOMPUTE = (
    "model.config.recompute_granularity=full",
    "model.config.recompute_method=uniform",
    "model.config.recompute_num_layers=1",
)
SEQUENCE_PARALLEL = "trainer.strategy.sequence_parallel=true"
LENGTHS = {"cpt": 64, "sft": 320}
LAYOUTS = {
    "in one process": {"tensor": 1, "pipeline": 1},
    "tensor parallel": {"tensor": 2, "pipeline": 1},
    "pipeline parallel": {"tensor": 1, "pipeline": 2},
}


def all_runs(checkpoint: Path, data: dict[str, Path], folder: Path) -> dict[str, Run]:
    """The runs by name, in their order; names begin with stage and tuning, and then name the layout."""

    def run(name: str, *overrides: str) -> Run:
        stage, tuning, rest = name.split(" ", 2)
        layout = next(value for key, value in LAYOUTS.items() if rest.startswith(key))
        settings = [
            *SMALL,
            f"trainer.max_steps={STEPS}",
            f"log.ckpt.every_n_train_steps={MIDDLE}",
            "optim.lr_scheduler.warmup_steps=1",
            *(f"{place}.seq_length={LENGTHS[stage]}" for place in ("data", "model.config")),
            *(f"trainer.strategy.{kind}_model_parallel_size={size}" for kind, size in layout.items()),
            *overrides,
        ]
        arguments = {"model": "tiny", "checkpoint": checkpoint, "data": data[stage]}
        if tuning != "full":
            arguments["peft"] = tuning
            settings.append("peft.dropout=0.1")
        return Run(folder / name, arguments, tuple(settings), processes=max(layout.values()), stage=stage)

    names = (
        "cpt lora in one process",
        "sft full in one process",
        "sft full in one process resumed",
        "cpt full tensor parallel",
        "sft lora tensor parallel",
        "sft lora tensor parallel resumed",
        "cpt dora pipeline parallel",
        "cpt dora pipeline parallel resumed",
    )
    changed = {
        "cpt lora in one process, recomputed": RECOMPUTE,
        "cpt full tensor parallel, recomputed and sequence parallel": (*RECOMPUTE, SEQUENCE_PARALLEL),
    }
    overrides = {**dict.fromkeys(names, ()), **changed}
    runs = {name: run(name, *given) for name, given in overrides.items()}
    # those of one process first: they go two at a time
    return dict(sorted(runs.items(), key=lambda item: (item[1].processes, item[0].endswith(RESUMED))))


def main(checkpoint: str, blend: str, chats: str, output: str) -> None:
    """Do all runs, as many at a time as have two processes."""
    runs = all_runs(Path(checkpoint), {"cpt": Path(blend), "sft": Path(chats)}, Path(output))
    waiting = list(runs.items())
    while waiting:
        now = [waiting.pop(0)]
        if waiting and now[0][1].processes + waiting[0][1].processes == 2:
            now.append(waiting.pop(0))
        for name, run in now:
            if name.endswith(RESUMED):
                middle = Path("checkpoints", f"step={MIDDLE}")
                shutil.copytree(runs[name.removesuffix(RESUMED)].folder / middle, run.folder / middle)
        started = [(run, start(run)) for _, run in now]
        for run, children in started:
            finish(run, children)
