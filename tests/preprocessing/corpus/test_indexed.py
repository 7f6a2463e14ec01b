from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.corpus.indexed import IndexedWriter, bin_path, idx_path, merge, read_lengths, token_type
from preprocessing.errors import RecipeError

LLAMA_VOCABULARY = 128256


def write(prefix: Path, documents: list[list[int]], vocab_size: int = LLAMA_VOCABULARY) -> Path:
    with IndexedWriter(prefix, vocab_size) as writer:
        for tokens in documents:
            writer.add(np.asarray(tokens, dtype=np.uint32))
    return prefix


def read_with_megatron(prefix: Path) -> list[list[int]]:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    dataset = IndexedDataset(str(prefix))
    assert dataset.document_indices.tolist() == list(range(len(dataset) + 1))
    return [dataset[number].tolist() for number in range(len(dataset))]


documents_of = st.lists(st.lists(st.integers(0, LLAMA_VOCABULARY - 1), min_size=1, max_size=30), min_size=1, max_size=8)


@settings(max_examples=50)
@given(documents_of)
def test_megatron_reads_back_what_was_written(documents: list[list[int]]):
    with tempfile.TemporaryDirectory() as folder:
        prefix = write(Path(folder) / "v1.5", documents)
        assert read_with_megatron(prefix) == documents


@settings(max_examples=30)
@given(st.lists(documents_of, min_size=1, max_size=4))
def test_merged_parts_are_what_one_writer_would_have_written(parts: list[list[list[int]]]):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prefixes = [write(folder / f"part{number}", documents) for number, documents in enumerate(parts)]
        documents = [tokens for part in parts for tokens in part]
        assert merge(prefixes, folder / "all") == (len(documents), sum(map(len, documents)))
        whole = write(folder / "whole", documents)
        assert bin_path(folder / "all").read_bytes() == bin_path(whole).read_bytes()
        assert idx_path(folder / "all").read_bytes() == idx_path(whole).read_bytes()
        assert read_with_megatron(folder / "all") == documents


@pytest.mark.parametrize("vocab_size", [1, 400, 65499, 65500, 65536, LLAMA_VOCABULARY])
def test_token_ids_are_stored_in_the_type_megatron_would_choose(vocab_size: int):
    from megatron.core.datasets.indexed_dataset import DType

    assert token_type(vocab_size) == np.dtype(DType.optimal_dtype(vocab_size))


@pytest.mark.parametrize("vocab_size", [1000, 65499, 65500, LLAMA_VOCABULARY])
def test_the_largest_id_survives_and_one_more_is_refused(tmp_path: Path, vocab_size: int):
    prefix = write(tmp_path / "a", [[0, vocab_size - 1]], vocab_size)
    assert read_with_megatron(prefix) == [[0, vocab_size - 1]]
    with pytest.raises(ValueError, match=f"token id {vocab_size} is outside the vocabulary"):
        write(tmp_path / "b", [[vocab_size]], vocab_size)


def test_a_negative_id_and_an_empty_document_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="token id -1"), IndexedWriter(tmp_path / "a", 400) as writer:
        writer.add(np.array([5, -1]))
    with pytest.raises(ValueError, match="without tokens"):
        write(tmp_path / "a", [[]])
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_no_file(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), IndexedWriter(tmp_path / "a", 400) as writer:
        writer.add(np.array([1, 2, 3]))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


FILL = """
import resource, sys
from pathlib import Path
import numpy as np
from preprocessing.corpus.indexed import IndexedWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # the system refuses to write on, as on a full disk
try:
    with IndexedWriter(Path(sys.argv[1]), 128256) as writer:
        for _ in range(100):
            writer.add(np.arange(1000))
except OSError as error:
    sys.exit(f"OSError {error.errno}")
"""


def test_a_disk_that_takes_no_more_leaves_no_file(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", FILL, str(tmp_path / "a")], capture_output=True, text=True)
    assert done.returncode == 1 and "OSError" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_lengths_are_read_back(tmp_path: Path):
    lengths, dtype = read_lengths(write(tmp_path / "a", [[1], [2, 3, 4]], 400))
    assert lengths.tolist() == [1, 3] and dtype == np.uint16


def test_parts_of_different_types_are_not_joined(tmp_path: Path):
    parts = [write(tmp_path / "a", [[1]], 400), write(tmp_path / "b", [[1]], LLAMA_VOCABULARY)]
    with pytest.raises(RecipeError, match=r"int32.*uint16"):
        merge(parts, tmp_path / "all")
    assert not bin_path(tmp_path / "all").exists()


def test_damage_is_noticed(tmp_path: Path):
    prefix = write(tmp_path / "a", [[1, 2, 3]])
    good = idx_path(prefix).read_bytes()
    for bad in (b"", good[:20], good[:-1], b"X" + good[1:], good + b"\0"):
        idx_path(prefix).write_bytes(bad)
        with pytest.raises(RecipeError, match="damaged"):
            read_lengths(prefix)
    idx_path(prefix).write_bytes(good)
    bin_path(prefix).write_bytes(b"\0" * 8)
    with pytest.raises(RecipeError, match="does not hold the tokens"):
        read_lengths(prefix)
    bin_path(prefix).unlink()
    with pytest.raises(RecipeError, match="is missing"):
        read_lengths(prefix)
