"""A configuration as options and NeMo's dotted overrides, ready for ``cpt`` and ``sft``."""

from __future__ import annotations

import dataclasses
import functools

from recipes.hardware import ADAPTERS, FULL, Layout, load_hardware
from recipes.request import Request, packed
from tools.plan.configuration import Configuration

_hardware = functools.cache(load_hardware)  # many changes are tried
_STRATEGY = "trainer.strategy"
_BF16, _FP32, _FP8 = "torch.bfloat16", "torch.float32", "torch.uint8"  # Megatron calls scaled FP8 uint8
_MOMENTS = {"adam": (_FP32, _FP32), "precision-aware-bf16": (_BF16, _BF16), "precision-aware": (_FP8, _BF16)}


def typed(configuration: Configuration, request: Request) -> list[str]:
    """Return the options and overrides that lead from ``request``, without overrides, to ``configuration``.

    Raises:
        UsageError: no profile lays the model out on that hardware.
    """
    hardware, options = request.hardware, []
    if (configuration.nodes, configuration.devices) != (hardware.nodes, hardware.devices):
        chip = configuration.gpu.name if configuration.gpu else hardware.chip
        options += ["--hardware", _machines(configuration, chip)]
    if configuration.format != request.format:
        options += ["--precision", configuration.format.name]
    if configuration.adapters and configuration.adapters != request.adapters:
        options += ["--peft", configuration.adapters.name]
    return [*options, *overrides(configuration, as_asked(configuration, request))]


def typed_text(configuration: Configuration, request: Request) -> str:
    """Return :func:`typed` in a line."""
    return " ".join(typed(configuration, request)) or "(without overrides, as the profile has it)"


def as_asked(configuration: Configuration, request: Request) -> Request:
    """Return the request that the options of a training command lead to from ``request``: all but overrides.

    Raises:
        UsageError: as :func:`typed`.
    """
    hardware = request.hardware
    if (configuration.nodes, configuration.devices) != (hardware.nodes, hardware.devices):
        hardware = _hardware(_machines(configuration, hardware.chip))
    tuning = ADAPTERS if configuration.adapters else FULL
    return dataclasses.replace(
        request,
        hardware=hardware,
        layout=hardware.layout(request.model.name, tuning),
        format=configuration.format,
        adapters=configuration.adapters,
    )


def _machines(configuration: Configuration, chip: str) -> str:
    nodes = f"{configuration.nodes}x" if configuration.nodes > 1 else ""
    return f"{nodes}{configuration.devices}x{chip}"


def overrides(configuration: Configuration, request: Request) -> list[str]:
    """Return what turns the recipe of ``request`` into that of ``configuration``; [] where they are laid out alike.

    Hardware, precision and tuning are not looked at: those are options (:func:`typed`).
    """
    now, then, stage = configuration.layout, request.layout, packed(request).stage
    found = [
        f"{_STRATEGY}.{name}={_text(getattr(now, ours))}"
        for name, ours in (
            ("tensor_model_parallel_size", "tensor_parallel"),
            ("pipeline_model_parallel_size", "pipeline_parallel"),
            ("virtual_pipeline_model_parallel_size", "virtual_pipeline"),
            ("context_parallel_size", "context_parallel"),
            ("sequence_parallel", "sequence_parallel"),
        )
        if getattr(now, ours) != getattr(then, ours)
    ]
    for name in ("micro_batch_size", "global_batch_size"):
        if getattr(configuration, name) != getattr(stage, name):
            found.append(f"data.{name}={getattr(configuration, name)}")
    if configuration.sequence_length != stage.sequence_length:
        found += [f"{part}.seq_length={configuration.sequence_length}" for part in ("data", "model.config")]
    if now.recompute != then.recompute:
        found += _recompute(now)
    if now.optimizer != then.optimizer:
        found += _optimizer(now)
    return found


def _recompute(layout: Layout) -> list[str]:
    full = layout.recompute == "full"
    return [
        f"model.config.recompute_granularity={'null' if layout.recompute == 'none' else layout.recompute}",
        f"model.config.recompute_method={'uniform' if full else 'null'}",
        f"model.config.recompute_num_layers={1 if full else 'null'}",
    ]


def _optimizer(layout: Layout) -> list[str]:
    aware, moments = layout.optimizer != "adam", _MOMENTS[layout.optimizer]
    return [
        f"optim.config.use_precision_aware_optimizer={_text(aware)}",
        f"optim.config.store_param_remainders={_text(aware)}",
        f"optim.config.main_grads_dtype={_BF16 if aware else _FP32}",
        f"optim.config.exp_avg_dtype={moments[0]}",
        f"optim.config.exp_avg_sq_dtype={moments[1]}",
        f"trainer.strategy.ddp.grad_reduce_in_fp32={_text(not aware)}",
        f"trainer.plugins.grad_reduce_in_fp32={_text(not aware)}",
    ]


def _text(value: object) -> str:
    return "null" if value is None else str(value).lower()
