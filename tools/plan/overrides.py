"""A layout as NeMo's dotted overrides, ready for ``cpt`` and ``sft``."""

from __future__ import annotations

from recipes.hardware import Layout
from recipes.request import Request, packed
from tools.plan.configuration import Configuration

_STRATEGY = "trainer.strategy"
_BF16, _FP32, _FP8 = "torch.bfloat16", "torch.float32", "torch.uint8"  # Megatron calls scaled FP8 uint8
_MOMENTS = {"adam": (_FP32, _FP32), "precision-aware-bf16": (_BF16, _BF16), "precision-aware": (_FP8, _BF16)}


def overrides(configuration: Configuration, request: Request) -> list[str]:
    """Return what turns the recipe of ``request`` into that of ``configuration``; [] where they are laid out alike."""
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
