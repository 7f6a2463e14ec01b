"""What the training recipes will read of a corpus, from the files that a person edits: ``nemo_configs/cpt*.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

CONFIGS = Path(__file__).resolve().parents[2] / "nemo_configs"
RUNS = ("cpt", "cpt_fast")


@dataclass(frozen=True)
class TrainingRun:
    """Lengths in tokens, batches in sequences; ``seed`` orders the samples."""

    sequence_length: int
    global_batch_size: int
    max_steps: int
    seed: int

    @property
    def milestones(self) -> tuple[int, ...]:
        """Steps worth a look: an early one, a quarter, the end."""
        return tuple(sorted({min(1_000, self.max_steps), self.max_steps // 4, self.max_steps} - {0}))


def training_runs() -> dict[str, TrainingRun]:
    """Return the runs that read a corpus, by the name of their stage."""
    found = {}
    for name in RUNS:
        values = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
        found[name] = TrainingRun(**{key: int(values[key]) for key in TrainingRun.__dataclass_fields__})
    return found
