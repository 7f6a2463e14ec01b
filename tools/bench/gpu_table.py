"""The table of gpu_layers: how the loss of each precision went, how fast it was, and what that is of the peak."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from recipes.gpus import GPUS
from recipes.monitoring.throughput import peak_tflops
from tools.bench.gpu_plan import LAYERS, VOCABULARY, Plan, seventy

BASELINE = "bf16"
#: NVIDIA's published figures for Llama 3 70B in FP8 on 64 H100 (TP 4, PP 8, sequences of 8192): tokens/s and TFLOP/s a
#: GPU.
PUBLISHED_TOKENS, PUBLISHED_TFLOPS = 1664, 731
_PUBLISHED_CHIP = "h100"


@dataclass(frozen=True)
class Measured:
    """One run: the loss and the seconds of each step and the most memory that tensors took; or why it failed."""

    precision: str
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peak_gb: float = 0.0
    planned_gb: float = 0.0  # by tools.plan
    failure: str | None = None


def flop(plan: Plan, causal: bool = True) -> float:
    """FLOP of training on a token of ``plan``."""
    return plan.shape.training_flop(plan.sequence_length, causal=causal)


def quantized_share(plan: Plan) -> float:
    """Part of the FLOP that an 8-bit format computes: those of the layers' weights. Attention and output stay BF16."""
    return 6 * plan.layers * plan.shape.layer_weights / flop(plan)


def table(plan: Plan, found: list[Measured], chip: str) -> list[str]:
    """Return the lines of the Markdown table, and what to know about it."""
    base = next((item for item in found if item.precision == BASELINE and not item.failure), None)
    lines = [
        "| precision | loss, first and last step | farthest from BF16 | tokens/s | TFLOP/s causal (non-causal) | MFU "
        "| of the published TFLOP/s | memory (GB) | planned |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(plan, item, base, chip) for item in found),
    ]
    peak = GPUS[_PUBLISHED_CHIP].peaks["fp8"]
    lines.append(
        f"| FP8, published: 70B on 64 H100, 8192 tokens | | | {PUBLISHED_TOKENS} | {PUBLISHED_TFLOPS} | "
        f"{PUBLISHED_TFLOPS / peak:.0%} | | | |"
    )
    return [*lines, "", *_notes(plan, chip)]


def _row(plan: Plan, item: Measured, base: Measured | None, chip: str) -> str:
    if item.failure:
        reason = " ".join(item.failure.split()).replace("|", "/")
        return f"| {item.precision} | FAILED: {reason} | | | | | | | |"
    # the first steps compile, and choose kernels
    settled = item.seconds[len(item.seconds) // 2 :]
    rate = plan.global_batch * plan.sequence_length / statistics.median(settled)
    tflops = rate * flop(plan) / 1e12
    peak = peak_tflops(chip, item.precision)
    apart = ""
    if base and item is not base:
        worst = max(abs(one / other - 1) for one, other in zip(item.losses, base.losses, strict=True))
        apart = f"{worst:.2%}"
    cells = [
        item.precision,
        f"{item.losses[0]:.4f} -> {item.losses[-1]:.4f}",
        apart,
        f"{rate:,.0f}",
        f"{_number(tflops)} ({_number(rate * flop(plan, causal=False) / 1e12)})",
        f"{tflops / peak:.1%}" if peak else "",
        f"{tflops / PUBLISHED_TFLOPS:.0%}" if peak else "",
        f"{item.peak_gb:.1f}",
        f"{item.planned_gb:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _notes(plan: Plan, chip: str) -> list[str]:
    whole = seventy(LAYERS, vocabulary=VOCABULARY, sequence_length=plan.sequence_length)
    recompute = {"none": "nothing recomputed"}.get(plan.recompute, f"{plan.recompute} recomputation")
    notes = [
        f"{plan.layers} layers of width {plan.hidden} (MLP {plan.ffn}, {plan.heads} heads, {plan.kv_heads} of keys and "
        f"values), vocabulary {plan.vocabulary:,}, {plan.sequence_length} tokens, micro batch {plan.micro_batch}, "
        f"{plan.global_batch} sequences a step, {recompute}. {plan.steps} steps; speed is the median of the second "
        "half. All layers are in the precision named.",
        f"A token takes {flop(plan) / 1e9:.4g} GFLOP causal, {flop(plan, causal=False) / 1e9:.4g} non-causal; "
        "MFU is by the causal count and the dense peak of the precision. The published figures are "
        f"{PUBLISHED_TFLOPS / PUBLISHED_TOKENS * 1e3:.0f} GFLOP a token.",
        f"Of the causal FLOP {quantized_share(plan):.1%} are products that an 8-bit format computes; attention and the "
        f"output layer stay BF16. (Llama 3.3 70B at this length: {quantized_share(whole):.1%}.)",
    ]
    peaks = GPUS[chip].peaks if chip in GPUS else {}
    if "fp8" in peaks:
        share = quantized_share(plan)
        best = 1 / (share + (1 - share) * peaks["fp8"] / peaks["bf16"])
        notes.append(f"With every product at its peak, FP8 could so reach an MFU of {best:.0%}.")
    return notes
