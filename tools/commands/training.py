"""The training stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recipes.request import DEFAULT_MODEL, make_request
from tools.commands.options import Json, print_result

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
Data = Annotated[Path | None, typer.Option("--data", help="The corpus' blend file.", show_default="the model's")]
Chats = Annotated[Path | None, typer.Option("--data", help="Output folder of `sft-data`.", show_default="the model's")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--output", help="The run's folder; the same command goes on in it.", show_default="runs/<stage>_<model>"
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
Peft = Annotated[
    str | None, typer.Option(help="Train adapters only: lora, dora.", show_default="all parameters are trained")
]
Config = Annotated[Path | None, typer.Option(help="Stage settings.", show_default="nemo_configs/<stage>.yaml")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")]


def cpt(
    overrides: Overrides = None,
    model: ModelName = DEFAULT_MODEL,
    checkpoint: Start = None,
    data: Data = None,
    output: Folder = None,
    hardware: HardwareName = None,
    precision: Precision = "auto",
    peft: Peft = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Continue the pre-training of a model on the corpus.

    Rehearse on a CPU, after `make quickstart`: python launch.py cpt --model tiny
    """
    _train("cpt", overrides, model, checkpoint, data, output, hardware, precision, peft, config, dry_run, as_json)


def cpt_fast(
    overrides: Overrides = None,
    model: ModelName = DEFAULT_MODEL,
    checkpoint: Start = None,
    data: Data = None,
    output: Folder = None,
    hardware: HardwareName = None,
    precision: Precision = "auto",
    peft: Peft = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Continue the pre-training on the best part of the corpus, in a third of the steps.

    Rehearse on a CPU, after `make quickstart`: python launch.py cpt-fast --model tiny
    """
    _train("cpt_fast", overrides, model, checkpoint, data, output, hardware, precision, peft, config, dry_run, as_json)


def sft(
    overrides: Overrides = None,
    model: ModelName = DEFAULT_MODEL,
    checkpoint: Start = None,
    data: Chats = None,
    output: Folder = None,
    hardware: HardwareName = None,
    precision: Precision = "auto",
    peft: Peft = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tune a model on cited answers; the loss falls on the answers only.

    Rehearse on a CPU, after `make quickstart`: python launch.py sft --model tiny
    """
    _train("sft", overrides, model, checkpoint, data, output, hardware, precision, peft, config, dry_run, as_json)


def _train(
    stage: str,
    overrides: list[str] | None,
    model: str,
    checkpoint: Path | None,
    data: Path | None,
    output: Path | None,
    hardware: str | None,
    precision: str,
    peft: str | None,
    config: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from tools.train import compose, train

    request = make_request(
        stage,
        model=model,
        hardware=hardware,
        precision=precision,
        peft=peft,
        checkpoint=checkpoint,
        data=data,
        folder=output,
        config=config,
    )
    if dry_run:
        print(compose(request, overrides or ()))
    else:
        print_result(train(request, overrides or ()), as_json)
