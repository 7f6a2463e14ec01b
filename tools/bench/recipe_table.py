"""Every combination of stage x precision x tuning: does it resolve for 4xb200, fit there, and train on a CPU?

    python -m tools.bench.recipe_table [--quickstart runs/quickstart] [--steps 5] [--at-once 2] [--output TABLE.md]

Where the precision can be computed on a CPU, the recipe of the tiny model is trained for some steps, each run in a
process of its own. The table is Markdown: the loss of the first and of the last step, or "no" where a CPU can't; and
what share of a B200's memory `cpt` takes by the plan.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path

from preprocessing.errors import RecipeError, UsageError
from recipes.formats import FORMATS
from recipes.metrics import read_metrics
from recipes.request import Request, make_request
from recipes.settings import STAGES
from tools.bench import warm_runs

TUNING = ("full", "lora", "dora")
Combination = tuple[str, str, str]  # precision, tuning, stage


def main() -> int:
    """Resolve, train, print; return 1 when something that should work did not."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--quickstart", type=Path, default=Path("runs/quickstart"), help="where make quickstart wrote"
    )
    arguments.add_argument("--steps", type=int, default=5, help="of each run on the CPU")
    arguments.add_argument("--at-once", type=int, default=2, help="runs at the same time, a process each")
    arguments.add_argument("--output", type=Path, help="Markdown file", default=None)
    options = arguments.parse_args()
    combinations = list(product(FORMATS, TUNING, STAGES))
    warm_runs.warm_up()
    resolved = {item: resolve(*item) for item in combinations}
    with tempfile.TemporaryDirectory() as folder:
        runs = {item: run_of(item, options.quickstart, options.steps, Path(folder)) for item in combinations}
        trained = train(runs, options.at_once)
    lines = table(resolved, trained, options.steps)
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if any(text.startswith("FAILED") for text in (*resolved.values(), *trained.values())) else 0


def request_of(precision: str, tuning: str, stage: str, **more: object) -> Request:
    """Return the request of one combination.

    Raises:
        UsageError: it is refused.
    """
    return make_request(stage, precision=precision, peft=None if tuning == "full" else tuning, **more)  # type: ignore[arg-type]


def resolve(precision: str, tuning: str, stage: str) -> str:
    """Say whether the recipe of Llama 3.3 70B resolves for four B200: ``yes``, or the reason it is refused for."""
    from tools.train import compose

    try:
        compose(request_of(precision, tuning, stage, hardware="4xb200"))
    except UsageError as error:
        return f"refused: {error}"
    return "yes"


def planned(precision: str, tuning: str) -> str:
    """Return the share of each of four B200's memory that ``cpt`` of Llama 3.3 70B takes, and what that means."""
    from tools.plan.from_request import configuration_of, stated_shape
    from tools.plan.verdict import judge

    try:
        request = request_of(precision, tuning, "cpt", hardware="4xb200")
        verdict = judge(configuration_of(request, stated_shape(request.model, request.checkpoint)))
    except UsageError:
        return ""
    return f"{verdict.share:.0%}, {verdict.word}"


def run_of(combination: Combination, quickstart: Path, steps: int, folder: Path) -> warm_runs.Run | None:
    """Return the run of the tiny model; None where a CPU can't compute it."""
    precision, tuning, stage = combination
    try:
        request_of(precision, tuning, stage, model="tiny")
    except UsageError:
        return None
    data = {"cpt": "corpus/cpt/blend.yaml", "cpt_fast": "corpus/cpt/blend_fast.yaml", "sft": "sft"}[stage]
    arguments = {
        "model": "tiny",
        "hardware": "1xcpu",
        "checkpoint": quickstart / "base",
        "data": quickstart / data,
        "precision": precision,
        "peft": None if tuning == "full" else tuning,
    }
    overrides = (f"trainer.max_steps={steps}",)
    return warm_runs.Run(folder / "_".join(combination), arguments, overrides, stage=stage)


def train(runs: dict[Combination, warm_runs.Run | None], at_once: int) -> dict[Combination, str]:
    """Train; return the losses of each run, or how it failed."""
    found = dict.fromkeys(runs, "no")
    there = [(combination, run) for combination, run in runs.items() if run]
    for first in range(0, len(there), at_once):
        batch = [(combination, run, warm_runs.start(run)) for combination, run in there[first : first + at_once]]
        for combination, run, children in batch:
            try:
                warm_runs.finish(run, children)
                losses = [record["loss"] for record in read_metrics(run.folder) if "loss" in record]
                found[combination] = f"{losses[0]:.3f} -> {losses[-1]:.3f}"
            except RecipeError as error:
                found[combination] = f"FAILED: {error}"
            print(" ".join(combination), found[combination], file=sys.stderr, flush=True)
    return found


def table(resolved: dict[Combination, str], trained: dict[Combination, str], steps: int) -> list[str]:
    """Return the lines of the table; refusals come once, below it."""
    head = [f"{stage.replace('_', '-')} on a CPU, {steps} steps" for stage in STAGES]
    lines = ["| precision | tuning | resolves for 4xb200 | memory of cpt there | " + " | ".join(head) + " |"]
    lines.append("|---|---|---|---|" + "---|" * len(STAGES))
    refused: dict[tuple[str, str], list[str]] = {}  # by precision and reason: tunings
    for precision, tuning in product(FORMATS, TUNING):
        answers = [resolved[precision, tuning, stage] for stage in STAGES]
        if all(answer == "yes" for answer in answers):
            answer = "cpt, cpt-fast, sft"
        else:
            answer = "refused" if all(item != "yes" for item in answers) else ", ".join(answers)
            for reason in dict.fromkeys(item for item in answers if item != "yes"):
                refused.setdefault((precision, reason.removeprefix("refused: ")), []).append(tuning)
        cells = " | ".join(trained[precision, tuning, stage] for stage in STAGES)
        memory = "" if answer == "refused" else planned(precision, tuning)
        lines.append(f"| {precision} | {tuning} | {answer} | {memory} | {cells} |")
    lines.append("")
    for (precision, reason), tunings in refused.items():
        which = "" if len(tunings) == len(TUNING) else " " + ", ".join(tunings)
        lines.append(f"- {precision}{which}: {reason}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
