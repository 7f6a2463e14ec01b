"""How many processor cores this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Return the cores that this process may run on, at least 1: fewer than the machine's in many containers."""
    # macOS cannot say which cores are a process' own
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
