"""A Hugging Face checkpoint folder: is it whole, and which one is it?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from preprocessing.errors import UsageError

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Checkpoint:
    """A checked folder; ``fingerprint`` changes when any of its files does (16 hexadecimal digits)."""

    path: Path
    fingerprint: str


def open_checkpoint(path: Path) -> Checkpoint:
    """Check that ``path`` holds a configuration, a tokenizer and all weight shards, without loading any of them.

    The fingerprint is over the content of the JSON files and the size and modification time of the weights: reading
    the 141 GB of a 70B model only to tell it from another would take minutes.

    Raises:
        UsageError: names what is missing, and the command that makes a checkpoint out of what is there.
    """
    if not path.is_dir():
        raise UsageError(f"no checkpoint folder at {path}; give the folder of a Hugging Face checkpoint")
    if not (path / CONFIG).is_file():
        raise UsageError(f"{path} is not a Hugging Face checkpoint: {CONFIG} is missing{_hint(path)}")
    weights = _weight_files(path)
    if not (path / TOKENIZER).is_file():
        raise UsageError(f"{path} has no tokenizer: {TOKENIZER} is missing; copy it from the base checkpoint")
    digest = xxhash.xxh3_64()
    for file in sorted(path.glob("*.json")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    for file in weights:
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}".encode())
    return Checkpoint(path, digest.hexdigest())


def llama_config(path: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a Llama checkpoint that :func:`open_checkpoint` accepts.

    Raises:
        UsageError: it is no valid JSON, or another kind of model.
    """
    file = path / CONFIG
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file} is not valid JSON ({error}); download the checkpoint again") from error
    if config.get("model_type") != "llama":
        raise UsageError(f"{path} holds a '{config.get('model_type')}' model; only Llama checkpoints can be imported")
    return config


def check_tensors(path: Path) -> None:
    """Refuse weight files that lack a tensor of the model: transformers fills it with random numbers and a warning.

    Only the files' headers are read.

    Raises:
        UsageError: names the tensors that are missing, or the file that is damaged.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    stored: set[str] = set()
    for file in _weight_files(path):
        try:
            with safe_open(file, framework="pt") as tensors:
                stored.update(tensors.keys())
        except SafetensorError as error:
            raise UsageError(f"{file} is damaged ({error}); download it again") from error
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(path))
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    missing = sorted(set(model.state_dict()) - stored - tied)
    if missing:
        raise UsageError(
            f"{path} lacks {len(missing)} tensors of the model: {', '.join(missing[:5])}; download the whole checkpoint"
        )


def stored_tensors(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and tensor of everything in the weight files, one tensor in memory at a time."""
    from safetensors import safe_open

    for file in _weight_files(path):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (no mapping)
                yield name, tensors.get_tensor(name)


def _weight_files(path: Path) -> list[Path]:
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    index = path / WEIGHTS_INDEX
    if not index.is_file():
        raise UsageError(f"{path} has no weights: neither {WEIGHTS} nor {WEIGHTS_INDEX} is there{_hint(path)}")
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{index} is damaged: it has no readable 'weight_map'; copy the checkpoint again") from None
    missing = [name for name in shards if not (path / name).is_file()]
    if missing or not shards:
        first = missing[0] if missing else "every shard"
        raise UsageError(
            f"{path} lacks {len(missing) or 'all'} of its weight files, the first is {first}; copy it again"
        )
    return [path / name for name in shards]


def _hint(path: Path) -> str:
    if (path / "weights").is_dir() or (path / "context").is_dir():
        return "; this is a NeMo checkpoint: make a Hugging Face one of it with: python launch.py export"
    if (path / "adapter_config.json").is_file():
        return "; this is an adapter alone: merge it into its base model first"
    return ""
