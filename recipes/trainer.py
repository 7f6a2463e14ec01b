"""The trainer of a recipe: devices, parallelism, precision and intervals."""

from __future__ import annotations

import nemo_run as run
import torch
from megatron.core.distributed import DistributedDataParallelConfig
from nemo import lightning as nl

from recipes import precision
from recipes.settings import Hardware, Stage


def trainer(
    stage: Stage,
    hardware: Hardware,
    choice: precision.Precision,
    steps: int,
    callbacks: list[run.Config],
) -> run.Config[nl.Trainer]:
    """NeMo's trainer for ``steps`` steps of ``stage`` on ``hardware``."""
    return run.Config(
        nl.Trainer,
        accelerator="gpu" if hardware.gpu else "cpu",
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=_strategy(hardware, choice),
        plugins=precision.plugin(choice, bf16_gradients=hardware.optimizer == "precision-aware"),
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


def _strategy(hardware: Hardware, choice: precision.Precision) -> run.Config:
    common = {
        "tensor_model_parallel_size": hardware.tensor_parallel,
        "pipeline_model_parallel_size": hardware.pipeline_parallel,
        # always set: without it an override to pipeline_model_parallel_size=2 would be refused
        "pipeline_dtype": choice.weights,
        "sequence_parallel": hardware.sequence_parallel,
        "gradient_as_bucket_view": True,
        "replace_progress_bar": False,
    }
    if not hardware.gpu:
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
        nl.MegatronStrategy,
        ckpt_async_save=True,
        ddp=run.Config(
            DistributedDataParallelConfig,
            use_distributed_optimizer=True,
            grad_reduce_in_fp32=hardware.optimizer != "precision-aware",
            check_for_nan_in_grad=True,
            # both overlap communication between data parallel ranks; with one there is nothing to overlap
            overlap_grad_reduce=_data_parallel(hardware) > 1,
            overlap_param_gather=_data_parallel(hardware) > 1,
        ),
        **common,
    )


def _data_parallel(hardware: Hardware) -> int:
    return hardware.world_size // (hardware.tensor_parallel * hardware.pipeline_parallel)


def recompute(hardware: Hardware) -> dict[str, object]:
    """Fields of the model's configuration that set activation recomputation."""
    if hardware.recompute == "full":
        return {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1}
    if hardware.recompute == "selective":
        return {"recompute_granularity": "selective"}
    return {}


def compute_dtypes(choice: precision.Precision) -> dict[str, object]:
    """Fields of the model's configuration that follow from the precision."""
    return {
        "bf16": choice.weights is torch.bfloat16,
        "fp16": False,
        "params_dtype": choice.weights,
        "autocast_dtype": choice.weights,
    }
