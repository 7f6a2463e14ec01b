"""``nemo_configs/monitoring.yaml``, read into checked settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from preprocessing.errors import UsageError, did_you_mean
from recipes.settings import CONFIGS, checked, read_yaml

FILE = CONFIGS / "monitoring.yaml"
WANDB_MODES = ("auto", "online", "offline", "off")


@dataclass(frozen=True)
class Monitoring:
    """What is watched, and the thresholds of the alerts; see the comments in ``nemo_configs/monitoring.yaml``."""

    tensorboard: bool
    wandb: str
    wandb_project: str
    gradient_norm: float
    spike_window: int
    spike_deviations: float
    spike_rise: float
    stalled_seconds: float
    silent_seconds: float
    data_share: float
    repeat_after: int
    quantization_every: int
    wandb_entity: str | None = None

    def __post_init__(self) -> None:
        if self.wandb not in WANDB_MODES:
            raise UsageError(f"unknown wandb mode '{self.wandb}'.{did_you_mean(self.wandb, WANDB_MODES)}")
        for name in ("gradient_norm", "spike_deviations", "spike_rise", "stalled_seconds", "silent_seconds"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 < self.data_share <= 1:
            raise UsageError(f"data_share must be above 0 and at most 1, not {self.data_share}")
        if self.spike_window < 2:
            raise UsageError(f"spike_window must be at least 2 steps, not {self.spike_window}")
        for name in ("repeat_after", "quantization_every"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative, not {getattr(self, name)}")


def load_monitoring(path: Path = FILE) -> Monitoring:
    """Read the settings.

    Raises:
        UsageError: the file is missing, no YAML, or has an unknown, missing or ill-typed key.
    """
    values = read_yaml(path)
    if values.get("wandb") is False:  # as YAML reads `off`
        values["wandb"] = "off"
    return checked(Monitoring, values, path)
