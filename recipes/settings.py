"""What a person edits: the YAML files of ``nemo_configs/``, read into checked, typed settings."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from preprocessing.errors import UsageError, did_you_mean

CONFIGS = Path(__file__).resolve().parent.parent / "nemo_configs"
OPTIMIZERS = ("adam", "precision-aware")
RECOMPUTE = ("none", "selective", "full")


@dataclass(frozen=True)
class Stage:
    """The numbers of one training stage; see the comments in ``nemo_configs/cpt.yaml``.

    Either ``max_steps`` or ``epochs`` (with ``expected_chats``) is given. Lengths are tokens, batches sequences,
    intervals steps.
    """

    sequence_length: int
    global_batch_size: int
    micro_batch_size: int
    learning_rate: float
    min_learning_rate: float
    warmup_fraction: float
    weight_decay: float
    gradient_clip: float
    adam_betas: list[float]
    checkpoint_every: int
    keep_checkpoints: int
    validate_every: int
    validation_batches: int
    seed: int
    max_steps: int | None = None
    epochs: float | None = None
    expected_chats: int | None = None

    def __post_init__(self) -> None:
        if (self.max_steps is None) == (self.epochs is None):
            raise UsageError("a stage needs either max_steps or epochs, and not both")
        if self.epochs is not None and self.expected_chats is None:
            raise UsageError("epochs needs expected_chats, for the number of steps before the data is there")
        for name in ("sequence_length", "global_batch_size", "micro_batch_size", "checkpoint_every", "validate_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")
        if len(self.adam_betas) != 2 or not all(0 <= beta < 1 for beta in self.adam_betas):
            raise UsageError(f"adam_betas must be two numbers in [0, 1), not {self.adam_betas}")
        if self.global_batch_size % self.micro_batch_size:
            raise UsageError(
                f"global_batch_size {self.global_batch_size} must be a multiple of micro_batch_size "
                f"{self.micro_batch_size}"
            )
        if not 0 <= self.warmup_fraction < 1:
            raise UsageError(f"warmup_fraction must be in [0, 1), not {self.warmup_fraction}")

    def steps(self, examples: int | None = None) -> int:
        """Number of optimizer steps, given how many training examples there are (None: as expected)."""
        if self.max_steps is not None:
            return self.max_steps
        assert self.epochs is not None and self.expected_chats is not None
        count = self.expected_chats if examples is None else examples
        return max(1, -(-int(count * self.epochs) // self.global_batch_size))


@dataclass(frozen=True)
class Hardware:
    """One machine layout: devices, how the model is laid over them, and what its chips are good at."""

    gpu: bool
    nodes: int
    devices: int  # GPUs a node, or CPU processes
    tensor_parallel: int
    pipeline_parallel: int
    sequence_parallel: bool
    precision: str
    optimizer: str
    recompute: str
    name: str = ""

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"unknown optimizer '{self.optimizer}'.{did_you_mean(self.optimizer, OPTIMIZERS)}")
        if self.recompute not in RECOMPUTE:
            raise UsageError(f"unknown recompute '{self.recompute}'.{did_you_mean(self.recompute, RECOMPUTE)}")
        if self.world_size % (self.tensor_parallel * self.pipeline_parallel):
            raise UsageError(
                f"hardware '{self.name}': tensor_parallel x pipeline_parallel = {self.tensor_parallel} x "
                f"{self.pipeline_parallel} does not divide its {self.world_size} devices"
            )

    @property
    def world_size(self) -> int:
        """Processes in all."""
        return self.nodes * self.devices


def load_stage(name: str, path: Path | None = None) -> Stage:
    """Read the stage ``name`` (``cpt``, ``sft``) from ``path``, by default ``nemo_configs/<name>.yaml``.

    A file with a section of that name (as quickstart.yaml) is read from that section.

    Raises:
        UsageError: the file is missing, no YAML, or has an unknown, missing or ill-typed key.
    """
    path = path or CONFIGS / f"{name}.yaml"
    values = _read_yaml(path)
    if isinstance(values.get(name), dict):
        values = values[name]
    return _checked(Stage, values, path)


def load_hardware(name: str) -> Hardware:
    """Read ``nemo_configs/hardware/<name>.yaml``.

    Raises:
        UsageError: there is no such profile, or it has an unknown, missing or ill-typed key.
    """
    known = sorted(path.stem for path in (CONFIGS / "hardware").glob("*.yaml"))
    if name not in known:
        raise UsageError(f"unknown hardware '{name}'.{did_you_mean(name, known)}")
    path = CONFIGS / "hardware" / f"{name}.yaml"
    return _checked(Hardware, {"name": name, **_read_yaml(path)}, path)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no configuration file at {path}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold 'key: value' lines")
    return values


T = TypeVar("T", Stage, Hardware)


def _checked(kind: type[T], values: dict[str, Any], path: Path) -> T:
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise UsageError(f"{path}: unknown key '{key}'.{did_you_mean(str(key), hints)}")
        values[key] = _typed(value, hints[key], key, path)
    required = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
    missing = [name for name in required if name not in values]
    if missing:
        raise UsageError(f"{path}: missing {', '.join(missing)}")
    return kind(**values)


def _typed(value: Any, hint: Any, key: str, path: Path) -> Any:
    text = str(hint)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if hint in (bool, str) and isinstance(value, hint):
        return value
    if "list" in text:
        if isinstance(value, list):
            return [_typed(item, float, key, path) for item in value]
    elif "float" in text and number:
        return float(value)
    elif "int" in text and number and value == int(value):
        return int(value)
    raise UsageError(f"{path}: {key} can't be {value!r}")
