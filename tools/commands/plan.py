"""What a run takes of memory, time and money."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recipes.request import DEFAULT_MODEL
from tools.commands.options import Json, print_result

_PROFILES = "the profile's"


def plan(
    stage: Annotated[str, typer.Argument(metavar="[STAGE]", help="cpt, cpt-fast, sft.")] = "cpt",
    model: Annotated[str, typer.Option(help="Of nemo_configs/models.")] = DEFAULT_MODEL,
    shape: Annotated[
        Path | None,
        typer.Option(help="config.json, or the folder, of another Llama-shaped model.", show_default="the model's own"),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(help="4xb200, 8xh100, 128x8xb200: NODESxGPUSxCHIP.", show_default="the model's"),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, nvfp4, mxfp8, fp8-current, ..., bf16.")] = "auto",
    final_precision: Annotated[
        str | None, typer.Option(help="For the last tenth of the steps: bf16.", show_default="the stage's: none")
    ] = None,
    peft: Annotated[str | None, typer.Option(help="lora, dora.", show_default="all parameters")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Stage settings.", show_default="nemo_configs/<stage>.yaml")
    ] = None,
    tp: Annotated[int | None, typer.Option(min=1, help="Tensor parallel.")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help="Pipeline parallel.")] = None,
    vp: Annotated[
        int | None,
        typer.Option(min=1, help="Virtual pipeline: pieces of the model a stage has.", show_default=_PROFILES),
    ] = None,
    cp: Annotated[int | None, typer.Option(min=1, help="Context parallel.")] = None,
    micro_batch: Annotated[
        int | None, typer.Option(min=1, help="Sequences a GPU holds at once.", show_default=_PROFILES)
    ] = None,
    global_batch: Annotated[int | None, typer.Option(min=1, help="Sequences a step.")] = None,
    sequence_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens a sequence.", show_default=_PROFILES)
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adam, precision-aware-bf16, precision-aware.", show_default=_PROFILES)
    ] = None,
    recompute: Annotated[str | None, typer.Option(help="none, selective, full.", show_default=_PROFILES)] = None,
    steps: Annotated[int | None, typer.Option(min=1, show_default="the stage's")] = None,
    price_per_gpu_hour: Annotated[float | None, typer.Option(min=0, help="In any currency.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="24h|2000eur",
            help="What it buys of cpt, cpt-fast and sft. Batches, --steps and --config count for STAGE alone.",
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Output folder of `preprocess`: for the passes over each language. SFT reads none of it."),
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Speed as a real run had it, in place of published ones.")
    ] = None,
    gpu_memory: Annotated[float | None, typer.Option(help="GB of a GPU that is not known here.")] = None,
    gpu_tflops: Annotated[
        str | None, typer.Option(help="Its dense peaks: 989, or bf16=989,fp8=1979.", show_default=False)
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Rank all layouts that fit by their speed; STAGE and --peft stay.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="The formula and source of each figure.")] = False,
    claims: Annotated[
        bool, typer.Option("--claims", help="Claims made before for four B200, held against this.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with a picture of memory.")] = None,
    as_json: Json = False,
) -> None:
    """Plan a run before GPUs are rented: does it fit, how long does it take, what does it cost.

    Examples:

        python launch.py plan --price-per-gpu-hour 4
        python launch.py plan sft --peft lora --hardware 8xh100 --explain
        python launch.py plan --hardware 16x8xb200 --search
        python launch.py plan --budget 2000eur --price-per-gpu-hour 4
    """
    from tools.plan.command import Asked, run_plan

    asked = Asked(
        stage=stage,
        model=model,
        shape=shape,
        hardware=hardware,
        precision=precision,
        final_precision=final_precision,
        peft=peft,
        config=config,
        layout={
            "tensor_parallel": tp,
            "pipeline_parallel": pp,
            "virtual_pipeline": vp,
            "context_parallel": cp,
            "optimizer": optimizer,
            "recompute": recompute,
        },
        batches={
            "micro_batch_size": micro_batch,
            "global_batch_size": global_batch,
            "sequence_length": sequence_length,
        },
        steps=steps,
        price_per_gpu_hour=price_per_gpu_hour,
        budget=budget,
        corpus=corpus,
        calibrate=calibrate,
        gpu_memory=gpu_memory,
        gpu_tflops=gpu_tflops,
        search=search,
        explain=explain,
        claims=claims,
        html=html,
    )
    answer = run_plan(asked)
    print_result(answer, as_json)
    raise typer.Exit(answer.exit_status)
