"""What a budget buys of a planned run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from preprocessing.errors import UsageError
from tools.plan.budget import Budget
from tools.plan.calibrate import Calibration
from tools.plan.plan import Plan, seconds_a_step


@dataclass(frozen=True)
class Bought:
    """What a budget buys of a stage."""

    stage: str
    steps: int
    wanted: int  # steps of the stage in full
    tokens: int
    seconds: float
    price: float | None
    epochs: dict[str, float] | None
    memory_share: float  # of a GPU's; above 1 it does not fit, and what is bought can't be had so

    @property
    def share(self) -> float:
        """Of the stage's steps."""
        return self.steps / self.wanted


@dataclass(frozen=True)
class NotBought:
    """A stage of which a budget buys nothing."""

    stage: str
    why: str


def buy(plan: Plan, budget: Budget, calibration: Calibration | None = None) -> Bought:
    """Return how far ``budget`` goes in the steps of ``plan``, at its price and in its batches.

    Raises:
        UsageError: it does not buy one step, is money without a price, or how long a step takes is not known.
    """
    configuration, hourly = plan.configuration, plan.price_per_gpu_hour
    gpus = configuration.world_size
    each = seconds_a_step(plan.request, configuration, plan.steps, calibration)
    steps = min(plan.steps, math.floor(budget.seconds(gpus, hourly) / each))
    if steps < 1:
        raise UsageError(f"the budget does not buy one step, which takes {each:,.0f} s on {gpus} GPUs")
    tokens = steps * configuration.global_batch_size * configuration.sequence_length
    seconds = steps * each
    verdict = plan.fullest.verdict
    assert verdict  # there is a GPU, or its seconds would not be known
    return Bought(
        stage=plan.request.stage_name,
        steps=steps,
        wanted=plan.steps,
        tokens=tokens,
        seconds=seconds,
        price=None if hourly is None else hourly * gpus * seconds / 3600,
        epochs=plan.texts.epochs(tokens) if plan.texts else None,
        memory_share=verdict.share,
    )
