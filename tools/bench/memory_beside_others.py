"""The plan's memory beside what GPUs were measured to hold and what other planners say: two tables of docs/planning.md.

    python -m tools.bench.memory_beside_others

SimuMax (github.com/MooreThreads/SimuMax, release 1.2, docs/b200/b200_release_v1.2_summary.json) publishes
``max_memory_allocated`` of Megatron-LM runs with real Llama-3 layers on eight B200: BF16, micro-batches of one,
Transformer Engine 2.11, the distributed optimizer with FP32 states, sequence parallelism with tensor parallelism, no
recomputation. The other planners' figures are in other_planners.yaml.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from recipes.formats import format_named
from recipes.gpus import GPUS
from recipes.hardware import Layout
from tools.plan.configuration import Configuration
from tools.plan.memory import Stage, memory
from tools.plan.parts import ACTIVATIONS, STATES
from tools.plan.published import SHAPES

#: By the names here; SimuMax's 405B has twice the key-value heads.
_SHAPES = {"8b": SHAPES["8b"], "70b": SHAPES["70b"], "405b": SHAPES["405b-4"]}
OTHERS = Path(__file__).with_name("other_planners.yaml")
#: What the plan adds of its own to activations, and no other planner has.
_OWN = ("fragmentation",)


class Measured(NamedTuple):
    """A run on eight B200: a model cut to some layers, its layout, and the fullest GPU's allocated memory."""

    model: str
    layers: int
    tensor: int
    pipeline: int
    data: int
    context: int
    tokens: int
    gib: float

    def planned(self, micro_batches: int = 4) -> list[Stage]:
        """The plan's stages. Megatron-LM pads the vocabulary, which the recipes do not."""
        shape, padded = _SHAPES[self.model], 128 * self.tensor
        layout = _layout(self.tensor, self.pipeline, None, self.context, "none")
        return memory(
            Configuration(
                shape=dataclasses.replace(
                    shape, layers=self.layers, vocabulary=-(-shape.vocabulary // padded) * padded
                ),
                layout=layout,
                format=format_named("bf16"),
                sequence_length=self.tokens,
                micro_batch_size=1,
                global_batch_size=micro_batches * self.data,
                gpu=GPUS["b200"],
                devices=8,
            )
        )

    @property
    def planned_gib(self) -> float:
        """What the plan says that PyTorch would count on the fullest GPU."""
        return max(stage.allocated for stage in self.planned()) / 2**30

    @property
    def error(self) -> float:
        """Planned by measured, less one."""
        return self.planned_gib / self.gib - 1


MEASURED = [
    Measured("70b", 12, 1, 2, 4, 1, 4096, 66.55),
    Measured("70b", 12, 2, 1, 4, 1, 4096, 60.68),
    Measured("70b", 12, 4, 1, 2, 1, 4096, 39.07),
    Measured("70b", 12, 8, 1, 1, 1, 4096, 28.29),
    Measured("405b", 4, 1, 2, 4, 1, 4096, 87.08),
    Measured("405b", 4, 2, 1, 4, 1, 4096, 81.59),
    Measured("405b", 4, 4, 1, 2, 1, 4096, 52.89),
    Measured("405b", 4, 8, 1, 1, 1, 4096, 38.57),
    Measured("70b", 12, 2, 1, 1, 4, 32768, 68.43),
    Measured("70b", 12, 1, 1, 1, 8, 32768, 104.51),
    Measured("405b", 4, 2, 1, 1, 4, 32768, 87.03),
    Measured("405b", 4, 1, 1, 1, 8, 32768, 139.22),
    Measured("70b", 12, 2, 1, 1, 4, 131072, 112.67),
    Measured("70b", 12, 1, 1, 1, 8, 131072, 147.99),
    Measured("405b", 4, 2, 1, 1, 4, 131072, 118.13),
]


def _layout(tensor: int, pipeline: int, virtual: int | None, context: int, recompute: str) -> Layout:
    return Layout(
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        virtual_pipeline=virtual,
        context_parallel=context,
        sequence_parallel=tensor > 1,
        optimizer="adam",
        recompute=recompute,
    )


def first_stage(layout: dict[str, Any], recompute: str) -> tuple[float, float]:
    """Return GB of states and of activations that the plan has for a configuration of other_planners.yaml."""
    stage = memory(
        Configuration(
            shape=_SHAPES[str(layout["model"])],
            layout=_layout(
                layout["tensor"], layout["pipeline"], layout.get("virtual"), layout.get("context", 1), recompute
            ),
            format=format_named("bf16"),
            sequence_length=layout["tokens"],
            micro_batch_size=1,
            global_batch_size=128,
            gpu=GPUS["b200"],
            devices=layout["devices"],
            nodes=layout["nodes"],
        )
    )[0]
    in_flight = sum(part.bytes for part in stage.parts if part.kind == ACTIVATIONS and part.name not in _OWN)
    return stage.of(STATES) / 1e9, in_flight / 1e9


def read_others() -> dict[str, dict[str, Any]]:
    """Read the other planners' figures, by configuration."""
    values: dict[str, dict[str, Any]] = yaml.safe_load(OTHERS.read_text(encoding="utf-8"))["configurations"]
    return values


def table_of_runs() -> list[str]:
    """Lines of the table of all measured runs."""
    lines = ["| Model, layers | TP | PP | DP | CP | Tokens | Planned GiB | Measured GiB | Error |", "|---" * 9 + "|"]
    for run in MEASURED:
        place = f"| Llama 3 {run.model.upper()}, {run.layers} | {run.tensor} | {run.pipeline} | {run.data} "
        lines.append(
            f"{place}| {run.context} | {run.tokens:,} | {run.planned_gib:.2f} | {run.gib:.2f} | {run.error:+.1%} |"
        )
    errors = [abs(run.error) for run in MEASURED]
    return [*lines, "", f"Largest error {max(errors):.1%}, median {statistics.median(errors):.1%}."]


def table_of_planners() -> list[str]:
    """Lines of the table of five configurations, states + activations in GB."""
    columns = (
        "GB on the first stage",
        "GPUs",
        "Tokens",
        "Plan",
        "SimuMax",
        "Megatron-LM",
        "Plan, full",
        "SimuMax, full",
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, values in read_others().items():
        layout = values["layout"]
        cells = [name, layout["devices"] * layout["nodes"], f"{layout['tokens']:,}"]
        for column in ("none", "simumax_none", "megatron", "full", "simumax_full"):
            if column in values:
                held, in_flight = values[column]["states"], values[column]["activations"]
            else:
                held, in_flight = first_stage(layout, column)
            cells.append(f"{held:.1f} + {in_flight:.1f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def main() -> int:
    """Print both tables."""
    print("\n".join([*table_of_runs(), "", *table_of_planners()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
