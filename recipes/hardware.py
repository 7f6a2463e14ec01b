"""Machines by name: ``nemo_configs/hardware/*.yaml``, and how a model is laid over each.

``4xb200`` is a node of four B200, ``4x8xh100`` four nodes of eight H100. A name without a file of its own is made from
the file of the same chip.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from recipes.formats import CHIPS, CPU
from recipes.gpus import GPUS, Gpu
from recipes.settings import CONFIGS, checked, read_yaml

#: Ways to hold a trained parameter, in 18, 9 and 10 bytes (see ``recipes.optimizer``).
OPTIMIZERS = ("adam", "precision-aware", "precision-aware-bf16")
#: Elements of moments, held in fewer bits, that a step copies to FP32 at a time (``recipes.adam_in_pieces``): 2 GiB.
PIECE = 2**28
RECOMPUTE = ("none", "selective", "full")
FULL, ADAPTERS = "full", "adapters"
_FOLDER = CONFIGS / "hardware"
_NAME = re.compile(r"(?:(?P<nodes>\d{1,7})x)?(?P<devices>\d{1,7})x(?P<chip>[a-z]+\d*[a-z]*)", re.ASCII)


def optimizer_of(config: Any) -> str:
    """Name, of :data:`OPTIMIZERS`, what a Megatron ``OptimizerConfig`` says."""
    if not config.use_precision_aware_optimizer:
        return "adam"
    return "precision-aware" if "uint8" in str(config.exp_avg_dtype) else "precision-aware-bf16"


@dataclass(frozen=True)
class Layout:
    """How a model lies over the devices."""

    tensor_parallel: int
    optimizer: str
    recompute: str
    pipeline_parallel: int = 1
    virtual_pipeline: int | None = None  # pieces of the model a pipeline stage has
    context_parallel: int = 1
    sequence_parallel: bool = False

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"unknown optimizer '{self.optimizer}'.{did_you_mean(self.optimizer, OPTIMIZERS)}")
        if self.recompute not in RECOMPUTE:
            raise UsageError(f"unknown recompute '{self.recompute}'.{did_you_mean(self.recompute, RECOMPUTE)}")
        for name in ("tensor_parallel", "pipeline_parallel", "context_parallel"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def model_parallel(self) -> int:
        """Devices that hold one copy of the model."""
        return self.tensor_parallel * self.pipeline_parallel * self.context_parallel


@dataclass(frozen=True)
class Hardware:
    """One or more machines of a kind; ``layouts`` holds, for each model, one for full tuning and one for adapters."""

    chip: str
    devices: int  # GPUs a node, or CPU processes
    layouts: dict[str, Any]
    nodes: int = 1
    name: str = ""
    profile: str = ""  # the file that says so, without its ending

    def __post_init__(self) -> None:
        if self.chip not in (*CHIPS, CPU):
            raise UsageError(f"hardware '{self.name}': unknown chip '{self.chip}'.{did_you_mean(self.chip, CHIPS)}")
        for name in ("nodes", "devices"):
            if getattr(self, name) < 1:
                raise UsageError(f"hardware '{self.name}': {name} must be at least 1, not {getattr(self, name)}")

    @property
    def gpu(self) -> bool:
        """Whether it has GPUs."""
        return self.chip != CPU

    @property
    def world_size(self) -> int:
        """Processes in all."""
        return self.nodes * self.devices

    def layout(self, model: str, tuning: str = FULL) -> Layout:
        """Return how ``model`` is laid over this hardware, for full tuning or for adapters.

        Raises:
            UsageError: the profile has no layout for the model, or it does not divide the devices.
        """
        path = _FOLDER / f"{self.profile}.yaml"
        if model not in self.layouts:
            raise UsageError(
                f"hardware '{self.name}' has no layout for {model}, only for {', '.join(self.layouts)}; add one to "
                f"{path}"
            )
        of_model = self.layouts[model]
        where = f"layouts: {model}"
        if not isinstance(of_model, dict) or FULL not in of_model:
            raise UsageError(f"{path}: {where}: needs '{FULL}', and '{ADAPTERS}' where that differs")
        values = {**of_model[FULL], **(of_model.get(ADAPTERS) or {} if tuning == ADAPTERS else {})}
        layout = checked(Layout, values, path, where)
        if layout.tensor_parallel > self.devices:  # never wider than a node, whose links are the fast ones
            layout = dataclasses.replace(
                layout, tensor_parallel=self.devices, sequence_parallel=layout.sequence_parallel and self.devices > 1
            )
        smaller = self.profile not in ("", self.name)  # than the machine that the file is about, it may be
        if smaller and layout.model_parallel > self.world_size == layout.tensor_parallel:
            layout = dataclasses.replace(layout, pipeline_parallel=1, virtual_pipeline=None, context_parallel=1)
        if self.world_size % layout.model_parallel:
            raise UsageError(
                f"hardware '{self.name}': tensor x pipeline x context parallel = {layout.tensor_parallel} x "
                f"{layout.pipeline_parallel} x {layout.context_parallel} does not divide its {self.world_size} devices"
            )
        return layout


def load_hardware(name: str) -> Hardware:
    """Read ``nemo_configs/hardware/<name>.yaml``, or make the hardware ``name`` from another file of its chip.

    Raises:
        UsageError: there is no such profile or chip, or the file has an unknown, missing or ill-typed key.
    """
    known = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    if name in known:
        return _load(name)
    parts = _NAME.fullmatch(name)
    if not parts or parts["chip"] not in (*CHIPS, CPU):
        raise UsageError(
            f"unknown hardware '{name}'.{did_you_mean(name, [*known, *CHIPS])} Names are GPUS x CHIP or NODES x GPUS x "
            f"CHIP: 4xb200, 2x8xh100"
        )
    devices, nodes = int(parts["devices"]), int(parts["nodes"] or 1)
    profiles = [profile for profile in map(_load, known) if profile.chip == parts["chip"]]
    if not profiles:
        raise UsageError(
            f"no profile of {parts['chip']} in nemo_configs/hardware; copy the nearest one to {name}.yaml and set chip "
            f"and devices ({', '.join(known)})"
        )
    # the one with most devices a node that are not more than asked for, else the smallest
    fitting = [profile for profile in profiles if profile.devices <= devices]
    nearest = max(fitting, key=_devices) if fitting else min(profiles, key=_devices)
    return dataclasses.replace(nearest, name=name, devices=devices, nodes=nodes)


def nearest_chip(gpu: Gpu, devices: int) -> str:
    """Return the chip whose profile suits ``devices`` of ``gpu`` best, for plans of a GPU that has none.

    Its own, where there is one; else of the nearest generation, then node size, then memory.
    """

    def distance(profile: Hardware) -> tuple[float, ...]:
        other = GPUS[profile.chip]
        return (
            other.name != gpu.name,
            abs(other.capability[0] - gpu.capability[0]),
            abs(profile.devices - devices),
            abs(other.memory - gpu.memory),
        )

    profiles = (_load(path.stem) for path in sorted(_FOLDER.glob("*.yaml")))
    return min((profile for profile in profiles if profile.gpu), key=distance).chip


def _devices(hardware: Hardware) -> int:
    return hardware.devices


def _load(name: str) -> Hardware:
    path = _FOLDER / f"{name}.yaml"
    values: Mapping[str, Any] = {"name": name, "profile": name, **read_yaml(path)}
    return checked(Hardware, values, path)
