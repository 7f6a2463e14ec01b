"""``speed.yaml``: the few numbers that turn FLOP and bytes into seconds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from preprocessing.errors import UsageError
from recipes.formats import FORMATS, Format
from recipes.gpus import Gpu
from recipes.settings import checked, read_yaml

FILE = Path(__file__).parent / "speed.yaml"
_HOPPER, _BLACKWELL, _ULTRA = "hopper", "blackwell", "blackwell_ultra"
_BLACKWELLS = 10  # major compute capability


@dataclass(frozen=True)
class Coefficients:
    """Shares of data-sheet figures that training reaches, and small times; see the comments in ``speed.yaml``.

    ``products``, by type of inputs, times ``generation``, by GPU generation, is the share of the tensor cores' peak;
    ``attention`` times the latter that of the BF16 peak. ``memory`` is a share of the memory's bandwidth, ``links`` of
    NVLink's and the network's. ``layer`` and ``step`` are seconds that a pass of a micro-batch through a layer, and a
    step, take on top. ``exposed`` are shares of communication that stay beside compute where it could hide them.

    Raises:
        UsageError: a share is not between 0 and 1.
    """

    products: dict[str, float]
    generation: dict[str, float]
    attention: float
    memory: float
    links: float
    layer: float
    step: float
    exposed: dict[str, float]

    def __post_init__(self) -> None:
        shares = {f"exposed {name}": value for name, value in self.exposed.items()}
        shares |= {"memory": self.memory, "links": self.links}
        for name, factor in self.generation.items():
            shares |= {f"{name} {inputs}": factor * value for inputs, value in self.products.items()}
            shares[f"{name} attention"] = factor * self.attention
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise UsageError(f"{FILE.name}: {name} must be between 0 and 1, not {value:.3f}")


class Overlap(NamedTuple):
    """Which communication runs beside compute."""

    data: bool = True  # gradients are added up during the last backward pass, weights gathered during the next forward
    pipeline: bool = False  # asynchronous sends between pipeline stages
    tensor: bool = False  # Transformer Engine's user buffers


@functools.cache
def load() -> Coefficients:
    """Read ``speed.yaml``."""
    return checked(Coefficients, read_yaml(FILE), FILE)


def generation(gpu: Gpu) -> str:
    """Name the generation that stands for ``gpu``: older ones are taken as Hopper, which is an assumption."""
    major, minor = gpu.capability
    if major < _BLACKWELLS:
        return _HOPPER
    return _ULTRA if minor else _BLACKWELL


def known(choice: Format) -> bool:
    """Whether anything is known of the format's speed on a GPU."""
    return choice.plugin is not None and not choice.emulated


def able(gpu: Gpu) -> list[Format]:
    """Return the formats that the GPU trains in and whose speed is known."""
    return [
        form
        for form in FORMATS.values()
        if known(form) and form.runs_on(gpu.capability) and _peak(inputs_of(form)) in gpu.peaks
    ]


def inputs_of(choice: Format) -> str:
    """Return the type of a quantized layer's inputs by the names of ``products``.

    Raises:
        UsageError: nothing is known of the format's speed.
    """
    if not known(choice):
        raise UsageError(f"the speed of {choice.name} on a GPU is not known; use bf16 or one with fewer bits")
    plugin = choice.plugin or {}
    if "fp4" in plugin:
        return "nvfp4"
    if "fp8" in plugin:
        return "mxfp8" if plugin["fp8_recipe"] == "mxfp8" else "fp8"
    return "bf16"


def _peak(inputs: str) -> str:
    """The name of their products' peak."""
    return "fp8" if inputs == "mxfp8" else inputs


def peak_of(gpu: Gpu, inputs: str) -> float:
    """Return the dense peak in FLOP/s for products of such ``inputs``.

    Raises:
        UsageError: the GPU has none.
    """
    name = _peak(inputs)
    if name not in gpu.peaks:
        raise UsageError(f"{gpu.name.upper()} has no {name} products, only {' and '.join(gpu.peaks)}")
    return gpu.peaks[name] * 1e12
