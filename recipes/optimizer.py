"""Adam, what it holds of a parameter, and its learning-rate schedule."""

from __future__ import annotations

import nemo_run as run
import torch
from megatron.core.optimizer import OptimizerConfig
from nemo.lightning.pytorch.optim import CosineAnnealingScheduler, MegatronOptimizerModule

from recipes.adam_in_pieces import PiecewiseOptimizerModule
from recipes.precision import weight_type
from recipes.request import Request

# the types of the first and the second moment by mode; Megatron calls FP8 under one scale a tensor uint8. Not for the
# second: a gradient below 1/480 of its tensor's largest has the square 0 there, and Adam divides by its root. Steps of
# thousands of learning rates come of it (tools/bench/moments.py)
_MOMENTS = {
    "precision-aware": (torch.uint8, torch.bfloat16),
    "precision-aware-bf16": (torch.bfloat16, torch.bfloat16),
}


def bf16_gradients(request: Request) -> bool:
    """Whether gradients are held in BF16."""
    return request.layout.optimizer in _MOMENTS


def adam(request: Request, steps: int) -> run.Config[MegatronOptimizerModule]:
    """Megatron's Adam with linear warm-up and cosine decay over ``steps``.

    ``adam`` holds a parameter in 18 bytes: FP32 gradient, master weight and moments beside the BF16 weight.
    ``precision-aware`` takes 9: BF16 weight and gradient, the master weight as a 16-bit remainder of the BF16 weight,
    the first moment in FP8, the second in BF16 (Megatron-Core's precision-aware optimizer); with
    ``precision-aware-bf16`` both are BF16, 10.

    Adapters learn ``learning_rate_factor`` times as fast.
    """
    stage, layout = request.stage, request.layout
    factor = request.adapters.learning_rate_factor if request.adapters else 1.0
    config = run.Config(
        OptimizerConfig,
        optimizer="adam",
        lr=stage.learning_rate * factor,
        weight_decay=stage.weight_decay,
        adam_beta1=stage.adam_betas[0],
        adam_beta2=stage.adam_betas[1],
        clip_grad=stage.gradient_clip,
        bf16=weight_type(request.format) is torch.bfloat16,
        # shards states over data parallel ranks; on a CPU its checkpoints can't be resumed (core 0.15.3)
        use_distributed_optimizer=request.hardware.gpu,
    )
    if layout.optimizer in _MOMENTS:
        config.use_precision_aware_optimizer = True
        config.store_param_remainders = True
        config.main_grads_dtype = torch.bfloat16
        config.exp_avg_dtype, config.exp_avg_sq_dtype = _MOMENTS[layout.optimizer]
    return run.Config(
        PiecewiseOptimizerModule if request.hardware.gpu else MegatronOptimizerModule,
        config=config,
        lr_scheduler=run.Config(
            CosineAnnealingScheduler,
            max_steps=steps,
            warmup_steps=round(steps * stage.warmup_fraction),
            constant_steps=0,
            min_lr=stage.min_learning_rate * factor,
        ),
    )
