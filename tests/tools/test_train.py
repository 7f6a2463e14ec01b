"""A training command composes its recipe from settings and overrides, and refuses what can't run here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes import metrics
from recipes.hardware import load_hardware
from recipes.request import Request, make_request
from recipes.settings import CONFIGS, load_stage
from tests.recipes.test_checkpoints import write_checkpoint
from tests.recipes.tiny import ROPE_THETA, Tiny, shared, use_nemo_on_the_cpu
from tools.train import RunSummary, check_devices, compose, train

QUICKSTART = CONFIGS / "quickstart.yaml"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    use_nemo_on_the_cpu()
    return shared(tmp_path_factory.getbasetemp())


def request(stage: str, checkpoint: Path, data: Path, output: Path, model: str = "tiny", **more: Any) -> Request:
    return make_request(stage, model=model, checkpoint=checkpoint, data=data, folder=output, **more)


def recipe(*arguments: Any, overrides: Sequence[str] = (), **more: Any) -> Any:
    return compose(request(*arguments, **more), overrides)


@pytest.mark.parametrize("stage", ["cpt", "sft"])
def test_a_recipe_carries_the_settings_of_its_file(tiny: Tiny, tmp_path: Path, stage: str) -> None:
    made = recipe(stage, tiny.nemo, tmp_path / "data", tmp_path / "run")
    settings = load_stage(stage, QUICKSTART)
    assert made.trainer.max_steps == settings.max_steps == made.optim.lr_scheduler.max_steps
    assert made.data.seq_length == settings.sequence_length == made.model.config.seq_length
    assert made.data.global_batch_size == settings.global_batch_size
    assert made.optim.config.lr == settings.learning_rate
    assert made.log.ckpt.every_n_train_steps == settings.checkpoint_every
    assert made.model.config.rotary_base == ROPE_THETA
    assert made.resume.restore_config.path == str(tiny.nemo)


@pytest.mark.parametrize(("hardware", "watched"), [("4xb200", False), ("2x8xh100", True), ("2x8xb200", True)])
def test_stragglers_are_looked_for_on_several_nodes(hardware: str, watched: bool, tmp_path: Path) -> None:
    made = recipe("cpt", tmp_path / "none", tmp_path, tmp_path / "run", model="llama33_70b", hardware=hardware)
    names = [callback.__fn_or_cls__.__name__ for callback in made.trainer.callbacks]
    assert ("StragglerDetectionCallback" in names) == watched


def test_the_cpu_profile_brings_gloo_two_processes_and_the_cpu_support(tiny: Tiny, tmp_path: Path) -> None:
    from recipes.cpu_strategy import CpuMegatronStrategy

    trainer = recipe("cpt", tiny.nemo, tmp_path, tmp_path / "run").trainer
    assert trainer.strategy.__fn_or_cls__ is CpuMegatronStrategy
    assert (trainer.accelerator, trainer.devices, trainer.plugins) == ("cpu", 2, None)
    assert trainer.strategy.tensor_model_parallel_size == 2
    assert trainer.strategy.process_group_backend == "gloo"


def test_the_b200_profile_has_the_strategy_of_gpus_and_nvfp4(tiny: Tiny, tmp_path: Path) -> None:
    from recipes.strategy import AnyLayersStrategy

    made = recipe("cpt", tmp_path / "none", tmp_path, tmp_path / "run", model="llama33_70b")
    trainer = made.trainer
    assert trainer.strategy.__fn_or_cls__ is AnyLayersStrategy
    strategy = trainer.strategy
    assert (trainer.accelerator, trainer.devices, strategy.tensor_model_parallel_size) == ("gpu", 4, 2)
    assert (strategy.pipeline_model_parallel_size, strategy.virtual_pipeline_model_parallel_size) == (2, 5)
    assert (trainer.plugins.fp4, trainer.plugins.fp4_recipe) == ("e2m1", "nvfp4")
    assert made.optim.config.use_precision_aware_optimizer is True
    assert made.model.config.recompute_granularity == "full"


def test_a_precision_named_on_the_command_line_wins_over_the_profile(tiny: Tiny, tmp_path: Path) -> None:
    import torch

    made = recipe("cpt", tiny.nemo, tmp_path, tmp_path / "run", precision="bf16")
    assert made.trainer.plugins.precision == "bf16-mixed"
    assert made.optim.config.bf16 is True
    assert made.model.config.params_dtype is torch.bfloat16
    with pytest.raises(UsageError, match=r"unknown precision 'bf61'\. Did you mean 'bf16'\?"):
        recipe("cpt", tiny.nemo, tmp_path, tmp_path / "run", precision="bf61")


def test_overrides_come_last(tiny: Tiny, tmp_path: Path) -> None:
    made = recipe("cpt", tiny.nemo, tmp_path, tmp_path / "run", overrides=["trainer.max_steps=3"])
    assert made.trainer.max_steps == 3


def test_the_number_of_sft_steps_follows_the_chats_once_they_are_there(tiny: Tiny, tmp_path: Path) -> None:
    settings = load_stage("sft")
    chats = tmp_path / "sft"
    before = recipe("sft", tmp_path / "none", chats, tmp_path / "run", model="llama33_70b")
    assert before.trainer.max_steps == settings.steps()
    (tmp_path / "sft" / "train").mkdir(parents=True)
    (tmp_path / "sft" / "train" / "0.jsonl").write_text("{}\n" * 1280)
    after = recipe("sft", tmp_path / "none", chats, tmp_path / "run", model="llama33_70b")
    assert after.trainer.max_steps == 30  # 3 epochs of 1,280 chats, 128 a step


def test_other_batches_take_other_steps_for_the_same_epochs(tiny: Tiny, tmp_path: Path) -> None:
    def steps(*overrides: str, **more: Any) -> list[int]:
        where = (tmp_path / "none", tmp_path / "sft", tmp_path / "run")
        made = recipe("sft", *where, model="llama33_70b", overrides=overrides, **more)
        scheduler = made.optim.lr_scheduler
        return [made.trainer.max_steps, scheduler.max_steps, scheduler.warmup_steps]

    whole = load_stage("sft").steps()
    assert steps() == [whole, whole, round(0.05 * whole)]
    # a step of 16 sequences of packed chats; the same chats in half as many steps of 32
    half = -(-whole // 2)
    assert steps("data.global_batch_size=32") == [half, half, round(0.05 * half)]
    assert steps("data.global_batch_size=32", "trainer.max_steps=7")[0] == 7
    with pytest.raises(
        UsageError, match=r"data\.packed=false does not go with batches .* packed chats; set packed_chats"
    ):
        steps("data.packed=false")


def test_a_recipe_can_be_written_down_and_read_back(tiny: Tiny, tmp_path: Path) -> None:
    # what the ranks get is the recipe as JSON; whatever can't travel so would fail only there
    from nemo_run.core.serialization.zlib_json import ZlibJSONSerializer

    for stage in ("cpt", "sft"):
        made = recipe(stage, tiny.nemo, tmp_path, tmp_path / "run", precision="bf16")
        serializer = ZlibJSONSerializer()
        assert serializer.deserialize(serializer.serialize(made)) == made


def test_a_profile_with_more_gpus_than_the_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    with pytest.raises(UsageError, match=r"'4xb200' needs 4 GPUs, this machine has 3; rehearse on the CPU"):
        check_devices(load_hardware("4xb200"))
    check_devices(load_hardware("cpu"))
    check_devices(load_hardware("2xb200"))


@pytest.mark.parametrize(("stage", "maker"), [("cpt", "preprocess"), ("sft", "sft-data")])
def test_missing_data_names_the_command_that_makes_it(tmp_path: Path, stage: str, maker: str) -> None:
    with pytest.raises(UsageError, match=rf"no training data at .*nothing; make it with: python launch\.py {maker}"):
        train(request(stage, tmp_path, tmp_path / "nothing", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_none_is_named(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a NeMo checkpoint or run folder"):
        train(request("cpt", tiny.hf, tiny.blend, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_left_as_it_is(tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "run"
    last = write_checkpoint(output / "checkpoints" / "step=5-last")
    for step in range(1, 6):
        metrics.append(output, {"step": step, "loss": 7.0 - step, "seconds": 0.5})
    metrics.append(output, {"step": 5, "validation_loss": 3.0})
    before = sorted([*output.rglob("*"), *(output / name for name in ("run.json", "run.lock", "command.lock"))])
    summary = train(request("cpt", tiny.nemo, tiny.blend, output), ["trainer.max_steps=5"])
    assert summary == RunSummary("cpt", str(output), str(last), 5, 6.0, 2.0, 3.0, 2.5, best_checkpoint=str(last))
    assert "has done its 5 steps in fp32 already" in capsys.readouterr().err
    assert sorted(output.rglob("*")) == before


def test_the_summary_says_where_the_loss_went_and_what_comes_next() -> None:
    text = RunSummary("cpt", "runs/x", "runs/x/checkpoints/step=5", 5, 6.0, 2.0, 3.0, 2.5).text()
    assert text.splitlines() == [
        "cpt: 5 steps in runs/x",
        "  training loss    6.0000 -> 2.0000",
        "  validation loss  3.0000",
        "  checkpoint       runs/x/checkpoints/step=5",
        "  next             python launch.py export runs/x --output DIR",
    ]
    assert "6.0000 -> not a number" in RunSummary("cpt", "r", "c", 5, 6.0, None, None, 2.5).text()
    bare = RunSummary("cpt", "runs/x", "c", 0, None, None, None, 0.0)
    assert "loss" not in bare.text()
    assert bare.to_dict()["first_loss"] is None


def test_a_format_that_the_hardware_lacks_is_refused_before_anything_starts(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CPU can't train in nvfp4; use fp32 or bf16"):
        request("cpt", tiny.nemo, tiny.blend, tmp_path / "run", precision="nvfp4")
    with pytest.raises(UsageError, match="H100 can't train in mxfp8; use fp32 or bf16 or fp8-delayed"):
        request("cpt", tmp_path, tmp_path, tmp_path / "run", model="llama33_70b", hardware="8xh100", precision="mxfp8")


@pytest.mark.parametrize("name", ["lora", "dora"])
@pytest.mark.parametrize("stage", ["cpt", "sft"])
def test_adapters_are_trained_at_their_own_rate(tiny: Tiny, tmp_path: Path, stage: str, name: str) -> None:
    from nemo.collections import llm

    from recipes.dora import WholeRowDoRA

    full = recipe(stage, tiny.nemo, tmp_path, tmp_path / "run")
    made = recipe(stage, tiny.nemo, tmp_path, tmp_path / "run", peft=name)
    assert made.__fn_or_cls__ is llm.finetune
    assert made.peft.__fn_or_cls__ is {"lora": llm.peft.LoRA, "dora": WholeRowDoRA}[name]
    assert made.optim.config.lr == pytest.approx(10 * full.optim.config.lr)
    assert made.optim.lr_scheduler.min_lr == pytest.approx(10 * full.optim.lr_scheduler.min_lr)
