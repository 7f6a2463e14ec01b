"""A small corpus made by ``preprocess`` from the invented sample, and ways to break it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocessing.corpus.pipeline import preprocess
from tests.preprocessing.corpus.conftest import make_tokenizer, settings
from tools.check.manifest import hash_file
from tools.check.report import FAILED, CheckReport
from tools.sample.corpus import write_sample


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def sound_corpus(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight invented acts in five languages; not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    write_sample(folder / "formex", acts=8)
    preprocess([folder / "formex"], folder / "corpus", tokenizer_folder, settings(shards=4), workers=1)
    return folder / "corpus"


@pytest.fixture
def corpus(sound_corpus: Path, tmp_path: Path) -> Path:
    """A copy to break, which does not say where its tokenizer is."""
    folder = Path(shutil.copytree(sound_corpus, tmp_path / "corpus", symlinks=True))
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["settings"]["tokenizer folder"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def one_act_corpus(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One act in two languages, whose last articles are held out; not to be changed."""
    folder = tmp_path_factory.mktemp("one-act")
    write_sample(folder / "formex", acts=1, languages=("en", "fr"))
    chosen = settings(languages=("en", "fr"), shards=1)
    preprocess([folder / "formex"], folder / "corpus", tokenizer_folder, chosen, workers=1)
    return folder / "corpus"


def reseal(folder: Path) -> None:
    """Write the manifest anew over what is there, so that only a look inside the files can tell that it is wrong."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    files = [file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file()]
    names = [file.as_posix() for file in files if file.parts[0] not in ("work", "manifest.json")]
    manifest["outputs"] = {name: dict(vars(hash_file(folder / name))) for name in names}
    path.write_text(json.dumps(manifest))


def edit_rows(folder: Path, change: Callable[[list[dict[str, Any]]], None], shard: int = 0) -> None:
    """Rewrite one Parquet file of the table after ``change`` was made to its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = sorted((folder / "documents").glob("*.parquet"))[shard]
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    reseal(folder)


def failed(report: CheckReport) -> dict[str, str]:
    """Return what is broken: the checks that failed, with their problems in one text."""
    assert report.exit_status == (1 if any(item.problems for item in report.checks) else 0)
    return {item.name: "; ".join(item.problems) for item in report.checks if item.state == FAILED}


def change_bytes(path: Path, place: int, value: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[place : place + len(value)] = value
    path.write_bytes(data)


def ids_of(folder: Path, name: str) -> np.ndarray:
    return np.memmap(folder / "cpt" / f"{name}.bin", np.uint16, mode="r+")


def change_settings(folder: Path, changes: dict) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"] |= changes
    path.write_text(json.dumps(manifest))
