"""One small tokenizer for all tests of the sample, trained on acts of all five languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.parse import read_documents
from tools.sample.corpus import write_sample
from tools.sample.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def sample_texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("texts") / "formex"
    write_sample(folder, acts=3)
    return [document.text for document in read_documents([folder]) if isinstance(document, LegalDocument)]


@pytest.fixture(scope="session")
def tokenizer_folder(sample_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    train_tokenizer(sample_texts, output, vocab_size=1024)
    return output
