"""A tiny Llama with its tokenizer, its NeMo checkpoint and a corpus of invented acts, each made once a test session."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from preprocessing.document import LegalDocument

ROOT = Path(__file__).parents[2]
ACTS = 3
VOCABULARY = 1024
SIZES = {"hidden": 64, "layers": 2, "ffn": 96}
# None of it Llama 3's own value, so that a default can't pass for what the checkpoint says. The short original context
# lets the scaling change what a sequence of a few hundred tokens computes.
ROPE_THETA = 250000.0
ROPE_SCALING: dict[str, Any] = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.5,
    "high_freq_factor": 6.0,
    "original_max_position_embeddings": 64,
}


class Tiny:
    """Everything is made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def formex(self) -> Path:
        """FORMEX files of invented acts in five languages."""
        from tools.sample.corpus import write_sample

        write_sample(self.folder / "formex", acts=ACTS)
        return self.folder / "formex"

    @cached_property
    def tokenizer(self) -> Path:
        """A tokenizer folder with the project's chat template."""
        from preprocessing.formex.parse import read_documents
        from tools.sample.tokenizer import train_tokenizer

        texts = [document.text for document in read_documents([self.formex]) if isinstance(document, LegalDocument)]
        train_tokenizer(texts, self.folder / "tokenizer", vocab_size=VOCABULARY)
        return self.folder / "tokenizer"

    @cached_property
    def hf(self) -> Path:
        """A Hugging Face checkpoint with grouped-query attention, norms that are not 1.0 and a RoPE of its own."""
        from tools.sample.model import make_tiny_llama

        make_tiny_llama(self.folder / "hf", self.tokenizer, perturb_norms=True, **SIZES)
        edit_json(self.folder / "hf" / "config.json", rope_theta=ROPE_THETA, rope_scaling=ROPE_SCALING)
        return self.folder / "hf"

    @cached_property
    def nemo(self) -> Path:
        """The NeMo checkpoint imported from :attr:`hf`."""
        from tools.checkpoint import import_checkpoint

        import_checkpoint(self.hf, self.folder / "nemo")
        return self.folder / "nemo"

    @cached_property
    def exported(self) -> Path:
        """:attr:`nemo` exported again."""
        from tools.checkpoint import export_checkpoint

        export_checkpoint(self.nemo, self.folder / "exported")
        return self.folder / "exported"

    @cached_property
    def blend(self) -> Path:
        """The blend file of the corpus, tokenized with :attr:`tokenizer`."""
        from preprocessing.corpus.pipeline import preprocess
        from preprocessing.corpus.settings import Settings

        preprocess([self.formex], self.folder / "corpus", self.hf, Settings(seq_length=64, validation_share=0.3))
        return self.folder / "corpus" / "cpt" / "blend.yaml"


@functools.lru_cache(maxsize=1)
def shared(folder: Path) -> Tiny:
    """The one :class:`Tiny` of this session; ``folder`` is pytest's base folder."""
    return Tiny(folder / "tiny")


def use_nemo_on_the_cpu() -> None:
    """Import NeMo and activate the CPU support in this process; skip where a GPU forbids it."""
    from recipes.quiet import import_nemo

    import_nemo()
    import torch

    if torch.cuda.is_available():
        pytest.skip("the cpu profile refuses where a GPU is visible; hide it with CUDA_VISIBLE_DEVICES=''")
    from recipes import cpu

    cpu.activate()


def edit_json(path: Path, **changes: Any) -> None:
    """Change some keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def start_python(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start ``code`` in an interpreter of its own, at the repository root."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in an interpreter of its own, at the repository root, for at most two minutes."""
    process = start_python(code, *arguments, **environment)
    try:
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
