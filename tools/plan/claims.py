"""Claims that were made about training Llama 3.3 70B on four B200, each held against arithmetic."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from recipes.formats import format_named
from recipes.request import make_request
from tools.plan.configuration import Configuration
from tools.plan.from_request import configuration_of, stated_shape
from tools.plan.speed import step_time
from tools.plan.verdict import judge


@dataclass(frozen=True)
class Claim:
    """What was said, whether it can be, and by how much it is off."""

    said: str
    possible: bool
    why: str


def claims() -> list[Claim]:
    """Return the four claims, for ``cpt`` as it is set up for four B200."""
    request = make_request("cpt", hardware="4xb200", precision="nvfp4")
    shape = stated_shape(request.model, request.checkpoint)
    four = configuration_of(request, shape)
    return [_memory(four), _speed(four), _hours(four, request.stage.steps()), _saved(four)]


def _memory(four: Configuration, said: float = 50e9) -> Claim:
    each = four.shape.parameters / four.world_size
    least, frozen = 4 * each, 2 * each
    return Claim(
        "40 to 50 GB a GPU",
        least <= said,
        f"BF16 weights and gradients alone take {least / 1e9:.0f} GB, {least / said:.1f} times 50 GB; all of it "
        f"{judge(four).stage.peak / 1e9:.0f} GB. With LoRA, whose frozen weights take {frozen / 1e9:.0f} GB, it can be",
    )


def ceiling(four: Configuration) -> float:
    """Return tokens a second if every product ran at its data sheet's peak and nothing else took time.

    Attention, the output layer and the layers that stay BF16 run at the BF16 peak, the other layers at the format's.
    """
    gpu, shape, length = four.gpu, four.shape, four.sequence_length
    assert gpu is not None
    start, end = four.format.layers_in_bf16(shape.layers)
    quantized = 6 * (shape.layers - start - end) * shape.layer_weights
    rest = shape.training_flop(length) - quantized
    return four.world_size / (quantized / (gpu.peaks["nvfp4"] * 1e12) + rest / (gpu.peaks["bf16"] * 1e12))


def _speed(four: Configuration, said: float = 80_000) -> Claim:
    most, planned = ceiling(four), step_time(four).tokens_per_second
    return Claim(
        "80,000 to 100,000 tokens/s",
        most >= said,
        f"if every product ran at its peak and nothing else took time, it would be {most:,.0f}; planned are "
        f"{planned:,.0f}, {said / planned:.1f} to {1.25 * said / planned:.1f} times less than said",
    )


def _hours(four: Configuration, steps: int, said: float = 24.0) -> Claim:
    tokens = steps * four.global_batch_size * four.sequence_length
    least = tokens / ceiling(four) / 3600
    planned = steps * step_time(four).seconds / 3600
    return Claim(
        "20 to 24 hours for the whole run",
        least <= said,
        f"{tokens / 1e9:.1f} B tokens take {least:.0f} hours at that ceiling, and {planned:.0f} as planned "
        f"({planned / 24:.0f} days), {planned / said:.0f} times 24",
    )


def _saved(four: Configuration, said: float = 0.75) -> Claim:
    in_bf16 = dataclasses.replace(four, format=format_named("bf16"))
    plain = dataclasses.replace(in_bf16, layout=dataclasses.replace(four.layout, optimizer="adam"))
    now, before, default = (judge(each).stage.peak / 1e9 for each in (four, in_bf16, plain))
    return Claim(
        "NVFP4 saves 75 % of the memory",
        1 - now / before >= said,
        f"it takes {now:.0f} GB a GPU, BF16 {before:.0f}: weights, gradients and states stay as they are, and a copy "
        f"of the weights in four bits comes on top. What saves is the optimizer, {1 - now / default:.0%} of the "
        f"{default:.0f} GB that Megatron's default would take",
    )
