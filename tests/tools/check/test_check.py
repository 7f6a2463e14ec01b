"""A sound corpus passes; what cannot be checked is said, and the command's exit status tells the result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from tests.preprocessing.corpus.conftest import make_tokenizer
from tests.tools.check.conftest import failed
from tools.check import check
from tools.check.report import FAILED, NOT_CHECKED, PASSED

ROOT = Path(__file__).parents[3]


def test_a_sound_corpus_passes_every_check(sound_corpus: Path, tokenizer_folder: Path):
    report = check(sound_corpus, tokenizer=tokenizer_folder, samples=3, show=True)
    assert {item.name: item.text() for item in report.checks if item.state != PASSED} == {}
    assert report.exit_status == 0
    assert {sample.dataset for sample in report.samples} == {
        f"{language}/{split}" for language in ("en", "fr", "de", "es", "pt") for split in ("train", "validation")
    }
    assert "(EU) 2099/" in report.samples[0].text


def test_the_result_is_the_same_over_several_processes(
    sound_corpus: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tools.check.work.BYTES_WORTH_A_POOL", 0)
    spread = check(sound_corpus, tokenizer=tokenizer_folder, workers=2)
    assert spread.to_dict() == check(sound_corpus, tokenizer=tokenizer_folder).to_dict()


def test_the_tokenizer_is_found_where_it_was(sound_corpus: Path):
    states = {item.name: item.state for item in check(sound_corpus).checks}
    assert (states["tokenizer"], states["samples"]) == (PASSED, PASSED)


def test_what_needs_the_tokenizer_is_not_checked_without_it(corpus: Path):
    report = check(corpus)
    states = {item.name: item.state for item in report.checks}
    assert (states["tokenizer"], states["samples"]) == (NOT_CHECKED, NOT_CHECKED)
    assert report.exit_status == 0
    assert "give --tokenizer DIR" in report.text()


def test_another_tokenizer_is_refused(sound_corpus: Path, tmp_path: Path):
    report = check(sound_corpus, tokenizer=make_tokenizer(tmp_path / "other", vocab_size=380))
    assert "is not that of the blend" in failed(report)["tokenizer"]


@pytest.mark.parametrize(("name", "problem"), [("nothing", "does not exist"), ("empty", "is not a corpus")])
def test_a_folder_that_is_no_corpus_is_wrong_usage(tmp_path: Path, name: str, problem: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=problem):
        check(tmp_path / name)


def test_the_command_says_it_all_and_exits_with_1(corpus: Path):
    (corpus / "report.html").write_text("edited")
    command = [sys.executable, "launch.py", "check", str(corpus)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert "FAILED       files" in run.stdout
    assert "report.html has 6 bytes" in run.stdout
    value = json.loads(json.dumps(check(corpus).to_dict()))
    assert [item["name"] for item in value["checks"] if item["state"] == FAILED] == ["files"]
    assert value["exit_status"] == 1
