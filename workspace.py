"""Makes every recipe a factory of ``nemo llm pretrain|finetune``: NeMo-Run loads this file from the current folder."""

import sys
from pathlib import Path

# it is loaded by its path, with its folder not among those that are searched for modules
sys.path.insert(0, str(Path(__file__).resolve().parent))

from recipes.factories import (
    eurlex_cpt_llama33_70b,
    eurlex_cpt_tiny,
    eurlex_sft_llama33_70b,
    eurlex_sft_tiny,
)

__all__ = ["eurlex_cpt_llama33_70b", "eurlex_cpt_tiny", "eurlex_sft_llama33_70b", "eurlex_sft_tiny"]
