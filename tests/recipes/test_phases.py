"""A final precision takes over for the last steps, in one command; what can't go on in it is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes.request import Request, final_request, make_request, switch_step

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def request(precision: str, final: str | None, **more: Any) -> Request:
    return make_request("cpt", precision=precision, final_precision=final, checkpoint=Path("none"), **more)


def test_the_last_tenth_is_in_the_final_precision_under_the_same_schedule() -> None:
    from recipes.phases import StopAt
    from tools.train import compose_phases

    first, last = compose_phases(request("nvfp4", "bf16"), ["trainer.max_steps=50"])
    assert (first.until, last.until) == (45, 50)
    assert first.recipe.trainer.plugins.fp4 == "e2m1"
    assert getattr(last.recipe.trainer.plugins, "fp4", None) is None
    assert first.recipe.trainer.max_steps == last.recipe.trainer.max_steps == 50
    stops = [callback.step for callback in first.recipe.trainer.callbacks if callback.__fn_or_cls__ is StopAt]
    assert stops == [45]
    assert not any(callback.__fn_or_cls__ is StopAt for callback in last.recipe.trainer.callbacks)


def test_a_time_limit_is_that_of_both_together() -> None:
    from recipes.stop import StopInTime
    from tools.train import compose_phases

    phases = compose_phases(request("nvfp4", "bf16", deadline=1.8e9), ["trainer.max_steps=50"])
    callbacks = [callback for phase in phases for callback in phase.recipe.trainer.callbacks]
    assert [one.deadline for one in callbacks if one.__fn_or_cls__ is StopInTime] == [1.8e9, 1.8e9]


@pytest.mark.parametrize("final", [None, "mxfp8"])
def test_without_another_precision_there_is_one_phase(final: str | None) -> None:
    from tools.train import compose_phases

    (phase,) = compose_phases(request("mxfp8", final))
    assert phase.until == phase.recipe.trainer.max_steps


@pytest.mark.parametrize(("steps", "share", "expected"), [(100, 0.1, 90), (2, 0.1, 1), (2, 0.9, 1), (7, 0.5, 4)])
def test_both_phases_have_a_step_at_least(steps: int, share: float, expected: int) -> None:
    import dataclasses

    asked = request("nvfp4", "bf16")
    asked = dataclasses.replace(asked, stage=dataclasses.replace(asked.stage, final_share=share))
    assert switch_step(asked, steps) == expected


@pytest.mark.parametrize(
    ("precision", "final", "sentence"),
    [
        ("nvfp4", "fp32", "final_precision fp32 holds weights in another type than nvfp4"),
        ("nvfp4", "fp8-blockwise", "B200 can't train in fp8-blockwise"),
        ("nvfp4", "bf61", r"unknown precision 'bf61'\. Did you mean 'bf16'\?"),
    ],
)
def test_a_final_precision_that_can_not_follow_is_refused(precision: str, final: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        final_request(request(precision, final))


def test_training_is_told_to_stop_with_a_checkpoint_once_the_step_is_done() -> None:
    from recipes.phases import StopAt

    saved: list[int] = []
    trainer = SimpleNamespace(
        global_step=4,
        should_stop=False,
        checkpoint_callback=SimpleNamespace(save=lambda trainer: saved.append(trainer.global_step)),
    )
    StopAt(5).on_train_batch_end(trainer, None, None, None, 0)
    assert not trainer.should_stop
    trainer.global_step = 5
    StopAt(5).on_train_batch_end(trainer, None, None, None, 0)
    assert trainer.should_stop
    assert saved == [5]
