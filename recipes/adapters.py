"""Low-rank adapters as NeMo's PEFT takes them."""

from __future__ import annotations

import nemo_run as run
from nemo.collections import llm

from recipes.dora import WholeRowDoRA
from recipes.settings import Adapters


def peft(adapters: Adapters) -> run.Config:
    """Return NeMo's LoRA, or its DoRA made right, with these settings."""
    kind = {"lora": llm.peft.LoRA, "dora": WholeRowDoRA}[adapters.name]
    return run.Config(
        kind,
        target_modules=adapters.layers,
        dim=adapters.rank,
        alpha=adapters.alpha,
        dropout=adapters.dropout,
    )
