"""Numbers of a recipe that do not go together are refused before anything starts, each with its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes.request import make_request

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def compose(*overrides: str, stage: str = "cpt", **more: Any) -> Any:
    from tools.train import compose

    return compose(make_request(stage, checkpoint=Path("none"), **more), overrides)


STRATEGY = "trainer.strategy."
#: Whatever the profile of the hardware says; what stands after it in a list of overrides counts.
TENSOR_PARALLEL = (
    f"{STRATEGY}tensor_model_parallel_size=4",
    f"{STRATEGY}pipeline_model_parallel_size=1",
    f"{STRATEGY}virtual_pipeline_model_parallel_size=None",
)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["trainer.devices=6"], r"= 4 x 1 x 1 does not divide its 6 devices; change trainer\.devices"),
        (["trainer.devices=3", f"{STRATEGY}tensor_model_parallel_size=3"], "64 attention heads must be a multiple of"),
        (
            ["trainer.devices=16", f"{STRATEGY}tensor_model_parallel_size=16"],
            r"8 key-value heads must be a multiple of trainer\.strategy\.tensor_model_parallel_size=16",
        ),
        (
            ["trainer.devices=12", f"{STRATEGY}pipeline_model_parallel_size=3"],
            "80 layers do not divide over 3 stages of the pipeline",
        ),
        (["data.seq_length=2048"], r"data\.seq_length=2048 and model\.config\.seq_length=4096 disagree; set both"),
        (["data.seq_length=4098", "model.config.seq_length=4098"], "sequences of 4098 tokens do not divide over 4"),
        (["data.global_batch_size=127", "data.micro_batch_size=2"], r"data\.global_batch_size=127 must be a multiple"),
        (["optim.config.optimizer_cpu_offload=true"], "puts the weights from before the checkpoint back"),
        (["optim.config.use_distributed_optimizer=false"], r"needs optim\.config\.use_distributed_optimizer=true"),
    ],
)
def test_what_does_not_divide_or_agree_is_refused(overrides: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        compose(*TENSOR_PARALLEL, *overrides)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"^this recipe can't run: .*heads.*; .*disagree"):
        compose(
            *TENSOR_PARALLEL, "trainer.devices=3", f"{STRATEGY}tensor_model_parallel_size=3", "data.seq_length=2048"
        )


def test_micro_batches_fill_an_interleaved_pipeline() -> None:
    with pytest.raises(UsageError, match="3 micro-batches a step must be a multiple of the 4 pipeline stages"):
        compose("data.global_batch_size=3", hardware="8xb200")
    assert compose("data.global_batch_size=8", hardware="8xb200").data.global_batch_size == 8


def test_remainders_of_bf16_weights_need_bf16_weights() -> None:
    with pytest.raises(UsageError, match="adds 16 bits to BF16 weights, and these are FP32; use --precision bf16"):
        compose(precision="fp32")
    assert compose(precision="fp32", peft="lora").optim.config.bf16 is False


def test_sequences_divide_over_context_parallel_parts() -> None:
    lengths = ("data.seq_length=4100", "model.config.seq_length=4100")
    with pytest.raises(UsageError, match=r"sequences of 4100 tokens do not divide over 2 x 4 context parallel parts"):
        compose("trainer.devices=16", f"{STRATEGY}context_parallel_size=4", *lengths)


def test_adapters_of_a_model_in_pieces_are_refused_for_nemo_would_save_none_of_them() -> None:
    pieces = f"{STRATEGY}virtual_pipeline_model_parallel_size=5"
    with pytest.raises(UsageError, match=r"NeMo 2\.7\.3 saves no adapters .* virtual pipeline pieces; set trainer\."):
        compose(pieces, peft="lora")


def test_sequence_parallelism_needs_tensor_parallelism() -> None:
    one = (*TENSOR_PARALLEL, f"{STRATEGY}tensor_model_parallel_size=1")
    with pytest.raises(UsageError, match="sequence parallelism needs at least 2 tensor parallel devices"):
        compose(*one)
    assert compose(*one, f"{STRATEGY}sequence_parallel=false").trainer.strategy.tensor_model_parallel_size == 1


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("trainer.devices=auto", "trainer.devices must be a whole number of at least 1, not auto"),
        ("trainer.max_steps=-5", "trainer.max_steps must be a whole number of at least 1, not -5"),
        ("optim.config.lr=nan", "optim.config.lr must be a number above 0, not nan"),
        ("optim.config.lr=-1", "optim.config.lr must be a number above 0, not -1"),
        ("optim.config.lr=None", "optim.config.lr must be a number above 0, not None"),
        ("optim.config.lr=1e-6", r"min_lr=2e-06, where the rate ends, is above optim\.config\.lr=1e-06; set both"),
        ("optim.config.clip_grad=-1", "optim.config.clip_grad must be a number of at least 0, not -1"),
        ("trainer.limit_val_batches=0", "trainer.limit_val_batches must be a number above 0, not 0"),
        ("optim=None", "optim is not set, and no run starts without it"),
        ("model=None", "model is not set"),
        ("trainer.strategy=None", r"trainer\.strategy is not set"),
        ("log.ckpt=None", r"log\.ckpt is not set"),
        ("trainer.callbacks=None", "trainer.callbacks must be a list"),
        (f"{STRATEGY}tensor_model_parallel_size=0", "tensor_parallel must be at least 1, not 0"),
        (f"{STRATEGY}virtual_pipeline_model_parallel_size=-5", "virtual_pipeline must be at least 1, not -5"),
        (
            "trainer.plugins.fp8=hybrid",
            r"plugins\.fp4 and trainer\.plugins\.fp8 exclude one another; choose one with --pre",
        ),
        (
            "optim.config.use_precision_aware_optimizer=false",
            r"only the precision-aware optimizer holds optim\.config\.main_grads_dtype=bfloat16, .*_avg_dtype=uint8, "
            r".*; leave optim\.config\.use_precision_aware_optimizer out, or set optimizer: adam",
        ),
    ],
)
def test_what_no_run_could_start_with_is_refused_in_a_sentence(override: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        compose(override)


def test_the_rank_of_adapters_is_a_positive_number() -> None:
    for rank in (0, -2):
        with pytest.raises(UsageError, match=f"adapter_rank must be at least 1, not {rank}"):
            compose(f"peft.dim={rank}", peft="lora")


@pytest.mark.parametrize(
    ("precision", "length", "sentence"),
    [
        (
            "fp8-delayed",
            4100,
            "FP8 takes multiples of 16, and 4100 tokens of a micro-batch do not divide into them over 4",
        ),
        ("fp8-current", 4100, "FP8 takes multiples of 16"),
        ("fp8-blockwise", 4160, "blockwise FP8 with sequence parallelism takes blocks of 128, and 4160 tokens"),
        ("mxfp8", 4160, "MXFP8 takes blocks of 32, and 4160 tokens of a micro-batch"),
        ("nvfp4", 4132, "NVFP4 takes blocks of 16, and 4132 tokens of a micro-batch"),
    ],
)
def test_products_in_few_bits_take_whole_blocks(precision: str, length: int, sentence: str) -> None:
    hardware = "8xh100" if precision == "fp8-blockwise" else "8xb200"
    layout = ("trainer.devices=4", *TENSOR_PARALLEL, "data.global_batch_size=128")
    lengths = (f"data.seq_length={length}", f"model.config.seq_length={length}")
    with pytest.raises(UsageError, match=sentence):
        compose(*layout, *lengths, precision=precision, hardware=hardware)
    fitting = (f"data.seq_length={length // 512 * 512}", f"model.config.seq_length={length // 512 * 512}")
    assert compose(*layout, *fitting, precision=precision, hardware=hardware).data.global_batch_size == 128
