"""Whether a resolved recipe can run at all: asked once all overrides are in, before anything expensive starts."""

from __future__ import annotations

from typing import Any

from preprocessing.errors import UsageError


def check_recipe(recipe: Any) -> None:
    """Look at the numbers of ``recipe`` (a ``run.Partial``) that must go together.

    Raises:
        UsageError: they don't; one sentence for each fault, with the remedy.
    """
    faults = [
        fault
        for check in (_devices, _model, _batches, _lengths, _packing, _optimizer, _bf16_layers, _nvfp4_blocks)
        for fault in check(recipe)
    ]
    if faults:
        raise UsageError("this recipe can't run: " + "; ".join(faults))


def _devices(recipe: Any) -> list[str]:
    world, parallel = _world(recipe), _parallel(recipe)
    if world % parallel:
        return [
            f"tensor x pipeline x context parallel = {_product(recipe)} does not divide its {world} devices; change "
            "trainer.devices or the trainer.strategy.*_parallel_size"
        ]
    return []


def _model(recipe: Any) -> list[str]:
    config, strategy = recipe.model.config, recipe.trainer.strategy
    tensor, pipeline = strategy.tensor_model_parallel_size, strategy.pipeline_model_parallel_size
    virtual = strategy.virtual_pipeline_model_parallel_size or 1
    faults = []
    heads, groups = config.num_attention_heads, config.num_query_groups or config.num_attention_heads
    for name, count in (
        ("attention heads", heads),
        ("key-value heads", groups),
        ("MLP columns", config.ffn_hidden_size),
    ):
        if count % tensor:
            faults.append(f"{count} {name} must be a multiple of trainer.strategy.tensor_model_parallel_size={tensor}")
    if config.num_layers % (pipeline * virtual):
        pieces = f"{pipeline} stages" + (f" x {virtual} pieces" if virtual > 1 else "")
        faults.append(f"{config.num_layers} layers do not divide over {pieces} of the pipeline")
    if strategy.sequence_parallel and tensor > 1 and config.seq_length % tensor:
        faults.append(f"sequences of {config.seq_length} tokens do not divide over {tensor} sequence parallel devices")
    if (context := strategy.context_parallel_size) > 1 and config.seq_length % (2 * context):
        faults.append(
            f"sequences of {config.seq_length} tokens do not divide over 2 x {context} context parallel parts"
        )
    return faults


def _batches(recipe: Any) -> list[str]:
    data, strategy = recipe.data, recipe.trainer.strategy
    copies = max(1, _world(recipe) // _parallel(recipe))
    faults = []
    if data.global_batch_size % (data.micro_batch_size * copies):
        faults.append(
            f"data.global_batch_size={data.global_batch_size} must be a multiple of data.micro_batch_size="
            f"{data.micro_batch_size} x {copies} data parallel copies"
        )
    elif strategy.virtual_pipeline_model_parallel_size:
        pipeline = strategy.pipeline_model_parallel_size
        micro = data.global_batch_size // (data.micro_batch_size * copies)
        if micro % pipeline:
            faults.append(f"{micro} micro-batches a step must be a multiple of the {pipeline} pipeline stages")
    return faults


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


def _world(recipe: Any) -> int:
    return int(recipe.trainer.num_nodes) * int(recipe.trainer.devices)


def _parallel(recipe: Any) -> int:
    strategy = recipe.trainer.strategy
    return int(
        strategy.tensor_model_parallel_size * strategy.pipeline_model_parallel_size * strategy.context_parallel_size
    )


def _product(recipe: Any) -> str:
    strategy = recipe.trainer.strategy
    parts = strategy.tensor_model_parallel_size, strategy.pipeline_model_parallel_size, strategy.context_parallel_size
    return " x ".join(map(str, parts))
