"""Checkpoints in and out, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import Json, Overwrite, print_result


def import_(
    source: Annotated[Path, typer.Argument(help="Hugging Face Llama checkpoint folder.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The NeMo checkpoint.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring a Hugging Face Llama checkpoint into NeMo, every tensor accounted for."""
    from tools.checkpoint import import_checkpoint

    print_result(import_checkpoint(source, output, overwrite), as_json)


Base = Annotated[
    Path | None,
    typer.Option(help="NeMo checkpoint that the adapters were trained on.", show_default="where it was then"),
]


def export(
    source: Annotated[Path, typer.Argument(help="NeMo checkpoint or run folder.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The Hugging Face checkpoint.")],
    base: Base = None,
    adapters_only: Annotated[
        bool, typer.Option("--adapters-only", help="Write adapters for Hugging Face's PEFT instead of merging them.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring a trained NeMo checkpoint back to Hugging Face; adapters are merged into their base model."""
    from tools.checkpoint import export_adapters, export_checkpoint

    print_result((export_adapters if adapters_only else export_checkpoint)(source, output, overwrite, base), as_json)


def verify(
    nemo: Annotated[Path, typer.Argument(help="NeMo checkpoint or run folder.", show_default=False)],
    hf: Annotated[
        Path, typer.Argument(help="The Hugging Face checkpoint it became, or came from.", show_default=False)
    ],
    base: Base = None,
    tensors_only: Annotated[
        bool, typer.Option("--tensors-only", help="Leave the logits out: a forward pass of 70B on a CPU takes long.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare every tensor of a Hugging Face checkpoint, and its logits, with a NeMo checkpoint."""
    from tools.verify import verify_checkpoints

    print_result(verify_checkpoints(nemo, hf, base, logits=not tensors_only), as_json)


def compare(
    base: Annotated[Path, typer.Option(help="Hugging Face checkpoint before training.")],
    tuned: Annotated[Path, typer.Option(help="Hugging Face checkpoint after training.")],
    test_set: Annotated[Path, typer.Option(help="Questions of `test-set`.")],
    output: Annotated[Path, typer.Option(help="Gets the results, reports and predictions.")],
    registry: Annotated[
        Path | None, typer.Option(help="Corpus folder, or its registry.parquet: tells what exists.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many questions.", show_default="all")] = None,
    batch_size: Annotated[int, typer.Option(help="Questions answered at once.")] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 256,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Answer the test set with both checkpoints and compare: citations, articles, ROUGE-L, exact match."""
    from tools.evaluation.compare import compare as run

    summary = run(
        base,
        tuned,
        test_set,
        output,
        registry=registry,
        limit=limit,
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        device=device,
    )
    print_result(summary, as_json)
