"""Progress bars on standard error, with rate and time left; quiet where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T] | None = None, *, what: str, total: float | None = None, unit: str = "it") -> tqdm:
    """Return a tqdm bar labelled ``what``: redrawn in place on a terminal, one line every 30 s in a log file.

    ``unit="B"`` counts bytes and shows kB, MB, GB.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        items,
        desc=what,
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        file=sys.stderr,
        mininterval=0.2 if terminal else 30.0,
        dynamic_ncols=terminal,
        leave=True,
    )
