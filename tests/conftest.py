"""What holds for every test."""

from __future__ import annotations

import os
from pathlib import Path

# As recipes.quiet.name_a_chip, for tests that import Megatron or NeMo by themselves and for the programs they start.
if not Path("/proc/driver/nvidia").exists():
    os.environ.setdefault("TORCH_CUDA_ARCH_LIST", "9.0")
