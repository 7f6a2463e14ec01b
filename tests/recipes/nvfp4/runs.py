"""Short emulated runs of the real recipe, and Megatron's parallel layers alone, all from one process with NeMo.

    python -m tests.recipes.nvfp4.runs CHECKPOINT BLEND FOLDER

Leaves a run's folder for each of :func:`all_runs`, and ``layers.json``: what :func:`layers` found equal.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import torch

from tools.bench.warm_runs import Run, finish, start, train, warm_up

SMALL = (
    "data.seq_length=64",
    "model.config.seq_length=64",
    "data.global_batch_size=2",
    "data.micro_batch_size=1",
    "data.num_workers=0",
    "trainer.limit_val_batches=1",
    "log.ckpt.every_n_train_steps=2",
    "optim.lr_scheduler.max_steps=4",
    "optim.lr_scheduler.warmup_steps=1",
    "trainer.plugins.num_layers_at_end_in_bf16=0",
)
STEPS = 4
SWITCHES = ("RHT", "STOCHASTIC_ROUNDING", "2D_QUANTIZATION")


def all_runs(checkpoint: Path, blend: Path, folder: Path) -> dict[str, Run]:
    """The runs by name; ``resumed`` is to find the checkpoint in the middle of ``straight``."""

    def run(name: str, *overrides: str, tensor: int = 1, pipeline: int = 1, **rest: object) -> Run:
        arguments = {"model": "tiny", "precision": "nvfp4-emulated", "checkpoint": checkpoint, "data": blend, **rest}
        layout = (
            f"trainer.strategy.tensor_model_parallel_size={tensor}",
            f"trainer.strategy.pipeline_model_parallel_size={pipeline}",
        )
        environment = arguments.pop("environment", {})
        overrides = (*SMALL, f"trainer.max_steps={STEPS}", *layout, *overrides)
        assert isinstance(environment, dict)
        return Run(folder / name, arguments, overrides, environment, tensor * pipeline)

    off = {f"NVTE_NVFP4_DISABLE_{switch}": "1" for switch in SWITCHES}
    return {
        "straight": run("straight"),
        "resumed": run("resumed"),
        "bf16": run("bf16", precision="bf16"),
        "last layer bf16": run("last layer bf16", "trainer.plugins.num_layers_at_end_in_bf16=1"),
        "all off": run("all off", environment=off),
        "lora": run("lora", peft="lora"),
        "tensor parallel": run("tensor parallel", tensor=2),
        "pipeline parallel": run("pipeline parallel", pipeline=2),
    }


def layers(rank: int, folder: Path, sequence_parallel: bool) -> dict[str, bool]:
    """A column and a row parallel layer over two ranks against the sum of two shards in one process, bit by bit."""
    from megatron.core import parallel_state
    from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
    from megatron.core.transformer.transformer_config import TransformerConfig

    from recipes.nvfp4.emulate import _Clock, _Product
    from recipes.nvfp4.linear import Ingredients, linear

    torch.distributed.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{folder}/rendezvous")
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=2)
    config = TransformerConfig(
        num_layers=1,
        hidden_size=64,
        num_attention_heads=4,
        tensor_model_parallel_size=2,
        sequence_parallel=sequence_parallel,
        use_cpu_initialization=True,
        params_dtype=torch.bfloat16,
        bf16=True,
    )
    torch.manual_seed(0)
    options = {"config": config, "init_method": config.init_method, "bias": False, "skip_bias_add": False}
    column = ColumnParallelLinear(64, 96, gather_output=False, **options)
    row = RowParallelLinear(96, 64, input_is_parallel=True, **options)
    plain = Ingredients(stochastic_rounding=False)
    for name, layer in (("column", column), ("row", row)):
        layer._forward_impl = _Product(name, plain, _Clock(), key="")
    x, dy = (torch.randn(32, 2, 64) * torch.exp(torch.randn(32, 2, 64)) for _ in range(2))
    x, dy = x.to(torch.bfloat16), dy.to(torch.bfloat16)

    share = slice(16 * rank, 16 * rank + 16) if sequence_parallel else slice(None)
    ours = x[share].clone().requires_grad_()
    y, _ = row(column(ours)[0])
    y.backward(dy[share])

    weights = []
    for layer in (column, row):
        shards = [torch.empty_like(layer.weight) for _ in range(2)]
        torch.distributed.all_gather(shards, layer.weight.detach())
        weights.append([shard.requires_grad_() for shard in shards])
    whole = x.clone().requires_grad_()
    first, second = (
        linear(linear(whole, up, plain, torch.rand), down, plain, torch.rand) for up, down in zip(*weights, strict=True)
    )
    (first + second).backward(dy)
    pairs = {
        "output": (y, (first + second)[share]),
        "input gradient": (ours.grad, whole.grad[share]),
        "column weight gradient": (column.weight.grad, weights[0][rank].grad),
        "row weight gradient": (row.weight.grad, weights[1][rank].grad),
    }
    return {name: bool(torch.equal(one, other)) and bool(one.any()) for name, (one, other) in pairs.items()}


def check_layers(folder: Path) -> None:
    """Run :func:`layers` on two forks, without and with sequence parallelism; write rank 1's findings."""
    found = {}
    for sequence_parallel in (False, True):
        place = folder / f"layers-{sequence_parallel}"
        place.mkdir()
        children = []
        for rank in range(2):
            child = os.fork()
            if child == 0:
                try:
                    (place / f"{rank}.json").write_text(json.dumps(layers(rank, place, sequence_parallel)))
                finally:
                    os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        found[str(sequence_parallel)] = json.loads((place / "1.json").read_text())
    (folder / "layers.json").write_text(json.dumps(found))


def main(checkpoint: str, blend: str, output: str) -> None:
    """Do it all, two single runs at a time."""
    warm_up()
    runs = all_runs(Path(checkpoint), Path(blend), Path(output))
    check_layers(Path(output))
    for pair in (("straight", "bf16"), ("all off", "lora"), ("last layer bf16", "resumed")):
        if "resumed" in pair:
            middle = Path("checkpoints", f"step={STEPS // 2}")
            shutil.copytree(runs["straight"].folder / middle, runs["resumed"].folder / middle)
        started = [(runs[name], start(runs[name])) for name in pair]
        for run, children in started:
            finish(run, children)
    for name in ("tensor parallel", "pipeline parallel"):
        train(runs[name])


if __name__ == "__main__":
    main(*sys.argv[1:])
