"""A real run as the measure of the plan: how fast it was against what was predicted for it.

The predicted times of other configurations on the same GPU are then multiplied by the same factor.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from recipes.formats import CPU, format_named
from recipes.gpus import GPUS, Gpu
from recipes.hardware import Layout
from recipes.identity import FILE as IDENTITY
from recipes.identity import read_identity
from recipes.metrics import FILE as METRICS
from recipes.metrics import read_metrics
from recipes.monitoring.facts import FILE as FACTS
from recipes.monitoring.facts import read_facts
from recipes.settings import Adapters
from recipes.shape import Shape
from tools.plan.amounts import amount, whole
from tools.plan.configuration import Configuration
from tools.plan.speed import Time, step_time

#: Steps after each start that are left out: kernels are compiled and chosen, memory is claimed, data are opened.
WARM_UP = 5
_LEAST = 5  # steps that a median is taken of
_DEVICES = re.compile(r"(\d{1,9}) x (\w+)")
_SPEED = "tokens_per_second_per_device"


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
        UsageError: it is no run of this project, its files are not as this writes them, it ran on a CPU, or was too
            short.
    """
    try:
        facts, identity, records = read_facts(run), read_identity(run), read_metrics(run)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{run} holds no run whose files can be read: {error}") from None
    if not facts or identity is None:
        raise UsageError(f"{run} holds no run: facts.json and run.json are not both there and whole")
    try:
        return _calibration(run, facts, identity, [record for record in records if _SPEED in record])
    except UsageError as error:
        raise UsageError(f"{run} measures no speed: {error}") from None


def _calibration(
    run: Path, facts: Mapping[str, Any], identity: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
) -> Calibration:
    # the facts have the precision of the last start, which may be that of a short end
    last = _Written(FACTS, facts).of("precision", str)
    precisions = [_Written(METRICS, {"precision": last, **record}).of("precision", str) for record in records]
    most = max(Counter(precisions).items(), key=lambda item: item[1], default=(last, 0))[0]
    wanted = configuration_of_run({**facts, "precision": most}, identity)
    starts = [_Written(FACTS, start).of("step", int) for start in _Written(FACTS, facts).of("starts", list)]
    same = [record for record, precision in zip(records, precisions, strict=True) if precision == most]
    measured, steps = _steady(same, starts)
    assert wanted.gpu
    predicted = step_time(wanted).tokens_per_second_per_gpu
    return Calibration(run, wanted.gpu.name, measured, predicted, most, steps, len(records) - steps)


@dataclass(frozen=True)
class _Written:
    """Values that a file of a run holds."""

    file: str
    values: Any

    def of(self, name: str, kind: type) -> Any:
        """The value of this ``name``, which is of this ``kind``."""
        if not isinstance(self.values, dict) or name not in self.values:
            raise UsageError(f"its {self.file} lacks '{name}': another version of this project wrote it")
        value = self.values[name]
        if not isinstance(value, kind):
            raise UsageError(f"its {self.file} says that '{name}' is {value!r}")
        return value

    def whole(self, name: str) -> int:
        """The positive whole number of this ``name``."""
        return whole(self.of(name, object), f"'{name}' of its {self.file}")


def _steady(records: Sequence[Mapping[str, Any]], starts: list[int]) -> tuple[float, int]:
    """Return the median speed of the steps of ``records`` that are no warm-up, and their number."""
    cold = {step for start in starts for step in range(start + 1, start + 1 + WARM_UP)}
    speeds = [amount(record[_SPEED], f"{_SPEED} in its {METRICS}") for record in records if record["step"] not in cold]
    if len(speeds) < _LEAST:
        raise UsageError(
            f"it is too short: {len(records)} steps, of which {WARM_UP} after each start are warm-up and {_LEAST} more "
            "are needed"
        )
    return statistics.median(speeds), len(speeds)


def configuration_of_run(facts_of_run: Mapping[str, Any], identity_of_run: Mapping[str, Any]) -> Configuration:
    """Return what a run trained, from what it wrote down: its ``facts.json`` and its ``run.json``.

    Raises:
        UsageError: it ran on a CPU or on an unknown GPU, or something is not written there.
    """
    facts, identity = _Written(FACTS, facts_of_run), _Written(IDENTITY, identity_of_run)
    found = _DEVICES.match(facts.of("devices", str))
    if not found:
        raise UsageError(f"its {FACTS} says that 'devices' is {facts.of('devices', str)!r}")
    devices, nodes, chip = int(found[1]), facts.whole("nodes"), found[2]
    if chip == CPU:
        raise UsageError("it ran on a CPU, which says nothing about the speed of a GPU")
    if chip not in GPUS:
        raise UsageError(f"it ran on an unknown GPU '{chip}'.{did_you_mean(chip, GPUS)}")
    if devices < 1 or devices % nodes:
        raise UsageError(f"its {FACTS} says that {devices} GPUs are those of {nodes} nodes")
    pieces = _Written(IDENTITY, identity.of("layout", dict)).of("virtual pipeline", object)
    return Configuration(
        shape=_shape(identity),
        layout=Layout(
            tensor_parallel=facts.whole("tensor parallel"),
            pipeline_parallel=facts.whole("pipeline parallel"),
            context_parallel=facts.whole("context parallel"),
            virtual_pipeline=None if pieces is None else whole(pieces, f"'virtual pipeline' of its {IDENTITY}"),
            sequence_parallel=facts.of("sequence parallel", bool),
            optimizer=facts.of("optimizer", str),
            recompute=facts.of("recompute", str),
        ),
        format=format_named(facts.of("precision", str)),
        sequence_length=facts.whole("sequence length"),
        micro_batch_size=facts.whole("micro batch (sequences)"),
        global_batch_size=facts.whole("global batch (sequences)"),
        gpu=GPUS[chip],
        devices=devices // nodes,
        nodes=nodes,
        adapters=_adapters(identity),
    )


def _shape(identity: _Written) -> Shape:
    def of(name: str) -> int:
        return identity.whole(f"the model's {name}")

    return Shape(
        layers=of("num_layers"),
        hidden=of("hidden_size"),
        feed_forward=of("ffn_hidden_size"),
        heads=of("num_attention_heads"),
        groups=of("num_query_groups"),
        channels=of("kv_channels"),
        vocabulary=of("vocab_size"),
        tied=identity.of("the model's share_embeddings_and_output_weights", bool),
    )


def _adapters(identity: _Written) -> Adapters | None:
    if "adapters' dim" not in identity.values:
        return None
    return Adapters(
        rank=identity.whole("adapters' dim"),
        alpha=identity.whole("adapters' alpha"),
        dropout=0.0,
        layers=[str(layer) for layer in identity.of("adapters' target_modules", list)],
        learning_rate_factor=1.0,
        name="dora" if "dora" in identity.of("tuning", str).lower() else "lora",  # the class of NeMo's that it is
    )
