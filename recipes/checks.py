"""Whether a resolved recipe can run at all: asked once all overrides are in, before anything expensive starts."""

from __future__ import annotations

from typing import Any

from preprocessing.errors import UsageError
from recipes.division import OF_A_RECIPE, Division
from recipes.shape import shape_of


def check_recipe(recipe: Any) -> None:
    """Look at the numbers of ``recipe`` (a ``run.Partial``) that must go together.

    Raises:
        UsageError: they don't; one sentence for each fault, with the remedy.
    """
    faults = [fault for check in (_layout, _lengths, _optimizer, _bf16_layers) for fault in check(recipe)]
    if faults:
        raise UsageError("this recipe can't run: " + "; ".join(faults))


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
        nvfp4=_nvfp4(recipe),
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


def _nvfp4(recipe: Any) -> bool:
    callbacks = (callback.__fn_or_cls__.__name__ for callback in recipe.trainer.callbacks)
    return bool(getattr(recipe.trainer.plugins, "fp4", None)) or "EmulatedNvfp4" in callbacks
