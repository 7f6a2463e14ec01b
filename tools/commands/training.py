"""The training stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tools.commands.options import Json, print_result

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="NeMo's dotted overrides: trainer.max_steps=100 optim.config.lr=1e-5"
    ),
]
HardwareName = Annotated[str, typer.Option("--hardware", help="Profile of nemo_configs/hardware: 4xb200, cpu.")]
Config = Annotated[Path | None, typer.Option(help="Stage settings.", show_default="nemo_configs/<stage>.yaml")]
Precision = Annotated[str | None, typer.Option(help="nvfp4, mxfp8, bf16, fp32.", show_default="the hardware profile's")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")]
Start = Annotated[Path, typer.Option("--model", help="NeMo checkpoint, or a run's folder (its newest one is taken).")]


def cpt(
    overrides: Overrides = None,
    model: Start = Path("checkpoints/llama33_70b"),
    data: Annotated[Path, typer.Option(help="The corpus' blend file.")] = Path("data/corpus/cpt/blend.yaml"),
    output: Annotated[Path, typer.Option(help="The run's folder; the same command goes on in it.")] = Path("runs/cpt"),
    hardware: HardwareName = "4xb200",
    config: Config = None,
    precision: Precision = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Continue the pre-training of a model on the corpus.

    Rehearse on a CPU: python launch.py cpt --hardware cpu --config nemo_configs/quickstart.yaml
    --model runs/quickstart/base --data runs/quickstart/corpus/cpt/blend.yaml --output runs/try
    """
    _train("cpt", overrides, model, data, output, hardware, config, precision, dry_run, as_json)


def sft(
    overrides: Overrides = None,
    model: Start = Path("runs/cpt"),
    data: Annotated[Path, typer.Option(help="Output folder of `sft-data`.")] = Path("data/sft"),
    output: Annotated[Path, typer.Option(help="The run's folder; the same command goes on in it.")] = Path("runs/sft"),
    hardware: HardwareName = "4xb200",
    config: Config = None,
    precision: Precision = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tune a model on cited answers; the loss falls on the answers only."""
    _train("sft", overrides, model, data, output, hardware, config, precision, dry_run, as_json)


def _train(
    stage: str,
    overrides: list[str] | None,
    model: Path,
    data: Path,
    output: Path,
    hardware: str,
    config: Path | None,
    precision: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from tools.train import compose, train

    settings: dict[str, Any] = {
        "data": data,
        "output": output,
        "hardware_name": hardware,
        "config": config,
        "precision": precision,
        "overrides": overrides or (),
    }
    if dry_run:
        print(compose(stage, checkpoint=model, **settings))
    else:
        print_result(train(stage, model=model, **settings), as_json)
