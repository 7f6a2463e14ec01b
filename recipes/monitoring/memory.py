"""What a run holds of this rank's GPU, or of the machine's memory where there is none."""

from __future__ import annotations

import resource
import sys
from typing import Any

_GB = 1e9


def memory() -> dict[str, float]:
    """Return ``memory_gb`` (the highest so far) and, of a GPU, what is held now; GB of 10^9 bytes.

    On a GPU ``memory_gb`` is the most that PyTorch has reserved, ``memory_allocated_gb`` and ``memory_reserved_gb``
    are now, ``memory_peak_gb`` is the most that tensors took. On a CPU it is the largest resident set of this process.
    """
    import torch

    if not torch.cuda.is_available():
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"memory_gb": round(largest * (1 if sys.platform == "darwin" else 1024) / _GB, 3)}
    cuda: Any = torch.cuda
    return {
        "memory_gb": round(cuda.max_memory_reserved() / _GB, 3),
        "memory_allocated_gb": round(cuda.memory_allocated() / _GB, 3),
        "memory_reserved_gb": round(cuda.memory_reserved() / _GB, 3),
        "memory_peak_gb": round(cuda.max_memory_allocated() / _GB, 3),
    }


class Utilisation:
    """How busy NVML says this rank's GPU was in the last moments, in per cent."""

    def __init__(self) -> None:
        self._gone = False

    def read(self) -> dict[str, float]:
        """Return ``gpu_utilisation``, or nothing where there is no GPU or no NVML."""
        import torch

        if self._gone or not torch.cuda.is_available():
            return {}
        try:
            return {"gpu_utilisation": float(torch.cuda.utilization())}
        # no NVML, a driver without permission, a slice of a GPU that has no such counter: each has its own error
        except Exception:
            self._gone = True
            return {}
