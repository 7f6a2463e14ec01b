"""Genuine FORMEX files beside the repository; tests that need them are skipped where they are missing."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from preprocessing.files import atomic_folder

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "formex"
DEV_CACHE = REPOSITORY / ".cache" / "formex-dev"


@pytest.fixture(scope="session")
def gdpr_folder() -> Path:
    """The GDPR as published, in five languages: ``{en,fr,de,es,pt}/``."""
    folder = SHARED / "gdpr"
    if not folder.is_dir():
        pytest.skip("the real FORMEX files are not there (../shared/formex/gdpr)")
    return folder


@pytest.fixture(scope="session")
def dev_folder() -> Path:
    """The development set, unpacked once into the cache: ``formex/``, ``xhtml/``, ``index.tsv``."""
    archive = SHARED / "dev.tar.xz"
    if not (DEV_CACHE / "index.tsv").is_file():
        if not archive.is_file():
            pytest.skip("the real FORMEX files are not there (../shared/formex/dev.tar.xz)")
        with atomic_folder(DEV_CACHE) as folder, tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    return DEV_CACHE
