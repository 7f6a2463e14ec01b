"""Low-rank adapters as NeMo's PEFT takes them."""

from __future__ import annotations

import nemo_run as run
from nemo.collections import llm

from recipes.settings import Adapters


def peft(adapters: Adapters) -> run.Config:
    """Return NeMo's LoRA or DoRA with these settings."""
    kind = {"lora": llm.peft.LoRA, "dora": llm.peft.DoRA}[adapters.name]
    return run.Config(
        kind,
        target_modules=adapters.layers,
        dim=adapters.rank,
        alpha=adapters.alpha,
        dropout=adapters.dropout,
    )
