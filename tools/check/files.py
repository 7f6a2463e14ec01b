"""Every file of the manifest is there with its size and xxh3, and no other file is."""

from __future__ import annotations

from pathlib import Path

from preprocessing.corpus.output import OUTPUTS
from preprocessing.errors import RecipeError
from tools.check.manifest import Manifest, Output, foreign_files, hash_file, read_manifest
from tools.check.report import Check
from tools.check.work import Crew


def check_files(folder: Path, crew: Crew) -> tuple[Check, Manifest | None]:
    """Compare the folder with its manifest, which is None where it cannot be read."""
    check = Check("files")
    try:
        manifest = read_manifest(folder)
    except RecipeError as error:
        check.fail(str(error))
        return check, None
    check.fail_each(differences(folder, manifest, crew).values())
    for name in foreign_files(folder, manifest):
        check.fail(f"{name} is not in the manifest: not a file of this corpus")
    for part in OUTPUTS:
        if not any(name == part or name.startswith(f"{part}/") for name in manifest.outputs):
            check.fail(f"{part} is not in the manifest: every corpus has it")
    check.found = f"{len(manifest.outputs):,} files, {manifest.bytes:,} bytes, compared with manifest.json"
    return check, manifest


def differences(folder: Path, manifest: Manifest, crew: Crew) -> dict[str, str]:
    """Return what is wrong with each file of the manifest that is missing or changed, by its name."""
    # best.bin is a link to train.bin: read once
    targets = {name: (folder / name).resolve() for name in manifest.outputs}
    sizes = {path: manifest.outputs[name].bytes for name, path in targets.items()}
    paths = list(sizes)
    sums = dict(zip(paths, crew.run("checksums", _hash, paths, list(sizes.values())), strict=True))
    found: dict[str, str] = {}
    for name, expected in manifest.outputs.items():
        actual = sums[targets[name]]
        if isinstance(actual, str):
            found[name] = f"{name} {actual}"
        elif actual.bytes != expected.bytes:
            found[name] = f"{name} has {actual.bytes:,} bytes, {expected.bytes:,} in the manifest"
        elif actual.xxh3 != expected.xxh3:
            found[name] = f"{name} has changed: xxh3 {actual.xxh3}, {expected.xxh3} in the manifest"
    return found


def _hash(path: Path) -> Output | str:
    try:
        return hash_file(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
