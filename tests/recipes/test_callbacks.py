"""A run starts from the imported weights or not at all, and leaves a record of every step."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recipes.checkpoints import newest_checkpoint, step_of
from recipes.metrics import read_metrics
from tests.recipes.tiny import Tiny
from tests.recipes.train_in_process import SPOILT
from tests.recipes.warm import Warm

Runs = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def runs(nemo_on_cpu: None, warm: Warm, tiny: Tiny, folder: Path) -> Runs:
    """One run whose weights are changed after loading, and one whose are not."""
    return {
        # port 0: the system chooses one
        name: warm.call(
            "tests.recipes.train_in_process:main", tiny.nemo, tiny.blend, folder / name, name, MASTER_PORT="0"
        )
        for name in ("spoil", "keep")
    }


def said(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, run.stderr[-3000:]
    value: dict[str, str] = json.loads(lines[0])
    return value


def test_imported_weights_pass(runs: Runs) -> None:
    assert said(runs["keep"])["unchanged"] == "passed"
    assert "weights: all 15 tensors of rank 0 equal those of" in runs["keep"].stderr


@pytest.mark.parametrize("name", SPOILT)
def test_one_changed_number_is_found_and_its_tensor_named(runs: Runs, tiny: Tiny, name: str) -> None:
    sentence = said(runs["keep"])[name]
    assert sentence.startswith("1 of 15 tensors are not those of ")
    assert f": {name}" in sentence or f".{name}" in sentence


def test_another_rope_base_is_found_though_the_weights_are_the_same(runs: Runs) -> None:
    assert said(runs["keep"])["rotary_base"].endswith("rotary_base is 10000, not 250000.0")


def test_a_run_with_changed_weights_stops_before_its_first_step(runs: Runs, folder: Path) -> None:
    assert runs["spoil"].returncode != 0
    assert "preprocessing.errors.RecipeError: 1 of 15 tensors are not those of" in runs["spoil"].stderr
    assert read_metrics(folder / "spoil") == []
    assert not list((folder / "spoil" / "checkpoints").glob("*"))


def test_every_step_and_the_last_validation_are_recorded(runs: Runs, folder: Path) -> None:
    assert runs["keep"].returncode == 0, runs["keep"].stderr[-3000:]
    records = read_metrics(folder / "keep")
    steps = [record for record in records if "loss" in record]
    assert [record["step"] for record in steps] == [1, 2]
    assert all(record["loss"] > 0 and record["gradient_norm"] > 0 and record["seconds"] > 0 for record in steps)
    assert [record["step"] for record in records if "validation_loss" in record] == [2]
    console = (folder / "keep" / "console.log").read_text()
    assert "step 2/2" in console
    assert "perplexity" in console


def test_what_was_trained_exports_with_the_context_and_rope_of_the_original(
    runs: Runs, folder: Path, tiny: Tiny
) -> None:
    from safetensors.torch import load_file

    from tools.checkpoint import export_checkpoint

    checkpoint = newest_checkpoint(folder / "keep")
    assert step_of(checkpoint) == 2
    export_checkpoint(folder / "keep", folder / "exported")
    before, after = (
        json.loads((path / "config.json").read_text(encoding="utf-8")) for path in (tiny.hf, folder / "exported")
    )
    kept = ("max_position_embeddings", "rope_theta", "rope_scaling", "vocab_size", "head_dim", "eos_token_id")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    old, new = (load_file(path / "model.safetensors") for path in (tiny.hf, folder / "exported"))
    assert [name for name in old if old[name].equal(new[name])] == []  # every tensor has learnt


def test_an_embedding_that_was_padded_is_compared_without_its_padding() -> None:
    from types import SimpleNamespace

    import torch

    from recipes.weights_guard import _rows_of_vocabulary

    def rows(first: int, held: int, padded: bool = True) -> int:
        tensor: Any = SimpleNamespace(data=torch.empty(held, 2), global_offset=(first, 0), allow_shape_mismatch=padded)
        return _rows_of_vocabulary(tensor, vocab_size=1000)

    assert rows(0, 512) == 512
    assert rows(512, 512) == 488
    assert rows(1024, 512) == 0
    assert rows(512, 512, padded=False) == 512
