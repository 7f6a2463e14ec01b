"""The training stages."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from preprocessing.errors import UsageError
from recipes.request import DEFAULT_MODEL, make_request
from tools.commands.options import Json, options_given, print_result

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="NeMo's dotted overrides: trainer.max_steps=100 optim.config.lr=1e-5"
    ),
]
ModelName = Annotated[str, typer.Option("--model", help="Of nemo_configs/models: llama33_70b, llama31_8b, tiny.")]
Start = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        help="NeMo checkpoint, or a run's folder (its newest one is taken).",
        show_default="the model's; of sft: the run of cpt",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Blend file of the corpus; for sft the folder of `sft-data`.", show_default="the model's"),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="The run's folder; the same command goes on in it.",
        show_default="runs/<stage>_<model>, with --peft _<peft>",
    ),
]
HardwareName = Annotated[
    str | None,
    typer.Option(
        "--hardware", help="4xb200, 8xb200, 8xh100, 1xh200, cpu, or NODESxGPUSxCHIP.", show_default="the model's"
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="auto (the fastest there is), nvfp4, mxfp8, fp8-current, fp8-delayed, fp8-blockwise, bf16, fp32, "
        "nvfp4-emulated."
    ),
]
FinalPrecision = Annotated[
    str | None, typer.Option(help="For the last tenth of the steps: bf16.", show_default="the stage's: none")
]
Peft = Annotated[
    str | None, typer.Option(help="Train adapters only: lora, dora.", show_default="all parameters are trained")
]
Config = Annotated[Path | None, typer.Option(help="Stage settings.", show_default="nemo_configs/<stage>.yaml")]
Executor = Annotated[
    str,
    typer.Option(help="Where it runs, of nemo_configs/executors: local, slurm, docker, skypilot; or a FILE."),
]
Force = Annotated[bool, typer.Option("--force", help="Start what the plan says can't fit.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe, the job's script, and stop.")]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="HH:MM:SS",
        help="Stop with a checkpoint after this time; exit status 75, and the same command goes on.",
        show_default="none; under Slurm, 5 minutes before the allocation ends",
    ),
]
ResumeFrom = Annotated[
    str | None,
    typer.Option(
        "--resume-from",
        metavar="STEP|best|PATH",
        help="Go back to this checkpoint of the run (later ones are set aside), or branch off one of another run.",
        show_default="the newest",
    ),
]


def _stage(stage: str, about: str) -> Callable[..., None]:
    """Return the command of a training stage; all take the same options."""

    def command(
        ctx: typer.Context,
        overrides: Overrides = None,
        model: ModelName = DEFAULT_MODEL,
        checkpoint: Start = None,
        data: Data = None,
        output: Folder = None,
        hardware: HardwareName = None,
        precision: Precision = "auto",
        final_precision: FinalPrecision = None,
        peft: Peft = None,
        config: Config = None,
        executor: Executor = "local",
        time_limit: TimeLimit = None,
        resume_from: ResumeFrom = None,
        force: Force = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        from recipes.executors.settings import Local, load_executor
        from tools.plan.gate import require_fit
        from tools.train import compose_phases, train

        # noted once, here: preparation and all phases of a run count
        limit = seconds(time_limit)
        deadline = None if limit is None else time.time() + limit
        place = load_executor(executor)
        request = make_request(
            stage,
            model=model,
            hardware=hardware,
            precision=precision,
            final_precision=final_precision,
            peft=peft,
            checkpoint=checkpoint,
            data=data,
            folder=output,
            config=config,
            deadline=deadline,
        )
        if not isinstance(place, Local):
            from tools.submit import submit_training

            given = options_given(ctx, "executor", "dry_run", "as_json")
            job = submit_training(request, overrides or (), given, place, force=force, dry_run=dry_run)
            print_result(job, as_json)
            return
        os.environ.update({name: str(value) for name, value in place.env.items()})
        if dry_run:
            phases = compose_phases(request, overrides or ())
            require_fit(request, phases[0].recipe, force=True)
            for phase in phases:
                print(phase.recipe)
        else:
            print_result(train(request, overrides or (), resume_from, force=force), as_json)

    command.__doc__ = about
    return command


cpt = _stage(
    "cpt",
    """Continue the pre-training of a model on the corpus.

    Rehearse on a CPU, after `make quickstart`: python launch.py cpt --model tiny
    """,
)
cpt_fast = _stage(
    "cpt_fast",
    """Continue the pre-training on the best part of the corpus, in a third of the steps.

    Rehearse on a CPU, after `make quickstart`: python launch.py cpt-fast --model tiny
    """,
)
sft = _stage(
    "sft",
    """Tune a model on cited answers; the loss falls on the answers only.

    Rehearse on a CPU, after `make quickstart`: python launch.py sft --model tiny
    """,
)


def job(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the submission printed it.", show_default=False)],
    log: Annotated[int, typer.Option(metavar="LINES", help="Show so many of the newest log's last lines.")] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Until all jobs have ended, or one has failed.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End them.")] = False,
    as_json: Json = False,
) -> None:
    """Look at jobs that `--executor slurm` or `--engine slurm` submitted.

    Exit status 1: a job failed, was cancelled, or is not known to Slurm any more.

    Example: python launch.py job eurlex-cpt_1795384703586530706 --log 20
    """
    from tools.job import look_at_job

    states = look_at_job(name, cancel=cancel, wait=wait, lines=log)
    print_result(states, as_json)
    raise typer.Exit(states.exit_status)


def seconds(duration: str | None) -> float | None:
    """Read ``HH:MM:SS``, ``MM:SS`` or, as Slurm writes it, ``D-HH:MM:SS``.

    Raises:
        UsageError: it is none of these, or nothing.
    """
    if duration is None:
        return None
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d{2})", duration.strip())
    parts = [int(part or 0) for part in found.groups()] if found else []
    total = sum(part * size for part, size in zip(parts, (86400, 3600, 60, 1), strict=False))
    if not total:
        raise UsageError(f"--time-limit can't be '{duration}'; write it as 23:50:00, or 6-23:50:00 with days")
    return float(total)
