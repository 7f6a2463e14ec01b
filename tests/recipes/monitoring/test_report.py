"""The report of a run is made from its records alone, also when the run was killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import write_json
from recipes import metrics
from recipes.monitoring import facts
from recipes.monitoring.report import HTML, JSON, write_report
from tests.recipes.tiny import ROOT


def step(number: int, **more: Any) -> dict[str, Any]:
    return {
        "step": number,
        "loss": 3.0 - number / 10,
        "learning_rate": 1e-5,
        "gradient_norm": 0.5,
        "seconds": 2.0,
        "tokens_per_second": 100.0 + number,
        "consumed_tokens": 200 * number,
        "memory_gb": 1.5,
    } | more


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of ten steps that was killed after its fifth."""
    folder = tmp_path / "cpt_<tiny>"
    for number in range(1, 6):
        metrics.append(folder, step(number, gradient_norm=12.0 if number == 4 else 0.5))
    languages = {"en": 2.4, "pt": 2.8}
    metrics.append(
        folder, {"step": 4, "validation_loss": 2.5, "perplexity": 12.18, "validation_loss_by_language": languages}
    )
    metrics.append(folder, {"step": 4, "alert": "gradient_norm", "message": "gradient norm 12.00 <at> step 4"})
    starts = [{"time": "2026-01-01 10:00:00", "step": 0}, {"time": "2026-01-01 11:00:00", "step": 2}]
    write_json(folder / facts.FILE, {"stage": "cpt", "steps": 10, "precision": "bf16", "starts": starts})
    (folder / "recipe.txt").write_text("<Partial[pretrain(...)]>")
    return folder


def test_its_figures_are_those_of_the_records(run: Path) -> None:
    report = write_report(run)
    assert json.loads((run / JSON).read_text())["last_loss"] == report["last_loss"] == 2.5
    assert (report["steps"], report["planned_steps"], report["finished"]) == (5, 10, False)
    assert report["tokens_per_second"] == 103.0
    assert report["validation_loss_by_language"] == {"en": 2.4, "pt": 2.8}
    assert report["largest_gradient_norm"] == 12.0
    assert [alert["alert"] for alert in report["alerts"]] == ["gradient_norm"]


def test_a_run_that_ended_in_another_precision_has_the_rates_of_each_and_no_mfu_of_the_whole(run: Path) -> None:
    (run / metrics.FILE).unlink()
    for number in range(1, 11):
        given = {"precision": "nvfp4"} if number < 10 else {"precision": "bf16", "mfu": 0.44, "tokens_per_second": 50.0}
        metrics.append(run, step(number, **given))
    report = write_report(run)
    assert report["mfu"] is None
    assert {name: (rates["steps"], rates["mfu"]) for name, rates in report["by_precision"].items()} == {
        "nvfp4": (9, None),
        "bf16": (1, 0.44),
    }
    page = (run / HTML).read_text()
    assert "<th>in nvfp4</th><td>9 steps, 105 tokens/s</td>" in page
    assert "<th>in bf16</th><td>1 step, 50 tokens/s, MFU 44.0%</td>" in page
    assert "<td>nvfp4, then bf16</td>" in page


def test_a_step_that_was_done_again_alerts_once(run: Path) -> None:
    metrics.append(run, {"step": 4, "alert": "gradient_norm", "message": "gradient norm 12.00 <at> step 4"})
    assert len(write_report(run)["alerts"]) == 1


def test_the_page_has_curves_settings_alerts_and_resumes(run: Path) -> None:
    write_report(run)
    page = (run / HTML).read_text()
    for title in ("Loss", "Validation loss by language", "Gradient norm, before clipping", "Throughput", "Memory"):
        assert f">{title}" in page
    assert "5 of 10 steps, not finished" in page
    assert "<td>bf16</td>" in page
    assert "from step 2" in page
    assert "Model FLOP utilisation" not in page  # the records have none


def test_the_page_fetches_nothing_and_escapes_what_it_shows(run: Path) -> None:
    write_report(run)
    page = (run / HTML).read_text()
    assert not re.search(r"<(script|link|img|iframe)|(src|href)=['\"]https?:|url\(http|@import", page)
    assert "<h1>cpt_&lt;tiny&gt;</h1>" in page
    assert "12.00 &lt;at&gt; step 4" in page
    assert "&lt;Partial[pretrain" in page


def test_a_run_without_facts_or_with_half_a_line_has_its_report_too(run: Path) -> None:
    (run / facts.FILE).write_text("{broken")
    with (run / metrics.FILE).open("a") as stream:
        stream.write('{"step": 6, "lo')
    assert write_report(run)["steps"] == 5


def test_losses_that_were_no_numbers_are_left_out(run: Path) -> None:
    metrics.append(run, step(6, loss=None, gradient_norm=None))
    report = write_report(run)
    assert (report["steps"], report["last_loss"]) == (6, 2.5)


def test_no_folder_and_no_records_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run's folder at"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(RecipeError, match=r"metrics\.jsonl has no step"):
        write_report(tmp_path)


def test_the_command_names_the_file_and_is_quick(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "launch.py", "report", str(run)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"{run / HTML}\n")
    assert (run / HTML).is_file()


def test_the_report_needs_neither_torch_nor_nemo(run: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from recipes.monitoring.report import write_report\n"
        "write_report(Path(sys.argv[1])); assert not {'torch', 'nemo', 'lightning'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
