"""The arithmetic of a token, against the published figures and against a count of a real model's products."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from recipes.monitoring.throughput import peak_tflops, training_flop_per_token
from recipes.shape import shape_of

LLAMA_70B = SimpleNamespace(
    num_layers=80,
    hidden_size=8192,
    ffn_hidden_size=28672,
    num_attention_heads=64,
    num_query_groups=8,
    kv_channels=128,
    vocab_size=128256,
)


def test_llama_3_70b_takes_the_published_449_gflop_a_token_causal() -> None:
    assert training_flop_per_token(LLAMA_70B, 8192) == pytest.approx(0.449e12, rel=0.002)


def test_attention_to_all_tokens_would_make_it_the_published_481() -> None:
    assert shape_of(LLAMA_70B).training_flop(8192, causal=False) == pytest.approx(0.481e12, rel=0.002)


def test_it_is_what_a_model_of_that_shape_computes() -> None:
    """PyTorch's own counter over forward and backward of the same architecture, which counts attention to all."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=24,
        vocab_size=512,
        attn_implementation="eager",
    )
    model: Any = LlamaForCausalLM(shape)
    tokens = torch.arange(32)[None]
    with FlopCounterMode(display=False) as counter:
        model(input_ids=tokens, labels=tokens).loss.backward()
    ours = SimpleNamespace(
        num_layers=3,
        hidden_size=64,
        ffn_hidden_size=96,
        num_attention_heads=4,
        num_query_groups=2,
        kv_channels=24,
        vocab_size=512,
    )
    causal, without = training_flop_per_token(ours, 32), training_flop_per_token(ours, 0)
    rotary = 2 * 12 * 32  # transformers computes the angles as a product, once, forward only
    assert counter.get_total_flops() == pytest.approx((without + 2 * (causal - without)) * 32 + rotary, rel=1e-3)


def test_adapters_spare_the_gradients_of_frozen_weights() -> None:
    full, lora = training_flop_per_token(LLAMA_70B, 4096), training_flop_per_token(LLAMA_70B, 4096, adapter_rank=64)
    assert 2 / 3 < lora / full < 0.70


@pytest.mark.parametrize(
    ("chip", "precision", "peak"),
    [
        ("h100", "bf16", 989),
        ("h200", "fp8-current", 1979),
        ("h100", "fp8-blockwise", 1979),
        ("b200", "mxfp8", 4500),
        ("gb200", "bf16", 2450),
        ("b200", "nvfp4", None),
        ("b200", "nvfp4-emulated", None),
        ("cpu", "fp32", None),
        ("h100", "fp32", None),
        ("a100", "fp8-current", None),
    ],
)
def test_the_peak_is_that_of_chip_and_format_and_none_where_a_share_would_mislead(
    chip: str, precision: str, peak: float | None
) -> None:
    assert peak_tflops(chip, precision) == peak
