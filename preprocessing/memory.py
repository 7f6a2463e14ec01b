"""Memory that is free inside a process goes back to the system."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def give_memory_back() -> None:
    """Return what malloc and Arrow hold without using it.

    Both keep freed pieces for later. In a process that reads and drops large texts by the thousand these are scattered,
    and the process grows with its input although nothing of it is kept. Costs some milliseconds.
    """
    if "pyarrow" in sys.modules:
        import pyarrow

        pyarrow.default_memory_pool().release_unused()
    _malloc_trim()(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int]:
    """glibc's malloc_trim(3); where the C library has none (macOS, musl) there is nothing to do."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim if trim is not None else lambda pad: 0
