"""What a person edits: the YAML files of ``nemo_configs/``, read into checked, typed settings.

A stage (``cpt.yaml``), a model (``models/``), adapters (``adapters/``); hardware is in :mod:`recipes.hardware`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from preprocessing.corpus.training_runs import CONFIGS as CONFIGS
from preprocessing.errors import UsageError, did_you_mean

STAGES = ("cpt", "cpt_fast", "sft")
_AT_LEAST_1 = (
    *("sequence_length", "global_batch_size", "micro_batch_size", "max_steps", "expected_chats", "packed_chats"),
    *("checkpoint_every", "keep_checkpoints", "validate_every", "validation_batches"),
)


@dataclass(frozen=True)
class Stage:
    """The numbers of one training stage; see the comments in ``nemo_configs/cpt.yaml``.

    Either ``max_steps`` or ``epochs`` (with ``expected_chats``) is given. Lengths are tokens, batches sequences,
    intervals steps. ``packed_chats``: chats that share a sequence, on average, on GPUs. ``final_precision``, where it
    is set, takes over for the last ``final_share`` of the steps.
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
    packed_chats: int | None = None
    final_precision: str | None = None
    final_share: float = 0.1

    def __post_init__(self) -> None:
        if (self.max_steps is None) == (self.epochs is None):
            raise UsageError("a stage needs either max_steps or epochs, and not both")
        if self.epochs is not None and self.expected_chats is None:
            raise UsageError("epochs needs expected_chats, for the number of steps before the data is there")
        for name in _AT_LEAST_1:
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("min_learning_rate", "weight_decay", "gradient_clip", "seed"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("learning_rate", "epochs"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise UsageError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.min_learning_rate > self.learning_rate:
            raise UsageError(
                f"min_learning_rate {self.min_learning_rate} must be at most learning_rate {self.learning_rate}"
            )
        if len(self.adam_betas) != 2 or not all(0 <= beta < 1 for beta in self.adam_betas):
            raise UsageError(f"adam_betas must be two numbers in [0, 1), not {self.adam_betas}")
        if self.global_batch_size % self.micro_batch_size:
            raise UsageError(
                f"global_batch_size {self.global_batch_size} must be a multiple of micro_batch_size "
                f"{self.micro_batch_size}"
            )
        if not 0 <= self.warmup_fraction < 1:
            raise UsageError(f"warmup_fraction must be in [0, 1), not {self.warmup_fraction}")
        if not 0 < self.final_share < 1:
            raise UsageError(f"final_share must be between 0 and 1, not {self.final_share}")

    def steps(self, examples: int | None = None, batch: int | None = None) -> int:
        """Number of optimizer steps, given the training examples (None: as expected) and those of a step."""
        if self.max_steps is not None:
            return self.max_steps
        assert self.epochs is not None and self.expected_chats is not None
        count = self.expected_chats if examples is None else examples
        return max(1, -(-int(count * self.epochs) // (batch or self.global_batch_size)))


@dataclass(frozen=True)
class Model:
    """A model by name: where its parts lie when no option says otherwise; see ``nemo_configs/models/``."""

    checkpoint: str  # the NeMo checkpoint that `import` makes
    data: str  # folder with corpus/ and sft/
    sft_from: str  # what `sft` starts from: a run or a checkpoint
    hardware: str
    stand_in: str | None = None  # NeMo's configuration class of the same architecture
    stages: str | None = None  # file in nemo_configs/ with a section a stage, instead of a file a stage
    shape: dict[str, Any] | None = None  # its sizes (recipes.shape.Shape), for plans before the checkpoint is there
    name: str = ""

    def start_of(self, stage: str) -> Path:
        """Return the checkpoint, or the run, that ``stage`` starts from by default."""
        return Path(self.sft_from if stage == "sft" else self.checkpoint)

    def data_of(self, stage: str) -> Path:
        """Return where the data of ``stage`` lies by default."""
        place = {"cpt": "corpus/cpt/blend.yaml", "cpt_fast": "corpus/cpt/blend_fast.yaml", "sft": "sft"}[stage]
        return Path(self.data, place)


@dataclass(frozen=True)
class Adapters:
    """Low-rank adapters on frozen weights; see the comments in ``nemo_configs/adapters/lora.yaml``."""

    rank: int
    alpha: int
    dropout: float
    layers: list[str]
    learning_rate_factor: float  # times the stage's learning rates
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("rank", "alpha"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be in [0, 1), not {self.dropout}")
        if self.learning_rate_factor <= 0:
            raise UsageError(f"learning_rate_factor must be above 0, not {self.learning_rate_factor}")
        known = ("linear_qkv", "linear_proj", "linear_fc1", "linear_fc2")
        for layer in self.layers:
            if layer not in known:
                raise UsageError(f"adapters have no place at '{layer}'.{did_you_mean(layer, known)}")
        if not self.layers:
            raise UsageError(f"adapters need layers to stand at: {', '.join(known)}")


def load_stage(name: str, path: Path | None = None) -> Stage:
    """Read the stage ``name`` (of :data:`STAGES`) from ``path``, by default ``nemo_configs/<name>.yaml``.

    A file with a section of that name (as quickstart.yaml) is read from that section.

    Raises:
        UsageError: the file is missing, no YAML, or has an unknown, missing or ill-typed key.
    """
    path = path or CONFIGS / f"{name}.yaml"
    values = read_yaml(path)
    if isinstance(values.get(name), dict):
        values = values[name]
    return checked(Stage, values, path)


def load_model(name: str) -> Model:
    """Read ``nemo_configs/models/<name>.yaml``.

    Raises:
        UsageError: there is no such model, or its file has an unknown, missing or ill-typed key.
    """
    path = named_file("model", CONFIGS / "models", name)
    return checked(Model, {"name": name, **read_yaml(path)}, path)


def load_adapters(name: str) -> Adapters:
    """Read ``nemo_configs/adapters/<name>.yaml``.

    Raises:
        UsageError: there are no such adapters, or the file has an unknown, missing or ill-typed key.
    """
    path = named_file("adapters", CONFIGS / "adapters", name)
    return checked(Adapters, {"name": name, **read_yaml(path)}, path)


def named_file(what: str, folder: Path, name: str) -> Path:
    """Return ``folder/<name>.yaml``.

    Raises:
        UsageError: there is none; the nearest name is offered.
    """
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise UsageError(f"unknown {what} '{name}'.{did_you_mean(name, known)}")
    return folder / f"{name}.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        UsageError: the file is missing, no UTF-8 text, no YAML, or no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no configuration file at {path}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text, from byte {error.start} on") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that the calendar does not have
        raise UsageError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold 'key: value' lines")
    return values


T = TypeVar("T")


def checked(kind: type[T], values: Mapping[str, Any], path: Path, where: str = "") -> T:
    """Return the dataclass ``kind`` with ``values``; ``where`` is their place in the file, for errors.

    Raises:
        UsageError: a key is unknown, missing or ill-typed, or the dataclass refuses its values.
    """
    place = f"{path}: {where}: " if where else f"{path}: "
    hints = get_type_hints(kind)
    typed = {}
    for key, value in values.items():
        if key not in hints:
            raise UsageError(f"{place}unknown key '{key}'.{did_you_mean(str(key), hints)}")
        typed[key] = _typed(value, hints[key], key, place)
    required = [
        field.name
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in values]
    if missing:
        raise UsageError(f"{place}missing {', '.join(missing)}")
    return kind(**typed)


def _typed(value: Any, hint: Any, key: str, place: str) -> Any:
    text = str(hint)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if value is None and "None" in text:
        return None
    if "bool" in text and isinstance(value, bool):
        return value
    if text.startswith("dict"):  # before str, which stands in dict[str, ...]
        if isinstance(value, dict):
            return value
    elif "list" in text:
        if isinstance(value, list):
            return [_typed(item, str if "str" in text else float, key, place) for item in value]
    elif "str" in text and isinstance(value, str):
        return value
    elif "float" in text and number:
        return float(value)
    elif "int" in text and number and value == int(value):
        return int(value)
    raise UsageError(f"{place}{key} can't be {value!r}")
