"""The whole job through the front door, and what a person finds when it is done."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from preprocessing.languages import LANGUAGES
from tests.end_to_end.conftest import ROOT, Finished, launch


def test_it_finishes_within_its_six_minutes_and_says_what_came_out(quickstart: tuple[Path, Finished]) -> None:
    output, done = quickstart
    # six minutes are promised on two idle cores; a shared machine gets half as much again
    assert done.seconds < 540
    for stage in range(1, 11):
        assert f"[{stage}/10]" in done.stderr
    for words in ("Held-out legal text", "after CPT", "Citation form", "tuned model", "Next, a real run"):
        assert words in done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not list(output.rglob("*.partial"))


def test_cpt_lowers_the_loss_on_held_out_law_in_every_language(made: Path) -> None:
    losses = json.loads((made / "summary.json").read_text())["losses"]
    assert set(losses["base"]) == set(LANGUAGES)
    for language, before in losses["base"].items():
        assert losses["cpt"][language] < before - 1.0, language


def test_sft_teaches_the_citation_form_that_the_base_does_not_have(made: Path) -> None:
    metrics = json.loads((made / "comparison" / "comparison_results.json").read_text())["overall"]["metrics"]
    assert metrics["form_obeyed"]["base"]["mean"] == 0.0
    assert metrics["form_obeyed"]["tuned"]["mean"] > 0.5
    assert metrics["rouge_l"]["tuned"]["mean"] > metrics["rouge_l"]["base"]["mean"] + 0.1


def test_the_comparison_is_there_to_read_to_open_and_to_compute_with(made: Path) -> None:
    folder = made / "comparison"
    assert "Citation accuracy" in (folder / "comparison_report.md").read_text()
    assert "<svg" in (folder / "report.html").read_text()
    with (folder / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 100
    assert {row["language"] for row in rows} == set(LANGUAGES)


def test_a_second_quickstart_in_the_same_folder_trains_nothing_again(made: Path) -> None:
    before = (made / "runs" / "sft" / "metrics.jsonl").read_text()
    done = launch("quickstart", "--output", made)
    assert done.status == 0, done.stderr[-4000:]
    assert done.seconds < 90
    assert "has done its 160 steps in fp32 already" in done.stderr
    assert (made / "runs" / "sft" / "metrics.jsonl").read_text() == before


def test_a_quickstart_from_other_files_does_not_mix_into_the_same_folder(made: Path) -> None:
    done = launch("quickstart", "--output", made, "--formex", made / "sample" / "formex")
    assert done.status == 2
    assert "other inputs" in done.stderr


@pytest.mark.slow
def test_it_runs_on_the_real_gdpr(tmp_path: Path) -> None:
    formex = ROOT.parent / "shared" / "formex" / "gdpr"
    if not formex.is_dir():
        pytest.skip(f"no real FORMEX in {formex}")
    done = launch("quickstart", "--output", tmp_path / "gdpr", "--formex", formex)
    assert done.status == 0, done.stderr[-4000:]
    summary = json.loads((tmp_path / "gdpr" / "summary.json").read_text())
    for language, before in summary["losses"]["base"].items():
        assert summary["losses"]["cpt"][language] < before - 1.0, language
