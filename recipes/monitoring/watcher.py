"""Alerts of a run, and its report at the end."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from recipes.metrics import read_metrics
from recipes.monitoring.alerts import Alert, Rules
from recipes.monitoring.console import say
from recipes.monitoring.run_log import keep
from recipes.monitoring.watch import Watch


class Alerts(Callback):
    """Tells a person what is wrong: on the console, in ``metrics.jsonl``, and through W&B.

    It only tells. What a run does about a loss that is no number is for the recipe to say.
    """

    def __init__(
        self,
        folder: str,
        gradient_norm: float = 10.0,
        spike_window: int = 50,
        spike_deviations: float = 8.0,
        spike_rise: float = 0.1,
        data_share: float = 0.3,
        stalled_seconds: float = 300.0,
        silent_seconds: float = 1800.0,
        repeat_after: int = 100,
    ) -> None:
        """``folder``: the run's; the thresholds are explained in ``nemo_configs/monitoring.yaml``."""
        self.folder = folder
        self.gradient_norm = gradient_norm
        self.spike_window = spike_window
        self.spike_deviations = spike_deviations
        self.spike_rise = spike_rise
        self.data_share = data_share
        self.stalled_seconds = stalled_seconds
        self.silent_seconds = silent_seconds
        self.repeat_after = repeat_after

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Rank 0 watches; what it can't see itself (another rank's loader) it sees as a step that does not end."""
        self._watch = None
        if not trainer.is_global_zero:
            return
        self._rules = Rules(
            gradient_norm=self.gradient_norm,
            spike_window=self.spike_window,
            spike_deviations=self.spike_deviations,
            spike_rise=self.spike_rise,
            data_share=self.data_share,
            repeat_after=self.repeat_after,
        )

        def report(kind: str, message: str) -> None:
            tell(trainer, Path(self.folder), Alert(kind, trainer.global_step, message))

        self._watch = Watch(self.stalled_seconds, self.silent_seconds, report)
        self._watch.start()

    def on_megatron_step_start(self, step: Any) -> Any:
        """Called by NeMo before each step: the batches of a training step come through the clock."""
        if not step.forward_only and self._watch is not None and isinstance(step.data, Iterator):
            step.data = self._watch.timed(step.data)
        return step

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Start the step's clocks."""
        self._started = time.monotonic()
        if self._watch is not None:
            self._watch.waited = 0.0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at the step's numbers."""
        if self._watch is None:
            return
        self._watch.moved()
        logged = {name: float(trainer.callback_metrics[name]) for name in _NAMES if name in trainer.callback_metrics}
        for alert in self._rules.step(
            trainer.global_step,
            logged.get("reduced_train_loss"),
            logged.get("grad_norm"),
            time.monotonic() - self._started,
            self._watch.waited,
        ):
            tell(trainer, Path(self.folder), alert)

    def on_validation_batch_end(self, trainer: Any, *arguments: Any, **more: Any) -> None:
        """A validation is no silence."""
        self._moved()

    def on_save_checkpoint(self, trainer: Any, *arguments: Any, **more: Any) -> None:
        """Nor is a checkpoint."""
        self._moved()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop watching."""
        self._stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Stop watching; the launcher says what went wrong."""
        self._stop()

    def _moved(self) -> None:
        watch = getattr(self, "_watch", None)
        if watch is not None:
            watch.moved()

    def _stop(self) -> None:
        watch = getattr(self, "_watch", None)
        if watch is not None:
            watch.stop()


def tell(trainer: Any, folder: Path, alert: Alert) -> None:
    """Put ``alert`` on the console, into ``metrics.jsonl`` and to W&B. For rank 0."""
    from recipes.monitoring.loggers import RunWandb

    say(folder, f"ALERT  {alert.message}")
    keep(folder, {"step": alert.step, "alert": alert.kind, "message": alert.message})
    for logger in trainer.loggers:
        if isinstance(logger, RunWandb):
            logger.alert(title=alert.kind.replace("_", " "), text=f"{folder}: {alert.message}")


_NAMES = ("reduced_train_loss", "grad_norm")


class RunReport(Callback):
    """Writes ``run_report.html`` and ``.json`` when the run ends, whether or not it came to its last step."""

    def __init__(self, folder: str) -> None:
        """``folder``: the run's."""
        self.folder = folder

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write them on rank 0."""
        self._write(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write what there is."""
        self._write(trainer)

    def _write(self, trainer: Any) -> None:
        # a run that failed before its first step has nothing to tell
        if not trainer.is_global_zero or not any("loss" in record for record in read_metrics(Path(self.folder))):
            return
        from recipes.monitoring.report import write_report

        try:
            write_report(Path(self.folder))
        # the run's work is done and its records are there: `launch.py report` makes the report from them at any time
        except Exception as error:
            say(Path(self.folder), f"no report ({error}); try again with: python launch.py report {self.folder}")
