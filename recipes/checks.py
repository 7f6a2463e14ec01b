"""Whether a resolved recipe can run at all: asked once all overrides are in, before anything expensive starts."""

from __future__ import annotations

from typing import Any

from preprocessing.errors import UsageError


def check_recipe(recipe: Any) -> None:
    """Look at the numbers of ``recipe`` (a ``run.Partial``) that must go together.

    Raises:
        UsageError: they don't; one sentence for each fault, with the remedy.
    """
    faults = [*_devices(recipe), *_model(recipe), *_batches(recipe), *_lengths(recipe), *_optimizer(recipe)]
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


def _optimizer(recipe: Any) -> list[str]:
    optimizer = recipe.optim.config
    if getattr(optimizer, "use_precision_aware_optimizer", False) and not optimizer.use_distributed_optimizer:
        return ["the precision-aware optimizer needs optim.config.use_distributed_optimizer=true"]
    return []


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
