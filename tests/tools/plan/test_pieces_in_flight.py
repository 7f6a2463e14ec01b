"""How many pieces of the model a pipeline stage holds activations of, against Megatron's own schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from recipes.formats import format_named
from recipes.gpus import GPUS
from recipes.hardware import Layout
from recipes.shape import Shape
from tools.plan.activations import pieces_in_flight
from tools.plan.configuration import Configuration

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

STAGES = (2, 3, 4, 5, 8, 16)
VIRTUAL = (1, 2, 3, 5, 10)
ROUNDS = (1, 2, 3, 7, 16)  # micro-batches, in multiples of the stages
FEW = (1, 2, 3, 5, 7)  # micro-batches that are no multiple, which only the plain schedule takes


@pytest.fixture
def megatron() -> Iterator[Any]:
    """Megatron's state of parallel groups, put back to none afterwards."""
    from megatron.core import parallel_state

    yield parallel_state
    parallel_state.set_pipeline_model_parallel_world_size(None)
    parallel_state.set_pipeline_model_parallel_rank(None)
    parallel_state.set_virtual_pipeline_model_parallel_world_size(None)


def configuration(stages: int, virtual: int, micro_batches: int) -> Configuration:
    layers = 2 * stages * virtual
    return Configuration(
        shape=Shape(layers, 1024, 4096, 16, 8, 64, 32000),
        layout=Layout(1, "adam", "none", pipeline_parallel=stages, virtual_pipeline=virtual if virtual > 1 else None),
        format=format_named("bf16"),
        sequence_length=512,
        micro_batch_size=1,
        global_batch_size=micro_batches,
        gpu=GPUS["b200"],
        devices=stages,
    )


def megatrons(state: Any, stages: int, virtual: int, micro_batches: int, stage: int) -> int:
    """Forward passes of pieces before the first backward pass: those of the warm-up, and one more if there is one."""
    from megatron.core.pipeline_parallel.schedules import get_pp_rank_microbatches

    state.set_pipeline_model_parallel_world_size(stages)
    state.set_pipeline_model_parallel_rank(stage)
    state.set_virtual_pipeline_model_parallel_world_size(virtual if virtual > 1 else None)
    # Megatron's default: groups of as many micro-batches as there are stages
    _, _, warm_up, remaining = get_pp_rank_microbatches(micro_batches, virtual, stages)
    return int(warm_up) + (remaining > 0)


def cases() -> Iterator[tuple[int, int, int]]:
    for stages in STAGES:
        yield from ((stages, 1, count) for count in FEW)
        yield from ((stages, virtual, rounds * stages) for virtual in VIRTUAL for rounds in ROUNDS)


def test_they_are_as_many_as_megatron_lets_in_before_the_first_backward_pass(megatron: Any) -> None:
    wrong = [
        (stages, virtual, count, stage)
        for stages, virtual, count in cases()
        for stage in range(stages)
        if pieces_in_flight(configuration(stages, virtual, count), stage)
        != (megatrons(megatron, stages, virtual, count, stage), 2)
    ]
    assert not wrong


def test_all_pieces_of_a_stage_are_its_layers() -> None:
    for stages, virtual, count in cases():
        planned = configuration(stages, virtual, count)
        assert pieces_in_flight(planned, 0)[1] * virtual == planned.layers
