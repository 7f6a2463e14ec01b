"""The emulation in the real recipe: right under every layout, and a resumed run is the run that was not stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from recipes.metrics import read_metrics
from tests.recipes.nvfp4.runs import STEPS
from tests.recipes.tiny import Tiny
from tests.recipes.warm import Warm


@pytest.fixture(scope="module")
def runs(nemo_on_cpu: None, warm: Warm, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all runs."""
    folder = tmp_path_factory.mktemp("emulated")
    done = warm.call("tests.recipes.nvfp4.runs:main", tiny.nemo, tiny.blend, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def numbers(run: Path, *names: str) -> list[tuple[float, ...]]:
    """The values of ``names`` in each step's record; all that training decides where none is given."""
    names = names or ("loss", "gradient_norm")
    return [tuple(record[name] for name in names) for record in read_metrics(run) if "loss" in record]


def validation(run: Path) -> float:
    value: float = next(
        record["validation_loss"] for record in reversed(read_metrics(run)) if "validation_loss" in record
    )
    return value


def test_a_resumed_run_is_bit_for_bit_the_run_that_was_not_stopped(runs: Path) -> None:
    assert len(numbers(runs / "straight")) == STEPS
    assert len(numbers(runs / "resumed")) == STEPS // 2
    assert numbers(runs / "resumed") == numbers(runs / "straight")[STEPS // 2 :]
    assert validation(runs / "resumed") == validation(runs / "straight")


def test_the_emulation_changes_the_losses_a_little(runs: Path) -> None:
    emulated, plain = numbers(runs / "straight", "loss"), numbers(runs / "bf16", "loss")
    for (one,), (other,) in zip(emulated, plain, strict=True):
        assert one != other
        assert one == pytest.approx(other, rel=0.02)


def test_each_run_says_which_layers_and_ingredients_it_emulates(runs: Path) -> None:
    def said(name: str) -> str:
        lines = (runs / name / "rank0.log").read_text().splitlines()
        return next((line for line in lines if line.startswith("nvfp4-emulated: ")), "")

    everything = "Ingredients(hadamard=True, stochastic_rounding=True, square_weight_blocks=True)"
    assert said("straight") == f"nvfp4-emulated: 8 linear layers of rank 0, {everything}"
    assert said("last layer bf16") == f"nvfp4-emulated: 4 linear layers of rank 0, {everything}"
    assert said("lora") == said("straight")
    assert said("all off") == f"nvfp4-emulated: 8 linear layers of rank 0, {everything.replace('True', 'False')}"
    assert said("bf16") == ""


@pytest.mark.parametrize("name", ["last layer bf16", "all off"])
def test_every_switch_reaches_the_model(runs: Path, name: str) -> None:
    assert all(one != other for one, other in zip(numbers(runs / name), numbers(runs / "straight"), strict=True))


def test_adapters_train_on_an_emulated_base(runs: Path) -> None:
    losses = numbers(runs / "lora", "loss")
    # before its first step an adapter adds nothing: the forward pass is that of the full run
    assert losses[0] == numbers(runs / "straight", "loss")[0]
    assert losses[-1] != losses[0]


def test_a_pipeline_draws_the_same_random_numbers(runs: Path) -> None:
    for ours, theirs in zip(numbers(runs / "pipeline parallel"), numbers(runs / "straight"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_tensor_parallel_shards_have_scales_of_their_own_and_come_to_about_the_same(runs: Path) -> None:
    sharded, straight = numbers(runs / "tensor parallel"), numbers(runs / "straight")
    assert sharded != straight
    assert [loss for loss, _ in sharded] == pytest.approx([loss for loss, _ in straight], rel=0.02)


@pytest.mark.parametrize("sequence_parallel", [False, True])
def test_parallel_layers_are_the_sum_of_their_shards(runs: Path, sequence_parallel: bool) -> None:
    equal = json.loads((runs / "layers.json").read_text())[str(sequence_parallel)]
    assert equal == dict.fromkeys(("output", "input gradient", "column weight gradient", "row weight gradient"), True)


def test_noise_differs_between_layers_steps_and_ranks_and_comes_again_for_the_same(nemo_on_cpu: None) -> None:
    import torch

    from recipes.nvfp4.emulate import _Clock, _Product
    from recipes.nvfp4.linear import Ingredients

    def draw(name: str, step: int, key: str = "seed 1") -> torch.Tensor:
        return _Product(name, Ingredients(), _Clock(step), key).uniform(torch.Size([64]), torch.device("cpu"))

    drawn = [draw("layer 1 linear_fc1", 7), draw("layer 2 linear_fc1", 7), draw("layer 1 linear_fc1", 8)]
    drawn.append(draw("layer 1 linear_fc1", 7, key="seed 2"))
    twice = _Product("layer 1 linear_fc1", Ingredients(), _Clock(7), "seed 1")
    first, second = (twice.uniform(torch.Size([64]), torch.device("cpu")) for _ in range(2))
    assert torch.equal(first, drawn[0])
    drawn.append(second)
    for place, one in enumerate(drawn):
        assert all(not torch.equal(one, other) for other in drawn[:place])


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.config.ffn_hidden_size=104", "104 MLP columns do not divide into them over 2 ranks"),
        ("model.config.hidden_size=72", "72 hidden columns do not divide into them over 1 rank;"),
        ("model.config.kv_channels=6", "24 query columns do not divide into them over 2 ranks"),
        ("data.micro_batch_size=1 data.seq_length=40 model.config.seq_length=40", "40 tokens of a micro-batch do not"),
        ("trainer.plugins.num_layers_at_end_in_bf16=2", "0 + 2 of 2 layers in BF16 leave none"),
        ("trainer.plugins.num_layers_at_end_in_bf16=-1", "0 + -1 of 2 layers in BF16"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(nemo_on_cpu: None, tiny: Tiny, override: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        composed(tiny, *override.split())
    assert sentence in str(refused.value)


def composed(tiny: Tiny, *overrides: str):  # type: ignore[no-untyped-def]
    from recipes.request import make_request
    from tools.train import compose

    request = make_request("cpt", model="tiny", precision="nvfp4-emulated", checkpoint=tiny.nemo, data=tiny.blend)
    return compose(request, overrides)


def test_a_switch_that_is_neither_0_nor_1_is_refused(
    nemo_on_cpu: None, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipes.nvfp4.emulate import EmulatedNvfp4

    monkeypatch.setenv("NVTE_NVFP4_DISABLE_RHT", "true")
    with pytest.raises(UsageError, match="NVTE_NVFP4_DISABLE_RHT=true: set it to 1 to switch hadamard off, or to 0"):
        composed(tiny)
    monkeypatch.setenv("NVTE_NVFP4_DISABLE_RHT", "1")
    callbacks = composed(tiny).trainer.callbacks
    (callback,) = (callback for callback in callbacks if callback.__fn_or_cls__ is EmulatedNvfp4)
    assert (callback.hadamard, callback.stochastic_rounding, callback.square_weight_blocks) == (False, True, True)
