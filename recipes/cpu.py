"""NeMo and Megatron-Core on a CPU: everything that has to change, and why.

NeMo 2.7.3 and Megatron-Core 0.15.3 take a CUDA device for granted. :func:`activate` replaces the few dozen places
that would fail without one, and nothing else: the models, the parallel layers, the optimizer, the checkpoints and the
training loop that then run on gloo are NVIDIA's own. It is called by the ``cpu`` hardware profile and by the
checkpoint converters; where a GPU is there it refuses, so no GPU run can ever be affected.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import queue
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from preprocessing.errors import RecipeError

_active = False


def activate() -> None:
    """Make NeMo and Megatron-Core run on this process's CPU; a second call does nothing.

    Raises:
        RecipeError: a CUDA device is visible to this process.
    """
    global _active
    if _active:
        return
    if torch.cuda.is_available():
        raise RecipeError("the cpu profile was asked for where a GPU is visible; hide it with CUDA_VISIBLE_DEVICES=''")
    _quiet_cuda_runtime()
    _CudaToCpu().__enter__()  # stays for the life of the process
    _patch_megatron()
    _patch_nemo()
    _active = True


class _NoStream:
    """Stands in for a CUDA stream or event: CPU work is already in order when the call returns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for."""

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""

    def synchronize(self) -> None:
        """Nothing is under way."""


def _quiet_cuda_runtime() -> None:
    """Give the calls that only order or place CUDA work their meaning on a CPU."""
    cuda: Any = torch.cuda
    # streams: nemo/lightning/megatron_parallel.py:617, core param_and_grad_buffer.py:370-463
    cuda.Stream = _NoStream
    cuda.stream = lambda stream: contextlib.nullcontext()
    cuda.current_stream = cuda.default_stream = lambda device=None: _NoStream()
    # placement: `device=torch.cuda.current_device()` stands in about sixty places of Megatron-Core
    cuda.current_device = lambda: "cpu"
    cuda.set_device = lambda device: None
    # waiting and housekeeping: core timers.py:149, filesystem_async.py:230, nemo megatron_strategy.py:1149
    cuda.synchronize = lambda device=None: None
    cuda.empty_cache = lambda: None
    # modules are on the CPU already: nemo megatron_parallel.py:577 calls module.cuda()
    torch.nn.Module.cuda = lambda self, device=None: self  # type: ignore[method-assign,assignment]


class _CudaToCpu(TorchFunctionMode):
    """Rewrites the device of tensor calls that name "cuda" and drops pinned memory.

    For literals in the code: core schedules.py:573, clip_grads.py:103, optimizer.py:477, rerun_state_machine.py:310;
    nemo megatron_strategy.py:801-888, data_sampler.py:192, gpt/model/base.py:103.
    """

    cuda_type_names = False  # whether Tensor.type() answers "torch.cuda.FloatTensor", see _with_cuda_type_names

    def __torch_function__(
        self, func: Callable[..., Any], kinds: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.cuda:
            return args[0]
        if func is torch.Tensor.pin_memory:
            return args[0]
        if "pin_memory" in kwargs:
            kwargs["pin_memory"] = False
        if _names_cuda(kwargs.get("device")):
            kwargs["device"] = "cpu"
        if func is torch.Tensor.to:
            args = tuple("cpu" if _names_cuda(arg) else arg for arg in args)
        result = func(*args, **kwargs)
        if func is torch.Tensor.type and isinstance(result, str) and self.cuda_type_names:
            return result.replace("torch.", "torch.cuda.", 1)
        return result


def _names_cuda(value: Any) -> bool:
    if isinstance(value, torch.device):
        return value.type == "cuda"
    return isinstance(value, str) and value.split(":")[0] == "cuda"


# Fused kernels, and the like, that exist on CUDA alone. Set in TransformerConfig.__post_init__ and not in the recipe,
# because both restored checkpoints and NeMo's set_model_parallel_attributes bring them back.
_CUDA_FUSIONS = (
    "apply_rope_fusion",
    "masked_softmax_fusion",
    "bias_activation_fusion",
    "bias_dropout_fusion",
    "persist_layer_norm",
    "cross_entropy_loss_fusion",
    "gradient_accumulation_fusion",
    # not a fusion: frees an output whose sending has only begun, which NCCL provides for and gloo does not
    "deallocate_pipeline_outputs",
)


def _patch_megatron() -> None:
    from megatron.core.dist_checkpointing.strategies import filesystem_async
    from megatron.core.optimizer import OptimizerConfig, clip_grads, optimizer
    from megatron.core.tensor_parallel import random
    from megatron.core.tensor_parallel.random import CheckpointWithoutOutput, CudaRNGStatesTracker
    from megatron.core.transformer.torch_norm import WrappedTorchNorm
    from megatron.core.transformer.transformer_config import TransformerConfig

    # the tracker swaps CUDA generator states, which are never seeded here (dot_product_attention.py:207)
    CudaRNGStatesTracker.fork = lambda self, name=None: contextlib.nullcontext()

    # Recomputation of activations puts the generators of CPU and CUDA back to where the forward pass had them
    # (tensor_parallel/random.py:374-386). On a CPU all numbers come from the first, and the second has no state.
    random._get_cuda_rng_state = lambda *args, **kwargs: None
    random._set_cuda_rng_state = lambda *args, **kwargs: None
    # that of norms takes its own default, fp8=False, for FP8, and asks Transformer Engine (random.py:536)
    start = CheckpointWithoutOutput.__init__
    CheckpointWithoutOutput.__init__ = lambda self, fp8=None: start(self, fp8 or None)

    original_post_init = TransformerConfig.__post_init__

    @functools.wraps(original_post_init)
    def post_init(self: Any) -> None:
        for fusion in _CUDA_FUSIONS:
            if hasattr(self, fusion):
                setattr(self, fusion, False)
        original_post_init(self)

    TransformerConfig.__post_init__ = post_init

    # Torch's norms are refused under sequence parallelism (transformer/torch_norm.py:32) for want of one thing, which
    # Transformer Engine's have: a mark on their weights that a rank's gradients are those of its own tokens, so that
    # they are summed over the ranks (distributed/finalize_model_grads.py:346).
    original_norm = WrappedTorchNorm.__new__

    def norm(kind: Any, config: Any, *args: Any, **kwargs: Any) -> torch.nn.Module:
        unparted = copy.copy(config)
        unparted.sequence_parallel = False
        made: torch.nn.Module = original_norm(kind, unparted, *args, **kwargs)
        for weight in made.parameters():
            weight.sequence_parallel = config.sequence_parallel  # type: ignore[attr-defined]
        return made

    WrappedTorchNorm.__new__ = staticmethod(norm)

    # A checkpoint says which optimizer its run had, and a conversion, which needs none, builds that with the model. The
    # precision-aware one refuses to be built where Transformer Engine, whose Adam it is, is not installed
    original_check = OptimizerConfig.__post_init__

    @functools.wraps(original_check)
    def check(self: Any) -> None:
        if self.use_precision_aware_optimizer:
            self.use_precision_aware_optimizer = False
            self.main_grads_dtype = self.exp_avg_dtype = self.exp_avg_sq_dtype = torch.float32
        original_check(self)

    OptimizerConfig.__post_init__ = check

    # Results of a checkpoint save come back through the queue of a spawned manager process, which imports the main
    # program once more (20 s, and a crash where it has no `if __name__` guard). Saves on a CPU are synchronous: the
    # process that puts is the one that gets.
    results: queue.Queue[Any] = queue.Queue()
    filesystem_async._get_write_results_queue = lambda: results

    # These compare Tensor.type() with the names of CUDA types; they get the CUDA name of the same dtype, so that
    # Megatron's own sorting of parameters and its own clipping run (clip_grads.py:167, optimizer.py:667).
    # get_megatron_optimizer's module imported the function by name, so it is replaced there too.
    clip = _with_cuda_type_names(clip_grads.clip_grad_by_total_norm_fp32)
    clip_grads.clip_grad_by_total_norm_fp32 = clip
    optimizer.clip_grad_by_total_norm_fp32 = clip
    mixed = optimizer.Float16OptimizerWithFloat16Params
    mixed.__init__ = _with_cuda_type_names(mixed.__init__)


def _with_cuda_type_names(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _CudaToCpu.cuda_type_names = True
        try:
            return function(*args, **kwargs)
        finally:
            _CudaToCpu.cuda_type_names = False

    return wrapped


def _patch_nemo() -> None:
    from nemo.collections.llm.peft import lora, utils
    from nemo.lightning.io import pl as nemo_io
    from nemo.lightning.pytorch.callbacks.megatron_comm_overlap import MegatronCommOverlapCallback
    from nemo.lightning.pytorch.callbacks.progress_printer import ProgressPrinter

    # asserts a CUDA device and moves loaded tensors to it (io/pl.py:307); ours are where they belong
    nemo_io._fix_tensors_device = lambda checkpoint: checkpoint
    # rank 0 alone prints, and the timers' text needs an all-gather of every rank: with more than one process the
    # next collective (a checkpoint save) waits for ever (progress_printer.py:153, megatron timers.py:286)
    ProgressPrinter.log_megatron_timers = lambda self, timers: None
    # advice about a variable of CUDA, by the GPU's capability (megatron_comm_overlap.py:207)
    MegatronCommOverlapCallback._check_num_cuda_device_max_connections = lambda self: None
    # adapters compare each layer's class with Transformer Engine's. Where that is not installed, Megatron's names for
    # its layers are None, which NeMo takes for their being there (peft/utils.py:56), and te.Linear raises (lora.py:703)
    if not lora.HAVE_TE:
        utils.HAVE_TE = False
        lora.te = types.SimpleNamespace(Linear=None)
