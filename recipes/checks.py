"""Whether a resolved recipe can run at all: asked once all overrides are in, before anything expensive starts."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from preprocessing.errors import UsageError
from recipes.division import OF_A_RECIPE, Division
from recipes.shape import shape_of

_PARTS = ("model", "optim", "optim.lr_scheduler", "trainer.strategy", "log.ckpt", "resume.restore_config")
_OF_ADAM = ("optim.config.clip_grad", "optim.config.weight_decay")
#: What Megatron's plain Adam holds in FP32 only.
_TYPES = ("main_grads_dtype", "main_params_dtype", "exp_avg_dtype", "exp_avg_sq_dtype")


def check_recipe(recipe: Any) -> None:
    """Look at the numbers of ``recipe`` (a ``run.Partial``) that must go together.

    Raises:
        UsageError: they don't; one sentence for each fault, with the remedy.
    """
    faults = _parts(recipe) or _numbers(recipe)
    if not faults:
        checks = (_layout, _lengths, _rates, _optimizer, _precision, _bf16_layers)
        faults = [fault for check in checks for fault in check(recipe)]
    if faults:
        raise UsageError("this recipe can't run: " + "; ".join(faults))


def _parts(recipe: Any) -> list[str]:
    found = [f"{name} is not set, and no run starts without it" for name in _PARTS if not _is_part(_at(recipe, name))]
    if not isinstance(recipe.trainer.callbacks, list):
        found.append("trainer.callbacks must be a list")
    return found


def _is_part(value: Any) -> bool:
    return hasattr(value, "__fn_or_cls__")


def _at(recipe: Any, name: str) -> Any:
    """What stands at a dotted name; None where something on the way is not there."""
    return functools.reduce(lambda part, key: getattr(part, key, None), name.split("."), recipe)


def _numbers(recipe: Any) -> list[str]:
    return [
        f"{name} must be {what}, not {value}"
        for names, what, fits in _NUMBERS
        for name in names
        if not fits(value := _at(recipe, name))
    ]


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


#: Names, what each of them must be, and whether a value is.
_NUMBERS: tuple[tuple[tuple[str, ...], str, Callable[[Any], bool]], ...] = (
    (
        ("trainer.devices", "trainer.num_nodes", "trainer.max_steps"),
        "a whole number of at least 1",
        # an override of trainer.devices is text
        lambda value: str(value).isdecimal() and int(value) >= 1,
    ),
    (
        ("optim.config.lr", "trainer.val_check_interval", "trainer.limit_val_batches"),
        "a number above 0",
        lambda value: _finite(value) and value > 0,
    ),
    (
        ("optim.lr_scheduler.min_lr", "optim.lr_scheduler.warmup_steps", *_OF_ADAM),
        "a number of at least 0",
        lambda value: _finite(value) and value >= 0,
    ),
)


def _layout(recipe: Any) -> list[str]:
    strategy, data, peft = recipe.trainer.strategy, recipe.data, getattr(recipe, "peft", None)
    optimizer = recipe.optim.config
    return Division(
        shape=shape_of(recipe.model.config),
        world_size=int(recipe.trainer.num_nodes) * int(recipe.trainer.devices),
        tensor_parallel=strategy.tensor_model_parallel_size,
        pipeline_parallel=strategy.pipeline_model_parallel_size,
        virtual_pipeline=strategy.virtual_pipeline_model_parallel_size,
        context_parallel=strategy.context_parallel_size,
        sequence_parallel=bool(strategy.sequence_parallel),
        sequence_length=recipe.model.config.seq_length,
        micro_batch_size=data.micro_batch_size,
        global_batch_size=data.global_batch_size,
        adapter_rank=peft.dim if peft else None,
        on_gpu=recipe.trainer.accelerator != "cpu",
        scaling=_scaling(recipe),
        fp32_weights=not optimizer.bf16,
        precision_aware=bool(optimizer.use_precision_aware_optimizer),
        packed=bool(getattr(data, "packed", False)),
    ).faults(OF_A_RECIPE)


def _lengths(recipe: Any) -> list[str]:
    if recipe.data.seq_length != recipe.model.config.seq_length:
        return [
            f"data.seq_length={recipe.data.seq_length} and model.config.seq_length={recipe.model.config.seq_length} "
            "disagree; set both, or sequence_length in a file for --config"
        ]
    return []


def _rates(recipe: Any) -> list[str]:
    rate, least = recipe.optim.config.lr, recipe.optim.lr_scheduler.min_lr
    if least > rate:
        return [
            f"optim.lr_scheduler.min_lr={least:g}, where the rate ends, is above optim.config.lr={rate:g}; set both"
        ]
    return []


def _optimizer(recipe: Any) -> list[str]:
    optimizer = recipe.optim.config
    if optimizer.optimizer_cpu_offload:
        return [
            "optim.config.optimizer_cpu_offload puts the weights from before the checkpoint back at the first step "
            "(Megatron-Core 0.15.3); use --peft lora, or more GPUs"
        ]
    on_gpu = recipe.trainer.accelerator != "cpu"
    if on_gpu and optimizer.use_precision_aware_optimizer and not optimizer.use_distributed_optimizer:
        return ["the precision-aware optimizer needs optim.config.use_distributed_optimizer=true"]
    held = {name: str(getattr(optimizer, name)).removeprefix("torch.") for name in _TYPES}
    small = ", ".join(f"optim.config.{name}={kind}" for name, kind in held.items() if kind != "float32")
    if small and not optimizer.use_precision_aware_optimizer:
        return [
            f"only the precision-aware optimizer holds {small}; leave optim.config.use_precision_aware_optimizer out, "
            "or set optimizer: adam in the hardware's file in nemo_configs/hardware"
        ]
    return []


def _precision(recipe: Any) -> list[str]:
    plugins = recipe.trainer.plugins
    if getattr(plugins, "fp4", None) and getattr(plugins, "fp8", None):
        return ["trainer.plugins.fp4 and trainer.plugins.fp8 exclude one another; choose one with --precision"]
    return []


def _bf16_layers(recipe: Any) -> list[str]:
    """Megatron looks at these numbers under FP8 only."""
    plugins, layers = recipe.trainer.plugins, recipe.model.config.num_layers
    if not getattr(plugins, "first_last_layers_bf16", False):
        return []
    start, end = plugins.num_layers_at_start_in_bf16, plugins.num_layers_at_end_in_bf16
    if min(start, end) < 0 or start + end >= layers:
        return [
            f"{start} + {end} of {layers} layers in BF16 leave none for another precision; change trainer.plugins."
            "num_layers_at_{start,end}_in_bf16"
        ]
    return []


def _scaling(recipe: Any) -> str | None:
    """As :attr:`recipes.formats.Format.scaling`."""
    plugins = recipe.trainer.plugins
    callbacks = (callback.__fn_or_cls__.__name__ for callback in recipe.trainer.callbacks)
    if getattr(plugins, "fp4", None) or "EmulatedNvfp4" in callbacks:
        return "nvfp4"
    return plugins.fp8_recipe if getattr(plugins, "fp8", None) else None
