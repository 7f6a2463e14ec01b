"""``run.json``: which run a folder holds, so that no other one goes on in it.

What makes a run the run it is: stage, architecture, tuning, data and their order. What may change from one start to the
next: the number of steps, intervals, learning rate, hardware; the precision as long as weights stay of their type;
parallelism where the states of a checkpoint's optimizer can be loaded into another one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from preprocessing.corpus.blend import load_blend
from preprocessing.errors import UsageError
from preprocessing.files import write_json
from recipes.chats import SPLITS

FILE = "run.json"
_LAYOUT = "layout"


def identity(recipe: Any, stage: str, data: Path) -> dict[str, Any]:
    """Return what ``recipe`` (a ``run.Partial``) is, by readable names; ``data`` is what it trains on."""
    from recipes.model import architecture  # imports NeMo, which reading a run's identity needs not

    peft = getattr(recipe, "peft", None)
    module, optimizer, strategy = recipe.data, recipe.optim.config, recipe.trainer.strategy
    tensor, pipeline = strategy.tensor_model_parallel_size, strategy.pipeline_model_parallel_size
    devices = int(recipe.trainer.num_nodes) * int(recipe.trainer.devices)
    return {
        "stage": stage,
        **{f"the model's {name}": value for name, value in architecture(recipe.model.config).items()},
        "weights": _weights(optimizer),
        "tuning": peft.__fn_or_cls__.__name__ if peft else "full",
        **({f"adapters' {name}": getattr(peft, name) for name in ("dim", "alpha", "target_modules")} if peft else {}),
        "sequence length": module.seq_length,
        "global batch size": module.global_batch_size,
        "seed": module.seed,
        "training data": _fingerprint(data),
        _LAYOUT: {
            "tensor parallel": tensor,
            "pipeline parallel": pipeline,
            "virtual pipeline": strategy.virtual_pipeline_model_parallel_size,
            # with copies NeMo divides the gradients into buckets of 128 Mi elements, and without them not; Megatron
            # names the states of its distributed optimizer by bucket
            "data parallel": "1" if devices == tensor * pipeline * strategy.context_parallel_size else "2 or more",
        },
    }


def _weights(optimizer: Any) -> str:
    """The type of the weights, and of what is kept of them beside it if that is not FP32."""
    if not getattr(optimizer, "bf16", False):
        return "fp32"
    remainders = optimizer.use_precision_aware_optimizer and optimizer.store_param_remainders
    return "bf16 and 16-bit remainders" if remainders else "bf16"


def check_same_run(folder: Path, now: dict[str, Any]) -> None:
    """Compare ``now`` with what the run in ``folder`` is, but for its layout.

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


def check_layout(folder: Path, checkpoint: Path, now: dict[str, Any]) -> None:
    """Check that the optimizer's states in ``checkpoint``, of the run in ``folder``, can go into the layout of ``now``.

    Those of Megatron's distributed optimizer fit their own layout alone, unless they were saved with
    ``trainer.strategy.ckpt_optim_fully_reshardable=true``; others fit any.

    Raises:
        UsageError: they can't; names what differs, and what to do.
    """
    before = (read_identity(folder) or {}).get(_LAYOUT, {})
    moved = [
        f"{name} was {value}, is {now[_LAYOUT].get(name)}"
        for name, value in before.items()
        if now[_LAYOUT].get(name) != value
    ]
    if moved and not _fits_any_layout(checkpoint):
        raise UsageError(
            f"{checkpoint} was saved with optimizer states that fit its own layout only: {'; '.join(moved)}. Set it "
            "back (for one more checkpoint, with trainer.strategy.ckpt_optim_fully_reshardable=true, which then fits "
            f"any), or start a new run from its weights: --checkpoint {folder} --output ANOTHER"
        )


def _fits_any_layout(checkpoint: Path) -> bool:
    """What NeMo wrote into the checkpoint when it saved it, and goes by when it loads it."""
    from megatron.core import dist_checkpointing

    metadata = dist_checkpointing.load_content_metadata(str(checkpoint / "weights")) or {}
    return metadata.get("distrib_optim_sharding_type") in (None, "fully_reshardable")


def run_of(checkpoint: Path) -> Path | None:
    """The folder of the run that saved ``checkpoint``, also where it has set it aside; None where there is none."""
    return next((folder for folder in checkpoint.resolve().parents[1:3] if (folder / FILE).is_file()), None)


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
    """A digest of what is trained and validated on, by names and sizes; not of its place.

    ``data`` is a blend file, whose shares count as well, or a folder of chats.

    Raises:
        RecipeError: a dataset that the blend file names is missing.
    """
    digest = hashlib.sha256()
    if data.is_file():
        blend = load_blend(data)
        digest.update(blend.tokenizer_sha256.encode())
        for split, entries in (("train", blend.train), ("validation", blend.validation)):
            for entry in entries:
                file = entry.prefix.with_name(f"{entry.prefix.name}.bin")
                digest.update(f"{split} {entry.language} {file.name} {entry.weight} {file.stat().st_size}\n".encode())
    else:
        for path in (path for split in SPLITS for path in sorted((data / split).glob("*.jsonl"))):
            digest.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]
