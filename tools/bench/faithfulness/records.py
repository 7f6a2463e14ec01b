"""Run a reader over folders of FORMEX and write what it makes of them as LegalDocument records, with a summary.

The readers that ours is compared with know less than a LegalDocument holds: a field they do not give stays empty.
Standard library only, since each reader runs in its own environment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
#: Reads the files of one document (the act first, then its annexes) into a record.
Reader = Callable[[list[Path]], Record]


def documents(folder: Path) -> Iterator[list[Path]]:
    """Yield the files of every document below ``folder``: one document a folder, descriptions left out."""
    for directory in sorted({path.parent for path in folder.rglob("*.xml")}):
        files = [path for path in sorted(directory.glob("*.xml"), key=_natural) if ".doc." not in path.name]
        files = [path for path in files if not _begins_with(path, b"<DOC")]
        files.sort(key=lambda path: _begins_with(path, b"<ANNEX"))  # stable: the act before its annexes
        if files:
            yield files


def _natural(path: Path) -> list[tuple[int, str]]:
    digits = "".join(char if char.isdecimal() else " " for char in path.name).split()
    return [(int(number), "") for number in digits] + [(0, path.name)]


def _begins_with(path: Path, tag: bytes) -> bool:
    with path.open("rb") as stream:
        head = stream.read(1000)
    position = head.find(tag)
    return position >= 0 and head[position + len(tag) : position + len(tag) + 1] in (b" ", b">", b"\n", b"\r")


def run(reader: Reader, name: str) -> int:
    """Command line of a baseline: ``FOLDER --output OUT.jsonl``; print a summary as JSON; 1 when nothing was read."""
    arguments = argparse.ArgumentParser(description=f"{name} over every document below a folder")
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()

    count, empty, size, seconds = 0, 0, 0, 0.0
    failures: Counter[str] = Counter()
    with options.output.open("w", encoding="utf-8") as out:
        for files in documents(options.folder):
            size += sum(path.stat().st_size for path in files)
            began = time.process_time()
            try:
                record = reader(files)
            except Exception as error:  # another's reader may fail in any way; the failure is counted, the rest goes on
                failures[f"{type(error).__name__}: {error}"[:100]] += 1
                continue
            finally:
                seconds += time.process_time() - began
            count += 1
            empty += not record["text"].strip()
            out.write(json.dumps({"source": str(files[0]), **record}, ensure_ascii=False) + "\n")
    summary = {
        "reader": name,
        "documents": count,
        "without_text": empty,
        "failed": sum(failures.values()),
        "failures": dict(failures.most_common(10)),
        "megabytes_per_cpu_second": round(size / 1e6 / seconds, 2) if seconds else None,
    }
    print(json.dumps(summary, indent=1, ensure_ascii=False))
    if not count:
        print(f"nothing was read below {options.folder}", file=sys.stderr)
    return 0 if count else 1
