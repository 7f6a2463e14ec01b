"""Low-rank adapters as NeMo's PEFT takes them."""

from __future__ import annotations

from typing import get_type_hints

import nemo_run as run
from nemo.collections import llm

from recipes.dora import WholeRowDoRA
from recipes.settings import Adapters


def peft(adapters: Adapters) -> run.Config:
    """Return NeMo's LoRA, or its DoRA made right, with these settings."""
    kind = {"lora": llm.peft.LoRA, "dora": WholeRowDoRA}[adapters.name]
    # NeMo writes their types as text, which NeMo-Run's parser of overrides does not read
    kind.__init__.__annotations__ = get_type_hints(kind.__init__)
    return run.Config(
        kind,
        target_modules=adapters.layers,
        dim=adapters.rank,
        alpha=adapters.alpha,
        dropout=adapters.dropout,
    )
