"""What a run is, for its report: written when it starts, each start added to the list."""

from __future__ import annotations

import json
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from preprocessing.files import write_json
from recipes.hardware import optimizer_of

FILE = "facts.json"
_PACKAGES = ("torch", "nemo-toolkit", "megatron-core", "transformer-engine", "lightning")


def write_facts(log: Any, trainer: Any, pl_module: Any, flop: float, peak: float | None) -> None:
    """Write ``RUN/facts.json``; ``log`` is the run's RunLog, ``flop`` those of a token, ``peak`` a GPU's TFLOP/s."""
    folder = Path(log.folder)
    starts = read_facts(folder).get("starts", [])
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    starts.append({"time": now, "step": trainer.global_step, "precision": log.precision})
    model, data, strategy = pl_module.config, trainer.datamodule, trainer.strategy
    optimizer = pl_module.optim.config
    facts = {
        "run": str(folder),
        "stage": log.stage,
        "steps": trainer.max_steps,
        "layers": model.num_layers,
        "hidden size": model.hidden_size,
        "vocabulary": model.vocab_size,
        "rotary base": model.rotary_base,
        "sequence length": data.seq_length,
        "global batch (sequences)": data.global_batch_size,
        "micro batch (sequences)": data.micro_batch_size,
        "learning rate": optimizer.lr,
        "weight decay": optimizer.weight_decay,
        "gradient clip": optimizer.clip_grad,
        "precision": log.precision,
        "trained": "all parameters" if log.adapter_rank is None else f"adapters of rank {log.adapter_rank}",
        "optimizer": optimizer_of(optimizer),
        "recompute": getattr(model, "recompute_granularity", None) or "none",
        "devices": f"{trainer.world_size} x {log.chip} ({_device()})",
        "nodes": trainer.num_nodes,
        "tensor parallel": strategy.tensor_model_parallel_size,
        "sequence parallel": bool(strategy.sequence_parallel),
        "pipeline parallel": strategy.pipeline_model_parallel_size,
        "context parallel": strategy.context_parallel_size,
        "model GFLOP a token (causal)": round(flop / 1e9, 4),
        "dense peak of a device (TFLOP/s)": peak,
        "versions": ", ".join(f"{name} {version}" for name, version in _versions()),
        "starts": starts,
    }
    try:
        write_json(folder / FILE, facts)
    except OSError:
        return  # the report does without; the record of the steps is what says that the disk is full


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what is known of a run; {} where nothing is, or the file is broken."""
    try:
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return found
