"""How much disk a run's checkpoints take, told before anything expensive starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from recipes.shape import shape_of

_SLACK = 1.02  # metadata, tokenizer, the sample order and logs


def checkpoint_bytes(recipe: Any) -> int:
    """Bytes of one checkpoint of ``recipe`` (a ``run.Partial``). Frozen weights are not saved."""
    peft, optimizer = getattr(recipe, "peft", None), recipe.optim.config
    shape = shape_of(recipe.model.config)
    count = shape.parameters
    if peft:
        count = shape.adapter_parameters(peft.dim, peft.target_modules, "DoRA" in peft.__fn_or_cls__.__name__)
    remainders = optimizer.use_precision_aware_optimizer and optimizer.store_param_remainders
    return bytes_on_disk(count, 2 if optimizer.bf16 else 4, remainders)


def bytes_on_disk(trained: int, weight: int, remainders: bool) -> int:
    """Bytes of one checkpoint of so many ``trained`` parameters, whose weights take ``weight`` bytes each.

    Each has its weight and Adam's two moments, in FP32 on disk also where the GPU holds them in FP8 (Megatron-Core
    unscales what it saves). Of BF16 weights the master comes on top: in FP32, or with ``remainders`` its 16 other bits.
    """
    master = 0 if weight == 4 else 2 if remainders else 4
    return int(trained * (weight + master + 4 + 4) * _SLACK)


def most_at_once(steps: int, every: int, newest: int) -> int:
    """Return how many checkpoints a run of ``steps`` has on disk at most, with one ``every`` so many steps.

    The ``newest`` so many (below 1: all), the best, and the one being written: an old one goes when that is whole.
    """
    ever = max(1, -(-steps // max(1, every)))
    return ever if newest < 1 else min(ever, newest + 2)


def require_space(recipe: Any, folder: Path) -> None:
    """Refuse a run whose checkpoints would not fit on the disk of ``folder``.

    Raises:
        UsageError: says how much is needed and there, and what to change.
    """
    ckpt, steps = recipe.log.ckpt, int(recipe.trainer.max_steps)
    each = checkpoint_bytes(recipe)
    at_once = most_at_once(steps, int(ckpt.every_n_train_steps), ckpt.save_top_k)
    there = sum(path.stat().st_size for path in (folder / "checkpoints").rglob("*") if path.is_file())
    needed = each * at_once - there
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise UsageError(
            f"{folder} needs {readable(needed)} for {at_once} checkpoints of {readable(each)} (the newest "
            f"{ckpt.save_top_k}, the best, and the one being written), and its disk has {readable(free)} free: make "
            "room, choose another --output, or keep fewer with log.ckpt.save_top_k=1"
        )


def readable(count: float) -> str:
    """Return a number of bytes in TB, GB, MB or kB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"
