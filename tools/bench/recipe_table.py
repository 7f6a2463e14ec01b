"""Every combination of stage x precision x tuning: does it resolve for 4xb200, and does it train on a CPU?

    python -m tools.bench.recipe_table [--quickstart runs/quickstart] [--steps 5] [--at-once 2] [--output TABLE.md]

Where the precision can be computed on a CPU, the recipe of the tiny model is trained for some steps, each run in a
process of its own, as `launch.py` trains it. The table is Markdown: the loss of the first and of the last step, or why
there is none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from preprocessing.errors import UsageError
from recipes.formats import FORMATS
from recipes.request import Request, make_request
from recipes.settings import STAGES

ROOT = Path(__file__).resolve().parents[2]
TUNING = ("full", "lora", "dora")


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
    resolved = {item: resolve(*item) for item in combinations}
    with ThreadPoolExecutor(options.at_once) as pool:
        runs = pool.map(lambda item: train(item, options.quickstart, options.steps), combinations)
        trained = dict(zip(combinations, runs, strict=True))
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


def train(combination: tuple[str, str, str], quickstart: Path, steps: int) -> str:
    """Train the tiny model on the CPU; return its losses, or the reason there are none."""
    precision, tuning, stage = combination
    try:
        request_of(precision, tuning, stage, model="tiny")
    except UsageError:
        return "no"
    data = {"cpt": "corpus/cpt/blend.yaml", "cpt_fast": "corpus/cpt/blend_fast.yaml", "sft": "sft"}[stage]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "launch.py", stage.replace("_", "-"), "--model", "tiny", "--hardware", "1xcpu"),
            *("--checkpoint", str(quickstart / "base"), "--data", str(quickstart / data)),
            *("--output", f"{folder}/run", "--precision", precision, "--json", f"trainer.max_steps={steps}"),
            *(() if tuning == "full" else ("--peft", tuning)),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{precision} {tuning} {stage}: exit status {done.returncode}", file=sys.stderr, flush=True)
    if done.returncode:
        return f"FAILED: {done.stderr.strip().splitlines()[-1]}"
    summary = json.loads(done.stdout)
    return f"{summary['first_loss']:.3f} -> {summary['last_loss']:.3f}"


def table(resolved: dict[tuple[str, str, str], str], trained: dict[tuple[str, str, str], str], steps: int) -> list[str]:
    """Return the lines of the table; refusals come once, below it."""
    head = [f"{stage.replace('_', '-')} on a CPU, {steps} steps" for stage in STAGES]
    lines = ["| precision | tuning | resolves for 4xb200 | " + " | ".join(head) + " |"]
    lines.append("|---|---|---|" + "---|" * len(STAGES))
    notes: list[str] = []
    for precision, tuning in product(FORMATS, TUNING):
        answers = [resolved[precision, tuning, stage] for stage in STAGES]
        if all(answer == "yes" for answer in answers):
            answer = "cpt, cpt-fast, sft"
        else:
            answer = "refused" if all(item != "yes" for item in answers) else ", ".join(answers)
            notes += [f"- {precision}: {item.removeprefix('refused: ')}" for item in answers if item != "yes"]
        cells = " | ".join(trained[precision, tuning, stage] for stage in STAGES)
        lines.append(f"| {precision} | {tuning} | {answer} | {cells} |")
    return [*lines, "", *dict.fromkeys(notes)]


if __name__ == "__main__":
    sys.exit(main())
