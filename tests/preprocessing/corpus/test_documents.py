from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.documents import iter_documents
from preprocessing.document import Annex, Recital, Reference
from preprocessing.errors import UsageError
from tests.preprocessing.corpus.conftest import write_documents


def test_documents_come_back_as_they_were(tmp_path: Path, make_document):
    act = make_document(
        recitals=[Recital("1", "«x»")],
        annexes=[Annex("A", "b\tc")],
        references=[Reference(None, "5", "Article 5")],
        warnings=["w"],
    )
    write_documents(tmp_path / "documents", [act, make_document("32099R0002", date=None, base_celex=None)])
    found = {document.id: document for document in iter_documents(tmp_path)}
    assert found[act.id] == act and found["32099R0002-en"].base_celex is None


def test_hugging_face_datasets_reads_the_table(tmp_path: Path, make_document):
    from datasets import load_dataset

    paths = write_documents(tmp_path / "documents", [make_document(f"32099R{number:04d}") for number in range(5)])
    dataset = load_dataset("parquet", data_files=[str(path) for path in paths], cache_dir=str(tmp_path / "cache"))
    assert len(dataset["train"]) == 5


def test_a_folder_without_documents_is_refused(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match=r"holds no documents/\*\.parquet"):
            list(iter_documents(folder))


def test_a_file_that_is_no_table_of_documents_is_named(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(UsageError, match=r"a\.parquet cannot be read as Parquet"):
        list(iter_documents(tmp_path))
    pq.write_table(pa.table({"id": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"a\.parquet is not a table of documents"):
        list(iter_documents(tmp_path))
