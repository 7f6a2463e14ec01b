"""Atomic writes: a killed run leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from preprocessing.errors import RecipeError

PARTIAL_SUFFIX = ".partial"


def _writer() -> str:
    # with the machine's name: on a shared file system, another machine may have a process of the same number
    return f"{platform.node()}-{os.getpid()}"


@contextmanager
def atomic_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open ``path`` for writing under a temporary name in its folder; rename it into place on success.

    On any error the temporary file is removed and ``path`` is untouched. ``mode`` is ``"w"`` (UTF-8 text with
    ``\\n`` line ends) or ``"wb"``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{_writer()}{PARTIAL_SUFFIX}")
    binary = "b" in mode
    try:
        with partial.open(mode, encoding=None if binary else "utf-8", newline=None if binary else "\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``; on success it replaces ``path`` whole, on error it is removed."""
    if path.name in ("", ".."):
        path = path.resolve()  # "." has no name to put another one beside
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{_writer()}{PARTIAL_SUFFIX}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        if path.exists():
            # rename is atomic only onto an empty folder: move the old one aside first, then drop it
            old = path.with_name(f"{path.name}.{_writer()}.old{PARTIAL_SUFFIX}")
            path.replace(old)
            partial.replace(path)
            shutil.rmtree(old)
        else:
            partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        for folder in missing:  # innermost first; one that holds something by now stays
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def locked_folder(folder: Path, refusal: str, *, shared: bool = False) -> Iterator[None]:
    """Hold ``folder`` for this process alone, or (``shared``) for it and others that share it.

    On network file systems this keeps out processes of the same machine only.

    Raises:
        RecipeError: another one holds it; with the message ``refusal``.
    """
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            # the system lifts it when the process ends, however it ends
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(refusal) from error
        yield
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` atomically as indented UTF-8 JSON."""
    with atomic_file(path) as stream:
        json.dump(value, stream, ensure_ascii=False, indent=2)
        stream.write("\n")


def write_json_lines(path: Path, rows: Iterator[Any] | list[Any]) -> int:
    """Write ``rows`` atomically as JSON Lines; return how many there were."""
    count = 0
    with atomic_file(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
