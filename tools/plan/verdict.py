"""Whether a configuration fits its GPUs, and the smallest changes that would make it fit."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from preprocessing.errors import UsageError
from recipes.hardware import ADAPTERS
from recipes.request import Request, packed
from recipes.settings import load_adapters
from tools.plan.coefficients import able, known
from tools.plan.configuration import Configuration
from tools.plan.memory import Stage, memory
from tools.plan.overrides import as_asked
from tools.plan.speed import step_time

FITS, TIGHT, TOO_LARGE = "fits", "tight", "does not fit"
#: Share of the memory from which on a run is at the mercy of what is only estimated.
TIGHT_FROM = 0.8


@dataclass(frozen=True)
class Verdict:
    """``stage`` is the pipeline stage that takes most; ``share`` is its part of the GPU's memory."""

    word: str
    stage: Stage
    share: float
    reason: str


@dataclass(frozen=True)
class Change:
    """A change that makes a configuration fit."""

    about: str
    configuration: Configuration
    share: float
    tokens_per_second: float | None  # None where nothing is known of the format's speed


def judge(configuration: Configuration) -> Verdict:
    """Compare the largest stage with the GPU's memory.

    Raises:
        UsageError: the configuration has no GPU.
    """
    gpu = configuration.gpu
    if gpu is None:
        raise UsageError("a verdict needs a GPU; on a CPU the plan shows what is held")
    stage = max(memory(configuration), key=lambda each: each.peak)
    share = stage.peak / gpu.memory
    word = TOO_LARGE if share > 1 else TIGHT if share > TIGHT_FROM else FITS
    largest = sorted(stage.parts, key=lambda part: part.bytes, reverse=True)[:3]
    where = f" on stage {stage.number}" if configuration.layout.pipeline_parallel > 1 else ""
    moment = "in the optimizer's step" if stage.optimizer_step > stage.passes else "in the backward pass"
    reason = f"{stage.peak / 1e9:.0f} of {gpu.memory / 1e9:.0f} GB a GPU {moment}{where}; most of it " + ", ".join(
        f"{part.name} {part.bytes / 1e9:.0f}" for part in largest
    )
    return Verdict(word, stage, share, reason)


def changes(configuration: Configuration, request: Request, most: int = 4) -> list[Change]:
    """Return changes that make ``configuration`` fit, the fewest first, then the fastest; [] where none does.

    ``request`` is what it was laid out for: adapters come with the layout that the hardware's profile has for them.
    """
    found: list[Change] = []
    for number in (1, 2, 3):
        for about, changed in _changed(configuration, request, number):
            share = judge(changed).share
            if share <= 1 and all(changed != known.configuration for known in found):
                speed = step_time(changed).tokens_per_second if known(changed.format) else None
                found.append(Change(about, changed, share, speed))
        if found:
            break
    return sorted(found, key=lambda change: (change.share > TIGHT_FROM, -(change.tokens_per_second or 0)))[:most]


def _changed(configuration: Configuration, request: Request, number: int) -> Iterator[tuple[str, Configuration]]:
    """All ways to make so many changes, with what they are."""
    if number == 0:
        yield "", configuration
        return
    for about, changed in _changed(configuration, request, number - 1):
        for more, again in _one(changed, request):
            yield f"{about}, {more}" if about else more, again


def _one(configuration: Configuration, request: Request) -> Iterator[tuple[str, Configuration]]:
    """Single changes that take less memory, but those that are made already, do not divide, or no options lead to."""
    layout, gpu = configuration.layout, configuration.gpu
    assert gpu is not None
    layouts: list[tuple[str, dict[str, object]]] = []
    if configuration.adapters is None:
        order = ("adam", "precision-aware-bf16", "precision-aware")
        smaller = order[order.index(layout.optimizer) + 1 :]
        layouts += [(f"optimizer {name}", {"optimizer": name}) for name in smaller]
    if layout.recompute != "full":
        layouts.append(("full recomputation", {"recompute": "full"}))
    if layout.tensor_parallel * 2 <= configuration.devices:
        wider = layout.tensor_parallel * 2
        layouts.append((f"tensor parallel {wider}", {"tensor_parallel": wider, "sequence_parallel": True}))
    deeper = layout.pipeline_parallel * 2
    layouts.append((f"pipeline parallel {deeper}", {"pipeline_parallel": deeper}))
    candidates: list[tuple[str, dict[str, object]]] = [
        (about, {"layout": dataclasses.replace(layout, **values)})  # type: ignore[arg-type]
        for about, values in layouts
    ]
    if configuration.micro_batch_size > 1:
        candidates.append(("micro-batches of 1", {"micro_batch_size": 1}))
    if configuration.adapters is None:
        with contextlib.suppress(UsageError):  # no profile lays the model out for them
            candidates.append(("LoRA", _adapters(configuration, request)))
    candidates += [(f"precision {form.name}", {"format": form}) for form in able(gpu) if form != configuration.format]
    candidates.append((f"{configuration.nodes * 2} nodes", {"nodes": configuration.nodes * 2}))
    for about, values in candidates:
        try:
            changed = dataclasses.replace(configuration, **values)  # type: ignore[arg-type]
            as_asked(changed, request)
        except UsageError:
            continue
        yield about, changed


def _adapters(configuration: Configuration, request: Request) -> dict[str, object]:
    """What ``--peft lora`` changes: the profile's layout for adapters, but for what is not the profile's anyway."""
    before = as_asked(configuration, request)
    adapters = load_adapters("lora")
    after = dataclasses.replace(before, adapters=adapters, layout=before.hardware.layout(before.model.name, ADAPTERS))
    kept: dict[str, Any] = {
        name: value for name, value in vars(configuration.layout).items() if value != getattr(before.layout, name)
    }
    kept["virtual_pipeline"] = None  # NeMo saves no adapters of a model in pieces (recipes/division.py)
    found: dict[str, object] = {"adapters": adapters, "layout": dataclasses.replace(after.layout, **kept)}
    if configuration.global_batch_size == packed(before).stage.global_batch_size:
        found["global_batch_size"] = packed(after).stage.global_batch_size
    return found
