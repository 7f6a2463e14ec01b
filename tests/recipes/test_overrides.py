"""Dotted overrides reach every depth of a recipe, and a wrong one is answered with the right name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


@pytest.fixture
def recipe(tiny: Tiny, tmp_path: Path) -> Any:
    from recipes import cpt
    from recipes.request import make_request

    return cpt.recipe(
        make_request("cpt", model="tiny", checkpoint=tiny.nemo, data=Path("blend.yaml"), folder=tmp_path / "run")
    )


def apply(recipe: Any, *overrides: str) -> Any:
    from recipes.overrides import apply

    return apply(recipe, overrides)


def test_values_are_set_at_every_depth(recipe: Any) -> None:
    changed = apply(
        recipe,
        "trainer.max_steps=7",
        "optim.config.lr=1e-5",
        "model.config.seq_length=128",
        "trainer.strategy.ddp.overlap_grad_reduce=true",
        "resume.restore_config.path=/elsewhere",
    )
    assert changed.trainer.max_steps == 7
    assert changed.optim.config.lr == 1e-5
    assert changed.model.config.seq_length == 128
    assert changed.trainer.strategy.ddp.overlap_grad_reduce is True
    assert changed.resume.restore_config.path == "/elsewhere"


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_values_of_adapters_are_set(kind: str, tiny: Tiny, tmp_path: Path) -> None:
    from recipes import cpt
    from recipes.request import make_request

    request = make_request(
        "cpt", model="tiny", peft=kind, checkpoint=tiny.nemo, data=Path("blend.yaml"), folder=tmp_path / "run"
    )
    peft = apply(cpt.recipe(request), "peft.dropout=0.1", "peft.dim=4", "peft.target_modules=['linear_qkv']").peft
    assert (peft.dropout, peft.dim, peft.target_modules) == (0.1, 4, ["linear_qkv"])


def test_what_is_not_named_stays_as_it_was(recipe: Any) -> None:
    before = (recipe.trainer.max_steps, recipe.model.config.rotary_base, len(recipe.trainer.callbacks))
    changed = apply(recipe, "data.global_batch_size=4")
    assert (changed.trainer.max_steps, changed.model.config.rotary_base, len(changed.trainer.callbacks)) == before


def test_the_last_of_two_wins(recipe: Any) -> None:
    assert apply(recipe, "trainer.max_steps=7", "trainer.max_steps=9").trainer.max_steps == 9


def test_values_can_be_computed_from_what_is_there(recipe: Any) -> None:
    before = recipe.trainer.max_steps
    assert apply(recipe, "trainer.max_steps*=2").trainer.max_steps == 2 * before


def test_a_value_of_the_checkpoint_recipe_that_was_not_set_can_be(recipe: Any) -> None:
    changed = apply(recipe, "trainer.strategy.context_parallel_size=2", "model.config.attention_dropout=0.1")
    assert changed.trainer.strategy.context_parallel_size == 2
    assert changed.model.config.attention_dropout == 0.1


@pytest.mark.parametrize(
    ("override", "where", "name", "nearest"),
    [
        ("trainr.max_steps=1", "the recipe", "trainr", "trainer"),
        ("trainer.max_stepz=1", "trainer", "max_stepz", "max_steps"),
        ("optim.config.learning=1", "optim.config", "learning", None),
        ("model.config.num_layer=1", "model.config", "num_layer", "num_layers"),
        ("trainer.strategy.tensor_parallel_size=1", "trainer.strategy", "tensor_parallel_size", None),
        ("trainer.strategy.ddp.overlap_grad_reduc=1", "trainer.strategy.ddp", "overlap_grad_reduc", None),
        ("data.seq_len=1", "data", "seq_len", "seq_length"),
        ("log.ckpt.every_n_train_step=1", "log.ckpt", "every_n_train_step", "every_n_train_steps"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    recipe: Any, override: str, where: str, name: str, nearest: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        apply(recipe, override)
    assert str(caught.value).startswith(f"{where} has no '{name}'.")
    assert "Did you mean" in str(caught.value) or "Known: " in str(caught.value)
    if nearest:
        assert str(caught.value).endswith(f"Did you mean '{nearest}'?")


@pytest.mark.parametrize("override", ["trainer.max_steps=many", "optim.config.lr=fast", "model.config.num_layers=2.5"])
def test_a_value_of_another_type_is_refused(recipe: Any, override: str) -> None:
    with pytest.raises(UsageError, match=f"can't set {override}"):
        apply(recipe, override)


@pytest.mark.parametrize("override", ["trainer.max_steps", "=5", "", "max_steps 5"])
def test_what_is_no_assignment_is_refused(recipe: Any, override: str) -> None:
    with pytest.raises(UsageError, match=r"is not an override; they look like trainer\.max_steps=100"):
        apply(recipe, override)


def test_an_option_among_the_overrides_is_called_an_option(recipe: Any) -> None:
    with pytest.raises(UsageError, match=r"unknown option '--max-steps=5'"):
        apply(recipe, "--max-steps=5")


def test_nothing_can_be_set_in_a_part_that_is_not_set(recipe: Any) -> None:
    assert recipe.trainer.plugins is None
    with pytest.raises(UsageError, match=r"trainer\.plugins is not set in this recipe"):
        apply(recipe, "trainer.plugins.precision=bf16-mixed")


def test_a_member_of_a_list_can_be_reached(recipe: Any) -> None:
    from recipes.monitoring.run_log import RunLog

    place = [callback.__fn_or_cls__ for callback in recipe.trainer.callbacks].index(RunLog)
    changed = apply(recipe, f"trainer.callbacks[{place}].stage=renamed")
    assert changed.trainer.callbacks[place].stage == "renamed"
    with pytest.raises(UsageError, match=rf"trainer\.callbacks\[{place}\] has no 'stag'\. Did you mean 'stage'\?"):
        apply(recipe, f"trainer.callbacks[{place}].stag=x")


@pytest.mark.parametrize("part", ["callbacks[99]", "callbacks[x]", "callbacks"])
def test_a_member_that_a_list_has_not_is_refused(recipe: Any, part: str) -> None:
    with pytest.raises(UsageError, match=r"trainer\.callbacks is a list; name one of its members, .*\[0\] to"):
        apply(recipe, f"trainer.{part}.stage=x")


def test_a_refusal_is_one_line_and_not_the_whole_recipe(recipe: Any) -> None:
    for override in ("trainer.callbacks[0]=x", "trainer.max_steps=many", "data.seq_length=long"):
        with pytest.raises(UsageError) as caught:
            apply(recipe, override)
        assert len(str(caught.value)) < 200, override
        assert "\n" not in str(caught.value)


def test_every_number_and_text_of_the_data_can_be_set(recipe: Any, tiny: Tiny, tmp_path: Path) -> None:
    from recipes import sft
    from recipes.request import make_request

    chats = sft.recipe(make_request("sft", model="tiny", checkpoint=tiny.nemo, data=tmp_path, folder=tmp_path / "run"))
    numbers = ("seq_length", "micro_batch_size", "global_batch_size", "seed", "num_workers")
    for one, texts in ((recipe, ["blend"]), (chats, ["source", "prepared"])):
        changed = apply(one, *(f"data.{name}=4" for name in numbers), *(f"data.{name}=/new" for name in texts))
        assert [getattr(changed.data, name) for name in numbers] == [4] * len(numbers)
        assert [getattr(changed.data, name) for name in texts] == ["/new"] * len(texts)
