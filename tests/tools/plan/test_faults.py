"""A layout that the plan takes is one that a recipe starts with, and the other way round; both say why not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes.request import make_request
from tools.plan.from_request import configuration_of_recipe

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

#: Of each number values that divide, and some that do not.
STRATEGY = {
    "tensor_model_parallel_size": (1, 2, 3, 4, 8),
    "pipeline_model_parallel_size": (1, 2, 3, 4),
    "virtual_pipeline_model_parallel_size": (None, None, 2, 3),
    "context_parallel_size": (1, 1, 2, 3),
    "sequence_parallel": (True, False),
}
DATA = {"global_batch_size": (128, 127, 8, 24), "micro_batch_size": (1, 2, 3)}
DEVICES, LENGTHS, RANKS = (4, 6, 8), (4096, 4098, 4100), (64, 6, 5)
SAMPLES = 400


def given(recipe: Any, rank: int, draw: random.Random) -> dict[str, Any]:
    """Put drawn numbers into the recipe; return them."""
    strategy = {name: draw.choice(values) for name, values in STRATEGY.items()}
    data = {name: draw.choice(values) for name, values in DATA.items()}
    devices, length = draw.choice(DEVICES), draw.choice(LENGTHS)
    for place, values in ((recipe.trainer.strategy, strategy), (recipe.data, {**data, "seq_length": length})):
        for name, value in values.items():
            setattr(place, name, value)
    recipe.model.config.seq_length = length
    recipe.trainer.devices = devices
    recipe.peft.dim = rank
    return {**strategy, **data, "devices": devices, "length": length, "rank": rank}


def refusal(function: Any, *arguments: Any) -> str:
    """The sentences of the refusal, '' where there is none."""
    try:
        function(*arguments)
    except UsageError as error:
        return str(error).partition(": ")[2]
    return ""


def test_plan_and_recipe_refuse_the_same_layouts() -> None:
    import dataclasses

    from recipes.checks import check_recipe
    from tools.train import compose

    request = make_request("cpt", checkpoint=Path("none"), precision="bf16", peft="lora", hardware="4xb200")
    recipe, draw = compose(request), random.Random(6)
    assert request.adapters
    refused = 0
    for _ in range(SAMPLES):
        rank = draw.choice(RANKS)
        numbers = given(recipe, rank, draw)
        planned = dataclasses.replace(request, adapters=dataclasses.replace(request.adapters, rank=rank))
        by_recipe, by_plan = refusal(check_recipe, recipe), refusal(configuration_of_recipe, planned, recipe)
        assert by_recipe.count("; ") >= by_plan.count("; ") and bool(by_recipe) == bool(by_plan), numbers
        refused += bool(by_recipe)
    assert 0.3 * SAMPLES < refused < SAMPLES - 5  # both kinds were among them
