"""The plan's states and activations against real runs on a CPU: two tables of docs/planning.md.

    make quickstart                                            # leaves a tokenizer and a corpus
    python -m tools.bench.plan_memory OUTPUT [--quickstart runs/quickstart] [--quick]

Real recipes of two steps in one process and in two, each a fork of this one, and single forward passes
(tools/bench/saved_tensors.py). OUTPUT keeps what they counted. ``--quick`` does those that the tests always do.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tools.bench import saved_tensors
from tools.bench.warm_runs import Run, apart, finish, start, warm_up

#: Sizes of tools.sample.model.make_tiny_llama.
MODELS = {
    "tiny": {"hidden": 64, "layers": 4, "ffn": 96, "heads": 4, "kv_heads": 2},
    "wide": {"hidden": 256, "layers": 4, "ffn": 640, "heads": 8, "kv_heads": 2, "vocab_size": 3072},
}
TUNINGS = ("full", "lora", "dora")
LAYOUTS = {"1 process": (1, 1), "TP 2": (2, 1), "PP 2": (1, 2)}
PRECISIONS = ("fp32", "bf16")
LENGTH = 64


class Case(NamedTuple):
    """One run: names of the tables above."""

    model: str
    tuning: str
    layout: str
    precision: str

    @property
    def text(self) -> str:
        """Its name, of a folder too."""
        return ", ".join(self)


CASES = [
    Case(*each)
    for each in (
        (model, tuning, layout, precision)
        for model in MODELS
        for tuning in TUNINGS
        for layout in LAYOUTS
        for precision in PRECISIONS
    )
]
#: Each tuning, layout and precision at least once.
QUICK = [
    Case("wide", "full", "1 process", "bf16"),
    Case("tiny", "lora", "1 process", "fp32"),
    Case("tiny", "full", "PP 2", "fp32"),
    Case("wide", "dora", "TP 2", "bf16"),
]


@dataclass(frozen=True)
class Counted:
    """What one rank of a run holds: [planned, measured] bytes by part."""

    case: Case
    rank: int
    stage: int
    states: dict[str, tuple[float, float]]
    saved: dict[str, tuple[float, float]]


def measure(tokenizer: str, blend: str, output: str, quick: str = "") -> None:
    """Do the runs, as many at a time as have two processes, in a process that has imported NeMo."""
    cases = QUICK if quick else CASES
    folder = Path(output)
    models = {name: folder / "models" / name for name in {case.model for case in cases}}
    for name, checkpoint in models.items():
        if not checkpoint.exists():
            apart(functools.partial(_make_model, name, Path(tokenizer), checkpoint))
    waiting = sorted((_run(case, models[case.model], blend, folder) for case in cases), key=lambda run: run.processes)
    while waiting:
        now = [waiting.pop(0)]
        if waiting and now[0].processes + waiting[0].processes == 2:
            now.append(waiting.pop(0))
        for run, children in [(run, start(run)) for run in now]:
            finish(run, children)


def _make_model(name: str, tokenizer: Path, checkpoint: Path) -> None:
    from tools.checkpoint import import_checkpoint
    from tools.sample.model import make_tiny_llama

    sizes: dict[str, Any] = MODELS[name]
    source, own = checkpoint.with_name(f"{name}_hf"), checkpoint.with_name(f"{name}_tokenizer")
    own.mkdir(parents=True)
    for file in tokenizer.glob("*token*.json"):  # a model beside them would be taken too
        shutil.copy(file, own)
    make_tiny_llama(source, own, **sizes)
    import_checkpoint(source, checkpoint)


def _run(case: Case, checkpoint: Path, blend: str, folder: Path) -> Run:
    tensor, pipeline = LAYOUTS[case.layout]
    arguments = {"model": "tiny", "checkpoint": checkpoint, "data": Path(blend), "precision": case.precision}
    overrides = (
        f"trainer.strategy.tensor_model_parallel_size={tensor}",
        f"trainer.strategy.pipeline_model_parallel_size={pipeline}",
        "trainer.max_steps=2",
        "trainer.limit_val_batches=1",
        f"data.seq_length={LENGTH}",
        f"model.config.seq_length={LENGTH}",
        "data.global_batch_size=2",
        "data.micro_batch_size=1",
        "data.num_workers=0",
    )
    if case.tuning != "full":
        arguments["peft"] = case.tuning

    def watch(request: Any, recipe: Any) -> Any:
        from tools.bench.memory_of_a_run import CountBytes
        from tools.plan.from_request import configuration_of_recipe

        return CountBytes(configuration_of_recipe(request, recipe), folder / case.text)

    return Run(folder / case.text, arguments, overrides, processes=tensor * pipeline, watch=watch)


def counted(folder: Path, cases: Iterable[Case]) -> Iterator[Counted]:
    """Read what the runs counted."""
    for case in cases:
        for rank, file in enumerate(sorted((folder / case.text).glob("memory*.json"))):
            yield Counted(case, rank, **json.loads(file.read_text(encoding="utf-8")))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--quickstart", type=Path, default=Path("runs/quickstart"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warm_up()
    measure(
        str(options.quickstart / "sample" / "model"),
        str(options.quickstart / "corpus" / "cpt" / "blend.yaml"),
        str(options.output),
        "quick" * options.quick,
    )
    (options.output / "layers").mkdir(exist_ok=True)
    saved_tensors.measure(str(options.output / "layers"), "quick" * options.quick)
    found = list(counted(options.output, QUICK if options.quick else CASES))
    print("\n".join([*table_of_states(found), "", *table_of_layers(options.output / "layers")]))
    return 0


def table_of_states(found: list[Counted]) -> list[str]:
    """Lines of a table with a row for each model, tuning and precision: planned / measured bytes of ranks."""
    lines = [
        f"| Model, tuning, type | {' | '.join(LAYOUTS)} | Largest error of a part |",
        "|---" * (len(LAYOUTS) + 2) + "|",
    ]
    for model, tuning, precision in dict.fromkeys(
        (each.case.model, each.case.tuning, each.case.precision) for each in found
    ):
        row = [
            each
            for each in found
            if (each.case.model, each.case.tuning, each.case.precision) == (model, tuning, precision)
        ]
        cells = []
        for layout in LAYOUTS:
            totals = [map(sum, zip(*each.states.values(), strict=True)) for each in row if each.case.layout == layout]
            cells.append("; ".join(dict.fromkeys(f"{planned:,.0f} / {measured:,}" for planned, measured in totals)))
        error = max(_error(*part) for each in row for part in each.states.values() if any(part))
        lines.append(f"| {model}, {tuning}, {precision} | {' | '.join(cells)} | {error:.3%} |")
    return lines


def table_of_layers(folder: Path) -> list[str]:
    """Lines of a table with a row for each way of recomputing and of tuning, over all shapes and layouts."""
    rows: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for case, _, parts in saved_tensors.counted(folder):
        row = rows.setdefault((case.recompute, case.tuning), {})
        for name, part in parts.items():
            row.setdefault(name, []).append(_error(*part))
    names = sorted({name for row in rows.values() for name in row})
    lines = [f"| Recomputed, tuning | Passes, by ranks | {' | '.join(f'Largest error, {name}' for name in names)} |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for place, row in sorted(rows.items()):
        errors = " | ".join(f"{max(row[name]):.3%}" for name in names)
        lines.append(f"| {', '.join(place)} | {len(row[names[0]])} | {errors} |")
    return lines


def _error(planned: float, measured: float) -> float:
    return abs(planned / measured - 1) if measured else float("inf")


if __name__ == "__main__":
    sys.exit(main())
