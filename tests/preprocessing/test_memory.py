"""What a process no longer uses goes back to the system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from preprocessing.memory import give_memory_back

ROLLUP = Path("/proc/self/smaps_rollup")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process holds")
def test_scattered_pieces_do_not_keep_what_lay_between_them() -> None:
    def held() -> int:
        return next(int(line.split()[1]) for line in ROLLUP.read_text().splitlines() if line.startswith("Anonymous:"))

    # pieces too small to be mapped on their own; every hundredth is kept, so that the heap can't shrink from its end
    pieces = [bytes(60_000) for _ in range(4000)]
    kept = pieces[::100]
    del pieces
    before = held()
    give_memory_back()
    assert before - held() > 100_000  # kB, of some 240,000
    assert len(kept) == 40


def test_where_nothing_can_be_given_back_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    from preprocessing import memory

    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory._malloc_trim.cache_clear()
    give_memory_back()
    memory._malloc_trim.cache_clear()
