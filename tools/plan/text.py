"""A plan in words and numbers for a terminal, and in values for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recipes.disk import readable
from tools.plan.budget import FREE_EPOCHS
from tools.plan.configuration import Configuration
from tools.plan.overrides import typed, typed_text
from tools.plan.parts import Part
from tools.plan.plan import Plan
from tools.plan.speed import Time
from tools.plan.verdict import TOO_LARGE


def short(plan: Plan) -> str:
    """Return the plan in three lines, for the start of a training command; in four where there is a final precision."""
    lines = [f"plan: {_memory_line(plan)}"]
    if plan.verdict:
        lines[0] += f": {plan.verdict.word}"
    lines += [f"      {line}" for line in (_speed_line(plan), _final_line(plan), _time_line(plan)) if line]
    return "\n".join(lines)


def text(plan: Plan, explain: bool = False) -> str:
    """Return the whole plan; with ``explain`` the formula and the source of each number of memory."""
    now = plan.configuration
    lines = [headline(plan), f"  layout      {layout_line(now)}", f"  memory      {_memory_line(plan)}"]
    stage = max(plan.stages, key=lambda each: each.peak)
    lines += [f"    {line}" for line in _parts(stage.parts, explain)]
    if stage.step.bytes:
        lines.append(f"    (in the optimizer's step, without activations: {stage.optimizer_step / 1e9:.1f} GB)")
    if len(plan.stages) > 1:
        peaks = ", ".join(f"{each.peak / 1e9:.1f}" for each in plan.stages)
        lines.append(f"    pipeline stages, each: {peaks} GB")
    if explain and plan.time:
        lines.append(f"  a step      {_seconds(plan.time)}")
    for name, line in (
        ("speed", _speed_line(plan)),
        ("final", _final_line(plan)),
        ("time", _time_line(plan)),
        ("price", _price_line(plan)),
    ):
        if line:
            lines.append(f"  {name:11} {line}")
    lines.append(f"  disk        {_disk_line(plan)}")
    lines += _epochs(plan)
    if verdict := plan.fullest.verdict:
        lines.append(f"  verdict     {verdict.word}: {reason(plan)}")
        lines += _changes(plan.fullest)
    return "\n".join(lines)


def _seconds(time: Time) -> str:
    """Seconds of a step by part, the longest first."""
    parts = sorted(time.parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts if seconds > 0)


def headline(plan: Plan) -> str:
    """Return what is trained on what."""
    now, request = plan.configuration, plan.request
    gpu = now.gpu.name.upper() if now.gpu else "CPU process" + "es" * (now.world_size > 1)
    nodes = f"{now.nodes} nodes of " if now.nodes > 1 else ""
    tuning = f"{now.adapters.name} of rank {now.adapters.rank}" if now.adapters else "all parameters"
    return (
        f"{request.stage_name}: {plan.model}, {now.shape.parameters / 1e9:,.2f} B parameters, on {nodes}"
        f"{now.devices} {gpu}, {now.format.name}, {tuning}"
    )


def layout_line(configuration: Configuration) -> str:
    """Return the layout in a line."""
    layout = configuration.layout
    words = [f"TP {layout.tensor_parallel}", f"PP {layout.pipeline_parallel}"]
    if configuration.virtual > 1:
        words.append(f"VP {configuration.virtual}")
    if layout.context_parallel > 1:
        words.append(f"CP {layout.context_parallel}")
    words += [
        f"DP {configuration.data_parallel}",
        f"{configuration.micro_batches} micro-batches of {configuration.micro_batch_size} x "
        f"{configuration.sequence_length} tokens",
        f"optimizer {layout.optimizer}",
        f"recomputation {layout.recompute}",
    ]
    return ", ".join(words)


def _memory_line(plan: Plan) -> str:
    peak = max(stage.peak for stage in plan.stages)
    gpu = plan.configuration.gpu
    if gpu is None:
        return f"{readable(peak)} a process for weights, gradients, states and activations"
    return f"{peak / 1e9:.1f} of {gpu.memory / 1e9:.1f} GB a GPU ({peak / gpu.memory:.0%})"


def _parts(parts: list[Part], explain: bool) -> Iterator[str]:
    width = max(len(part.name) for part in parts)
    for part in parts:
        line = f"{part.name:{width}}  {readable(part.bytes):>9}"
        yield f"{line}  = {part.formula}  [{part.source}]" if explain else line


def _speed_line(plan: Plan) -> str | None:
    if plan.time is None:
        now = plan.configuration
        return f"nothing is known of the speed of {now.format.name} on a GPU" if now.gpu else None
    rate = plan.time.tokens_per_second
    return (
        f"{rate:,.0f} tokens/s, {rate / plan.configuration.world_size:,.0f} a GPU, "
        f"{plan.time.tflops_per_gpu:,.0f} TFLOP/s a GPU (causal), MFU {plan.time.mfu:.0%}; "
        f"{plan.time.seconds:.1f} s a step"
    )


def _final_line(plan: Plan) -> str | None:
    if plan.final is None:
        return None
    word = f": {plan.final.verdict.word}" if plan.final.verdict else ""
    speed = _speed_line(plan.final)
    return f"{_last_steps(plan.final)}: {_memory_line(plan.final)}{word}" + (f"; {speed}" if speed else "")


def _last_steps(final: Plan) -> str:
    return f"the last {final.steps:,} steps in {final.configuration.format.name}"


def reason(plan: Plan) -> str:
    """Return why the verdict on a GPU is what it is; where there is a final precision, for which of the steps."""
    now, fullest = plan.verdict, plan.fullest
    assert now is not None
    assert fullest.verdict is not None
    if fullest is plan:
        return now.reason
    alone = f"; all in {plan.configuration.format.name} would fit" if now.word != TOO_LARGE and not plan.fits else ""
    return f"{_last_steps(fullest)} take {fullest.verdict.reason}{alone}"


def _time_line(plan: Plan) -> str:
    tokens = f"{plan.steps:,} steps, {count_of(plan.tokens)} tokens"
    if plan.hours is None:
        return tokens
    return f"{tokens}: {plan.hours:,.1f} hours" + (f" ({plan.hours / 24:.1f} days)" if plan.hours >= 48 else "")


def count_of(tokens: float) -> str:
    """Return a number of tokens in billions, or millions where these are few."""
    return f"{tokens / 1e9:,.2f} B" if tokens >= 1e8 else f"{tokens / 1e6:,.2f} M"


def _price_line(plan: Plan) -> str | None:
    if plan.price is None:
        return None
    return f"{plan.price:,.0f} at {plan.price_per_gpu_hour:g} a GPU and hour, checkpoints and validation left out"


def _disk_line(plan: Plan) -> str:
    newest, count = plan.request.stage.keep_checkpoints, plan.checkpoints
    which = (
        f"the newest {newest}, the best and the one being written" if count == newest + 2 else f"all {count} of the run"
    )
    if count == 1:
        which = "the one that the run makes"
    return f"{readable(plan.checkpoint_bytes)} a checkpoint, {readable(count * plan.checkpoint_bytes)} for {which}"


def _epochs(plan: Plan) -> list[str]:
    if plan.texts is None:
        return []
    passes = plan.texts.epochs(plan.tokens)
    line = ", ".join(f"{name} {count:.1f}" for name, count in passes.items())
    lines = [f"  epochs      {line}"]
    if max(passes.values()) > FREE_EPOCHS:
        step = plan.configuration.global_batch_size * plan.configuration.sequence_length
        steps = int(plan.texts.most_seen() / step)
        lines.append(
            f"              more than {FREE_EPOCHS} passes are worth less than new text (arXiv 2305.16264): after "
            f"{steps:,} steps the first language has had so many"
        )
    return lines


def _changes(plan: Plan) -> list[str]:
    lines = []
    for change in plan.changes:
        speed = f", {change.tokens_per_second:,.0f} tokens/s" if change.tokens_per_second else ""
        lines.append(f"    with {change.about}: {change.share:.0%}{speed}")
        lines.append(f"      {typed_text(change.configuration, plan.request)}")
    if not plan.fits and not lines:
        lines.append("    no three changes make it fit; take more or larger GPUs")
    return lines


def values(plan: Plan) -> dict[str, Any]:
    """Return the plan for ``--json``: bytes, seconds, tokens."""
    now = plan.configuration
    return {
        "stage": plan.request.stage_name,
        "model": plan.model,
        "parameters": now.shape.parameters,
        "gpu": now.gpu.name if now.gpu else None,
        "gpus": now.world_size,
        "precision": now.format.name,
        "tuning": now.adapters.name if now.adapters else "full",
        "layout": {
            **vars(now.layout),
            "data_parallel": now.data_parallel,
            "micro_batch_size": now.micro_batch_size,
            "micro_batches": now.micro_batches,
        },
        "verdict": plan.fullest.verdict.word if plan.fullest.verdict else None,
        "memory_share": plan.fullest.verdict.share if plan.fullest.verdict else None,
        "stages": [
            {
                "peak_bytes": stage.peak,
                "optimizer_step_bytes": stage.optimizer_step,
                "parts": [vars(part) for part in stage.parts],
            }
            for stage in plan.stages
        ],
        "step_seconds": plan.step_seconds,
        "step_parts": plan.time.parts if plan.time else None,
        "tokens_per_second": plan.time.tokens_per_second if plan.time else None,
        "tflops_per_gpu_causal": plan.time.tflops_per_gpu if plan.time else None,
        "tflops_per_gpu_non_causal": plan.time.tflops_per_gpu_non_causal if plan.time else None,
        "mfu": plan.time.mfu if plan.time else None,
        "steps": plan.steps,
        "tokens": plan.tokens,
        "hours": plan.hours,
        "price": plan.price,
        "checkpoint_bytes": plan.checkpoint_bytes,
        "epochs": plan.texts.epochs(plan.tokens) if plan.texts else None,
        "changes": [
            {
                "about": change.about,
                "memory_share": change.share,
                "tokens_per_second": change.tokens_per_second,
                "arguments": typed(change.configuration, plan.fullest.request),
            }
            for change in plan.fullest.changes
        ],
        "final": values(plan.final) if plan.final else None,
    }
