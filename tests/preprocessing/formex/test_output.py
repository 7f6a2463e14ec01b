"""``parse`` writes one file: JSON Lines or Parquet, the same for any number of workers and after any stop."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.errors import RecipeError, UsageError
from preprocessing.formex import output as growing
from preprocessing.formex.parse import parse_to_file
from tests.preprocessing.formex.archives import zipped
from tests.preprocessing.formex.invented import NUMBER, act, article, write
from tests.preprocessing.formex.test_parse import Watching

ROOT = Path(__file__).resolve().parents[3]
# Parses, and kills itself once so many batches are finished.
STOPPED = """
import os, signal, sys
from pathlib import Path
from preprocessing.formex import output, parse, workers
from preprocessing.formex.parse import Nobody, parse_to_file

output._SYNC_SECONDS = 0.0
workers._BATCH_BYTES = 5_000

class Killer(Nobody):
    steps = 0
    def step(self, size, documents):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), getattr(signal, sys.argv[4]))

if __name__ == "__main__":
    parse_to_file([Path(sys.argv[1])], Path(sys.argv[2]), workers=int(sys.argv[5]), watcher=Killer())
"""


class Listening(Watching):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.done = 0

    def start(self, size: int, done: int) -> None:
        super().start(size, done)
        self.done = done

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some hundred acts on disk and in archives, with bad files, duplicates and texts of the same id between them."""
    monkeypatch.setattr("preprocessing.formex.workers._BATCH_BYTES", 5_000)
    folder = tmp_path / "in"
    for number in range(100):
        text = f"Text {number // 2 if number % 10 == 0 else number}." if number % 9 else "<P>"
        bib = f"<LG.DOC>EN</LG.DOC>{NUMBER.replace('123', str(number // 2 + 1))}"
        write(folder / f"{number % 7}", **{f"{number}__xml": act(article("1", text), bib=bib)})
    (folder / "a.zip").write_bytes(zipped({f"{n}/a.xml": act(article("1", f"Zipped {n}.")) for n in range(20)}))
    inner = zipped({f"{n}.xml": act(article("1", f"Zipped {n // 2 + 15}.")) for n in range(20)})
    (folder / "b.zip").write_bytes(zipped({"inner.zip": inner}))
    return folder


def outputs(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_suffix(".rejected.jsonl").read_bytes()


def stop(inputs: Path, output: Path, after: int, how: str = "SIGKILL", workers: int = 1) -> int:
    script = output.with_suffix(".py")
    script.write_text(STOPPED)
    return subprocess.run(
        [sys.executable, str(script), str(inputs), str(output), str(after), how, str(workers)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    ).returncode


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_killed_run_goes_on_and_its_output_is_that_of_one_never_killed(
    inputs: Path, tmp_path: Path, suffix: str
) -> None:
    whole = parse_to_file([inputs], tmp_path / f"whole{suffix}")
    output = tmp_path / f"stopped{suffix}"
    assert stop(inputs, output, after=3, workers=2) == -signal.SIGKILL
    assert stop(inputs, output, after=2, how="SIGINT") != 0
    assert not output.exists()
    watcher = Listening()
    summary = parse_to_file([inputs], output, workers=2, watcher=watcher)
    assert outputs(output) == outputs(tmp_path / f"whole{suffix}")
    assert watcher.said == [f"going on after {summary.resumed_documents} documents that a stopped run finished"]
    assert 0 < summary.resumed_documents < summary.documents and watcher.done > 0
    assert watcher.read == watcher.size
    assert "were there from a run that was stopped" in summary.text()
    same = (
        "documents",
        "rejected",
        "by_root",
        "by_type",
        "by_language",
        "warnings",
        "rejected_by_reason",
        "bytes_read",
    )
    assert {name: summary.to_dict()[name] for name in same} == {name: whole.to_dict()[name] for name in same}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_what_was_written_but_has_no_receipt_is_written_again(inputs: Path, tmp_path: Path) -> None:
    parse_to_file([inputs], tmp_path / "whole.jsonl")
    output = tmp_path / "stopped.jsonl"
    stop(inputs, output, after=3)
    unfinished = tmp_path / ".stopped.jsonl.unfinished"
    receipts = (unfinished / "receipts.jsonl").read_bytes()
    with (unfinished / "documents.jsonl").open("ab") as documents, (unfinished / "receipts.jsonl").open("ab") as torn:
        documents.write(b'{"half": ')
        torn.write(receipts[:50])
    parse_to_file([inputs], output)
    assert outputs(output) == outputs(tmp_path / "whole.jsonl")


def test_a_receipt_without_its_documents_does_not_count(inputs: Path, tmp_path: Path) -> None:
    parse_to_file([inputs], tmp_path / "whole.jsonl")
    output = tmp_path / "stopped.jsonl"
    stop(inputs, output, after=4)
    os.truncate(tmp_path / ".stopped.jsonl.unfinished" / "documents.jsonl", 7_000)
    summary = parse_to_file([inputs], output)
    assert outputs(output) == outputs(tmp_path / "whole.jsonl")
    assert summary.resumed_documents < summary.documents


@pytest.mark.parametrize("change", ["overwrite", "inputs"])
def test_with_other_inputs_or_when_asked_a_run_starts_afresh_and_says_so(
    inputs: Path, tmp_path: Path, change: str
) -> None:
    output = tmp_path / "out.jsonl"
    stop(inputs, output, after=3)
    if change == "inputs":
        write(inputs, new__xml=act(article("1", "A new text.")))
    watcher = Listening()
    summary = parse_to_file([inputs], output, overwrite=change == "overwrite", watcher=watcher)
    assert summary.resumed_documents == 0 and len(watcher.said) == 1
    assert watcher.said[0].startswith("a run was stopped here, but this one starts afresh")
    parse_to_file([inputs], tmp_path / "whole.jsonl")
    assert outputs(output) == outputs(tmp_path / "whole.jsonl")


def test_two_runs_do_not_write_one_output(inputs: Path, tmp_path: Path) -> None:
    class Second(Watching):
        refusal = ""

        def start(self, size: int, done: int) -> None:
            with pytest.raises(RecipeError, match="another parse is writing") as refused:
                parse_to_file([inputs], tmp_path / "out.jsonl")
            self.refusal = str(refused.value)

    watcher = Second()
    parse_to_file([inputs], tmp_path / "out.jsonl", watcher=watcher)
    assert "out.jsonl" in watcher.refusal


def test_a_finished_output_is_replaced_whole(inputs: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    parse_to_file([inputs], output)
    first = outputs(output)
    output.write_text("something else")
    parse_to_file([inputs], output)
    assert outputs(output) == first


def test_a_full_disk_keeps_what_is_finished_for_the_next_run(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.jsonl"
    copy, calls = growing._copy, []

    def full(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 40:
            raise OSError(28, "No space left on device")
        copy(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(growing, "_copy", full)
    with pytest.raises(RecipeError, match=r"No space left on device; once that is mended, the same command goes on"):
        parse_to_file([inputs], output)
    assert not output.exists()
    monkeypatch.setattr(growing, "_copy", copy)
    summary = parse_to_file([inputs], output)
    assert 0 < summary.resumed_documents < summary.documents
    parse_to_file([inputs], tmp_path / "whole.jsonl")
    assert outputs(output) == outputs(tmp_path / "whole.jsonl")


def test_where_the_system_does_not_copy_between_files_the_output_is_the_same(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    parse_to_file([inputs], tmp_path / "one.jsonl")
    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    parse_to_file([inputs], tmp_path / "two.jsonl")
    monkeypatch.delattr(os, "copy_file_range")
    parse_to_file([inputs], tmp_path / "three.jsonl")
    assert outputs(tmp_path / "one.jsonl") == outputs(tmp_path / "two.jsonl") == outputs(tmp_path / "three.jsonl")


def test_parquet_holds_the_same_documents_in_row_groups(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr("preprocessing.formex.parquet._ROW_GROUP_BYTES", 20_000)
    parse_to_file([inputs], tmp_path / "out.parquet")
    parse_to_file([inputs], tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert file.schema_arrow == arrow_schema()
    assert file.num_row_groups > 3
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    rows = file.read().to_pylist()
    assert [LegalDocument.from_dict(row) for row in rows] == [
        LegalDocument.from_dict(json.loads(line)) for line in lines
    ]


def test_datasets_reads_the_parquet_file(inputs: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    summary = parse_to_file([inputs], tmp_path / "out.parquet")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert loaded.num_rows == summary.documents
    assert loaded[0]["articles"][0]["number"] == "1"


def test_the_summary_tells_kinds_and_reasons(inputs: Path, tmp_path: Path) -> None:
    summary = parse_to_file([inputs], tmp_path / "out.jsonl")
    value = summary.to_dict()
    assert value["by_root"] == {"ACT": summary.documents}
    assert value["rejected_by_reason"].keys() == {"not well-formed XML", "same document twice"}
    assert sum(value["rejected_by_reason"].values()) == value["rejected"]
    assert 20 < value["warnings"]["same id twice"] < summary.documents
    text = summary.text()
    assert "by root      ACT" in text and "not well-formed XML 12" in text and "MB/s" in text
    rejected = [json.loads(line) for line in (tmp_path / "out.rejected.jsonl").read_text().splitlines()]
    assert len(rejected) == summary.rejected and all(row["source"] and row["reason"] for row in rejected)


def test_a_folder_as_output_is_refused(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name a file"):
        parse_to_file([inputs], tmp_path)


def test_an_input_is_never_written_over(inputs: Path) -> None:
    archive = (inputs / "a.zip").read_bytes()
    with pytest.raises(UsageError, match=r"named like an input; name it \.jsonl"):
        parse_to_file([inputs / "a.zip"], inputs / "a.zip")
    assert (inputs / "a.zip").read_bytes() == archive


def test_the_command_says_how_to_go_on_after_ctrl_c(tmp_path: Path) -> None:
    for number in range(1_000):
        write(tmp_path / "in", **{f"{number}__xml": act(article("1", f"Text {number}. " * 2_000))})
    command = [sys.executable, "launch.py", "parse", str(tmp_path / "in"), "--output", str(tmp_path / "out.jsonl")]
    run = subprocess.Popen([*command, "--workers", "2"], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    growing_file = tmp_path / ".out.jsonl.unfinished" / "documents.jsonl"
    while run.poll() is None and not (growing_file.exists() and growing_file.stat().st_size > 10_000_000):
        time.sleep(0.005)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130 and b"the same command goes on from what is finished" in stderr
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, check=True)
    summary = json.loads(done.stdout)
    assert summary["documents"] == 1_000 and summary["resumed_documents"] > 0
    assert b"going on after" in done.stderr
