"""The reader under random input: it gives documents or reasons, always the same ones, and keeps no memory.

For longer: ``FUZZ_EXAMPLES=100000 pytest -m slow tests/preprocessing/formex/test_fuzz.py``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessing.formex.inputs import Folder
from preprocessing.formex.workers import FolderReader
from preprocessing.formex.zips import Member
from tests.preprocessing.formex.archives import zipped
from tests.preprocessing.formex.fuzz import SEEDS, changed_files, check, damaged

FAST = settings(max_examples=150, deadline=10_000, suppress_health_check=list(HealthCheck))
LONG = settings(FAST, max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")))


def changed_structure(files: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in zip(("a.xml", "b.xml", "a.doc.xml"), files, strict=False):
            (Path(folder) / name).write_bytes(data)
        check(Path(folder))


def damaged_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.xml").write_bytes(data)
        check(Path(folder) / "a.xml")


def damaged_archive(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.zip").write_bytes(data)
        check(Path(folder))


_SEED_BYTES = st.sampled_from([seed.encode(encoding) for seed in SEEDS for encoding in ("utf-8", "utf-16")])
_INNER = zipped(
    {"a.xml": SEEDS[0].encode(), "a.doc.xml": SEEDS[5].encode(), "b.xml": SEEDS[4].encode(), "c.tif": b"II"}
)
_ARCHIVES = st.sampled_from([_INNER, zipped({"x/b.zip": _INNER, "x.xml": SEEDS[1].encode()})])
INPUTS: dict[str, tuple[Callable[..., None], st.SearchStrategy[object]]] = {
    "changed structure": (changed_structure, st.lists(changed_files(), min_size=1, max_size=3)),
    "damaged bytes": (damaged_bytes, _SEED_BYTES.flatmap(damaged)),
    "damaged archive": (damaged_archive, _ARCHIVES.flatmap(damaged)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_any_input_gives_documents_or_reasons(name: str) -> None:
    run, strategy = INPUTS[name]
    FAST(given(strategy)(run))()


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
def test_any_input_gives_documents_or_reasons_for_long(name: str) -> None:
    run, strategy = INPUTS[name]
    LONG(given(strategy)(run))()


@pytest.mark.parametrize("different", [False, True], ids=["the same file", "a file never seen before"])
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path, different: bool) -> None:
    path = tmp_path / "a.xml"

    def read(number: int) -> None:
        seed = SEEDS[number % len(SEEDS)]
        if different:
            seed = seed.replace("IDENTIFIER='", f"IDENTIFIER='{number}").replace("<P>", f"<P X{number}='{number}'>")
        path.write_text(seed[: -(number % 7) * 30 or None], encoding="utf-8")
        list(FolderReader().read(Folder((Member(str(path), 1),))))

    for number in range(200):
        read(number)
    before = psutil.Process().memory_info().rss
    for number in range(200, 1700):
        read(number)
    assert psutil.Process().memory_info().rss - before < 8 << 20
