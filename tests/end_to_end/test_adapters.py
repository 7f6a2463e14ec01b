"""A run of adapters ends in one model, or in adapters for Hugging Face, that compute what was trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from recipes.metrics import read_metrics
from tests.end_to_end.conftest import launch
from tests.recipes.tiny import use_nemo_on_the_cpu

Arguments = Callable[..., list[str]]
ONE_PROCESS = ("trainer.devices=1", "trainer.strategy.tensor_model_parallel_size=1")
TENSOR_PARALLEL = ("trainer.strategy.tensor_model_parallel_size=2",)
PIPELINE = ("trainer.strategy.tensor_model_parallel_size=1", "trainer.strategy.pipeline_model_parallel_size=2")
VALIDATED = 8  # chats: one batch, in one micro-batch, so that the loss is their tokens' mean
TOLERANCE = 2e-4  # of a logit, in FP32


@dataclass(frozen=True)
class Exported:
    """A finished run of adapters, its merged model and its adapters alone."""

    run: Path
    merged: Path
    adapters: Path
    base: Path


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("dora", TENSOR_PARALLEL), id="DoRA, tensor parallel"),
        pytest.param(("lora", TENSOR_PARALLEL), id="LoRA, tensor parallel", marks=pytest.mark.slow),
        pytest.param(("lora", ONE_PROCESS), id="LoRA, one process", marks=pytest.mark.slow),
        pytest.param(("dora", PIPELINE), id="DoRA, pipeline parallel", marks=pytest.mark.slow),
    ],
)
def exported(
    request: pytest.FixtureRequest, made: Path, train_command: Arguments, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    from tools.checkpoint import export_adapters, export_checkpoint

    use_nemo_on_the_cpu()
    kind, layout = request.param
    folder = tmp_path_factory.mktemp("adapters")
    overrides = ("trainer.max_steps=4", "trainer.limit_val_batches=1", "optim.lr_scheduler.warmup_steps=0")
    done = launch(*train_command("sft", folder / "run", "--peft", kind, *layout, *overrides))
    assert done.status == 0, done.stderr[-4000:]
    export_checkpoint(folder / "run", folder / "merged")
    export_adapters(folder / "run", folder / "adapters")
    return Exported(folder / "run", folder / "merged", folder / "adapters", made / "sample" / "model")


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


def model_of(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def validation_batch(exported: Exported) -> Any:
    """The chats that the run was validated on, as it saw them."""
    import fiddle as fdl

    from recipes import model
    from recipes.chat_data import AnswerOnlyChatDataset
    from recipes.checkpoints import newest_checkpoint

    tokenizer = fdl.build(model.tokenizer(newest_checkpoint(exported.run)))
    path = shutil.copy(exported.run / "chats" / "validation.jsonl", exported.adapters.parent / "validation.jsonl")
    chats = AnswerOnlyChatDataset(str(path), tokenizer, max_seq_length=320, sanity_check_dist_workers=False)
    return chats.collate_fn([chats[number] for number in range(VALIDATED)])


def loss(model: Any, batch: Any) -> float:
    import torch

    with torch.inference_mode():
        logits = model(batch["tokens"]).logits
    tokens = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch["labels"], reduction="none")
    return float((tokens * batch["loss_mask"]).sum() / batch["loss_mask"].sum())


def test_the_merged_model_has_the_validation_loss_that_the_run_ended_with(exported: Exported) -> None:
    said = [record["validation_loss"] for record in read_metrics(exported.run) if "validation_loss" in record][-1]
    batch = validation_batch(exported)
    assert loss(model_of(exported.merged), batch) == pytest.approx(said, abs=1e-4)
    assert abs(loss(model_of(exported.base), batch) - said) > 0.05  # and the base model has another


def test_hugging_faces_own_adapters_compute_the_same(exported: Exported) -> None:
    import torch
    from peft import PeftModel

    tokens = validation_batch(exported)["tokens"]
    model = PeftModel.from_pretrained(model_of(exported.base), str(exported.adapters)).eval()
    with torch.inference_mode():
        merged, theirs = model_of(exported.merged)(tokens).logits, model(tokens).logits
    assert float((merged - theirs).abs().max()) < TOLERANCE
    assert float(theirs.std()) > 1000 * TOLERANCE


def test_hugging_faces_own_merge_gives_the_same_weights(exported: Exported) -> None:
    from peft import PeftModel

    theirs = PeftModel.from_pretrained(model_of(exported.base), str(exported.adapters)).merge_and_unload().state_dict()
    ours, base = weights(exported.merged), weights(exported.base)
    assert ours.keys() == base.keys()
    for name, tensor in ours.items():
        assert float((tensor - theirs[name]).abs().max()) < 1e-5, name
        assert tensor.equal(base[name]) is not name.endswith("_proj.weight"), name


def test_verify_finds_the_merged_model_to_be_the_run(exported: Exported) -> None:
    from tools.verify import verify_checkpoints

    summary = verify_checkpoints(exported.run, exported.merged)
    assert summary.tensors == len(weights(exported.merged))
    assert summary.difference is not None
    assert summary.difference < TOLERANCE
    with pytest.raises(RecipeError, match=r"of \d+ tensors of .* are not those of .*_proj\.weight"):
        verify_checkpoints(exported.run, exported.base)


def test_a_base_that_was_moved_is_asked_for(exported: Exported, made: Path, tmp_path: Path) -> None:
    from recipes.checkpoints import newest_checkpoint
    from tools.adapters import read_adapters
    from tools.checkpoint import export_checkpoint

    copy = Path(shutil.copytree(newest_checkpoint(exported.run), tmp_path / "checkpoint"))
    (copy / "weights" / "adapter_metadata.json").write_text('{"model_ckpt_path": "/gone/base"}')
    with pytest.raises(UsageError, match=r"trained on /gone/base, which is not there; give its place with --base"):
        read_adapters(copy)
    assert read_adapters(copy, made / "base").base == made / "base"
    moved = shutil.copytree(made / "base", tmp_path / "base")
    export_checkpoint(exported.run, tmp_path / "merged", base=Path(moved))
    ours, theirs = weights(tmp_path / "merged"), weights(exported.merged)
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_adapters_alone_are_no_start_for_another_run(exported: Exported, made: Path, tmp_path: Path) -> None:
    from recipes.request import make_request
    from tools.train import train

    request = make_request(
        "sft", model="tiny", checkpoint=exported.run, data=made / "sft", folder=tmp_path / "run", hardware="1xcpu"
    )
    with pytest.raises(UsageError, match="holds adapters alone; merge them first"):
        train(request)


def test_a_whole_model_has_no_adapters_to_export(made: Path, tmp_path: Path) -> None:
    from tools.checkpoint import export_adapters

    with pytest.raises(UsageError, match="holds a whole model, no adapters; export it without --adapters-only"):
        export_adapters(made / "base", tmp_path / "out")
