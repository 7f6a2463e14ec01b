"""A layout that the plan takes is one that a recipe starts with, and the other way round; both say why not."""

from __future__ import annotations

import random
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
import torch

from preprocessing.errors import UsageError
from recipes.division import OF_A_PLAN, OF_A_RECIPE
from recipes.request import Request, make_request
from tests.recipes.tiny import Tiny
from tools.plan.from_request import configuration_of, configuration_of_recipe

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

#: Of each number values that divide, and some that do not.
STRATEGY = {
    "tensor_model_parallel_size": (1, 2, 2, 4, 4, 3, 8),
    "pipeline_model_parallel_size": (1, 1, 2, 4, 3),
    "virtual_pipeline_model_parallel_size": (None, None, None, None, 2, 3),
    "context_parallel_size": (1, 1, 1, 1, 2, 3),
    "sequence_parallel": (True, False),
}
DATA = {"global_batch_size": (128, 128, 8, 24, 127), "micro_batch_size": (1, 1, 2, 3)}
DEVICES, LENGTHS, RANKS = (4, 8, 8, 6), (4096, 4096, 4096, 4098, 4100), (64, 64, 64, 6, 5)
AWARE = (False, False, False, True)
SAMPLES = 200
#: One of every kind of fault: adapters, blocks of NVFP4 and of its emulation, FP32 weights, packed chats.
KINDS: dict[str, dict[str, Any]] = {
    "cpt lora": {"precision": "bf16", "peft": "lora", "hardware": "4xb200"},
    "cpt nvfp4": {"precision": "nvfp4", "hardware": "4xb200"},
    "cpt emulated": {"precision": "nvfp4-emulated", "peft": "dora", "hardware": "8xh100"},
    "cpt blockwise": {"precision": "fp8-blockwise", "peft": "lora", "hardware": "8xh100"},
    "cpt mxfp8": {"precision": "mxfp8", "hardware": "8xb200"},
    "cpt fp32": {"precision": "fp32", "peft": "lora", "hardware": "8xb200"},
    "sft packed": {"precision": "bf16", "peft": "lora", "hardware": "8xb200"},
}


def asked(kind: str) -> tuple[Request, Any]:
    """A request of this kind, and its recipe."""
    from tools.train import compose

    request = make_request(kind.split()[0], checkpoint=Path("none"), data=Path("none"), **KINDS[kind])
    return request, compose(request)


def given(recipe: Any, draw: random.Random) -> dict[str, Any]:
    """Put drawn numbers into the recipe, as overrides do; return them."""
    strategy = {name: draw.choice(values) for name, values in STRATEGY.items()}
    data = {name: draw.choice(values) for name, values in DATA.items()}
    devices, length, rank, aware = (draw.choice(values) for values in (DEVICES, LENGTHS, RANKS, AWARE))
    for place, values in ((recipe.trainer.strategy, strategy), (recipe.data, {**data, "seq_length": length})):
        for name, value in values.items():
            setattr(place, name, value)
    recipe.model.config.seq_length = length
    recipe.trainer.devices = devices
    optimizer = recipe.optim.config
    optimizer.use_precision_aware_optimizer = aware
    # which both optimizers can hold
    optimizer.main_grads_dtype = optimizer.exp_avg_dtype = optimizer.exp_avg_sq_dtype = torch.float32
    if getattr(recipe, "peft", None):
        recipe.peft.dim = rank
    return {**strategy, **data, "devices": devices, "length": length, "rank": rank, "aware": aware}


def refusal(function: Any, *arguments: Any) -> str:
    """The sentences of the refusal in the words of a plan, '' where there is none."""
    try:
        function(*arguments)
    except UsageError as error:
        said = str(error).partition(": ")[2]
        for recipe, plan in zip(astuple(OF_A_RECIPE), astuple(OF_A_PLAN), strict=True):
            said = said.replace(recipe, plan)
        return said
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_plan_and_recipe_refuse_the_same_layouts(kind: str) -> None:
    from recipes.checks import check_recipe

    request, recipe = asked(kind)
    draw, refused = random.Random(6), 0
    for _ in range(SAMPLES):
        numbers = given(recipe, draw)
        by_recipe = refusal(check_recipe, recipe)
        assert refusal(configuration_of_recipe, request, recipe) == by_recipe, numbers
        refused += bool(by_recipe)
    assert 0.3 * SAMPLES < refused < SAMPLES - 5  # both kinds were among them


def test_on_a_cpu_neither_packs_chats_nor_takes_the_optimizer_of_gpus(tiny: Tiny) -> None:
    from recipes.checks import check_recipe
    from tools.train import compose

    request = make_request("sft", model="tiny", checkpoint=tiny.nemo, data=Path("none"))
    recipe = compose(request)
    assert configuration_of_recipe(request, recipe) == configuration_of(request)
    recipe.data.packed = recipe.optim.config.use_precision_aware_optimizer = True
    said = refusal(check_recipe, recipe)
    assert "packed chats need Transformer Engine's attention" in said
    assert "the precision-aware optimizer is Transformer Engine's" in said
    assert refusal(configuration_of_recipe, request, recipe) == said


@pytest.mark.parametrize("peft", ["lora", "dora"])
def test_adapters_are_planned_as_the_overrides_have_them(peft: str) -> None:
    from recipes.disk import checkpoint_bytes
    from tools.plan.plan import make_plan
    from tools.train import compose

    request = make_request("cpt", checkpoint=Path("none"), precision="bf16", peft=peft, hardware="4xb200")
    plain = compose(request)
    assert configuration_of_recipe(request, plain) == configuration_of(request)
    wider = compose(request, ["peft.dim=1024", "peft.target_modules=['linear_qkv','linear_fc2']"])
    planned = configuration_of_recipe(request, wider)
    assert planned.adapters
    assert (planned.adapters.rank, planned.adapters.layers) == (1024, ["linear_qkv", "linear_fc2"])
    assert make_plan(request, planned).checkpoint_bytes == checkpoint_bytes(wider)
