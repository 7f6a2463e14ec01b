"""A few layers with the shapes of Llama 3.3 70B, trained on one GPU in each precision: does it learn, and how fast?

    python -m tools.bench.gpu_layers [--layers 4] [--precision bf16 fp8-current] [--output TABLE.md]
    python -m tools.bench.gpu_layers --hardware 1xcpu --steps 6     # a rehearsal: the same way, tiny shapes

Makes a random Hugging Face Llama and a corpus of invented law, imports the model, and trains it by the real recipe
``cpt``, each precision in processes of its own, from the same weights on the same data. On a machine that lacks what
makes a corpus, take one that was made elsewhere: ``--prepare-only`` there, and its FOLDER/data in FOLDER here.

What differs from the recipe as `launch.py cpt --hardware 1xh200` has it, and why: fewer layers, for the memory of one
GPU; nothing is recomputed, for there is room; a smaller batch and a higher rate, to see something in a few steps; every
layer in the precision that is measured, for with few layers the recipe's one or two in BF16 would be half of the model.
The vocabulary is cut like the layers, so that the output layer, which stays BF16, has the share that it has in 70B. No
checkpoint is written. A run that is done is not done again.

Costs: 1.7 GB a layer on the disk, twice; on the GPU 8 GB a layer of states and about 1.5 GB a sequence of activations.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file
from recipes.formats import CHIPS, FORMATS, format_named
from recipes.hardware import Hardware, Layout, load_hardware
from recipes.metrics import read_metrics
from recipes.request import Request, make_request
from tools.bench.gpu_plan import TOKENIZER, Plan, rehearsal, seventy
from tools.bench.gpu_table import BASELINE, Measured, table
from tools.plan.from_request import configuration_of
from tools.plan.memory import memory


def prepare_data(folder: Path) -> Path:
    """Make invented law, a tokenizer of it, and the corpus in ``folder``, unless they are there; return the tokenizer.

    The blend file is ``folder/corpus/cpt/blend.yaml``.
    """
    tokenizer, blend = folder / "tokenizer", folder / "corpus" / "cpt" / "blend.yaml"
    if blend.is_file():
        return tokenizer
    from preprocessing.corpus.pipeline import preprocess
    from preprocessing.corpus.settings import Settings
    from preprocessing.document import LegalDocument
    from preprocessing.formex.parse import read_documents
    from tools.sample.corpus import write_sample
    from tools.sample.tokenizer import train_tokenizer

    shutil.rmtree(folder, ignore_errors=True)  # half of it, from a run that was interrupted
    write_sample(folder / "formex")
    documents = read_documents([folder / "formex"])
    texts = (document.text for document in documents if isinstance(document, LegalDocument))
    train_tokenizer(texts, tokenizer, TOKENIZER)
    preprocess([folder / "formex"], folder / "corpus", tokenizer, Settings(validation_share=0.1))
    return tokenizer


def prepare_model(folder: Path, tokenizer: Path, plan: Plan, gpu: bool) -> Path:
    """Return the NeMo checkpoint of ``plan`` in ``folder``; make and import it, unless it is there."""
    from recipes.checkpoints import is_checkpoint
    from tools.checkpoint import import_checkpoint
    from tools.sample.model import make_tiny_llama

    sizes = f"{plan.layers}x{plan.hidden}-{plan.ffn}-{plan.heads}-{plan.kv_heads}-{plan.vocabulary}"
    checkpoint, hf = folder / f"base-{sizes}", folder / "hf"
    if is_checkpoint(checkpoint):
        return checkpoint
    shutil.rmtree(hf, ignore_errors=True)
    made = make_tiny_llama(
        hf,
        tokenizer,
        hidden=plan.hidden,
        layers=plan.layers,
        heads=plan.heads,
        kv_heads=plan.kv_heads,
        ffn=plan.ffn,
        vocab_size=plan.vocabulary,
        dtype="bfloat16",
        device="cuda" if gpu else "cpu",
    )
    print(made.text(), file=sys.stderr)
    if gpu:  # what the drawing of the weights took is for the runs
        import torch

        torch.cuda.empty_cache()
    print(import_checkpoint(hf, checkpoint).text(), file=sys.stderr)
    shutil.rmtree(hf)
    return checkpoint


def request_of(plan: Plan, precision: str, hardware: Hardware, checkpoint: Path, blend: Path, folder: Path) -> Request:
    """Return the recipe's request with the sizes of ``plan``.

    Raises:
        UsageError: the hardware has no such precision.
    """
    request = make_request(
        "cpt",
        model="llama33_70b" if hardware.gpu else "tiny",
        hardware=hardware.name,
        precision=precision,
        checkpoint=checkpoint,
        data=blend,
        folder=folder,
    )
    stage = dataclasses.replace(
        request.stage,
        sequence_length=plan.sequence_length,
        micro_batch_size=plan.micro_batch,
        global_batch_size=plan.global_batch,
        max_steps=plan.steps,
        learning_rate=plan.learning_rate,
        min_learning_rate=plan.learning_rate / 10,
        checkpoint_every=plan.steps,
        validate_every=plan.steps,
        validation_batches=1,
    )
    layout = Layout(tensor_parallel=1, optimizer=_optimizer(request, precision), recompute=plan.recompute)
    everywhere = dataclasses.replace(request.format, bf16_at_start=0, bf16_at_end=0.0)
    return dataclasses.replace(request, stage=stage, layout=layout, format=everywhere)


def _optimizer(request: Request, precision: str) -> str:
    """The profile's; FP32 weights have no 16-bit remainders."""
    return request.layout.optimizer if FORMATS[precision].plugin is not None else "adam"


def measure(plan: Plan, precision: str, request: Request) -> Measured:
    """Train by ``request``, unless that was done already; a run that fails is told in what is returned."""
    from recipes.runner import run_recipe
    from tools.train import compose

    def steps() -> list[dict[str, float]]:
        return [record for record in read_metrics(request.folder) if "loss" in record]

    try:
        if len(steps()) != plan.steps:
            shutil.rmtree(request.folder, ignore_errors=True)
            recipe = compose(request, ("trainer.enable_checkpointing=false", "log.wandb=null"))
            # no checkpoints: 12 bytes a parameter, for runs that nobody goes on from
            recipe.log.ckpt = None
            recipe.trainer.strategy.ckpt_async_save = False
            run_recipe(recipe, precision.replace("-", "_"), request.folder)
    except RecipeError as error:
        return Measured(precision, failure=str(error))
    records = steps()
    if len(records) != plan.steps or any(record["loss"] is None for record in records):
        return Measured(precision, failure=f"{len(records)} of {plan.steps} steps have a loss that is a number")
    return Measured(
        precision,
        losses=[record["loss"] for record in records],
        seconds=[record["seconds"] for record in records],
        peak_gb=records[-1].get("memory_peak_gb", records[-1]["memory_gb"]),
        planned_gb=max(stage.allocated for stage in memory(configuration_of(request))) / 1e9,
    )


def precisions_of(hardware: Hardware) -> list[str]:
    """Return what ``hardware`` trains in, BF16 first; on a CPU, what a rehearsal compares."""
    if not hardware.gpu:
        return [BASELINE, "fp32"]
    able = [name for name, choice in FORMATS.items() if choice.needs_gpu and choice.runs_on(CHIPS[hardware.chip])]
    return [BASELINE, *able]


def hardware_here() -> str:
    """Return the name of a machine with one GPU as it is here.

    Raises:
        UsageError: there is none, or of a chip that no profile knows.
    """
    import torch

    if not torch.cuda.is_available():
        raise UsageError("no GPU here; --hardware 1xcpu is a rehearsal")
    found = torch.cuda.get_device_name()
    chips = [chip for chip in CHIPS if chip.upper() in found.upper()]
    if not chips:
        raise UsageError(f"no chip of {', '.join(CHIPS)} is in the name '{found}'; give --hardware")
    return f"1x{max(chips, key=len)}"  # "GB200" has "B200" in it


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, train in each precision, print the table; return 1 when a precision failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hardware", help="this machine's GPU by default, as 1xh200; 1xcpu is a rehearsal")
    parser.add_argument("--precision", nargs="+", help="by default all that the hardware has", metavar="NAME")
    parser.add_argument("--layers", type=int, default=None, help="4, in a rehearsal 2")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sequence-length", type=int)
    parser.add_argument("--micro-batch", type=int, help="sequences at once")
    parser.add_argument("--global-batch", type=int, help="sequences a step")
    parser.add_argument("--vocabulary", type=int, help="by default its share: 128,256 x layers / 80")
    parser.add_argument("--recompute", choices=("none", "selective", "full"))
    parser.add_argument("--folder", type=Path, default=Path("runs/gpu_layers"), help="gets data, model and runs")
    parser.add_argument("--output", type=Path, help="Markdown file")
    parser.add_argument("--prepare-only", action="store_true", help="make FOLDER/data and no more")
    options = parser.parse_args(arguments)
    if options.prepare_only:
        print(prepare_data(options.folder / "data").parent)
        return 0
    from tools.train import check_devices

    hardware = load_hardware(options.hardware or hardware_here())
    names = options.precision or precisions_of(hardware)
    for name in names:
        format_named(name)
    if hardware.world_size != 1:
        raise UsageError(f"this measures one GPU, and {hardware.name} has {hardware.world_size}")
    check_devices(hardware)
    changes = {
        name: value
        for name in ("steps", "sequence_length", "micro_batch", "global_batch", "vocabulary", "recompute")
        if (value := getattr(options, name)) is not None
    }
    plan = seventy(options.layers or 4, **changes) if hardware.gpu else rehearsal(options.layers or 2, **changes)
    tokenizer = prepare_data(options.folder / "data")
    blend = tokenizer.parent / "corpus" / "cpt" / "blend.yaml"
    checkpoint = prepare_model(options.folder, tokenizer, plan, hardware.gpu)
    found: list[Measured] = []
    lines: list[str] = []
    for name in names:
        # a run of another plan is another run
        folder = options.folder / "runs" / f"{name}-{plan.key}"
        try:
            found.append(measure(plan, name, request_of(plan, name, hardware, checkpoint, blend, folder)))
        except UsageError as error:
            found.append(Measured(name, failure=str(error)))
        lines = table(plan, found, hardware.chip)
        if options.output:  # after each, for a machine that is taken away
            with atomic_file(options.output) as stream:
                stream.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 1 if any(item.failure for item in found) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RecipeError as error:
        sys.exit(f"error: {error}")
