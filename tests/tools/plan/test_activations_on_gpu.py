"""What a layer of Llama 3.3 70B saves on a GPU: arithmetic on what Transformer Engine 2.9 and Megatron-Core save."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from recipes.formats import FORMATS, format_named
from recipes.gpus import GPUS
from recipes.hardware import Layout
from recipes.settings import load_adapters
from recipes.shape import Shape
from tools.plan.activations import activations, head, kept, layer
from tools.plan.configuration import Configuration

HIDDEN, WIDE, QUERIES, KEYS, HEADS, WORDS, TOKENS = 8192, 28672, 8192, 1024, 64, 128256, 4096
SEVENTY = Shape(80, HIDDEN, WIDE, HEADS, 8, 128, WORDS)
#: Bytes of a quantized number with its share of a scale.
BYTES = {
    "fp8-delayed": 1.0,
    "fp8-current": 1.0,
    "fp8-blockwise": 1 + 4 / 128,
    "mxfp8": 1 + 1 / 32,
    "nvfp4": 0.5 + 1 / 16,
}
LAYOUTS = {"TP 1": (1, False), "TP 4": (4, False), "TP 4, sequence parallel": (4, True)}


def planned(form: str, peft: str | None = None, layout: str = "TP 1", **more: Any) -> Configuration:
    tensor, sequence_parallel = LAYOUTS[layout]
    return Configuration(
        shape=SEVENTY,
        layout=Layout(tensor, "adam", more.pop("recompute", "none"), sequence_parallel=sequence_parallel),
        format=format_named(form),
        sequence_length=TOKENS,
        micro_batch_size=1,
        global_batch_size=8,
        gpu=GPUS["h100" if form == "fp8-blockwise" else "b200"],
        devices=8,
        adapters=load_adapters(peft) if peft else None,
        **more,
    )


def rows(configuration: Configuration, quantized: bool = True) -> dict[str, float]:
    """Bytes a token."""
    return {row.name: row.bytes / TOKENS for row in layer(configuration, quantized)}


def everything() -> Iterator[tuple[str, str | None, str]]:
    return product(FORMATS, (None, "lora", "dora"), LAYOUTS)


def test_in_bf16_every_product_saves_its_input_and_attention_its_result() -> None:
    assert rows(planned("bf16")) == {
        "inputs of both norms": 2 * 2 * HIDDEN + 2 * 4,  # and a root of mean squares each, FP32
        "queries, keys, values": 2 * (QUERIES + 2 * KEYS),
        "sums of the softmax, FP32": 4 * HEADS,
        "attention's result": 2 * QUERIES,  # which the projection reads
        "gate and up": 2 * 2 * WIDE,
        "normalised inputs of qkv and fc1": 2 * 2 * HIDDEN,
        "input of fc2": 2 * WIDE,
    }


@pytest.mark.parametrize("form", BYTES)
def test_quantized_inputs_are_saved_as_the_gradient_of_the_weight_reads_them(form: str) -> None:
    found = rows(planned(form))
    assert found["normalised inputs of qkv and fc1"] == 2 * BYTES[form] * HIDDEN
    assert found["input of fc2"] == BYTES[form] * WIDE


@pytest.mark.parametrize("form", BYTES)
def test_the_projection_has_a_copy_of_its_own_in_nvfp4_and_with_delayed_scaling(form: str) -> None:
    """Else Megatron-Core sets ``save_original_input``: what attention keeps in BF16 serves both."""
    found = rows(planned(form))
    assert found["attention's result"] == 2 * QUERIES
    assert found.get("quantized input of proj", 0) == (BYTES[form] * QUERIES if form in ("fp8-delayed", "nvfp4") else 0)


@pytest.mark.parametrize("form", ["bf16", *BYTES])
def test_under_sequence_parallelism_nvfp4_keeps_normalised_inputs_twice(form: str) -> None:
    """By rows and by columns; of the inputs of proj and fc2, which are not gathered, the columns alone."""
    found = rows(planned(form, layout="TP 4, sequence parallel"))
    once = 2 * BYTES.get(form, 2) * HIDDEN / 4
    assert found["normalised inputs of qkv and fc1"] == once * (2 if form == "nvfp4" else 1)
    assert found["input of fc2"] == BYTES.get(form, 2) * WIDE / 4
    assert rows(planned(form, layout="TP 4"))["normalised inputs of qkv and fc1"] == 4 * once


@pytest.mark.parametrize("form", ["bf16", *BYTES])
def test_a_layer_that_stays_bf16_saves_what_one_of_bf16_does(form: str) -> None:
    for peft, layout in product((None, "lora"), LAYOUTS):
        assert rows(planned(form, peft, layout), quantized=False) == rows(planned("bf16", peft, layout))


@pytest.mark.parametrize("form", ["bf16", *BYTES])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frozen_product_behind_a_norm_saves_what_it_read_beside_its_adapters_input(form: str, layout: str) -> None:
    """But where they are one tensor: in BF16 without sequence parallelism."""
    found = rows(planned(form, "lora", layout))
    split = 4 if "sequence" in layout else 1
    expected = 0 if form == "bf16" and split == 1 else BYTES.get(form, 2) * HIDDEN / split
    for name in ("qkv", "fc1"):
        assert found[f"input of the adapter of {name}"] == 2 * HIDDEN  # gathered
        assert found.get(f"normalised input of {name}", 0) == expected


def test_frozen_products_without_adapters_save_nothing() -> None:
    some = planned("nvfp4", "lora")
    some = dataclasses.replace(some, adapters=dataclasses.replace(some.adapters, layers=["linear_fc2"]))
    names = set(rows(some)) - set(rows(planned("bf16")))
    assert names == {"input of the adapter of fc2", "low-rank product of fc2"}


@pytest.mark.parametrize("gpu", [GPUS["b200"], None])
@pytest.mark.parametrize(("peft", "times"), [(None, 2 * 3 / 4), ("lora", 2)])
def test_emulated_products_save_what_each_has_gathered(gpu: Any, peft: str | None, times: float) -> None:
    """Of qkv and fc1 whole inputs in place of a fourth, or beside what the adapters have gathered."""
    emulated, plain = (
        dataclasses.replace(planned(form, peft, "TP 4, sequence parallel"), gpu=gpu)
        for form in ("nvfp4-emulated", "bf16")
    )
    beside = 0 if peft is None or gpu is None else 2 * 2 * HIDDEN / 4  # what BF16's fused products have of their own
    more = sum(row.bytes for row in layer(emulated)) - sum(row.bytes for row in layer(plain))
    assert more == TOKENS * (2 * times * HIDDEN - beside)
    assert kept(dataclasses.replace(emulated, layout=plain.layout), quantized=False) == kept(plain) - TOKENS * beside


def test_a_frozen_output_layer_saves_no_input() -> None:
    whole, frozen = (
        sum(row.bytes for row in head(planned("bf16", peft, "TP 4, sequence parallel"))) for peft in (None, "lora")
    )
    assert whole - frozen == 2 * TOKENS * HIDDEN / 4
    softmax, norm, targets = 4 * TOKENS * WORDS / 4, (2 * HIDDEN + 4) * TOKENS / 4, (8 + 1) * TOKENS
    assert frozen == softmax + norm + targets


@pytest.mark.parametrize("length", [4096, 8192])
def test_in_fp32_attention_keeps_its_scores_and_repeats_keys_and_values(length: int) -> None:
    long = dataclasses.replace(planned("fp32", layout="TP 4"), sequence_length=length)
    found = {row.name: row.bytes / length for row in layer(long)}
    assert found["attention's weights"] == 4 * HEADS * length / 4
    assert found["queries, keys, values"] == 4 * 3 * QUERIES / 4
    assert found["attention's result"] == 4 * QUERIES / 4


@pytest.mark.parametrize(("form", "peft", "layout"), everything())
def test_selective_recomputation_keeps_what_attention_reads_for_what_it_saves(
    form: str, peft: str | None, layout: str
) -> None:
    """Queries and keys after the rotation and, as the values are a view of it, the whole product before."""
    now = planned(form, peft, layout)
    recomputed = dataclasses.replace(now, layout=dataclasses.replace(now.layout, recompute="selective"))
    size, tensor = now.weight_bytes, now.layout.tensor_parallel
    read = size * (2 * QUERIES + 3 * KEYS) / tensor
    if form == "fp32":
        saved = size * (3 * QUERIES + HEADS * TOKENS) / tensor
    else:
        saved = (size * (QUERIES + 2 * KEYS) + 4 * HEADS) / tensor
        if peft is None and form in ("fp8-delayed", "nvfp4"):
            saved += size * QUERIES / tensor  # nothing else reads attention's result in BF16
    assert kept(recomputed) - kept(now) == TOKENS * (read - saved) + 4  # the kind of mask
    assert (kept(recomputed) < kept(now)) == (form == "fp32")


@pytest.mark.parametrize(("form", "peft", "layout"), everything())
def test_whole_layers_recomputed_keep_least(form: str, peft: str | None, layout: str) -> None:
    now = planned(form, peft, layout)
    full = dataclasses.replace(now, layout=dataclasses.replace(now.layout, recompute="full"))
    assert kept(full) < kept(now) / 4
    assert kept(full) == now.weight_bytes * TOKENS * HIDDEN / (4 if "sequence" in layout else 1)
    (_, again) = activations(full, 0)
    assert again.bytes == sum(row.bytes for row in layer(now))
