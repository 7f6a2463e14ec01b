"""``manifest.json`` as it stands: which files belong to a corpus, their sizes and sums; and which files do not."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from preprocessing.corpus.output import MANIFEST, WORK
from preprocessing.corpus.receipts import checksum
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import PARTIAL_SUFFIX

# What preprocess names its files; anything else could mean something to a shell or lead out of the folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_XXH3 = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Output:
    """A file's size in bytes and its 64-bit xxh3 as 16 hexadecimal digits."""

    bytes: int
    xxh3: str


@dataclass(frozen=True)
class Manifest:
    """The settings of the run and its outputs by path, relative to the corpus folder and with ``/``."""

    settings: dict[str, Any]
    outputs: dict[str, Output]

    @property
    def bytes(self) -> int:
        return sum(output.bytes for output in self.outputs.values())


def corpus_folder(folder: Path) -> None:
    """Raise UsageError unless ``folder`` looks like an output of ``preprocess``, whole or broken."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {what}; give the folder that `launch.py preprocess --output` wrote")
    if not any((folder / name).exists() for name in (MANIFEST, "cpt", "documents")):
        raise UsageError(
            f"{folder} is not a corpus (no {MANIFEST}, cpt/ or documents/); give the folder that `launch.py preprocess "
            "--output` wrote"
        )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest.

    Raises:
        RecipeError: it is missing, damaged, or names a file outside the folder.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        outputs = {name: Output(int(item["bytes"]), str(item["xxh3"])) for name, item in value["outputs"].items()}
        settings = dict(value["settings"])
    except FileNotFoundError as error:
        raise RecipeError(
            f"{path} is missing: a run or a transfer of this corpus did not end; run preprocess (or transfer) again"
        ) from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror}); run preprocess again") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecipeError(f"{path} is damaged ({type(error).__name__}: {error}); run preprocess again") from error
    for name, output in outputs.items():
        if not _NAME.fullmatch(name) or ".." in PurePosixPath(name).parts or not _XXH3.fullmatch(output.xxh3):
            raise RecipeError(f"{path} is damaged: it lists {name!r} with xxh3 {output.xxh3!r}; run preprocess again")
    return Manifest(settings, outputs)


def hash_file(path: Path) -> Output:
    """Return size and xxh3 of a file, read block by block."""
    return Output(**checksum(path, sync=False))


def foreign_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files and links in ``folder`` that are not of the corpus, sorted.

    What ``preprocess`` keeps for itself is passed over: ``work/`` and everything named ``*.partial``.
    """
    found = []
    for place, folders, files in os.walk(folder):
        here = Path(place).relative_to(folder)
        folders[:] = [name for name in folders if not not_part(here / name)]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [(here / name).as_posix() for name in (*files, *links) if not not_part(here / name)]
    return sorted(set(found) - manifest.outputs.keys() - {MANIFEST})


def not_part(path: Path) -> bool:
    """Return whether ``path`` (relative to the corpus folder) is ``work`` or something unfinished."""
    return path == Path(WORK) or path.name.endswith(PARTIAL_SUFFIX)
