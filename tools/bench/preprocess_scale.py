"""What ``preprocess`` costs at scale: speed per core from XML to ``.bin/.idx``, and memory as the input grows.

    python -m tools.bench.preprocess_scale FOLDER --tokenizer DIR [--gigabytes 0.1 1 5] [--workers 2]

Packs the FORMEX of FOLDER, again and again with other numbers and some other words (so that no copy is a duplicate of
another), into an archive like the data dump's, and makes a corpus of it in a temporary folder. Speed per core is XML
over processor time, of all processes, so that other load on the machine matters little. Memory is that of the largest
worker, and the most that all processes held at one time (proportional shares: what they share counts once).
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.settings import Settings
from tools.bench.packing import pack

_TARGET_BYTES, _TARGET_CORES = 25e9, 24


def main() -> int:
    """Pack, make, print; return 0."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="FORMEX files")
    arguments.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    arguments.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 1.0], help="of XML, one run each")
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    for gigabytes in options.gigabytes:
        with tempfile.TemporaryDirectory() as place:
            archive = Path(place, "LEG_EN_FMX_20990101_01_00.zip")
            size = pack(options.folder, archive, int(gigabytes * 1e9), vary=True)
            before, started = _processor_seconds(), time.monotonic()
            with _Watch() as memory:
                summary = preprocess(
                    [archive], Path(place, "corpus"), options.tokenizer, Settings(), workers=options.workers
                )
            seconds, used = time.monotonic() - started, _processor_seconds() - before
        kept, read = summary.report["documents"]["kept"], summary.report["documents"]["read"]
        speed = size / 1e6 / used
        print(
            f"{size / 1e9:.2f} GB of XML, {read:,} documents ({kept:,} kept): {seconds:,.1f} s with {options.workers} "
            f"workers; {speed:.1f} MB/s of XML per core; largest process {memory.largest >> 20:,} MB, all at one time "
            f"{memory.most >> 20:,} MB; {_TARGET_BYTES / 1e9:.0f} GB on {_TARGET_CORES} cores by arithmetic: "
            f"{_TARGET_BYTES / 1e6 / speed / _TARGET_CORES:,.0f} s",
            flush=True,
        )
    return 0


def _processor_seconds() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class _Watch:
    """Looks every second at the memory of this process and all below it, in bytes."""

    def __init__(self) -> None:
        self.largest = self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            shares = [_share(number) for number in _family()]
            self.largest = max(self.largest, *shares)
            self.most = max(self.most, sum(shares))


def _family() -> list[int]:
    """Return the numbers of this process and of all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_text()
            except OSError:
                continue  # it has ended
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found = [os.getpid()]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return found


def _share(number: int) -> int:
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    sys.exit(main())
