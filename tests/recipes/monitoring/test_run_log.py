"""What a step's record says of its time."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from recipes.metrics import read_metrics

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


class BusyGpu:
    """A number that, as one on a GPU, is known when all that was asked of the GPU before is done."""

    def __float__(self) -> float:
        time.sleep(0.2)
        return 1.0


def test_a_step_takes_until_its_numbers_are_known(tmp_path: Path) -> None:
    from recipes.monitoring.run_log import RunLog

    log = RunLog(str(tmp_path), "cpt")
    trainer = SimpleNamespace(
        is_global_zero=True,
        global_step=0,
        max_steps=2,
        world_size=1,
        loggers=[],
        callback_metrics={"reduced_train_loss": BusyGpu()},
    )
    log._tokens, log._flop, log._peak = 16, 1e9, None
    log._utilisation = SimpleNamespace(read=dict)
    log._first_step, log._started, log._shown = 0, time.monotonic(), 0.0
    log.on_train_batch_start(trainer, None, None, 0)
    trainer.global_step = 1
    log.on_train_batch_end(trainer, None, None, None, 0)
    (record,) = read_metrics(tmp_path)
    assert 0.2 <= record["seconds"] < 2.0
    assert record["tokens_per_second"] <= 16 / 0.2
