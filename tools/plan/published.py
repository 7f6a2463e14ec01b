"""Speeds that others published, with their configurations: ``published.csv``."""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from recipes.formats import FORMATS
from recipes.gpus import GPUS
from recipes.hardware import Layout
from recipes.settings import Adapters
from recipes.shape import LLAMA_3_VOCABULARY, Shape
from tools.plan.coefficients import Overlap
from tools.plan.configuration import Configuration

FILE = Path(__file__).parent / "published.csv"

_70B = Shape(80, 8192, 28672, 64, 8, 128, LLAMA_3_VOCABULARY)
_405B = Shape(126, 16384, 53248, 128, 8, 128, LLAMA_3_VOCABULARY)
SHAPES = {
    "8b": Shape(32, 4096, 14336, 32, 8, 128, LLAMA_3_VOCABULARY),
    "70b": _70B,
    "405b": _405B,
    "llama2-70b": dataclasses.replace(_70B, vocabulary=32000),
    "70b-12": dataclasses.replace(_70B, layers=12),
    "405b-4": dataclasses.replace(_405B, layers=4, groups=16),
}
#: Of the published LoRA runs: Megatron-Bridge adapts the 70B's query-key-value product alone.
_ADAPTERS = Adapters(rank=16, alpha=32, dropout=0.0, layers=["linear_qkv"], learning_rate_factor=1.0)


@dataclass(frozen=True)
class Published:
    """One row: what was trained, how fast it was, and who says so."""

    configuration: Configuration
    overlap: Overlap
    speed: float  # tokens a second and GPU
    release: str
    task: str  # pretrain, sft, lora
    model: str
    method: str  # what the recipes here do not have: fsdp, offload
    source: str
    required: bool  # the plan must meet it within a quarter

    @property
    def key(self) -> str:
        """The configuration as text: rows of several releases share it."""
        wanted = self.configuration
        layout = wanted.layout
        return " ".join(
            (
                self.task,
                f"{wanted.gpu.name if wanted.gpu else ''} {wanted.format.name} {self.model} {wanted.world_size} GPUs",
                f"sequence {wanted.sequence_length} batch {wanted.global_batch_size} x {wanted.micro_batch_size}",
                f"TP{layout.tensor_parallel} PP{layout.pipeline_parallel} CP{layout.context_parallel}",
                f"VP{wanted.virtual} {self.method}",
            )
        )


def read_published(path: Path = FILE) -> list[Published]:
    """Read all rows, in the file's order."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [_published(row) for row in csv.DictReader(line for line in stream if not line.startswith("#"))]


def _published(row: dict[str, str]) -> Published:
    def number(name: str) -> int:
        return int(row[name])

    shape, hidden = SHAPES[row["model"]], row["hidden"].split()
    pieces = int(row["pieces"]) if row["pieces"] else None
    layout = Layout(
        tensor_parallel=number("tensor"),
        pipeline_parallel=number("pipeline"),
        context_parallel=number("context"),
        virtual_pipeline=pieces,
        sequence_parallel=number("tensor") > 1,
        optimizer="adam",
        recompute="none",
    )
    configuration = Configuration(
        shape=shape,
        layout=layout,
        # nearly all of these runs quantize every layer: Megatron-Bridge, perf_recipes/_common.py
        format=dataclasses.replace(FORMATS[row["precision"]], bf16_at_start=0, bf16_at_end=number("bf16_layers")),
        sequence_length=number("sequence"),
        micro_batch_size=number("micro"),
        global_batch_size=number("batch"),
        gpu=GPUS[row["gpu"]],
        devices=number("node"),
        nodes=number("gpus") // number("node"),
        adapters=_ADAPTERS if row["task"] == "lora" else None,
        balanced=shape.layers % (layout.pipeline_parallel * (pieces or 1)) != 0,
        elsewhere=True,
    )
    return Published(
        configuration,
        Overlap(data="data" in hidden, pipeline="pipeline" in hidden, tensor="tensor" in hidden),
        float(row["speed"]),
        row["release"],
        row["task"],
        row["model"],
        row["method"],
        row["source"],
        row["required"] == "yes",
    )


def split(rows: list[Published]) -> tuple[list[Published], list[Published]]:
    """Return the rows that the coefficients are fitted to, and those held out.

    Configurations in the order of their text, every other one to each side: both sides have all GPUs and formats, and
    releases of one configuration stay together.
    """
    fitted = set(sorted({row.key for row in rows})[::2])
    return [row for row in rows if row.key in fitted], [row for row in rows if row.key not in fitted]
