"""The plan's speeds against those that others published: the table of all rows, and the fit of the coefficients.

    python -m tools.bench.plan_speed [--fit] [--output TABLE.md]

``--fit`` writes tools/plan/speed.yaml: least squares on the logarithm of tokens a second, over half of the rows. It
needs scipy, which NeMo brings along. Prints how long one prediction takes as well.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from preprocessing.files import atomic_file
from tools.plan.coefficients import FILE, Coefficients, load
from tools.plan.published import Published, read_published, split
from tools.plan.speed import step_time

#: Where the fit starts, and how far a coefficient may go: shares to 1. Hopper is what generations are relative to, and
#: `links` is not fitted: with `exposed` it could not be told apart.
_START: dict[str, tuple[float, float]] = {
    **{f"products.{name}": (0.7, 1) for name in ("bf16", "fp8", "mxfp8", "nvfp4")},
    "generation.blackwell": (0.9, 1.1),
    "generation.blackwell_ultra": (0.9, 1.1),
    "attention": (0.5, 1),
    "memory": (0.7, 1),
    "layer": (2e-4, 1e-3),
    "step": (0.02, 0.2),
    "exposed.tensor": (0.5, 1),
    "exposed.data": (0.2, 1),
}
_LINKS = 0.7

_TEXT = """\
# What training reaches of a GPU's data sheet: written by `python -m tools.bench.plan_speed --fit`, which fitted these
# numbers to {fitted} of the {all} rows of published.csv by least squares on the logarithm of tokens a second. The other
# {held_out} are held out: docs/planning.md shows how well they are met.
# The FLOP, bytes and schedules behind them are counted in layer_time.py, communication.py and speed.py.

# share of the tensor cores' dense peak, by the type of a product's inputs, on Hopper (fp8: one scale a tensor;
# fp8-blockwise and older GPUs are taken to be the same, which is an assumption: no row is of them)
products: {products}
# times this on newer ones: power and clocks do not grow with the peak
generation: {generation}
# share of the BF16 peak in fused causal attention, forward and backward
attention: {attention}
# share of the memory's bandwidth
memory: {memory}
# share of NVLink's and the network's data sheet; not fitted: SimuMax measured 0.67 to 0.74 of NVLink's on eight B200
# (MooreThreads/SimuMax, configs/system/b200_bf16_ceperm.json); the network is assumed to reach the same
links: {links}
# seconds that one pass of a micro-batch through a layer takes beside its FLOP and bytes: launches, waiting
layer: {layer}
# seconds that a step takes beside the optimizer's bytes
step: {step}
# share of communication that is not hidden: of tensor parallelism with user buffers (without: all), of the exchange of
# gradients and weights
exposed: {exposed}
"""


def main() -> int:
    """Fit where asked for, print the table; return 1 when a required row is more than 25 % off."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--fit", action="store_true", help=f"write {FILE.name} first")
    arguments.add_argument("--output", type=Path, help="Markdown file", default=None)
    options = arguments.parse_args()
    rows = read_published()
    fitted, held_out = split(rows)
    if options.fit:
        _write(FILE, as_yaml(fit(fitted), len(fitted), len(held_out)))
        load.cache_clear()
    started = time.perf_counter()
    errors = [error(row) for row in rows]
    each = (time.perf_counter() - started) / len(rows)
    lines = [*table(rows, fitted), "", *summary(rows, fitted)]
    print("\n".join(lines))
    print(f"{each * 1e6:.0f} microseconds a prediction", file=sys.stderr)
    if options.output:
        _write(options.output, "\n".join(lines) + "\n")
    return 1 if any(abs(off) > 0.25 for row, off in zip(rows, errors, strict=True) if row.required) else 0


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as stream:
        stream.write(text)


def predicted(row: Published, by: Coefficients | None = None) -> float:
    """Tokens a second and GPU by the plan."""
    return step_time(row.configuration, by, row.overlap).tokens_per_second_per_gpu


def error(row: Published) -> float:
    """How far the plan is off: 0.1 when it promises 10 % more than was published."""
    return predicted(row) / row.speed - 1


def fit(rows: list[Published]) -> Coefficients:
    """Return the coefficients that meet ``rows`` best, to three digits."""
    from scipy.optimize import least_squares

    # all of the order of 1 for the search
    top = [limit for _, limit in _START.values()]
    start = [value / limit for value, limit in _START.values()]

    def coefficients(values: list[float]) -> Coefficients:
        named = {name: float(f"{value * limit:.3g}") for name, value, limit in zip(_START, values, top, strict=True)}
        return _nested(named)

    def exact(values: Any) -> list[float]:
        named = {name: float(value * limit) for name, value, limit in zip(_START, values, top, strict=True)}
        by = _nested(named)
        return [math.log(predicted(row, by) / row.speed) for row in rows]

    return coefficients(least_squares(exact, start, bounds=(0, 1)).x)


def _nested(named: dict[str, float]) -> Coefficients:
    values: dict[str, Any] = {"links": _LINKS, "generation": {"hopper": 1.0}}
    for name, value in named.items():
        group, _, member = name.partition(".")
        if member:
            values.setdefault(group, {})[member] = value
        else:
            values[group] = value
    return Coefficients(**values)


def as_yaml(found: Coefficients, fitted: int, held_out: int) -> str:
    """Return the text of speed.yaml."""

    def text(value: float | dict[str, float]) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{name}: {item}" for name, item in value.items()) + "}"
        return f"{value:f}".rstrip("0")

    values = {name: text(value) for name, value in vars(found).items()}
    return _TEXT.format(**values, fitted=fitted, held_out=held_out, all=fitted + held_out)


def table(rows: list[Published], fitted: list[Published]) -> list[str]:
    """Return one Markdown line a row; those that must be met within a quarter are bold."""
    lines = [
        "| task | GPUs | model | precision | sequence | batch x micro | TP PP CP VP | published | plan | error | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        wanted = row.configuration
        layout, mark = wanted.layout, "**" if row.required else ""
        assert wanted.gpu
        notes = ["fitted" if row in fitted else "held out", row.method and f"as data parallel, was {row.method}"]
        cells = (
            row.task,
            f"{wanted.world_size} {wanted.gpu.name.upper()}",
            row.model,
            wanted.format.name,
            f"{wanted.sequence_length:,}",
            f"{wanted.global_batch_size} x {wanted.micro_batch_size}",
            f"{layout.tensor_parallel} {layout.pipeline_parallel} {layout.context_parallel} {wanted.virtual}",
            f"{mark}{row.speed:,.0f}{mark} ({row.source} {row.release})",
            f"{predicted(row):,.0f}",
            f"{error(row):+.0%}",
            "; ".join(note for note in notes if note),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def summary(rows: list[Published], fitted: list[Published]) -> list[str]:
    """Return a Markdown table of errors: of rows fitted and held out, and by GPU, precision and task."""
    lines = ["| rows | number | median error | largest | within 25 % |", "|---|---|---|---|---|"]
    groups: dict[str, list[Published]] = {
        "fitted": fitted,
        "held out": [row for row in rows if row not in fitted],
        "required": [row for row in rows if row.required],
    }
    for row in rows:
        gpu = row.configuration.gpu
        assert gpu
        groups.setdefault(f"{gpu.name.upper()} {row.configuration.format.name} {row.task}", []).append(row)
    for name, members in groups.items():
        errors = [error(row) for row in members]
        within = sum(abs(each) <= 0.25 for each in errors)
        lines.append(
            f"| {name} | {len(members)} | {statistics.median(map(abs, errors)):.1%} | {max(errors, key=abs):+.0%} | "
            f"{within} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
