"""What one layer of Megatron-Core, and the loss, save on a CPU for the backward pass, beside what the plan says.

Of models of two layers that NeMo builds, without a recipe: shapes, batches, tensor and sequence parallelism, ways of
recomputing and of tuning. The counting is that of tools/bench/memory_of_a_run.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from recipes.formats import format_named
from recipes.hardware import RECOMPUTE, Layout
from recipes.settings import load_adapters
from recipes.shape import Shape
from tools.plan.configuration import Configuration

#: By name: the shape, tokens a sequence, sequences a micro-batch.
SHAPES = {
    "grouped": (Shape(2, 128, 352, 8, 2, 16, 1024), 64, 2),
    "ungrouped": (Shape(2, 128, 352, 4, 4, 32, 1024), 64, 1),
    "wide MLP, long": (Shape(2, 192, 1024, 6, 2, 32, 2048), 160, 1),
    "narrow MLP, wide heads": (Shape(2, 256, 256, 8, 4, 64, 1024), 96, 2),
}
PRECISIONS = ("fp32", "bf16")
TUNINGS = ("full", "lora", "dora")
#: Ranks of tensor parallelism, and whether sequence parallelism goes with it.
LAYOUTS = {"TP 1": (1, False), "TP 2": (2, False), "TP 2, sequence parallel": (2, True)}
_RANK = 16  # of adapters


class Case(NamedTuple):
    """One forward pass: names of the tables above."""

    shape: str
    precision: str
    recompute: str
    tuning: str
    layout: str

    @property
    def configuration(self) -> Configuration:
        """What the plan is made for."""
        shape, length, batch = SHAPES[self.shape]
        tensor, sequence_parallel = LAYOUTS[self.layout]
        adapters = None
        if self.tuning != "full":
            adapters = dataclasses.replace(load_adapters(self.tuning), rank=_RANK)
        return Configuration(
            shape=shape,
            layout=Layout(tensor, "adam", self.recompute, sequence_parallel=sequence_parallel),
            format=format_named(self.precision),
            sequence_length=length,
            micro_batch_size=batch,
            global_batch_size=batch,
            gpu=None,
            devices=tensor,
            adapters=adapters,
        )


CASES = [
    Case(shape, precision, recompute, tuning, layout)
    for shape in SHAPES
    for precision in PRECISIONS
    for recompute in RECOMPUTE
    for tuning in TUNINGS
    for layout in LAYOUTS
]
#: Two of the four shapes, without DoRA.
QUICK = [case for case in CASES if case.shape in ("ungrouped", "narrow MLP, wide heads") and case.tuning != "dora"]


def measure(output: str, quick: str = "") -> None:
    """Write OUTPUT/saved<RANKS>-<RANK>.json, in a process that has imported NeMo: a fork for each rank."""
    import torch.multiprocessing

    for ranks in (1, 2):
        given = (ranks, QUICK if quick else CASES, Path(output))
        torch.multiprocessing.start_processes(_be_rank, given, nprocs=ranks, start_method="fork")


def _be_rank(rank: int, ranks: int, cases: list[Case], folder: Path) -> None:
    import torch
    from megatron.core import parallel_state

    from recipes import cpu

    cpu.activate()
    where = f"file://{folder}/rendezvous{ranks}"
    torch.distributed.init_process_group("gloo", rank=rank, world_size=ranks, init_method=where)
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=ranks)
    found = [[*case, _saved(case)] for case in cases if LAYOUTS[case.layout][0] == ranks]
    (folder / f"saved{ranks}-{rank}.json").write_text(json.dumps(found))


def _saved(case: Case) -> dict[str, list[float]]:
    import torch

    from tools.bench.memory_of_a_run import SavedTensors, saved

    wanted = case.configuration
    length, batch = wanted.sequence_length, wanted.micro_batch_size
    model = _model(wanted)
    counted = SavedTensors(model)
    tokens = torch.randint(wanted.shape.vocabulary, (batch, length))
    mask = torch.ones(length, length).triu(1).bool().expand(batch, 1, length, length).contiguous()
    loss = model(tokens, torch.arange(length).expand(batch, -1), mask, labels=tokens.roll(-1, 1))
    found = saved(wanted, counted)
    loss.mean().backward()  # what was saved is what is needed
    return found


def _model(wanted: Configuration) -> Any:
    import fiddle
    import torch
    from nemo.collections import llm
    from nemo.collections.llm import fn

    from recipes.adapters import peft
    from recipes.precision import weight_type
    from recipes.recompute import recompute

    shape, dtype = wanted.shape, weight_type(wanted.format)
    config = llm.LlamaConfig(
        num_layers=shape.layers,
        hidden_size=shape.hidden,
        ffn_hidden_size=shape.feed_forward,
        num_attention_heads=shape.heads,
        num_query_groups=shape.groups,
        kv_channels=shape.channels,
        vocab_size=shape.vocabulary,
        seq_length=wanted.sequence_length,
        params_dtype=dtype,
        bf16=dtype is torch.bfloat16,
        tensor_model_parallel_size=wanted.layout.tensor_parallel,
        sequence_parallel=wanted.layout.sequence_parallel,
        **recompute(wanted.layout),
    )
    model = config.configure_model(tokenizer=None)
    if wanted.adapters:
        model.requires_grad_(False)
        fn.walk(model, fiddle.build(peft(wanted.adapters)).transform)
        if wanted.layout.recompute == "full":  # as recipes.recompute.GradientsReachAdapters
            model.embedding.register_forward_hook(lambda module, inputs, output: output.requires_grad_())
    return model


def counted(folder: Path) -> Iterator[tuple[Case, int, dict[str, list[float]]]]:
    """Read what was measured: the case, the rank, and [planned, measured] bytes by part."""
    for file in sorted(folder.glob("saved*.json")):
        rank = int(file.stem.rpartition("-")[2])
        for *case, found in json.loads(file.read_text(encoding="utf-8")):
            yield Case(*case), rank, found
