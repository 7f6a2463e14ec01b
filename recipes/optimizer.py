"""Adam and its learning-rate schedule."""

from __future__ import annotations

import nemo_run as run
import torch
from megatron.core.optimizer import OptimizerConfig
from nemo.lightning.pytorch.optim import CosineAnnealingScheduler, MegatronOptimizerModule

from recipes.precision import Precision
from recipes.settings import Hardware, Stage


def adam(stage: Stage, hardware: Hardware, choice: Precision, steps: int) -> run.Config[MegatronOptimizerModule]:
    """Megatron's Adam with linear warm-up and cosine decay over ``steps``.

    ``precision-aware`` holds a parameter in 8 bytes instead of 18: BF16 weight and gradient, the master weight as a
    16-bit remainder of the BF16 weight, and both moments in FP8 (Megatron-Core's precision-aware optimizer).
    """
    config = run.Config(
        OptimizerConfig,
        optimizer="adam",
        lr=stage.learning_rate,
        weight_decay=stage.weight_decay,
        adam_beta1=stage.adam_betas[0],
        adam_beta2=stage.adam_betas[1],
        clip_grad=stage.gradient_clip,
        bf16=choice.weights is torch.bfloat16,
        # shards states over data parallel ranks; on a CPU its checkpoints can't be resumed (core 0.15.3)
        use_distributed_optimizer=hardware.gpu,
    )
    if hardware.optimizer == "precision-aware":
        config.use_precision_aware_optimizer = True
        config.store_param_remainders = True
        config.main_grads_dtype = torch.bfloat16
        config.exp_avg_dtype = torch.uint8  # Megatron's name for scaled FP8
        config.exp_avg_sq_dtype = torch.uint8
    return run.Config(
        MegatronOptimizerModule,
        config=config,
        lr_scheduler=run.Config(
            CosineAnnealingScheduler,
            max_steps=steps,
            warmup_steps=round(steps * stage.warmup_fraction),
            constant_steps=0,
            min_lr=stage.min_learning_rate,
        ),
    )
