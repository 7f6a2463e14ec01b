"""The record of a run: ``metrics.jsonl``, the console line, and what the curves show beside NeMo's own numbers."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from recipes import metrics
from recipes.monitoring.console import say, step_line, validation_line
from recipes.monitoring.facts import write_facts
from recipes.monitoring.languages import PREFIX, TOKENS_PREFIX
from recipes.monitoring.memory import Utilisation, memory
from recipes.monitoring.throughput import peak_tflops, training_flop_per_token

_SHOWN = ("tokens_per_second", "tokens_per_second_per_device", "tflops_per_device", "mfu", "seconds", "consumed_tokens")


class RunLog(Callback):
    """Records every step and validation on rank 0, of this rank's GPU."""

    def __init__(
        self,
        folder: str,
        stage: str,
        chip: str = "cpu",
        precision: str = "fp32",
        adapter_rank: int | None = None,
    ) -> None:
        """Keep what the numbers are computed with.

        Args:
            folder: the run's.
            stage: shown first on the line.
            chip: of ``recipes.formats.CHIPS``, or ``cpu``; for the peak behind the MFU.
            precision: of ``recipes.formats.FORMATS``; the same.
            adapter_rank: of LoRA or DoRA; None where all weights are trained.
        """
        self.folder = folder
        self.stage = stage
        self.chip = chip
        self.precision = precision
        self.adapter_rank = adapter_rank

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Forget the records of steps that a resumed run will do again, and tell the curves."""
        run = Path(self.folder)
        # Lightning's own count, by which it logs a validation; a checkpoint holds it from before its step was counted
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step
        self._first_step = trainer.global_step
        self._started = self._step_started = time.monotonic()
        self._shown = 0.0
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule
        self._tokens = int(data.global_batch_size) * int(data.seq_length)
        self._flop = training_flop_per_token(pl_module.config, int(data.seq_length), self.adapter_rank)
        self._peak = peak_tflops(self.chip, self.precision)
        self._utilisation = Utilisation()
        seen = max((record["step"] for record in metrics.read_metrics(run)), default=0)
        if torn := metrics.torn_lines(run):
            say(run, f"torn lines in {run / metrics.FILE} (by a full disk or a kill), left out: {torn}")
        metrics.forget_after(run, trainer.global_step)
        for logger in own_loggers(trainer):
            logger.begin(trainer.global_step, seen)
        write_facts(self, trainer, pl_module, self._flop, self._peak)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A step's time has neither checkpoints nor validations in it; the batch is fetched within."""
        self._step_started = time.monotonic()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record one step."""
        if not trainer.is_global_zero:
            return
        # looking at the numbers waits for the GPU, which is still at the optimizer's step when its call returns
        logged = {name: _finite(float(value)) for name, value in trainer.callback_metrics.items()}
        now = time.monotonic()
        record = self._record(trainer, logged, now - self._step_started)
        keep(Path(self.folder), record)
        for logger in own_loggers(trainer):
            logger.record(shown(record), record["step"])
        self._show(trainer, record, now)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record a validation; its perplexity is exp(loss)."""
        loss = trainer.callback_metrics.get("val_loss")
        if loss is None or not trainer.is_global_zero:
            return
        logged = trainer.callback_metrics
        by_language = {name[len(PREFIX) :]: float(logged[name]) for name in logged if name.startswith(PREFIX)}
        record: dict[str, Any] = {
            "step": trainer.global_step,
            "validation_loss": _finite(float(loss)),
            "perplexity": perplexity(float(loss)),
        }
        if by_language:
            record["validation_loss_by_language"] = {name: _finite(value) for name, value in by_language.items()}
            record["perplexity_by_language"] = {name: perplexity(value) for name, value in by_language.items()}
            record["validation_tokens_by_language"] = {name: int(logged[TOKENS_PREFIX + name]) for name in by_language}
        keep(Path(self.folder), record)
        values = {"perplexity": record["perplexity"]}
        values |= {f"perplexity/{name}": value for name, value in record.get("perplexity_by_language", {}).items()}
        for logger in own_loggers(trainer):
            logger.record({name: value for name, value in values.items() if value is not None}, record["step"])
        say(Path(self.folder), validation_line(self.stage, record))

    def _record(self, trainer: Any, logged: dict[str, float | None], seconds: float) -> dict[str, Any]:
        rate = self._tokens / seconds
        each = rate / trainer.world_size
        record = {
            "step": trainer.global_step,
            "loss": logged.get("reduced_train_loss"),
            "learning_rate": logged.get("lr"),
            "gradient_norm": logged.get("grad_norm"),
            "seconds": round(seconds, 4),
            "tokens_per_second": round(rate, 1),
            "tokens_per_second_per_device": round(each, 1),
            "tflops_per_device": round(each * self._flop / 1e12, 6),
            "consumed_tokens": trainer.global_step * self._tokens,
            "precision": self.precision,  # a run may end in another one than it began in
            **memory(),
            **self._utilisation.read(),
        }
        if self._peak is not None:
            record["mfu"] = round(each * self._flop / 1e12 / self._peak, 4)
        return record

    def _show(self, trainer: Any, record: dict[str, Any], now: float) -> None:
        step, last = record["step"], trainer.max_steps
        # a line a second at most: a tiny model does several steps in that time
        if now - self._shown < 1.0 and step not in (self._first_step + 1, last):
            return
        self._shown = now
        left = (now - self._started) / max(1, step - self._first_step) * (last - step)
        say(Path(self.folder), step_line(self.stage, record, last, left))


def keep(folder: Path, record: dict[str, Any]) -> None:
    """Add ``record`` to ``metrics.jsonl``; a disk that is full stops no training."""
    try:
        metrics.append(folder, record)
    except OSError as error:
        say(folder, f"the record of step {record['step']} could not be written: {error}")


def shown(record: dict[str, Any]) -> dict[str, float]:
    """Return what the curves get of a step's record: all that NeMo does not log by itself."""
    kept = {name: record[name] for name in _SHOWN if record.get(name) is not None}
    kept |= {name: value for name, value in record.items() if name.startswith(("memory", "gpu_"))}
    if record.get("loss") is not None:
        kept["train_perplexity"] = perplexity(record["loss"])
    return {name: value for name, value in kept.items() if value is not None}


def perplexity(loss: float) -> float | None:
    """exp(loss); None where that is no number."""
    return math.exp(loss) if loss < 700 else None


def _finite(value: float) -> float | None:
    """JSON has no NaN; the alert says which one it was."""
    return value if math.isfinite(value) else None


def own_loggers(trainer: Any) -> list[Any]:
    """The loggers of this project that a trainer has."""
    from recipes.monitoring.loggers import RunTensorBoard, RunWandb

    return [logger for logger in trainer.loggers if isinstance(logger, (RunTensorBoard, RunWandb))]
