"""A person is told of what is wrong, once, and of nothing else."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from recipes.monitoring.alerts import (
    GRADIENT_NORM,
    LOSS_SPIKE,
    NOT_A_NUMBER,
    SILENT,
    SLOW_DATA,
    STALLED_DATA,
    Rules,
)
from recipes.monitoring.settings import load_monitoring
from recipes.monitoring.watch import Watch


def rules(**changes: Any) -> Rules:
    settings = load_monitoring()
    names = ("gradient_norm", "spike_window", "spike_deviations", "spike_rise", "data_share", "repeat_after")
    return Rules(**{name: getattr(settings, name) for name in names} | changes)


def kinds(found: Rules, losses: list[float], norm: float = 1.0) -> list[tuple[str, int]]:
    return [(alert.kind, alert.step) for step, loss in enumerate(losses, 1) for alert in found.step(step, loss, norm)]


def falling(steps: int, noise: float = 0.05) -> list[float]:
    """A loss as a run has it: fast at first, noisy all along."""
    numbers = random.Random(7)
    return [1.5 + 6 * 0.97**step + numbers.gauss(0, noise) for step in range(steps)]


def test_a_loss_that_falls_with_noise_is_no_alert() -> None:
    assert kinds(rules(), falling(2000)) == []


def test_a_spike_is_told_of_at_its_step_and_not_again_at_once() -> None:
    losses = falling(600)
    losses[400] = losses[401] = losses[402] = 2.6
    assert kinds(rules(), losses) == [(LOSS_SPIKE, 401)]


def test_spikes_that_go_on_are_told_of_again_later() -> None:
    losses = [2.0] * 100 + ([9.0] + [2.0] * 9) * 20
    assert [step for kind, step in kinds(rules(), losses) if kind == LOSS_SPIKE] == [101, 201]


def test_the_message_says_what_and_where() -> None:
    (alert,) = rules().step(3, 2.0, 12.345)
    assert (alert.kind, alert.message) == (GRADIENT_NORM, "gradient norm 12.35 at step 3, above 10")


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (2.0, float("inf")), (float("nan"), float("nan"))])
def test_what_is_no_number_is_told_of_and_spoils_no_later_comparison(loss: float, norm: float) -> None:
    found = rules()
    assert found.step(1, loss, norm)[0].kind == NOT_A_NUMBER
    assert kinds(found, falling(200)) == []


def test_a_norm_at_the_threshold_is_no_alert() -> None:
    assert kinds(rules(), [2.0] * 5, norm=10.0) == []


def test_steps_that_wait_for_data_are_told_of_with_their_share() -> None:
    found = rules(spike_window=10)
    alerts = [alert for step in range(1, 30) for alert in found.step(step, 2.0, 1.0, seconds=2.0, waited=1.0)]
    assert [(alert.kind, alert.step) for alert in alerts] == [(SLOW_DATA, 11)]
    assert "waited 50% of their time for data" in alerts[0].message


def test_one_slow_batch_at_the_start_is_no_alert() -> None:
    found = rules(spike_window=10)
    waits = [60.0] + [0.01] * 30
    assert [alert for step, wait in enumerate(waits, 1) for alert in found.step(step, 2.0, 1.0, 1.0 + wait, wait)] == []


class Told:
    def __init__(self) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.any = threading.Event()

    def __call__(self, kind: str, message: str) -> None:
        self.alerts.append((kind, message))
        self.any.set()


def watched(told: Told, stalled: float, silent: float) -> Watch:
    watch = Watch(stalled, silent, told)
    watch.start()
    return watch


def test_a_loader_that_hangs_is_told_of_once_while_it_hangs() -> None:
    told, released = Told(), threading.Event()

    def hanging() -> Iterator[int]:
        yield 1
        released.wait(10)
        yield 2

    watch = watched(told, stalled=0.2, silent=60)
    data = watch.timed(hanging())
    assert next(data) == 1
    reader = threading.Thread(target=next, args=(data,))
    reader.start()
    assert told.any.wait(5)
    time.sleep(0.3)
    released.set()
    reader.join()
    watch.stop()
    assert [kind for kind, _ in told.alerts] == [STALLED_DATA]
    assert told.alerts[0][1].startswith("the data loader has not answered for ")
    assert watch.waited > 0.4


def test_a_run_in_which_nothing_ends_is_told_of() -> None:
    told = Told()
    watch = watched(told, stalled=60, silent=0.2)
    assert told.any.wait(5)
    watch.stop()
    assert [kind for kind, _ in told.alerts] == [SILENT]


def test_a_run_that_moves_is_left_alone() -> None:
    told = Told()
    watch = watched(told, stalled=0.4, silent=0.4)
    for item in watch.timed(iter(range(10))):
        time.sleep(0.08)
        watch.moved()
        assert item < 10
    watch.stop()
    assert told.alerts == []
