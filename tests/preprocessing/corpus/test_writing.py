from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from preprocessing.corpus import engines
from preprocessing.corpus.engines import Local
from preprocessing.corpus.indexed import read_lengths
from preprocessing.corpus.joining import JoinTask, choose_best, join, write_best
from preprocessing.corpus.planning import plan_schema
from preprocessing.corpus.score import PARTS
from preprocessing.corpus.tokenizer import load_tokenizer
from preprocessing.corpus.writing import Counts, WriteTask, write_slice
from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.errors import RecipeError
from tests.preprocessing.pool_workers import kill_first_worker, pool_workers


def stage(path: Path, documents: list[LegalDocument], rows_at_once: int) -> Path:
    table = pa.Table.from_pylist([document.to_dict() for document in documents], schema=arrow_schema())
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, arrow_schema()) as writer:
        writer.write_table(table, max_chunksize=rows_at_once)
    return path


def plan(rows: list[int], splits: list[str]) -> pa.Table:
    scores = [row / 100 for row in rows]
    columns = {"row": rows, "split": splits, "score": scores, **dict.fromkeys(PARTS, scores)}
    return pa.Table.from_pydict(columns, schema=plan_schema())


@pytest.fixture
def task(tmp_path: Path, make_document, tokenizer_folder: Path) -> WriteTask:
    """Seven documents of which five are kept, staged three at a time."""
    documents = [make_document(f"32099R{number:04d}", "pt" if number == 4 else "en") for number in range(7)]
    staged = stage(tmp_path / "0.arrow", documents, rows_at_once=3)
    chosen = plan([0, 2, 3, 4, 6], ["train", "validation", "train", "train", "train"])
    return WriteTask(staged, chosen, {}, load_tokenizer(tokenizer_folder), tmp_path / "write", "shard", "key")


def rows_of(task: WriteTask) -> list[dict]:
    import pyarrow.parquet as pq

    return pq.read_table(task.documents).to_pylist()


def test_what_the_plan_keeps_is_written_with_split_score_and_tokens(task: WriteTask):
    receipt = write_slice(task)
    rows = rows_of(task)
    assert [row["id"] for row in rows] == [
        f"32099R000{number}-{'pt' if number == 4 else 'en'}" for number in (0, 2, 3, 4, 6)
    ]
    assert [row["split"] for row in rows] == ["train", "validation", "train", "train", "train"]
    assert [round(row["score"], 2) for row in rows] == [0.0, 0.02, 0.03, 0.04, 0.06]
    assert set(rows[0]["score_parts"]) == set(PARTS)
    lengths = read_lengths(task.tokens("en", "train"))[0].tolist()
    assert lengths == [row["tokens"] for row in rows if (row["language"], row["split"]) == ("en", "train")]
    counts = Counts()
    counts.add(receipt.result["cells"])
    assert counts.total("documents") == 5 and counts.total("tokens", "en", "train") == sum(lengths)
    assert receipt.result["datasets"] == [["en", "train"], ["en", "validation"], ["pt", "train"]]


def test_held_out_articles_become_rows_of_their_own_beside_others(task: WriteTask):
    from dataclasses import replace

    write_slice(replace(task, held_out={"32099R0003": ("3",)}, name="held"))
    rows = rows_of(replace(task, name="held"))
    found = [(row["id"], row["split"], round(row["score"], 2)) for row in rows]
    assert found[2:4] == [("32099R0003-en", "train", 0.03), ("32099R0003-en#held-out", "validation", 0.03)]
    assert [row["id"] for row in rows if not row["id"].startswith("32099R0003")] == [
        "32099R0000-en",
        "32099R0002-en",
        "32099R0004-pt",
        "32099R0006-en",
    ]


def test_a_finished_task_is_not_done_again_unless_its_files_were_changed(task: WriteTask):
    first = write_slice(task)
    before = task.documents.stat().st_mtime_ns
    assert write_slice(task) == first and task.documents.stat().st_mtime_ns == before
    data = bytearray(task.documents.read_bytes())
    data[100] ^= 1
    task.documents.write_bytes(data)  # of the same size
    assert write_slice(task) == first and task.documents.stat().st_mtime_ns != before


def test_parts_are_joined_in_their_order_and_a_changed_one_is_refused(task: WriteTask, tmp_path: Path):
    receipt = write_slice(task)
    part = task.tokens("en", "train")
    good = receipt.outputs["shard/en.train.bin"]["xxh3"]
    whole = join(JoinTask((part, part), (good, good), tmp_path / "en" / "train"))
    assert whole.documents == 6 and read_lengths(tmp_path / "en" / "train")[0].sum() == whole.tokens
    with pytest.raises(RecipeError, match=r"en\.train\.bin was changed after it was written"):
        join(JoinTask((part,), ("0" * 16,), tmp_path / "en" / "other"))
    assert not (tmp_path / "en" / "other.bin").exists()


def test_the_best_documents_are_a_dataset_without_a_second_copy(task: WriteTask, tmp_path: Path):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    receipt = write_slice(task)
    train = join(
        JoinTask((task.tokens("en", "train"),), (receipt.outputs["shard/en.train.bin"]["xxh3"],), tmp_path / "en/train")
    )
    masks, thresholds = choose_best([task.documents], 0.5)
    assert masks["en"].tolist() == [False, True, True] and thresholds["en"] == pytest.approx(0.03)
    chosen = write_best(train, tmp_path / "en", masks["en"])
    assert (tmp_path / "en" / "best.bin").is_symlink() and chosen.documents == 2
    whole, best = IndexedDataset(str(tmp_path / "en" / "train")), IndexedDataset(str(tmp_path / "en" / "best"))
    assert [best[number].tolist() for number in range(2)] == [whole[1].tolist(), whole[2].tolist()]
    assert chosen.tokens == len(whole[1]) + len(whole[2])


def test_a_worker_that_is_killed_is_one_clear_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "BYTES_PER_WORKER", 1)
    killer = threading.Thread(target=kill_first_worker)
    killer.start()
    with pytest.raises(RecipeError, match="worker process was killed"):
        list(Local(2).run(_wait, [0.5] * 50, 100))
    killer.join()
    assert not pool_workers()


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
