from __future__ import annotations

import threading
from pathlib import Path

import pytest

from preprocessing.corpus import shards
from preprocessing.corpus.documents import ShardedWriter, iter_batches
from preprocessing.corpus.holdout import SplitPlan
from preprocessing.corpus.indexed import read_lengths
from preprocessing.corpus.shards import ShardTask, merge_tokens, run_shards, split_batch
from preprocessing.corpus.tokenizer import load_tokenizer
from preprocessing.errors import RecipeError
from tests.preprocessing.pool_workers import kill_first_worker, pool_workers


@pytest.fixture
def tasks(tmp_path: Path, make_document) -> list[ShardTask]:
    with ShardedWriter(tmp_path / "staged", 3) as writer:
        for number in range(12):
            writer.add(make_document(f"32099R{number:04d}", "en" if number % 3 else "pt"))
    (tmp_path / "documents").mkdir()
    return [
        ShardTask(path, tmp_path / "documents" / path.name, tmp_path / "tokens" / path.stem) for path in writer.paths
    ]


def test_rows_that_stay_whole_and_rows_that_do_not_get_the_same_table(tmp_path: Path, make_document):
    acts = [make_document(), make_document("32099R0002"), make_document("32099R0003", base_celex=None)]
    with ShardedWriter(tmp_path, 1) as writer:
        for act in acts:
            writer.add(act)
    (batch,) = iter_batches(writer.paths[0])
    chosen = frozenset({"32099R0002", "32099R0003-en"})
    whole = split_batch(batch, SplitPlan(chosen))
    assert whole["split"].to_pylist() == ["train", "validation", "validation"]
    divided = split_batch(batch, SplitPlan(chosen, {"32099R0001": ("3",)}))
    assert divided.schema == whole.schema
    assert divided["id"].to_pylist() == ["32099R0001-en", "32099R0001-en#held-out", "32099R0002-en", "32099R0003-en"]
    assert divided["split"].to_pylist() == ["train", "validation", "validation", "validation"]
    assert divided.slice(2).to_pylist() == whole.slice(1).to_pylist()


def test_counts_are_those_of_the_files(tasks: list[ShardTask], tokenizer_folder: Path, tmp_path: Path):
    plan = SplitPlan(frozenset({"32099R0001"}))
    total = shards.Counts()
    for _, counts in run_shards(tasks, plan, load_tokenizer(tokenizer_folder), workers=1):
        total.update(counts)
    for language, split, documents in (("en", "train", 7), ("en", "validation", 1), ("pt", "train", 4)):
        merged = merge_tokens([task.tokens for task in tasks], tmp_path / "cpt", language, split)
        assert merged == (documents, total.total("tokens", language, split))
        assert len(read_lengths(tmp_path / "cpt" / language / split)[0]) == documents
    assert merge_tokens([task.tokens for task in tasks], tmp_path / "cpt", "pt", "validation") == (0, 0)
    assert not (tmp_path / "cpt" / "pt" / "validation.idx").exists()
    assert total.total("documents") == 12


def test_a_worker_that_is_killed_is_one_clear_error(tasks: list[ShardTask], tokenizer_folder: Path, monkeypatch):
    monkeypatch.setattr(shards, "BYTES_PER_WORKER", 1)

    killer = threading.Thread(target=kill_first_worker)
    killer.start()
    with pytest.raises(RecipeError, match="worker process was killed"):
        list(run_shards(tasks, SplitPlan(), load_tokenizer(tokenizer_folder), workers=2))
    killer.join()
    assert not pool_workers()
