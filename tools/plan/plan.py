"""The plan of a training run: memory, speed, time, money, disk and what is read, from one configuration."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from recipes.disk import bytes_on_disk, most_at_once
from recipes.request import Request, final_request, switch_step
from tools.plan.amounts import amount, whole
from tools.plan.budget import Texts
from tools.plan.calibrate import Calibration
from tools.plan.coefficients import known
from tools.plan.configuration import Configuration
from tools.plan.memory import Stage, memory
from tools.plan.speed import Time, step_time
from tools.plan.verdict import TOO_LARGE, Change, Verdict, changes, judge


@dataclass(frozen=True)
class Plan:
    """Everything that is said of a run before it starts.

    ``verdict`` is None on a CPU, ``time`` there and where nothing is known of the format's speed. ``model`` is the name
    of the request's, or the file that the shape of another one was read from. ``steps`` are all of the run's, those of
    ``final`` too, which is the plan of the last ones where these are in another precision.
    """

    request: Request
    model: str
    configuration: Configuration
    stages: list[Stage]
    verdict: Verdict | None
    changes: list[Change]  # that make it fit, where it does not
    time: Time | None
    steps: int
    checkpoint_bytes: int
    price_per_gpu_hour: float | None = None
    texts: Texts | None = None
    final: Plan | None = None

    @property
    def tokens(self) -> int:
        """That training sees."""
        return self.steps * self.configuration.global_batch_size * self.configuration.sequence_length

    @property
    def checkpoints(self) -> int:
        """That lie on the disk at once, at most."""
        stage = self.request.stage
        return most_at_once(self.steps, stage.checkpoint_every, stage.keep_checkpoints)

    @property
    def step_seconds(self) -> float | None:
        """Seconds of a step, of one before the final precision."""
        return self.time.seconds if self.time else None

    @property
    def hours(self) -> float | None:
        """Of the whole run, validation and checkpoints left out."""
        last_steps, last_hours = (self.final.steps, self.final.hours) if self.final else (0, 0.0)
        if self.step_seconds is None or last_hours is None:
            return None
        return (self.steps - last_steps) * self.step_seconds / 3600 + last_hours

    @property
    def price(self) -> float | None:
        """Of all GPUs for those hours, in the currency of the price an hour."""
        if self.price_per_gpu_hour is None or self.hours is None:
            return None
        return self.price_per_gpu_hour * self.hours * self.configuration.world_size

    @property
    def fullest(self) -> Plan:
        """The plan of the precision that takes more of a GPU's memory: this one, or that of the last steps."""
        if self.final is None or self.verdict is None or self.final.verdict is None:
            return self
        return self.final if self.final.verdict.share > self.verdict.share else self

    @property
    def fits(self) -> bool:
        """Whether nothing says that it can't."""
        verdict = self.fullest.verdict
        return verdict is None or verdict.word != TOO_LARGE


def make_plan(
    request: Request,
    configuration: Configuration,
    *,
    model: str | None = None,
    steps: int | None = None,
    price_per_gpu_hour: float | None = None,
    texts: Texts | None = None,
    calibration: Calibration | None = None,
    look_for_changes: bool = True,
) -> Plan:
    """Plan ``configuration``, the one of ``request`` or near it, and the same in the stage's final precision.

    Args:
        request: the stage, for its steps and final precision.
        configuration: what is trained on what.
        model: what to call the model, where it is not the request's.
        steps: instead of the stage's own.
        price_per_gpu_hour: in any currency.
        texts: the corpus, for the passes over each language.
        calibration: of a run on the same kind of GPU, which has the speed then.
        look_for_changes: where it does not fit, find out what would make it.

    Raises:
        UsageError: the price or the number of steps is none, the calibration is of another GPU, or the run can't go on
            in its final precision.
    """
    if price_per_gpu_hour is not None:
        amount(price_per_gpu_hour, "a price")
    count = whole(steps_of(request, configuration) if steps is None else steps, "the number of steps")
    on_gpu = configuration.gpu is not None
    factor = calibration.factor_on(configuration.gpu) if calibration else 1.0
    verdict = judge(configuration) if on_gpu else None
    too_large = verdict is not None and verdict.word == TOO_LARGE
    made = Plan(
        request=request,
        model=model or request.model.name,
        configuration=configuration,
        stages=memory(configuration),
        verdict=verdict,
        changes=[
            dataclasses.replace(each, tokens_per_second=each.tokens_per_second and each.tokens_per_second * factor)
            for each in (changes(configuration, request) if too_large and look_for_changes else [])
        ],
        time=time_of(configuration, calibration) if on_gpu and known(configuration.format) else None,
        steps=count,
        checkpoint_bytes=bytes_on_disk(
            trained(configuration),
            configuration.weight_bytes,
            remainders=configuration.layout.optimizer != "adam",
        ),
        price_per_gpu_hour=price_per_gpu_hour,
        texts=texts,
    )
    final = final_request(request)
    if final is None or count < 2:  # a run of one step has no last ones
        return made
    last = make_plan(
        final,
        dataclasses.replace(configuration, format=final.format),
        model=model,
        steps=count - switch_step(request, count),
        calibration=calibration,
        look_for_changes=look_for_changes,
    )
    # --precision would change the other steps
    kept = [change for change in last.changes if change.configuration.format == final.format]
    return dataclasses.replace(made, final=dataclasses.replace(last, changes=kept))


def seconds_a_step(
    request: Request, configuration: Configuration, steps: int, calibration: Calibration | None = None
) -> float:
    """Return the seconds that each of ``steps`` takes on average, the last ones in the final precision."""
    seconds, final = time_of(configuration, calibration).seconds, final_request(request)
    if final is None or steps < 2:
        return seconds
    first, last = switch_step(request, steps) / steps, dataclasses.replace(configuration, format=final.format)
    return first * seconds + (1 - first) * time_of(last, calibration).seconds


def steps_of(request: Request, configuration: Configuration) -> int:
    """Return the optimizer steps of the stage of ``request``; its epochs are counted in the configuration's batches."""
    stage = request.stage
    share = stage.packed_chats if request.packed else None
    examples = stage.expected_chats and -(-stage.expected_chats // (share or 1))
    return stage.steps(examples, configuration.global_batch_size)


def time_of(configuration: Configuration, calibration: Calibration | None = None) -> Time:
    """Return the time of a step, as published runs or that of the calibration have it."""
    time = step_time(configuration)
    return calibration.apply(time) if calibration else time


def trained(configuration: Configuration) -> int:
    """Return the number of parameters that are trained."""
    shape, adapters = configuration.shape, configuration.adapters
    if adapters is None:
        return shape.parameters
    return shape.adapter_parameters(adapters.rank, adapters.layers, adapters.name == "dora")
