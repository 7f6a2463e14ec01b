"""``run.json``: which run a folder holds, so that no other one goes on in it.

What makes a run the run it is: stage, architecture, tuning, data and their order. What may change from one start to the
next: the number of steps, intervals, learning rate, parallelism, hardware; the precision as long as weights stay of
their type.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from preprocessing.files import write_json

FILE = "run.json"
_LAYOUT = "layout"


def identity(recipe: Any, stage: str, data: Path) -> dict[str, Any]:
    """Return what ``recipe`` (a ``run.Partial``) is, by readable names; ``data`` is what it trains on."""
    from recipes.model import architecture  # imports NeMo, which reading a run's identity needs not

    peft = getattr(recipe, "peft", None)
    module, optimizer, strategy = recipe.data, recipe.optim.config, recipe.trainer.strategy
    return {
        "stage": stage,
        **{f"the model's {name}": value for name, value in architecture(recipe.model.config).items()},
        "weights": "bf16" if getattr(optimizer, "bf16", False) else "fp32",
        "tuning": peft.__fn_or_cls__.__name__ if peft else "full",
        **({f"adapters' {name}": getattr(peft, name) for name in ("dim", "alpha", "target_modules")} if peft else {}),
        "sequence length": module.seq_length,
        "global batch size": module.global_batch_size,
        "seed": module.seed,
        "training data": _fingerprint(data),
        _LAYOUT: {
            "tensor parallel": strategy.tensor_model_parallel_size,
            "pipeline parallel": strategy.pipeline_model_parallel_size,
            "virtual pipeline": strategy.virtual_pipeline_model_parallel_size,
        },
    }


def check_same_run(folder: Path, now: dict[str, Any], reshardable: bool) -> None:
    """Compare ``now`` with what the run in ``folder`` is.

    ``reshardable``: whether optimizer states can be loaded into another layout. Without Megatron's distributed
    optimizer they can; its states only with ``trainer.strategy.ckpt_optim_fully_reshardable=true``, set when they were
    saved.

    Raises:
        UsageError: they differ; names what, and what to do.
    """
    before = read_identity(folder)
    if before is None:
        return
    names = [name for name in {**before, **now} if name != _LAYOUT]
    changed = [
        f"{name} was {before.get(name)}, is {now.get(name)}" for name in names if before.get(name) != now.get(name)
    ]
    if changed:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(changed)}. Choose another --output for this one (--checkpoint "
            f"{folder} starts it from that run's weights)"
        )
    moved = [
        f"{name} was {value}, is {now[_LAYOUT].get(name)}"
        for name, value in before.get(_LAYOUT, {}).items()
        if now[_LAYOUT].get(name) != value
    ]
    if moved and not reshardable:
        raise UsageError(
            f"{folder} was saved with optimizer states that fit its own layout only: {'; '.join(moved)}. Set it back, "
            f"or start a new run from its weights: --checkpoint {folder} --output ANOTHER"
        )


def read_identity(folder: Path) -> dict[str, Any] | None:
    """What the run in ``folder`` is; None where nothing says so.

    Raises:
        UsageError: the file can't be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(record, dict)
    except (ValueError, AssertionError):
        raise UsageError(f"{path} can't be read; remove it if the run in {folder} is the one you mean") from None
    return record


def write_identity(folder: Path, now: dict[str, Any]) -> None:
    """Note what the run in ``folder`` is."""
    write_json(folder / FILE, now)


def _fingerprint(data: Path) -> str:
    """A digest of what ``data`` (a blend file, or a folder of chats) holds, by names and sizes; not of its place."""
    digest = hashlib.sha256()
    root = data.parent if data.is_file() else data
    if data.is_file():
        digest.update(data.read_bytes())
    for path in sorted(root.rglob("*")):
        # sizes of what is trained on; not Megatron's and NeMo's caches, which appear beside it
        if path.suffix in (".bin", ".jsonl") and path.is_file() and "cache" not in path.as_posix():
            digest.update(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]
