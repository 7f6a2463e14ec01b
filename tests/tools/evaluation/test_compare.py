"""Base against tuned end to end: tiny random Llama checkpoints, saved answers, kills, bad input, a full disk."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import registry_row
from preprocessing.document import Article, LegalDocument
from preprocessing.errors import RecipeError, UsageError
from tests.tools.evaluation.conftest import ACT, REFERENCES, record, write_lines
from tools.evaluation.compare import compare

ROOT = Path(__file__).resolve().parents[3]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
FILES = {"comparison_results.json", "comparison_report.md", "predictions.csv", "report.html"}


def replay_file(path: Path, test_set: Path, answer: Callable[[dict[str, str]], str]) -> Path:
    asked = [json.loads(line) for line in test_set.read_text(encoding="utf-8").splitlines()]
    return write_lines(
        path, [{"language": q["language"], "question": q["question"], "answer": answer(q)} for q in asked]
    )


@pytest.fixture
def silent(tmp_path: Path, test_set: Path) -> Path:
    return replay_file(tmp_path / "silent.jsonl", test_set, lambda q: "I do not know.")


@pytest.fixture
def perfect(tmp_path: Path, test_set: Path) -> Path:
    return replay_file(tmp_path / "perfect.jsonl", test_set, lambda q: REFERENCES[q["language"]])


def test_two_checkpoints_are_compared_from_questions_to_report(
    base_checkpoint: Path, tuned_checkpoint: Path, test_set: Path, tmp_path: Path
) -> None:
    summary = compare(base_checkpoint, tuned_checkpoint, test_set, tmp_path / "out", max_new_tokens=12, device="cpu")
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES | {"answers"}
    assert summary.to_dict() == json.loads((tmp_path / "out/comparison_results.json").read_text(encoding="utf-8"))
    assert summary.results["base"]["chat_template"].startswith("the project's")
    assert summary.results["tuned"]["chat_template"] == "the checkpoint's own"
    assert "chat template: the project's" in (tmp_path / "out/comparison_report.md").read_text(encoding="utf-8")
    with (tmp_path / "out/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 15
    assert any(row["base_answer"] for row in rows)
    assert [row["base_answer"] for row in rows] != [row["tuned_answer"] for row in rows]


def test_an_answer_does_not_depend_on_the_batch_it_is_in(
    base_checkpoint: Path, tuned_checkpoint: Path, test_set: Path, tmp_path: Path
) -> None:
    predictions = []
    for batch_size in (1, 4):
        output = tmp_path / f"batch{batch_size}"
        compare(base_checkpoint, tuned_checkpoint, test_set, output, batch_size=batch_size, max_new_tokens=8)
        predictions.append((output / "predictions.csv").read_bytes())
    assert predictions[0] == predictions[1]


def test_a_better_model_wins_in_every_language(silent: Path, perfect: Path, test_set: Path, tmp_path: Path) -> None:
    summary = compare(silent, perfect, test_set, tmp_path / "out")
    overall = summary.results["overall"]
    assert overall["outcomes"] == {"win": 15, "tie": 0, "loss": 0}
    accuracy = overall["metrics"]["citation_accuracy"]
    assert (accuracy["base"]["mean"], accuracy["tuned"]["mean"]) == (0.0, 1.0)
    assert accuracy["p_value"] == pytest.approx(2 * 0.5**15)
    assert overall["metrics"]["uncited"]["relative_improvement"] == 1.0
    assert overall["metrics"]["hallucinated"] is None
    assert list(summary.results["by_language"]) == list(REFERENCES)
    assert set(summary.results["by_kind"]) == {"requirement", "scope"}
    assert summary.results["tuned_relative_to_english"] == dict.fromkeys(REFERENCES, 1.0)
    text = summary.text()
    for words in ("Citation accuracy", "Portuguese", "tuned wins 15", "no registry given", "report.html"):
        assert words in text


def test_the_files_are_named_as_they_were_given(
    silent: Path, perfect: Path, test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    summary = compare(Path(silent.name), perfect, Path(test_set.name), Path("out"))
    for words in (f"base: {silent.name} ", f"tuned: {perfect} ", f"test set: {test_set.name},", "report: out/"):
        assert words in summary.text()


def test_the_report_says_what_mere_copying_would_score(tmp_path: Path) -> None:
    rows = [record(code, 0) for code in REFERENCES]
    rows[0]["question"] = f"What does Article 5 of Regulation {ACT} say?"
    test_set = write_lines(tmp_path / "naming.jsonl", rows)
    answers = replay_file(tmp_path / "answers.jsonl", test_set, lambda q: "")
    summary = compare(answers, answers, test_set, tmp_path / "out")
    floor = summary.results["copying_floors"]["question"]
    assert floor == {"citation_accuracy": 0.2, "article_accuracy": 0.2, "form_obeyed": 0.0}
    assert "only repeats the question would score citation accuracy 20 %, article accuracy 20 %" in summary.text()


def test_with_the_registry_inventions_are_counted(silent: Path, test_set: Path, tmp_path: Path) -> None:
    articles = [Article(str(number), "", [], "", []) for number in range(1, 11)]
    act = LegalDocument("id", "x", "en", "regulation", "", "", celex=ACT, base_celex=ACT, articles=articles)
    write_registry([registry_row(act)], tmp_path / "registry.parquet")
    # cases 0, 1 and 2 of each language cite articles 9, 19 and 29 of an act that has ten
    inventing = replay_file(
        tmp_path / "inventing.jsonl",
        test_set,
        lambda q: f"Article {'012'.index(q['question'].split()[-2][0]) * 10 + 9}, Regulation (CELEX: {ACT})",
    )
    summary = compare(silent, inventing, test_set, tmp_path / "out", registry=tmp_path / "registry.parquet")
    metrics = summary.results["overall"]["metrics"]
    assert metrics["hallucinated"]["base"]["mean"] == 0.0
    assert metrics["hallucinated"]["tuned"]["mean"] == pytest.approx(10 / 15)
    assert metrics["wrong_but_existing"]["tuned"]["mean"] == pytest.approx(5 / 15)
    assert "Hallucination rate" in summary.text()


def test_the_reports_are_the_same_bytes_each_time(silent: Path, perfect: Path, test_set: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        compare(silent, perfect, test_set, tmp_path / name)
        written.append({file: (tmp_path / name / file).read_bytes() for file in FILES})
    assert written[0] == written[1]


@pytest.mark.parametrize("hostile", ['<script>alert("1")</script> | a,"b"\r\n# heading\x00\n', "a\rb", "=1+1\n\n| |"])
def test_model_text_cannot_break_the_reports(perfect: Path, test_set: Path, tmp_path: Path, hostile: str) -> None:
    answers = replay_file(tmp_path / "hostile.jsonl", test_set, lambda q: hostile)
    compare(answers, perfect, test_set, tmp_path / "out")
    assert "<script>" not in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    with (tmp_path / "out/predictions.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["base_answer"] for row in csv.DictReader(stream)] == [hostile] * 15
    assert "\n# heading" not in (tmp_path / "out/comparison_report.md").read_text(encoding="utf-8")


def test_bad_lines_are_counted_and_the_rest_is_compared(silent: Path, test_set: Path, tmp_path: Path) -> None:
    with test_set.open("a") as stream:
        stream.write("not json\n")
    summary = compare(silent, silent, test_set, tmp_path / "out")
    assert summary.results["test_set"]["questions"] == 15
    assert [line["line"] for line in summary.results["test_set"]["rejected"]] == [16]
    assert "1 line of the test set rejected" in summary.text()


def test_a_limited_run_covers_every_language(silent: Path, perfect: Path, test_set: Path, tmp_path: Path) -> None:
    summary = compare(silent, perfect, test_set, tmp_path / "out", limit=5)
    assert [group["questions"] for group in summary.results["by_language"].values()] == [1] * 5


def test_a_killed_run_continues_where_it_was(base_checkpoint: Path, tuned_checkpoint: Path, tmp_path: Path) -> None:
    test_set = write_lines(tmp_path / "long.jsonl", [record(code, n) for code in REFERENCES for n in range(4)])
    output = tmp_path / "out"
    command = (
        "from pathlib import Path; from tools.evaluation.compare import compare;"
        f"compare(Path({str(base_checkpoint)!r}), Path({str(tuned_checkpoint)!r}), Path({str(test_set)!r}),"
        f" Path({str(output)!r}), batch_size=1, max_new_tokens=32)"
    )
    process = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, stderr=subprocess.DEVNULL, env=ONE_THREAD)
    deadline = time.monotonic() + 120
    while not (saved := list(output.glob("answers/*.jsonl"))) or saved[0].read_bytes().count(b"\n") < 3:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no answer within two minutes"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not any((output / name).exists() for name in FILES)
    first = saved[0].read_bytes()
    with saved[0].open("ab") as stream:
        stream.write(b'{"language": "en", "quest')  # the kill came in the middle of a line

    compare(base_checkpoint, tuned_checkpoint, test_set, output, batch_size=1, max_new_tokens=32)
    assert saved[0].read_bytes().startswith(first)
    assert saved[0].read_bytes().count(b"\n") == 20
    whole = tmp_path / "whole"
    compare(base_checkpoint, tuned_checkpoint, test_set, whole, batch_size=1, max_new_tokens=32)
    assert (output / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_saved_answers_are_used_only_for_the_same_checkpoint_and_settings(
    make_checkpoint: Callable[..., Path], test_set: Path, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(3)
    answers = tmp_path / "out/answers"
    compare(checkpoint, checkpoint, test_set, tmp_path / "out", max_new_tokens=4, limit=5)
    (saved,) = answers.iterdir()
    # An answer that only a file can have given shows that the model was not asked again.
    lines = [{**json.loads(line), "answer": "from the file"} for line in saved.read_text(encoding="utf-8").splitlines()]
    write_lines(saved, lines)
    compare(checkpoint, checkpoint, test_set, tmp_path / "out", max_new_tokens=4, limit=5)
    assert (tmp_path / "out/predictions.csv").read_text(encoding="utf-8").count("from the file") == 10

    compare(checkpoint, checkpoint, test_set, tmp_path / "out", max_new_tokens=5, limit=5)
    assert "from the file" not in (tmp_path / "out/predictions.csv").read_text(encoding="utf-8")
    compare(checkpoint, checkpoint, test_set, tmp_path / "out", max_new_tokens=4, limit=5, resume=False)
    assert "from the file" not in (tmp_path / "out/predictions.csv").read_text(encoding="utf-8")
    os.utime(checkpoint / "model.safetensors", ns=(1, 1))
    compare(checkpoint, checkpoint, test_set, tmp_path / "out", max_new_tokens=4, limit=5)
    assert len(list(answers.iterdir())) == 3


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "not a Hugging Face checkpoint: config.json is missing"),
        ("model.safetensors", "has no weights: neither model.safetensors nor"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_refused_by_what_it_lacks(
    tuned_checkpoint: Path, silent: Path, test_set: Path, tmp_path: Path, missing: str, message: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tuned_checkpoint, broken, ignore=shutil.ignore_patterns(missing))
    with pytest.raises(UsageError, match=message):
        compare(silent, broken, test_set, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_shard_is_named(tuned_checkpoint: Path, silent: Path, test_set: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tuned_checkpoint, broken)
    (broken / "model.safetensors").rename(broken / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (broken / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(UsageError, match="model-00002-of-00002"):
        compare(silent, broken, test_set, tmp_path / "out")


def test_a_nemo_checkpoint_is_sent_to_export(silent: Path, test_set: Path, tmp_path: Path) -> None:
    (tmp_path / "nemo/weights").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"launch\.py export"):
        compare(silent, tmp_path / "nemo", test_set, tmp_path / "out")


def test_weights_that_lack_a_tensor_are_refused_not_filled_in_at_random(
    tuned_checkpoint: Path, silent: Path, test_set: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tuned_checkpoint, broken)
    tensors = load_file(broken / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RecipeError, match=r"lack 1 of the model's tensors, the first is model\.norm\.weight"):
        compare(silent, broken, test_set, tmp_path / "out")


def test_damaged_weights_are_one_sentence(tuned_checkpoint: Path, silent: Path, test_set: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tuned_checkpoint, broken)
    os.truncate(broken / "model.safetensors", 1000)
    with pytest.raises(RecipeError, match="cannot be loaded"):
        compare(silent, broken, test_set, tmp_path / "out")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"device": "toaster"}, "unknown device 'toaster'"),
        ({"dtype": "float31"}, "Did you mean 'float32'"),
        ({"batch_size": 0}, "at least 1"),
        ({"limit": 0}, "at least 1"),
        ({"max_new_tokens": 5000}, "1024 positions"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tuned_checkpoint: Path, test_set: Path, tmp_path: Path, setting: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        compare(tuned_checkpoint, tuned_checkpoint, test_set, tmp_path / "out", **setting)  # type: ignore[arg-type]


def test_a_replay_without_an_answer_says_which(silent: Path, test_set: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.jsonl"
    short.write_text("".join(silent.read_text().splitlines(keepends=True)[:10]))
    with pytest.raises(RecipeError, match="no answer to 5 of the 15 questions, the first on line 11"):
        compare(short, silent, test_set, tmp_path / "out")


def test_a_full_disk_leaves_the_old_report_whole(silent: Path, perfect: Path, test_set: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    compare(silent, perfect, test_set, output)
    before = {file.name: file.read_bytes() for file in output.iterdir()}
    # A limit on the size of a written file stands for the disk that is full: some of the four files would still fit.
    command = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000));"
        "from pathlib import Path; from tools.evaluation.compare import compare;"
        f"compare(Path({str(perfect)!r}), Path({str(silent)!r}), Path({str(test_set)!r}), Path({str(output)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "mpl")},
    )
    assert done.returncode != 0
    assert "RecipeError: cannot write the comparison to" in done.stderr
    assert {file.name: file.read_bytes() for file in output.iterdir()} == before
