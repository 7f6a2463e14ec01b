"""Megatron's strategy for processes on a CPU. **Importing this module activates the CPU support** (recipes/cpu.py).

That is on purpose. NeMo-Run starts a rank as a new process which imports everything the recipe names and then builds
it, the model's configuration first. A strategy that activated the support when it is constructed would come too late;
the import is the one moment that always comes before.
"""

from __future__ import annotations

from recipes import cpu

cpu.activate()

from recipes.strategy import AnyLayersStrategy  # noqa: E402


class CpuMegatronStrategy(AnyLayersStrategy):
    """The strategy of every run, as it is; the name in a recipe brings the CPU support along."""
