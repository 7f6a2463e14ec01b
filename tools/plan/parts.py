"""A figure with what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

#: Whole for a run; for the time between a forward pass and its backward pass; for one moment.
STATES, ACTIVATIONS, FIXED = "states", "activations", "fixed"


@dataclass(frozen=True)
class Part:
    """``bytes`` of one GPU's memory, how they are computed, and where that is written."""

    name: str
    bytes: float
    formula: str
    source: str
    kind: str = STATES
