"""A run whose last steps are in another precision is planned in both: the fuller decides, each has its own steps."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from recipes.request import make_request
from tools.plan.from_request import configuration_of
from tools.plan.gate import refusal, require_fit
from tools.plan.memory import memory
from tools.plan.plan import Plan, make_plan, seconds_a_step
from tools.plan.speed import step_time
from tools.plan.text import short


def plan(precision: str, final: str | None, **more: Any) -> Plan:
    request = make_request("cpt", hardware="4xb200", precision=precision, final_precision=final)
    return make_plan(request, configuration_of(request), **more)


def asked(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments])
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize(("first", "final"), [("nvfp4", "bf16"), ("bf16", "nvfp4"), ("nvfp4", "mxfp8")])
def test_the_precision_that_takes_more_decides(first: str, final: str) -> None:
    """On four B200 NVFP4 takes more than BF16, which has no copy of the weights, and MXFP8 more than there is."""
    both = plan(first, final)
    peaks = {
        name: max(stage.peak for stage in memory(configuration_of(make_request("cpt", precision=name))))
        for name in (first, final)
    }
    fullest = max(peaks, key=lambda name: peaks[name])
    assert both.fullest.configuration.format.name == fullest
    assert both.fullest.verdict is not None
    assert both.fullest.verdict.stage.peak == peaks[fullest]
    assert both.fits == (fullest != "mxfp8")


@pytest.mark.parametrize(("steps", "last"), [(40_000, 4_000), (50, 5), (2, 1)])
def test_each_step_takes_the_time_of_its_precision(steps: int, last: int) -> None:
    both = plan("nvfp4", "bf16", steps=steps, price_per_gpu_hour=4.0)
    assert both.final is not None
    assert (both.steps, both.final.steps) == (steps, last)
    of = {name: step_time(configuration_of(make_request("cpt", precision=name))).seconds for name in ("nvfp4", "bf16")}
    seconds = (steps - last) * of["nvfp4"] + last * of["bf16"]
    assert both.hours == pytest.approx(seconds / 3600)
    assert both.price == pytest.approx(4 * 4 * seconds / 3600)
    assert seconds_a_step(both.request, both.configuration, steps) == pytest.approx(seconds / steps)
    assert both.tokens == plan("nvfp4", None, steps=steps).tokens


@pytest.mark.parametrize(("final", "steps"), [(None, 100), ("nvfp4", 100), ("bf16", 1)])
def test_without_last_steps_of_their_own_there_is_one_plan(final: str | None, steps: int) -> None:
    one = plan("nvfp4", final, steps=steps)
    assert one.final is None
    assert one.fullest is one
    assert short(one) == short(plan("nvfp4", None, steps=steps))


def test_a_refusal_says_in_which_steps_and_offers_no_precision_for_all() -> None:
    both = plan("nvfp4", "mxfp8")
    sentence = refusal(both)
    assert sentence.startswith("this does not fit: the last 4,000 steps in mxfp8 take 202 of 192 GB a GPU")
    assert "all in nvfp4 would fit" in sentence
    assert "--precision" not in sentence
    assert "LoRA" in sentence
    assert {change.configuration.format.name for change in both.fullest.changes} == {"mxfp8"}


def test_a_training_command_is_refused_for_its_last_steps(capsys: pytest.CaptureFixture[str]) -> None:
    request = make_request(
        "cpt", precision="nvfp4", final_precision="mxfp8", hardware="4xb200", checkpoint=Path("none")
    )
    with pytest.raises(UsageError, match="the last 4,000 steps in mxfp8 take 202 of 192 GB"):
        require_fit(request, None, force=False)
    assert "the last 4,000 steps in mxfp8: 202" in capsys.readouterr().err
    made = require_fit(request, None, force=True)
    assert made is not None
    assert not made.fits


def test_the_command_says_both(tmp_path: Path) -> None:
    config = tmp_path / "cpt.yaml"
    text = Path("nemo_configs/cpt.yaml").read_text(encoding="utf-8")
    config.write_text(text.replace("final_precision: null", "final_precision: bf16"), encoding="utf-8")
    printed = asked("--config", str(config))
    assert printed == asked("--final-precision", "bf16")
    assert "the last 4,000 steps in bf16: 167.0 of 192.3 GB a GPU (87%): tight; " in printed
    found = SimpleNamespace(**json.loads(asked("--final-precision", "mxfp8", "--json", status=1)))
    assert found.verdict == found.final["verdict"] == "does not fit"
    assert found.memory_share == found.final["memory_share"] > 1
    assert (found.steps, found.final["steps"], found.final["precision"]) == (40_000, 4_000, "mxfp8")


def test_a_budget_buys_steps_at_the_mean_of_both() -> None:
    def bought(*more: str) -> float:
        return float(json.loads(asked("--budget", "100h", "--json", *more))["budget"][0]["steps"])

    alone, other = bought(), bought("--precision", "bf16")
    assert bought("--final-precision", "bf16") == pytest.approx(1 / (0.9 / alone + 0.1 / other), rel=0.001)


def test_a_final_precision_that_the_run_cannot_go_on_in_is_refused() -> None:
    with pytest.raises(UsageError, match="holds weights in another type"):
        plan("nvfp4", "fp32")
