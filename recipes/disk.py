"""How much disk a run's checkpoints take, told before anything expensive starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError

_VOCABULARY = 128256  # Llama 3's, which NeMo's own classes leave to the tokenizer
_SLACK = 1.02  # metadata, tokenizer, the sample order and logs


def parameters(config: Any) -> int:
    """Number of parameters of a Llama with the architecture ``config``."""
    hidden, layers, ffn = config.hidden_size, config.num_layers, config.ffn_hidden_size
    query, value = _widths(config)
    layer = hidden * (query + 2 * value) + query * hidden + 3 * hidden * ffn + 2 * hidden
    tables = 1 if config.share_embeddings_and_output_weights else 2
    return layers * layer + tables * (config.vocab_size or _VOCABULARY) * hidden + hidden


def adapter_parameters(config: Any, peft: Any) -> int:
    """Number of parameters of the adapters ``peft`` (NeMo's LoRA or DoRA) on such a model."""
    hidden, ffn = config.hidden_size, config.ffn_hidden_size
    query, value = _widths(config)
    shapes = {
        "linear_qkv": (hidden, query + 2 * value),
        "linear_proj": (query, hidden),
        "linear_fc1": (hidden, 2 * ffn),
        "linear_fc2": (ffn, hidden),
    }
    magnitudes = "DoRA" in peft.__fn_or_cls__.__name__
    of_layer = (shapes[name] for name in peft.target_modules)
    return config.num_layers * sum(peft.dim * (into + out) + magnitudes * out for into, out in of_layer)


def checkpoint_bytes(recipe: Any) -> int:
    """Bytes of one checkpoint of ``recipe`` (a ``run.Partial``).

    Each trained parameter has its weight and Adam's two moments, in FP32 on disk also where the GPU holds them in FP8
    (Megatron-Core unscales what it saves). Of BF16 weights the master comes on top: in FP32, or with
    ``store_param_remainders`` its 16 other bits. Frozen weights are not saved.
    """
    peft, optimizer = getattr(recipe, "peft", None), recipe.optim.config
    count = adapter_parameters(recipe.model.config, peft) if peft else parameters(recipe.model.config)
    remainders = optimizer.use_precision_aware_optimizer and optimizer.store_param_remainders
    weight, master = (2, 2 if remainders else 4) if optimizer.bf16 else (4, 0)
    return int(count * (weight + master + 4 + 4) * _SLACK)


def require_space(recipe: Any, folder: Path) -> None:
    """Refuse a run whose checkpoints would not fit on the disk of ``folder``.

    Raises:
        UsageError: says how much is needed and there, and what to change.
    """
    ckpt, steps = recipe.log.ckpt, int(recipe.trainer.max_steps)
    each = checkpoint_bytes(recipe)
    ever = max(1, -(-steps // max(1, int(ckpt.every_n_train_steps))))
    # an old one goes when the new one is whole
    at_once = ever if ckpt.save_top_k < 1 else min(ever, ckpt.save_top_k + 2)
    there = sum(path.stat().st_size for path in (folder / "checkpoints").rglob("*") if path.is_file())
    needed = each * at_once - there
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise UsageError(
            f"{folder} needs {_readable(needed)} for {at_once} checkpoints of {_readable(each)} (the newest "
            f"{ckpt.save_top_k}, the best, and the one being written), and its disk has {_readable(free)} free: make "
            "room, choose another --output, or keep fewer with log.ckpt.save_top_k=1"
        )


def _widths(config: Any) -> tuple[int, int]:
    """Columns of the queries, and of the keys or values."""
    heads = config.num_attention_heads
    channels = config.kv_channels or config.hidden_size // heads
    return heads * channels, (config.num_query_groups or heads) * channels


def _readable(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"
