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
