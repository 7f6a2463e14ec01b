"""A real run as the measure of the plan: how fast it was against what was predicted for it.

The predicted times of other configurations on the same GPU are then multiplied by the same factor.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from recipes.formats import CPU, format_named
from recipes.gpus import GPUS, Gpu
from recipes.hardware import Layout
from recipes.identity import read_identity
from recipes.metrics import read_metrics
from recipes.monitoring.facts import read_facts
from recipes.settings import Adapters
from recipes.shape import Shape
from tools.plan.configuration import Configuration
from tools.plan.speed import Time, step_time

#: Steps after each start that are left out: kernels are compiled and chosen, memory is claimed, data are opened.
WARM_UP = 5
_LEAST = 5  # steps that a median is taken of
_DEVICES = re.compile(r"(\d+) x (\w+)")


@dataclass(frozen=True)
class Calibration:
    """What a run measured on one GPU; speeds in tokens a second and GPU."""

    run: Path
    gpu: str
    measured: float
    predicted: float
    precision: str
    steps: int  # that the measured median is of
    left_out: int

    @property
    def factor(self) -> float:
        """Above 1 where the run was faster than predicted."""
        return self.measured / self.predicted

    def __str__(self) -> str:
        return (
            f"{self.run}: {self.measured:,.0f} tokens/s a {self.gpu.upper()}, the median of {self.steps} steps "
            f"in {self.precision} ({self.left_out} left out: the first {WARM_UP} after each start, and those in "
            f"another precision); predicted were {self.predicted:,.0f}, so predictions "
            f"are multiplied by {self.factor:.3f}"
        )

    def factor_on(self, gpu: Gpu | None) -> float:
        """Return the factor for plans of ``gpu``.

        Raises:
            UsageError: the run says nothing about it.
        """
        if gpu is None or gpu.name != self.gpu:
            raise UsageError(
                f"{self.run} ran on {self.gpu.upper()}, and says nothing about {gpu.name.upper() if gpu else 'a CPU'}"
            )
        return self.factor

    def apply(self, time: Time) -> Time:
        """Return ``time`` as long as this GPU would take by the run: all parts by the same factor.

        Raises:
            UsageError: it is of another GPU.
        """
        factor = self.factor_on(time.of.gpu)
        return Time(**{name: seconds / factor for name, seconds in time.parts.items()}, of=time.of)


def calibrate(run: Path) -> Calibration:
    """Compare the steady steps of ``run`` with the plan for it.

    Raises:
        UsageError: it is no run of this project, ran on a CPU, or was too short.
    """
    facts, identity = read_facts(run), read_identity(run)
    if not facts or identity is None:
        raise UsageError(f"{run} holds no run: facts.json and run.json are not both there")
    records = [record for record in read_metrics(run) if "tokens_per_second_per_device" in record]
    try:
        # the facts have the precision of the last start, which may be that of a short end
        precisions = Counter(record.get("precision", facts["precision"]) for record in records)
        facts = {**facts, "precision": max(precisions, key=precisions.__getitem__, default=facts["precision"])}
        wanted = configuration_of_run(facts, identity, run)
        starts = [int(start["step"]) for start in facts["starts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{run} was made by another version of this project: its facts.json lacks {error}") from None
    same = [record for record in records if record.get("precision", wanted.format.name) == wanted.format.name]
    measured, steps = _steady(run, same, starts)
    assert wanted.gpu
    predicted = step_time(wanted).tokens_per_second_per_gpu
    return Calibration(run, wanted.gpu.name, measured, predicted, wanted.format.name, steps, len(records) - steps)


def _steady(run: Path, records: list[dict[str, Any]], starts: list[int]) -> tuple[float, int]:
    """Return the median speed of the steps of ``records`` that are no warm-up, and their number."""
    cold = {step for start in starts for step in range(start + 1, start + 1 + WARM_UP)}
    speeds = [float(record["tokens_per_second_per_device"]) for record in records if record["step"] not in cold]
    if len(speeds) < _LEAST:
        raise UsageError(
            f"{run} is too short to measure a speed: {len(records)} steps, of which {WARM_UP} after each start are "
            f"warm-up and {_LEAST} more are needed"
        )
    return statistics.median(speeds), len(speeds)


def configuration_of_run(facts: Mapping[str, Any], identity: Mapping[str, Any], run: Path) -> Configuration:
    """Return what the run in ``run`` trained, from what it wrote down.

    Raises:
        UsageError: it ran on a CPU, or on an unknown GPU.
        KeyError: something is not written there.
    """
    found = _DEVICES.match(facts["devices"])
    if not found:
        raise ValueError(f"a known device, not {facts['devices']!r}")
    devices, chip = int(found[1]), found[2]
    if chip == CPU:
        raise UsageError(f"{run} ran on a CPU, which says nothing about the speed of a GPU")
    if chip not in GPUS:
        raise UsageError(f"{run} ran on an unknown GPU '{chip}'.{did_you_mean(chip, GPUS)}")
    return Configuration(
        shape=_shape(identity),
        layout=Layout(
            tensor_parallel=facts["tensor parallel"],
            pipeline_parallel=facts["pipeline parallel"],
            context_parallel=facts["context parallel"],
            virtual_pipeline=identity["layout"]["virtual pipeline"],
            sequence_parallel=facts["sequence parallel"],
            optimizer=facts["optimizer"],
            recompute=facts["recompute"],
        ),
        format=format_named(facts["precision"]),
        sequence_length=facts["sequence length"],
        micro_batch_size=facts["micro batch (sequences)"],
        global_batch_size=facts["global batch (sequences)"],
        gpu=GPUS[chip],
        devices=devices // facts["nodes"],
        nodes=facts["nodes"],
        adapters=_adapters(identity),
    )


def _shape(identity: Mapping[str, Any]) -> Shape:
    def of(name: str) -> Any:
        return identity[f"the model's {name}"]

    return Shape(
        layers=of("num_layers"),
        hidden=of("hidden_size"),
        feed_forward=of("ffn_hidden_size"),
        heads=of("num_attention_heads"),
        groups=of("num_query_groups"),
        channels=of("kv_channels"),
        vocabulary=of("vocab_size"),
        tied=of("share_embeddings_and_output_weights"),
    )


def _adapters(identity: Mapping[str, Any]) -> Adapters | None:
    if "adapters' dim" not in identity:
        return None
    return Adapters(
        rank=identity["adapters' dim"],
        alpha=identity["adapters' alpha"],
        dropout=0.0,
        layers=list(identity["adapters' target_modules"]),
        learning_rate_factor=1.0,
        name=str(identity["tuning"]).lower(),
    )
