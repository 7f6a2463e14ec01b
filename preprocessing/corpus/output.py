"""The output folder: built beside what is there, put in place at the end, the manifest last.

The corpus is put together under ``DIR/building.partial`` and moved up by renames when it is complete, so a killed or
failed run leaves the old corpus as it was and nothing new that looks whole. What its tasks finished stays in
``DIR/work``, each with a receipt, and the next run goes on from there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from preprocessing.corpus.receipts import checksum
from preprocessing.errors import UsageError
from preprocessing.files import PARTIAL_SUFFIX, locked_folder, write_json

BUILDING = "building" + PARTIAL_SUFFIX
REPLACED = "replaced" + PARTIAL_SUFFIX
#: What a run has finished of a corpus, for the next run; no part of the corpus.
WORK = "work"
MANIFEST = "manifest.json"
#: The setting that says where the tokenizer lay: the same one may lie elsewhere.
TOKENIZER_FOLDER = "tokenizer folder"
# In the order they are put in place: what training opens comes last before the manifest.
OUTPUTS = ("documents", "registry.parquet", "rejected.jsonl", "report.json", "report.html", "cpt")


def finished(folder: Path, settings: dict[str, Any], overwrite: bool) -> bool:
    """Return whether ``folder`` already holds the corpus that ``settings`` describe.

    Raises:
        UsageError: it is no folder, or holds something else and ``overwrite`` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"output {folder} is a file; give a folder")
    if not folder.exists():
        return False
    manifest = _read_manifest(folder)
    old = manifest["settings"] if manifest else {}
    names = (old.keys() | settings.keys()) - {TOKENIZER_FOLDER}
    changed = sorted(name for name in names if settings.get(name) != old.get(name))
    if manifest and not changed and _complete(folder, manifest):
        return True
    if overwrite:
        return False
    advice = "give another --output, or --overwrite to replace it"
    if manifest:
        what = f"other {', '.join(changed)}" if changed else "the same settings, but files of it are missing or changed"
        raise UsageError(f"{folder} holds a corpus made with {what}; {advice}")
    there = sorted(path.name for path in folder.iterdir())
    if there and not {BUILDING, REPLACED, WORK} & set(there):  # with one of these it is a run of ours that did not end
        raise UsageError(f"{folder} holds something else ({', '.join(there[:3])}); {advice}")
    return False


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield the empty folder to write into; it is removed on error.

    Raises:
        RecipeError: another run is writing into ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, f"another preprocess run is writing into {folder}; wait for it or stop it"):
        place = folder / BUILDING
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        try:
            yield place
        finally:
            # after publish() it is empty; after an error its content is half done and may fill a disk
            shutil.rmtree(place, ignore_errors=True)
            shutil.rmtree(folder / REPLACED, ignore_errors=True)


def publish(place: Path, settings: dict[str, Any], known: Mapping[str, dict[str, Any]] | None = None) -> None:
    """Move the outputs from ``place`` (given by :func:`building`) into its parent folder and write the manifest.

    ``known`` are sizes and checksums of files (by path in the corpus) that need not be read again for it.
    """
    folder = place.parent
    paths = {str(path.relative_to(place)): path for name in OUTPUTS for path in _files(place / name)}
    # the manifest vouches for these bytes: they are on the disk before it is
    sums = {name: (known or {}).get(name) or checksum(path) for name, path in paths.items()}
    replaced = folder / REPLACED
    shutil.rmtree(replaced, ignore_errors=True)
    replaced.mkdir()
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in OUTPUTS:
        if (folder / name).exists():
            (folder / name).replace(replaced / name)
        (place / name).replace(folder / name)
    write_json(folder / MANIFEST, {"settings": settings, "outputs": sums})


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        value = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return value if isinstance(value["settings"], dict) and isinstance(value["outputs"], dict) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _complete(folder: Path, manifest: dict[str, Any]) -> bool:
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == entry["bytes"]
        for name, entry in manifest["outputs"].items()
    )
