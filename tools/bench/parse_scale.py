"""What ``parse`` costs at scale: the CPU time of the one process that feeds all workers, and memory.

    python -m tools.bench.parse_scale FOLDER [--gigabytes 1] [--workers 2]

Packs the FORMEX of FOLDER, again and again, into an archive like the data dump's (each document in a folder of its
own, images between them) and parses it into a temporary folder. The feeding process bounds how many workers are of
use: at 2.4 ms of its time a megabyte, it feeds 25 GB a minute. CPU time is that of the process, so that other load on
the machine matters little; it grows by a third or so where two workers share a core.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from preprocessing.formex.inputs import list_inputs
from preprocessing.formex.parse import parse_to_file
from tools.bench.packing import pack


def main() -> int:
    """Pack, parse, print; return 0."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="FORMEX files")
    arguments.add_argument("--gigabytes", type=float, default=1.0, help="of XML to pack")
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()

    with tempfile.TemporaryDirectory() as place:
        archive = Path(place, "LEG_EN_FMX_20990101_01_00.zip")
        pack(options.folder, archive, int(options.gigabytes * 1e9))
        started = time.process_time()
        listing = list_inputs([archive])
        print(f"listing: {time.process_time() - started:.2f} s for {len(listing.items):,} folders")
        before = resource.getrusage(resource.RUSAGE_SELF)
        summary = parse_to_file([archive], Path(place, "out.jsonl"), options.workers)
        after, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    megabytes = summary.bytes_read / 1e6
    print(f"{summary.documents:,} documents, {megabytes:,.0f} MB of XML in {summary.seconds:.1f} s")
    feeding = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    reading = workers.ru_utime + workers.ru_stime
    print(f"feeding process: {feeding / megabytes * 1e3:.2f} ms of CPU a MB, {after.ru_maxrss >> 10} MB of memory")
    print(f"workers: {reading / megabytes * 1e3:.1f} ms of CPU a MB, {workers.ru_maxrss >> 10} MB of memory at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
