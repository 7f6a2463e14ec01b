"""Loss curves of the tiny Llama in BF16, in emulated NVFP4, and with each ingredient of it switched off in turn.

    make quickstart                                            # leaves the tiny Llama, trained, and its corpus
    python -m tools.bench.nvfp4_curves OUTPUT [--seeds 3] [--at-once 2]

Every run continues the quickstart's CPT, at a quarter of its learning rate. From random weights and at the full rate
runs drift apart whatever the reason: FP32 ended 2 % above BF16, which would have hidden the rest.

Real recipes, one process each on one CPU core, `--at-once` of them side by side. A run that is done is not done again,
so an interrupted benchmark goes on, and `--report-only` shows what there is so far: the plot is
OUTPUT/nvfp4_curves.svg, the table OUTPUT/nvfp4_curves.md.

Runs of one seed see the same data in the same order, so that they are compared pair by pair.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from preprocessing.errors import RecipeError
from preprocessing.files import atomic_file
from recipes.metrics import read_metrics
from recipes.settings import CONFIGS
from tools.bench.warm_runs import Run, finish, start, warm_up

PLOT, TABLE = "nvfp4_curves.svg", "nvfp4_curves.md"
#: Steps over which the last training loss is averaged, and the curves are smoothed.
_WINDOW = 20
LEARNING_RATE = 1e-3
_NO_BF16_LAYERS = "trainer.plugins.num_layers_at_end_in_bf16=0"
_SWITCHES = ("RHT", "STOCHASTIC_ROUNDING", "2D_QUANTIZATION")
BASELINE, WHOLE = "BF16", "NVFP4"
#: precision, overrides and the switches that are set, by the variant's name
VARIANTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    BASELINE: ("bf16", (), ()),
    WHOLE: ("nvfp4-emulated", (), ()),
    "FP32": ("fp32", (), ()),  # how far rounding alone drives two runs apart
    "no Hadamard transform": ("nvfp4-emulated", (), ("RHT",)),
    "no stochastic rounding": ("nvfp4-emulated", (), ("STOCHASTIC_ROUNDING",)),
    "no 16x16 weight blocks": ("nvfp4-emulated", (), ("2D_QUANTIZATION",)),
    "no BF16 layers": ("nvfp4-emulated", (_NO_BF16_LAYERS,), ()),
    "none of the four": ("nvfp4-emulated", (_NO_BF16_LAYERS,), _SWITCHES),
}


@dataclass(frozen=True)
class Curve:
    """A finished run: the loss of every training step, and that of the last validation."""

    losses: list[float]
    validation: float

    @property
    def last(self) -> float:
        """Mean loss of the last steps."""
        return statistics.fmean(self.losses[-_WINDOW:])


def planned(output: Path, quickstart: Path, seeds: int, steps: int) -> Iterator[tuple[str, int, Run]]:
    """Yield variant, seed and run; all variants of one seed before the next."""
    for seed in range(1, seeds + 1):
        settings = yaml.safe_load((CONFIGS / "quickstart.yaml").read_text(encoding="utf-8"))
        settings["cpt"] |= {
            "seed": seed,
            "max_steps": steps,
            "sequence_length": 128,
            "learning_rate": LEARNING_RATE,
            "min_learning_rate": LEARNING_RATE / 10,
            "checkpoint_every": steps,
            "keep_checkpoints": 1,
            "validate_every": steps,
            "validation_batches": 16,
        }
        config = output / f"seed{seed}.yaml"
        with atomic_file(config) as stream:
            yaml.safe_dump(settings, stream, sort_keys=False)
        for name, (precision, overrides, switches) in VARIANTS.items():
            arguments = {
                "model": "tiny",
                "hardware": "1xcpu",
                "precision": precision,
                "checkpoint": quickstart / "runs" / "cpt",
                "data": quickstart / "corpus" / "cpt" / "blend.yaml",
                "config": config,
            }
            environment = {f"NVTE_NVFP4_DISABLE_{switch}": "1" for switch in switches}
            folder = output / "runs" / f"{name.replace(' ', '_')}-{seed}"
            yield name, seed, Run(folder, arguments, ("data.num_workers=0", *overrides), environment)


def crosswise(output: Path, quickstart: Path, seeds: int) -> Iterator[tuple[str, int, Run]]:
    """Yield runs that validate what BF16 trained in NVFP4 and the other way round, after a step that moves nothing."""
    for seed in range(1, seeds + 1):
        settings = yaml.safe_load((output / f"seed{seed}.yaml").read_text(encoding="utf-8"))
        settings["cpt"] |= {"learning_rate": 1e-30, "min_learning_rate": 0.0}
        config = output / f"still{seed}.yaml"
        with atomic_file(config) as stream:
            yaml.safe_dump(settings, stream, sort_keys=False)
        for trained, other in ((BASELINE, WHOLE), (WHOLE, BASELINE)):
            arguments = {
                "model": "tiny",
                "hardware": "1xcpu",
                "precision": VARIANTS[other][0],
                "checkpoint": output / "runs" / f"{trained}-{seed}",
                "data": quickstart / "corpus" / "cpt" / "blend.yaml",
                "config": config,
            }
            overrides = ("data.num_workers=0", "trainer.max_steps=1", "trainer.val_check_interval=1")
            folder = output / "runs" / f"{trained}-in-{other}-{seed}"
            yield f"{trained}, validated in {other}", seed, Run(folder, arguments, overrides)


def curve(folder: Path, steps: int) -> Curve | None:
    """The curve in a run's folder; None where it is not finished."""
    records = read_metrics(folder)
    losses = [record["loss"] for record in records if "loss" in record]
    validations = [record["validation_loss"] for record in records if "validation_loss" in record]
    return Curve(losses, validations[-1]) if len(losses) == steps and validations else None


def table(curves: dict[str, dict[int, Curve]], others: dict[str, dict[int, float]]) -> str:
    """The table in Markdown; ``others`` are validation losses alone, by seed.

    How far losses lie above others: the mean over the seeds, with the least and the most.
    """
    lines = [
        f"| | seeds | validation loss | above {BASELINE} | above {WHOLE} | above {BASELINE} in training |",
        "|---|---|---|---|---|---|",
    ]
    validations = {name: {seed: run.validation for seed, run in of_seed.items()} for name, of_seed in curves.items()}
    last = {name: {seed: run.last for seed, run in of_seed.items()} for name, of_seed in curves.items()}
    for name, losses in (validations | others).items():
        if not losses:
            continue
        cells = [name, str(len(losses)), f"{statistics.fmean(losses.values()):.4f}"]
        cells += [_above(losses, validations[reference]) for reference in (BASELINE, WHOLE)]
        cells.append(_above(last.get(name, {}), last[BASELINE]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _above(losses: dict[int, float], others: dict[int, float]) -> str:
    above = [100 * (losses[seed] / others[seed] - 1) for seed in losses.keys() & others.keys()]
    if not any(above):
        return ""  # nothing to compare with, or the same runs
    return f"{statistics.fmean(above):+.2f} % ({min(above):+.2f} to {max(above):+.2f})"


def plot(curves: dict[str, dict[int, Curve]], path: Path) -> None:
    """Training loss of each variant, and its distance from BF16's; means over the seeds, smoothed."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    loss, gap = figure.subplots(1, 2)
    base = curves[BASELINE]
    for name, of_seed in curves.items():
        seeds = sorted(of_seed.keys() & base.keys())
        if not seeds:
            continue
        style = {"color": "black"} if name == BASELINE else {"linestyle": ":"} if name == "FP32" else {}
        mean = _smooth([statistics.fmean(step) for step in zip(*(of_seed[seed].losses for seed in seeds), strict=True)])
        other = _smooth([statistics.fmean(step) for step in zip(*(base[seed].losses for seed in seeds), strict=True)])
        steps = range(_WINDOW, _WINDOW + len(mean))
        loss.plot(steps, mean, label=name, linewidth=1.2, **style)
        above = [100 * (one / two - 1) for one, two in zip(mean, other, strict=True)]
        gap.plot(steps, above, label=name, linewidth=1.2, **style)
    loss.set(xlabel="step", ylabel=f"training loss, mean of {_WINDOW} steps")
    gap.set(xlabel="step", ylabel=f"% above {BASELINE}, same data")
    figure.legend(*gap.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    with matplotlib.rc_context({"svg.hashsalt": "nvfp4", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _smooth(values: list[float]) -> list[float]:
    return [statistics.fmean(values[end - _WINDOW : end]) for end in range(_WINDOW, len(values) + 1)]


def main() -> None:
    """Do the runs that are missing, then report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--quickstart", type=Path, default=Path("runs/quickstart"), help="folder of `make quickstart`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2, help="runs side by side, one core each")
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    plan = list(planned(options.output, options.quickstart, options.seeds, options.steps))
    after = list(crosswise(options.output, options.quickstart, options.seeds))
    missing = [run for _, _, run in plan if curve(run.folder, options.steps) is None]
    missing_after = [run for _, _, run in after if curve(run.folder, 1) is None]
    if (missing or missing_after) and not options.report_only:
        # glibc would give the memory of every large tensor back, and get it again page by page: a third of the time
        tunables = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}
        if not tunables.items() <= os.environ.items():
            again = [sys.executable, "-m", "tools.bench.nvfp4_curves", *sys.argv[1:]]
            os.execve(sys.executable, again, os.environ | tunables)
        warm_up()
        _train(missing, options.at_once)
        _train(missing_after, options.at_once)
    curves: dict[str, dict[int, Curve]] = {name: {} for name in VARIANTS}
    for name, seed, run in plan:
        if found := curve(run.folder, options.steps):
            curves[name][seed] = found
    others: dict[str, dict[int, float]] = {}
    for name, seed, run in after:
        if found := curve(run.folder, 1):
            others.setdefault(name, {})[seed] = found.validation
    if not curves[BASELINE]:
        raise RecipeError(f"no run of {BASELINE} is finished in {options.output}")
    with atomic_file(options.output / TABLE) as stream:
        stream.write(table(curves, others))
    plot(curves, options.output / PLOT)
    print(table(curves, others))


def _train(runs: list[Run], at_once: int) -> None:
    waiting, going = list(runs), deque[tuple[Run, list[int]]]()
    try:
        while waiting or going:
            while waiting and len(going) < at_once:
                run = waiting.pop(0)
                going.append((run, start(run)))
            run, children = going.popleft()
            finish(run, children)
            print(f"{run.folder.name} done, {len(waiting) + len(going)} to go", file=sys.stderr, flush=True)
    finally:
        for _, children in going:
            for child in children:
                os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main()
