"""A test set about invented acts, and two tiny random Llama checkpoints with their tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.evaluation.questions import Question

ACT = "32099R0001"
OTHER_ACT = "32099R0002"

# The reference answers, in each language's fixed citation form.
REFERENCES = {
    "en": f"Operators shall keep a record of every flight. Article 5, Regulation (CELEX: {ACT})",
    "fr": f"Les opérateurs tiennent un registre de chaque vol. Article 5, Règlement (CELEX: {ACT})",
    "de": f"Die Betreiber führen ein Verzeichnis aller Flüge. Artikel 5, Verordnung (CELEX: {ACT})",
    "es": f"Los operadores llevarán un registro de cada vuelo. Artículo 5, Reglamento (CELEX: {ACT})",
    "pt": f"Os operadores mantêm um registo de cada voo. Artigo 5, Regulamento (CELEX: {ACT})",
}


class Acts:
    """A registry of two acts with ten articles each."""

    def has_act(self, celex: str) -> bool:
        return celex in {ACT, OTHER_ACT}

    def has_article(self, celex: str, article: str) -> bool:
        return self.has_act(celex) and article in {str(number) for number in range(1, 11)}


def question(language: str = "en", **changes: Any) -> Question:
    values: dict[str, Any] = {
        "line": 1,
        "question": f"What must operators do? ({language})",
        "answer": REFERENCES[language],
        "language": language,
        "kind": "requirement",
        "celex": ACT,
        "article": "5",
    }
    return Question(**{**values, **changes})


def record(language: str, number: int) -> dict[str, Any]:
    """One line of a test set."""
    return {
        "question": f"What must operators do in case {number}? ({language})",
        "answer": REFERENCES[language],
        "language": language,
        "metadata": {"celex": ACT, "article": "5", "kind": ("requirement", "scope")[number % 2], "source_id": "x"},
    }


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """A model this small only waits for its threads, the longer the busier the machine is."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """Fifteen questions: three in each of five languages."""
    return write_lines(tmp_path / "test.jsonl", [record(code, n) for code in REFERENCES for n in range(3)])


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a tiny random Llama checkpoint; with or without a chat template."""

    def make(seed: int, *, chat_template: bool = True) -> Path:
        import torch
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

        from tools.evaluation.backends import CHAT_TEMPLATE

        special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
        bpe.train_from_iterator(REFERENCES.values(), trainer)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=special[0], eos_token=special[1])
        if chat_template:
            tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            tie_word_embeddings=False,
            initializer_range=0.4,  # far enough apart that no two logits are nearly equal
        )
        folder = tmp_path_factory.mktemp("checkpoint")
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def base_checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(1, chat_template=False)


@pytest.fixture(scope="session")
def tuned_checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(2)
