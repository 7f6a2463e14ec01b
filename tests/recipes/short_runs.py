"""Short runs of the real recipe on one process and two, each a fork of a process that has imported NeMo already.

The folder gets one for each of :func:`all_runs`.
"""

from __future__ import annotations

from pathlib import Path

from tests.recipes.train_in_process import SMALL
from tools.bench.warm_runs import Run, finish, start

STEPS = 4
RECOMPUTE = (
    "model.config.recompute_granularity=full",
    "model.config.recompute_method=uniform",
    "model.config.recompute_num_layers=1",
)
SEQUENCE_PARALLEL = "trainer.strategy.sequence_parallel=true"


def all_runs(checkpoint: Path, blend: Path, folder: Path) -> dict[str, Run]:
    """The runs by name, in their order."""

    def run(name: str, *overrides: str, tensor: int = 1, peft: str | None = None) -> Run:
        settings = (
            *SMALL,
            f"trainer.max_steps={STEPS}",
            "log.ckpt.every_n_train_steps=2",
            "optim.lr_scheduler.warmup_steps=1",
            f"trainer.strategy.tensor_model_parallel_size={tensor}",
        )
        if peft:
            settings = (*settings, "peft.dropout=0.1")
        arguments = {"model": "tiny", "checkpoint": checkpoint, "data": blend, "peft": peft}
        return Run(folder / name, arguments, (*settings, *overrides), processes=tensor)

    return {
        "lora": run("lora", peft="lora"),
        "lora recomputed": run("lora recomputed", *RECOMPUTE, peft="lora"),
        "tensor parallel": run("tensor parallel", tensor=2),
        "sequence parallel recomputed": run("sequence parallel recomputed", *RECOMPUTE, SEQUENCE_PARALLEL, tensor=2),
    }


def main(checkpoint: str, blend: str, output: str) -> None:
    """Do all runs, as many at a time as have two processes."""
    runs = list(all_runs(Path(checkpoint), Path(blend), Path(output)).values())
    while runs:
        now = [runs.pop(0)]
        if runs and now[0].processes + runs[0].processes == 2:
            now.append(runs.pop(0))
        started = [(run, start(run)) for run in now]
        for run, children in started:
            finish(run, children)
