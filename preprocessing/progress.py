"""Progress bars on standard error, with rate and time left; quiet where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T] | None = None, *, what: str, total: float | None = None, unit: str = "it", initial: int = 0
) -> tqdm:
    """Return a tqdm bar labelled ``what``: redrawn in place on a terminal, one line every 30 s in a log file.

    ``unit="B"`` counts bytes and shows kB, MB, GB.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        items,
        desc=what,
        total=total,
        initial=initial,
        unit=unit if unit == "B" else f" {unit}",
        unit_scale=unit == "B",
        file=sys.stderr,
        mininterval=0.2 if terminal else 30.0,
        dynamic_ncols=terminal,
        leave=True,
    )


class ParseProgress:
    """How far ``parse`` is: a bar of bytes with rate and time left, and the number of documents."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> ParseProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def start(self, size: int, done: int) -> None:
        """Show the bar: ``size`` bytes to read, ``done`` of them read by an earlier run."""
        self._bar = progress(what="parsing", total=size, unit="B", initial=done)

    def step(self, size: int, documents: int) -> None:
        """Move the bar by ``size`` bytes."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"{documents:,} documents", refresh=False)
            self._bar.update(size)

    def say(self, message: str) -> None:
        """Print one line above the bar."""
        tqdm.write(message, file=sys.stderr)
