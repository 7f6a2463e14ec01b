"""The recipes as factories of NeMo's own command line, from the repository root."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from recipes.metrics import read_metrics
from tests.end_to_end.conftest import Finished, run

NEMO = Path(sys.executable).parent / "nemo"


def nemo(*arguments: str) -> Finished:
    return run(NEMO, "llm", *arguments)


@pytest.mark.parametrize(
    ("verb", "factory", "data"),
    [
        ("pretrain", "eurlex_cpt_tiny", "data='{}/corpus/cpt/blend.yaml'"),
        ("finetune", "eurlex_sft_tiny", "data='{}/sft'"),
    ],
    ids=["cpt", "sft"],
)
def test_a_tiny_factory_trains_on_the_cpu(made: Path, tmp_path: Path, verb: str, factory: str, data: str) -> None:
    call = f"{factory}(checkpoint='{made}/base', {data.format(made)}, folder='{tmp_path}')"
    done = nemo(verb, "--factory", call, "trainer.max_steps=3", "-y")
    assert done.status == 0, done.stderr[-4000:]
    losses = [record["loss"] for record in read_metrics(tmp_path) if "loss" in record]
    assert len(losses) == 3
    assert losses[2] < losses[0]


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
def test_the_70b_factory_is_listed_and_resolves_without_a_gpu_or_checkpoint(verb: str) -> None:
    stage = {"pretrain": "cpt", "finetune": "sft"}[verb]
    listed = nemo(verb, "--help")
    # long names are cut to the width of the table
    assert f"eurlex_{stage}_llama33" in listed.stdout
    done = nemo(verb, "--factory", f"eurlex_{stage}_llama33_70b", "trainer.max_steps=7", "--dryrun")
    assert done.status == 0, done.stderr[-4000:]
    for words in ("num_nodes=1", "devices=4", "max_steps=7", "pipeline_model_parallel_size=2", "nvfp4"):
        assert words in done.stdout, words
