"""Numbers that others wrote: in options, in reports and in the files of a run."""

from __future__ import annotations

from preprocessing.errors import UsageError

#: No amount is larger, and none smaller than its inverse: what is computed of two stays a finite number.
LARGEST = 1e15


def amount(value: object, name: str) -> float:
    """Return ``value`` where it is an amount: a positive, finite number.

    Raises:
        UsageError: it is none; ``name`` is what the sentence calls it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 / LARGEST <= value <= LARGEST:
        shown = "so large a number" if isinstance(value, int) and value > LARGEST else repr(value)
        raise UsageError(f"{name} can't be {shown}; it must be a positive number")
    return float(value)


def whole(value: object, name: str) -> int:
    """Return ``value`` where it is a positive whole number.

    Raises:
        UsageError: it is none; ``name`` is what the sentence calls it.
    """
    if not isinstance(value, int):
        raise UsageError(f"{name} can't be {value!r}; it must be a whole number")
    return int(amount(value, name))
