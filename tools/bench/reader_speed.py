"""How fast the FORMEX reader is, against lxml's parse-only rate on the same files in the same run.

    python -m tools.bench.reader_speed FOLDER [--every 10] [--rounds 5]

Both read the same bytes from memory on one core, in turns, so that a busy machine slows both; the best round of each
counts (processor time). "lines and structure" is what the reader makes of a file: text, title, recitals, articles,
annexes, notes, marked references, descriptions. "documents" are whole LegalDocuments: the identity worked out, the
language checked by its words, every act that the text names found and resolved; each file counts as one.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from preprocessing.formex.assemble import assemble
from preprocessing.formex.reader import read_file
from preprocessing.formex.xml import UnreadableError
from preprocessing.progress import progress


def readable_files(folder: Path, every: int) -> list[tuple[str, bytes]]:
    """Load every n-th FORMEX file below ``folder`` that holds a text."""
    files = []
    paths = [path for path in sorted(folder.rglob("*.xml")) if not path.name.endswith((".doc.xml", ".toc.xml"))]
    for path in paths[::every]:
        data = path.read_bytes()
        try:
            read_file(data)
        except UnreadableError:
            continue  # a description of files
        files.append((str(path), data))
    return files


def parse_only(files: list[tuple[str, bytes]]) -> None:
    for _, data in files:
        etree.fromstring(data)


def read_structure(files: list[tuple[str, bytes]]) -> None:
    for _, data in files:
        read_file(data)


def read_documents(files: list[tuple[str, bytes]]) -> None:
    for path, data in files:
        assemble([read_file(data)], None, path)


def processor_seconds(work: Callable[[], None]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(files: list[tuple[str, bytes]], rounds: int) -> dict[str, float]:
    """Return the best processor time of each task in seconds."""
    tasks = {"lxml parse only": parse_only, "lines and structure": read_structure, "documents": read_documents}
    best = dict.fromkeys(tasks, float("inf"))
    with progress(total=rounds, what="measuring", unit="round") as bar:
        for _ in range(rounds):
            for name, task in tasks.items():
                best[name] = min(best[name], processor_seconds(lambda task=task: task(files)))  # type: ignore[misc]
            bar.update()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of FORMEX files")
    parser.add_argument("--every", type=int, default=10, help="take every n-th file (default 10)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the best counts (default 5)")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    arguments = parser.parse_args()
    files = readable_files(arguments.folder, arguments.every)
    if not files:
        parser.error(f"no FORMEX file with a text below {arguments.folder}")
    megabytes = sum(len(data) for _, data in files) / 1e6
    seconds = measure(files, arguments.rounds)
    reference = seconds["lxml parse only"]
    figures = {
        name: {"megabytes_per_second": megabytes / time_taken, "ratio": reference / time_taken}
        for name, time_taken in seconds.items()
    }
    if arguments.json:
        print(json.dumps({"files": len(files), "megabytes": megabytes, "rates": figures}))
        return
    print(f"{len(files):,} files, {megabytes:,.1f} MB, one core, best of {arguments.rounds} rounds")
    for name, figure in figures.items():
        print(f"  {name:<20} {figure['megabytes_per_second']:7.1f} MB/s   {figure['ratio']:6.1%} of lxml")


if __name__ == "__main__":
    main()
