"""Makes every recipe a factory of ``nemo llm pretrain|finetune``: NeMo-Run loads this file from the current folder."""

from recipes.factories import (
    eurlex_cpt_llama33_70b,
    eurlex_cpt_tiny,
    eurlex_sft_llama33_70b,
    eurlex_sft_tiny,
)

__all__ = ["eurlex_cpt_llama33_70b", "eurlex_cpt_tiny", "eurlex_sft_llama33_70b", "eurlex_sft_tiny"]
