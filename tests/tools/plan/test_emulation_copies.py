"""The plan's copies of the NVFP4 emulation, against what one product of it allocates at once on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from recipes.formats import format_named
from recipes.hardware import Layout
from recipes.nvfp4.linear import Ingredients, linear
from recipes.shape import Shape
from tools.plan.configuration import Configuration
from tools.plan.memory import emulation


def most_allocated(function: Callable[[], object]) -> int:
    """Bytes that were allocated at once in ``function``, beyond those before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


@pytest.mark.parametrize(("hidden", "feed_forward", "tokens"), [(512, 2048, 256), (256, 512, 2048), (256, 256, 512)])
def test_copies_are_those_of_the_widest_product_and_at_most_a_quarter_more(
    hidden: int, feed_forward: int, tokens: int
) -> None:
    configuration = Configuration(
        shape=Shape(8, hidden, feed_forward, 4, 4, hidden // 4, 2048),
        layout=Layout(1, "adam", "none"),
        format=format_named("nvfp4-emulated"),
        sequence_length=tokens,
        micro_batch_size=1,
        global_batch_size=1,
        gpu=None,
    )
    x = torch.randn(tokens, hidden, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(2 * feed_forward, hidden, dtype=torch.bfloat16, requires_grad=True)
    made: list[torch.Tensor] = []

    def uniform(shape: torch.Size, device: torch.device) -> torch.Tensor:
        return torch.rand(shape, device=device)

    forward = most_allocated(lambda: made.append(linear(x, weight, Ingredients(), uniform)))
    gradient = torch.randn(tokens, 2 * feed_forward, dtype=torch.bfloat16)
    backward = most_allocated(lambda: made[0].backward(gradient))
    assert 1.0 <= emulation(configuration).bytes / max(forward, backward) < 1.25
