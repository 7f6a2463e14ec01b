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
    faults = [
        fault
        for check in (_layout, _lengths, _packing, _optimizer, _bf16_layers, _nvfp4_blocks)
        for fault in check(recipe)
    ]
    if faults:
        raise UsageError("this recipe can't run: " + "; ".join(faults))


def _layout(recipe: Any) -> list[str]:
    strategy, data, peft = recipe.trainer.strategy, recipe.data, getattr(recipe, "peft", None)
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
    ).faults(OF_A_RECIPE)


def _lengths(recipe: Any) -> list[str]:
    if recipe.data.seq_length != recipe.model.config.seq_length:
        return [
            f"data.seq_length={recipe.data.seq_length} and model.config.seq_length={recipe.model.config.seq_length} "
            "disagree; set both, or sequence_length in a file for --config"
        ]
    return []


def _packing(recipe: Any) -> list[str]:
    if not getattr(recipe.data, "packed", False):
        return []
    faults = []
    if recipe.trainer.accelerator == "cpu":
        faults.append("packed chats need Transformer Engine's attention, which is for GPUs; set data.packed=false")
    if recipe.data.micro_batch_size != 1:
        faults.append(f"packed chats need data.micro_batch_size=1, not {recipe.data.micro_batch_size}")
    if (context := recipe.trainer.strategy.context_parallel_size) > 1:
        # megatron.core.utils.get_batch_on_this_cp_rank cuts the whole sequence and its list of borders alike
        faults.append(
            f"NeMo 2.7.3 can't divide packed chats over {context} context parallel parts; set packed_chats: null in a "
            "file for --config"
        )
    return faults


def _optimizer(recipe: Any) -> list[str]:
    optimizer = recipe.optim.config
    if optimizer.optimizer_cpu_offload:
        return [
            "optim.config.optimizer_cpu_offload puts the weights from before the checkpoint back at the first step "
            "(Megatron-Core 0.15.3); use --peft lora, or more GPUs"
        ]
    if not optimizer.use_precision_aware_optimizer:
        return []
    if recipe.trainer.accelerator == "cpu":
        return ["the precision-aware optimizer is Transformer Engine's, which is for GPUs; leave it out on a CPU"]
    if not optimizer.use_distributed_optimizer:
        return ["the precision-aware optimizer needs optim.config.use_distributed_optimizer=true"]
    if optimizer.store_param_remainders and not optimizer.bf16:
        return ["the precision-aware optimizer adds 16 bits to BF16 weights, and these are FP32; use --precision bf16"]
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


def _nvfp4_blocks(recipe: Any) -> list[str]:
    """Scales are shared by 16 values in a row (weights: 16 x 16), and a block lies within one rank's share."""
    if not _nvfp4(recipe):
        return []
    config, strategy, data = recipe.model.config, recipe.trainer.strategy, recipe.data
    tensor, context = strategy.tensor_model_parallel_size, strategy.context_parallel_size
    heads = config.num_attention_heads
    size = config.kv_channels or config.hidden_size // heads
    tokens = data.seq_length * data.micro_batch_size
    shards = context * (tensor if strategy.sequence_parallel else 1)
    parts = (
        ("hidden columns", config.hidden_size, 1),
        ("query columns", heads * size, tensor),
        ("query, key and value columns", (heads + 2 * (config.num_query_groups or heads)) * size, tensor),
        ("MLP columns", config.ffn_hidden_size, tensor),
        ("tokens of a micro-batch", tokens, shards),
    )
    return [
        f"NVFP4 takes blocks of 16, and {count} {name} do not divide into them over {over} rank{'s' * (over > 1)}; use "
        "bf16 or another layout"
        for name, count, over in parts
        if count % (16 * over)
    ]


def _nvfp4(recipe: Any) -> bool:
    callbacks = (callback.__fn_or_cls__.__name__ for callback in recipe.trainer.callbacks)
    return bool(getattr(recipe.trainer.plugins, "fp4", None)) or "EmulatedNvfp4" in callbacks
