"""The trainer of a recipe: devices, parallelism, precision and intervals.

What communication runs beside compute is decided when a run starts, by NeMo's ``MegatronCommOverlapCallback`` (among
the callbacks of :mod:`recipes.cpt`) from the layout that overrides may have changed: between data parallel ranks where
there are several, and between pipeline stages where these have several pieces of the model. The latter must be so: with
two stages Megatron's batched sends go to and come from the same rank, and activations arrive where gradients are
awaited, without an error.
"""

from __future__ import annotations

import nemo_run as run
import torch
from megatron.core.distributed import DistributedDataParallelConfig
from nemo import lightning as nl

from recipes import precision
from recipes.optimizer import bf16_gradients
from recipes.request import Request
from recipes.strategy import AnyLayersStrategy


def trainer(request: Request, layers: int, steps: int, callbacks: list[run.Config]) -> run.Config[nl.Trainer]:
    """NeMo's trainer for ``steps`` steps of a model with so many ``layers``."""
    stage, hardware = request.stage, request.hardware
    return run.Config(
        nl.Trainer,
        accelerator="gpu" if hardware.gpu else "cpu",
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=_strategy(request),
        plugins=precision.plugin(request.format, layers, bf16_gradients(request)),
        max_steps=steps,
        val_check_interval=stage.validate_every,
        check_val_every_n_epoch=None,  # counted over the whole run, so that a run may also be shorter than an interval
        limit_val_batches=stage.validation_batches,
        limit_test_batches=0,
        log_every_n_steps=1,
        # Lightning would validate before the first step, on a number of batches that Megatron's sampler can't serve
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,  # our console line takes its place
        callbacks=callbacks,
    )


def _strategy(request: Request) -> run.Config:
    layout = request.layout
    common = {
        "tensor_model_parallel_size": layout.tensor_parallel,
        "pipeline_model_parallel_size": layout.pipeline_parallel,
        "virtual_pipeline_model_parallel_size": layout.virtual_pipeline,
        "context_parallel_size": layout.context_parallel,
        # always set: without it an override to pipeline_model_parallel_size=2 would be refused
        "pipeline_dtype": precision.weight_type(request.format),
        "sequence_parallel": layout.sequence_parallel,
        "gradient_as_bucket_view": True,
        "replace_progress_bar": False,
    }
    if not request.hardware.gpu:
        # importing this strategy activates the CPU support, see there
        from recipes.cpu_strategy import CpuMegatronStrategy

        return run.Config(
            CpuMegatronStrategy,
            process_group_backend="gloo",
            ckpt_async_save=False,  # nothing to overlap it with: the cores are all in use
            ddp=run.Config(DistributedDataParallelConfig, use_distributed_optimizer=False, overlap_grad_reduce=False),
            **common,
        )
    return run.Config(
        AnyLayersStrategy,
        ckpt_async_save=True,
        ddp=run.Config(
            DistributedDataParallelConfig,
            use_distributed_optimizer=True,
            grad_reduce_in_fp32=not bf16_gradients(request),
            # it would end the run at the first NaN; recipes.skip_steps looks at the norm over all ranks instead
            check_for_nan_in_grad=False,
        ),
        **common,
    )


def compute_dtypes(request: Request) -> dict[str, object]:
    """Fields of the model's configuration that follow from the precision."""
    weights = precision.weight_type(request.format)
    return {"bf16": weights is torch.bfloat16, "fp16": False, "params_dtype": weights, "autocast_dtype": weights}
