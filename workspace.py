"""Makes every recipe a factory of ``nemo llm pretrain|finetune``: NeMo-Run loads this file from the current folder."""

import sys
from pathlib import Path

# it is loaded by its path, with its folder not among those that are searched for modules
sys.path.insert(0, str(Path(__file__).resolve().parent))

from recipes.factories import FACTORIES

__all__ = ["FACTORIES"]
