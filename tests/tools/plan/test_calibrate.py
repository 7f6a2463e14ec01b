"""A run's own speed in place of published ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from preprocessing.files import write_json, write_json_lines
from recipes.formats import FORMATS
from recipes.gpus import GPUS
from recipes.hardware import Layout
from tools.plan.calibrate import WARM_UP, calibrate, configuration_of_run
from tools.plan.configuration import Configuration
from tools.plan.published import SHAPES
from tools.plan.speed import step_time

# as `recipes.monitoring.facts` and `recipes.identity` write them
FACTS: dict[str, Any] = {
    "stage": "cpt",
    "sequence length": 4096,
    "global batch (sequences)": 128,
    "micro batch (sequences)": 1,
    "precision": "nvfp4",
    "optimizer": "precision-aware",
    "recompute": "full",
    "devices": "8 x b200 (NVIDIA B200)",
    "nodes": 2,
    "tensor parallel": 4,
    "sequence parallel": True,
    "pipeline parallel": 1,
    "context parallel": 1,
    "starts": [{"time": "2026-01-01 00:00:00", "step": 0}, {"time": "2026-01-01 01:00:00", "step": 20}],
}
IDENTITY: dict[str, Any] = {
    "stage": "cpt",
    "the model's num_layers": 80,
    "the model's hidden_size": 8192,
    "the model's ffn_hidden_size": 28672,
    "the model's num_attention_heads": 64,
    "the model's num_query_groups": 8,
    "the model's kv_channels": 128,
    "the model's vocab_size": 128256,
    "the model's share_embeddings_and_output_weights": False,
    "tuning": "full",
    "layout": {"tensor parallel": 4, "pipeline parallel": 1, "virtual pipeline": None},
}
CONFIGURATION = Configuration(
    shape=SHAPES["70b"],
    layout=Layout(tensor_parallel=4, optimizer="precision-aware", recompute="full", sequence_parallel=True),
    format=FORMATS["nvfp4"],
    sequence_length=4096,
    micro_batch_size=1,
    global_batch_size=128,
    gpu=GPUS["b200"],
    devices=4,
    nodes=2,
)


def record(step: int, speed: float) -> dict[str, Any]:
    """One line of metrics.jsonl."""
    return {"step": step, "seconds": 1.0, "tokens_per_second_per_device": speed}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """40 steps in two starts: slow ones after each, steady ones at 1,500, two that waited for a disk, validations."""
    speeds = {step: 100.0 if step <= WARM_UP or 20 < step <= 20 + WARM_UP else 1500.0 for step in range(1, 41)}
    speeds |= {15: 20.0, 35: 20.0}
    write_json(tmp_path / "facts.json", FACTS)
    write_json(tmp_path / "run.json", IDENTITY)
    steps = [record(step, speed) for step, speed in speeds.items()]
    write_json_lines(tmp_path / "metrics.jsonl", [*steps[:20], {"step": 20, "validation_loss": 1.5}, *steps[20:]])
    return tmp_path


def test_the_factor_is_the_median_of_steady_steps_over_what_was_predicted(run: Path) -> None:
    found = calibrate(run)
    assert (found.measured, found.steps, found.left_out, found.gpu) == (1500.0, 30, 10, "b200")
    assert found.predicted == pytest.approx(step_time(CONFIGURATION).tokens_per_second_per_gpu)
    assert found.factor == pytest.approx(1500 / found.predicted)
    assert "1,500 tokens/s a B200, the median of 30 steps in nvfp4 (10 left out" in str(found)


def test_plans_of_the_same_gpu_are_corrected_by_it(run: Path) -> None:
    found = calibrate(run)
    assert found.factor_on(GPUS["b200"]) == found.factor
    time = step_time(CONFIGURATION)
    assert found.apply(time).tokens_per_second_per_gpu == pytest.approx(1500)
    assert found.apply(time).mfu == pytest.approx(time.mfu * found.factor)
    options = ["plan", "--hardware", "2x4xb200", "--precision", "nvfp4", "--search", "--json"]
    before, after = (CliRunner().invoke(app, [*options, *more]) for more in ([], ["--calibrate", str(run)]))
    assert (before.exit_code, after.exit_code) == (0, 0), after.output
    plain, corrected = json.loads(before.stdout), json.loads(after.stdout)
    for path in (("tokens_per_second",), ("search", "ranked", 0, "tokens_per_second")):
        assert _at(corrected, path) == pytest.approx(_at(plain, path) * found.factor, rel=1e-3), path
    assert any("1,500 tokens/s a B200" in note for note in corrected["notes"])


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def test_the_end_of_a_run_in_another_precision_is_no_measure_of_the_rest(run: Path) -> None:
    alone = calibrate(run)
    steps = [record(step, 1500.0) | {"precision": "nvfp4"} for step in range(1, 41)]
    end = [record(step, 700.0) | {"precision": "bf16"} for step in range(41, 51)]
    write_json_lines(run / "metrics.jsonl", [*steps, *end])
    starts = [*FACTS["starts"], {"time": "2026-01-01 02:00:00", "step": 40}]
    write_json(run / "facts.json", {**FACTS, "precision": "bf16", "starts": starts})
    found = calibrate(run)
    assert (found.measured, found.steps, found.left_out) == (1500.0, 30, 20)
    assert (found.predicted, found.precision) == (alone.predicted, "nvfp4")


def test_adapters_are_those_of_the_run(run: Path) -> None:
    full = calibrate(run).predicted
    adapters = {"adapters' dim": 64, "adapters' alpha": 32, "adapters' target_modules": ["linear_qkv"]}
    write_json(run / "run.json", {**IDENTITY, **adapters, "tuning": "LoRA"})
    assert calibrate(run).predicted > 1.1 * full


def test_dora_is_known_by_its_class() -> None:
    adapters = {"adapters' dim": 32, "adapters' alpha": 32, "adapters' target_modules": ["linear_qkv"]}
    ran = configuration_of_run(FACTS, {**IDENTITY, **adapters, "tuning": "WholeRowDoRA"})
    assert ran.adapters and (ran.adapters.name, ran.adapters.rank) == ("dora", 32)


def test_another_gpu_is_not_measured_by_it(run: Path) -> None:
    with pytest.raises(UsageError, match="ran on B200, and says nothing about H100"):
        calibrate(run).factor_on(GPUS["h100"])
    with pytest.raises(UsageError, match="says nothing about a CPU"):
        calibrate(run).factor_on(None)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"devices": "2 x cpu (no GPU)"}, "ran on a CPU, which says nothing about the speed of a GPU"),
        ({"devices": "2 x b201 (NVIDIA)"}, "unknown GPU 'b201'. Did you mean 'b200'"),
        ({"devices": "GPUs"}, "its facts.json says that 'devices' is 'GPUs'"),
        ({"devices": "0 x b200"}, "says that 0 GPUs are those of 2 nodes"),
        ({"tensor parallel": 3}, "this layout can't be"),
        ({"tensor parallel": "4"}, "'tensor parallel' of its facts.json can't be '4'; it must be a whole number"),
        ({"micro batch (sequences)": True}, "can't be True"),
        ({"sequence parallel": "true"}, "its facts.json says that 'sequence parallel' is 'true'"),
        ({"nodes": 0}, "'nodes' of its facts.json can't be 0; it must be a positive number"),
        ({"nodes": 3}, "says that 8 GPUs are those of 3 nodes"),
        ({"precision": ["nvfp4"]}, "says that 'precision' is"),
        ({"precision": "nvfp5"}, "unknown precision 'nvfp5'"),
        ({"starts": None}, "its facts.json says that 'starts' is None"),
        ({"starts": [{"time": 1}]}, "its facts.json lacks 'step': another version"),
        ({"starts": [5]}, "its facts.json lacks 'step'"),
    ],
)
def test_what_measures_nothing_is_refused(run: Path, facts: dict[str, Any], says: str) -> None:
    write_json(run / "facts.json", {**FACTS, **facts})
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        calibrate(run)


def test_a_run_of_an_earlier_version_is_refused(run: Path) -> None:
    write_json(run / "facts.json", {name: value for name, value in FACTS.items() if name != "recompute"})
    with pytest.raises(UsageError, match=r"its facts\.json lacks 'recompute': another version"):
        calibrate(run)


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        ({"the model's num_layers": "80"}, "'the model's num_layers' of its run.json can't be '80'"),
        ({"the model's num_query_groups": 0}, "can't be 0"),
        ({"layout": None}, "its run.json says that 'layout' is None"),
        ({"layout": {}}, "its run.json lacks 'virtual pipeline'"),
        ({"adapters' dim": None}, "'adapters' dim' of its run.json can't be None"),
    ],
)
def test_an_identity_that_says_no_model_is_refused(run: Path, identity: dict[str, Any], says: str) -> None:
    write_json(run / "run.json", {**IDENTITY, **identity})
    with pytest.raises(UsageError, match=says):
        calibrate(run)


@pytest.mark.parametrize("speed", [0, -1.0, None, math.nan, math.inf, "1500", 10**400])
def test_a_step_without_a_speed_is_refused(run: Path, speed: Any) -> None:
    write_json_lines(run / "metrics.jsonl", [record(step, speed) for step in range(1, 41)])
    with pytest.raises(UsageError, match=r"tokens_per_second_per_device in its metrics\.jsonl can't be"):
        calibrate(run)


def test_lines_that_are_no_records_are_passed_over(run: Path) -> None:
    whole = calibrate(run)
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"step": 4\n[]\n{"tokens_per_second_per_device": 1.0}\n')
    assert calibrate(run) == whole


@pytest.mark.parametrize("file", ["facts.json", "run.json", "metrics.jsonl"])
@pytest.mark.parametrize("text", ["[" * 100_000 + "\n", "\udcff", "5\n", "{"])
def test_files_of_something_else_are_refused(run: Path, file: str, text: str) -> None:
    (run / file).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError):
        calibrate(run)


def test_a_short_run_is_refused(run: Path) -> None:
    write_json_lines(run / "metrics.jsonl", [record(step, 1500.0) for step in range(1, 10)])
    with pytest.raises(UsageError, match="measures no speed: it is too short: 9 steps"):
        calibrate(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        calibrate(tmp_path)
