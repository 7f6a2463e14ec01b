"""The clock beside a run: how long steps wait for data, and whether anything still moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from recipes.monitoring.alerts import SILENT, STALLED_DATA


class Watch:
    """Times the waits for data; a thread of its own reports a wait, or a silence, that lasts too long.

    A hung loader or collective calls no callback any more, so only a thread can tell.
    """

    def __init__(self, stalled_seconds: float, silent_seconds: float, report: Callable[[str, str], None]) -> None:
        """``report`` gets the kind of alert and its sentence, in the watch's own thread; once a stall."""
        self.stalled_seconds = stalled_seconds
        self.silent_seconds = silent_seconds
        self.report = report
        self.waited = 0.0  # seconds for data, since it was last set to 0
        self._waiting_since: float | None = None
        self._moved = time.monotonic()
        self._said: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self.moved()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def moved(self) -> None:
        """Something has been done: a step, a batch of a validation."""
        self._moved = time.monotonic()
        self._said.discard(SILENT)

    def timed(self, data: Iterator[Any]) -> Iterator[Any]:
        """Return ``data``, with the time that each item took added to :attr:`waited`."""
        return _Timed(data, self)

    def _look(self) -> None:
        while not self._over.wait(min(5.0, self.stalled_seconds / 4, self.silent_seconds / 4)):
            now, since = time.monotonic(), self._waiting_since
            if since is not None and now - since > self.stalled_seconds:
                self._once(STALLED_DATA, f"the data loader has not answered for {now - since:.0f} s")
            elif since is None and now - self._moved > self.silent_seconds:
                self._once(SILENT, f"no step has ended for {now - self._moved:.0f} s")

    def _once(self, kind: str, message: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self.report(kind, message)


class _Timed(Iterator[Any]):
    def __init__(self, data: Iterator[Any], watch: Watch) -> None:
        self.data = data
        self.watch = watch

    def __next__(self) -> Any:
        watch = self.watch
        started = watch._waiting_since = time.monotonic()
        try:
            return next(self.data)
        finally:
            watch.waited += time.monotonic() - started
            watch._waiting_since = None
            watch._said.discard(STALLED_DATA)
