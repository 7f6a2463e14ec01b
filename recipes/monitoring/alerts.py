"""What in a run is worth waking a person for: rules on numbers, without a trainer."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

NOT_A_NUMBER = "not_a_number"
LOSS_SPIKE = "loss_spike"
GRADIENT_NORM = "gradient_norm"
SLOW_DATA = "slow_data"
STALLED_DATA = "stalled_data"
SILENT = "silent"
SKIPPED = "skipped"

_ROBUST = 1.4826  # times the median absolute deviation is the standard deviation, for normal noise


@dataclass(frozen=True)
class Alert:
    """``kind`` is one of the names above, ``message`` a sentence for a person."""

    kind: str
    step: int
    message: str


@dataclass
class Rules:
    """Looks at one step after the other; the thresholds are those of ``nemo_configs/monitoring.yaml``."""

    gradient_norm: float
    spike_window: int
    spike_deviations: float
    spike_rise: float
    data_share: float
    repeat_after: int
    _losses: deque[float] = field(default_factory=deque, repr=False)
    _waits: deque[tuple[float, float]] = field(default_factory=deque, repr=False)
    _last: dict[str, int] = field(default_factory=dict, repr=False)

    def step(
        self, step: int, loss: float | None, norm: float | None, seconds: float = 0.0, waited: float = 0.0
    ) -> list[Alert]:
        """Return what is wrong with ``step``; it took ``seconds``, of which it ``waited`` so many for data."""
        return [
            alert
            for alert in (*self._numbers(step, loss, norm), *self._data(step, seconds, waited))
            if self._is_news(alert)
        ]

    def _numbers(self, step: int, loss: float | None, norm: float | None) -> Iterator[Alert]:
        for name, value in (("loss", loss), ("gradient norm", norm)):
            if value is not None and not math.isfinite(value):
                yield Alert(NOT_A_NUMBER, step, f"the {name} of step {step} is {value}")
        if norm is not None and math.isfinite(norm) and norm > self.gradient_norm:
            yield Alert(GRADIENT_NORM, step, f"gradient norm {norm:.2f} at step {step}, above {self.gradient_norm:g}")
        if loss is None or not math.isfinite(loss):
            return
        if len(self._losses) == self.spike_window:
            median = statistics.median(self._losses)
            deviation = _ROBUST * statistics.median(abs(value - median) for value in self._losses)
            limit = median + max(self.spike_deviations * deviation, self.spike_rise * median)
            if loss > limit:
                yield Alert(
                    LOSS_SPIKE,
                    step,
                    f"loss {loss:.4f} at step {step}, above {limit:.4f} (median of {self.spike_window} steps: "
                    f"{median:.4f})",
                )
            self._losses.popleft()
        self._losses.append(loss)

    def _data(self, step: int, seconds: float, waited: float) -> Iterator[Alert]:
        self._waits.append((seconds, waited))
        if len(self._waits) <= self.spike_window:
            return
        self._waits.popleft()
        total = sum(seconds for seconds, _ in self._waits)
        share = sum(waited for _, waited in self._waits) / total if total else 0.0
        if share > self.data_share:
            yield Alert(
                SLOW_DATA,
                step,
                f"the last {self.spike_window} steps waited {share:.0%} of their time for data (step {step}); more "
                "data.num_workers, or a faster disk",
            )

    def _is_news(self, alert: Alert) -> bool:
        last = self._last.get(alert.kind)
        if last is not None and alert.step - last < self.repeat_after:
            return False
        self._last[alert.kind] = alert.step
        return True
