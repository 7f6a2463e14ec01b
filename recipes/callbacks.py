"""What our runs do beside training: validate at the end, and keep a record."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import math
import sys
import time
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from recipes import metrics

CONSOLE_LOG = "console.log"  # the lines for people, followed by the process that started the run


class ValidateAtEnd(Callback):
    """Validates after the last step, whatever the interval.

    Lightning does so when the last step is the last batch it counted, which a resumed run counts otherwise.
    """

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Extend the loop's own rule."""
        loop = trainer.fit_loop.epoch_loop
        by_interval = loop._should_check_val_fx
        loop._should_check_val_fx = lambda fetcher: by_interval(fetcher) or loop.global_step >= trainer.max_steps


class RunLog(Callback):
    """Writes ``metrics.jsonl`` and one console line a step: percent, loss, rate, tokens a second, time left."""

    def __init__(self, folder: str, stage: str, tokens_per_step: int) -> None:
        """``folder``: the run's. ``stage``: shown first on the line. ``tokens_per_step``: global, for the rate."""
        self.folder = folder
        self.stage = stage
        self.tokens_per_step = tokens_per_step

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Forget the records of steps that a resumed run will do again."""
        self._first_step = trainer.global_step
        self._started = self._step_started = time.monotonic()
        self._shown = 0.0
        if trainer.is_global_zero:
            metrics.forget_after(Path(self.folder), trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record one step."""
        now = time.monotonic()
        seconds, self._step_started = now - self._step_started, now
        if not trainer.is_global_zero:
            return
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        record = {
            "step": trainer.global_step,
            "loss": logged.get("reduced_train_loss"),
            "learning_rate": logged.get("lr"),
            "gradient_norm": logged.get("grad_norm"),
            "seconds": round(seconds, 4),
            "tokens_per_second": round(self.tokens_per_step / seconds, 1),
        }
        metrics.append(Path(self.folder), record)
        self._show(trainer, record, now)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record a validation; its perplexity is exp(loss)."""
        self._step_started = time.monotonic()
        loss = trainer.callback_metrics.get("val_loss")
        if loss is None or not trainer.is_global_zero:
            return
        metrics.append(Path(self.folder), {"step": trainer.global_step, "validation_loss": float(loss)})
        self._line(
            f"{self.stage}  validation  step {trainer.global_step}  loss {loss:.4f}  perplexity {math.exp(loss):.2f}"
        )

    def _show(self, trainer: Any, record: dict[str, Any], now: float) -> None:
        step, last = record["step"], trainer.max_steps
        # a line a second at most: a tiny model does several steps in that time
        if now - self._shown < 1.0 and step not in (self._first_step + 1, last):
            return
        self._shown = now
        left = (now - self._started) / max(1, step - self._first_step) * (last - step)
        norm = record["gradient_norm"]
        self._line(
            f"{self.stage}  {step / last:4.0%}  step {step}/{last}  loss {record['loss']:.4f}"
            + (f"  grad {norm:.2f}" if norm is not None else "")
            + f"  {record['tokens_per_second']:,.0f} tok/s  ETA {int(left // 60)}:{int(left % 60):02d}"
        )

    def _line(self, text: str) -> None:
        """Print for whoever started this process, and write for whoever started it from another one."""
        print(text, file=sys.stderr, flush=True)
        with (Path(self.folder) / CONSOLE_LOG).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
