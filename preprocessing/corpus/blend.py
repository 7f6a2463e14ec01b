"""``cpt/blend.yaml``: the datasets of each language and the share each has in the training mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.holdout import SPLITS
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file
from preprocessing.languages import LANGUAGES

_HEADER = """\
# Megatron indexed datasets (.bin + .idx) and their mix, written by `launch.py preprocess`.
# prefix: relative to this file, without suffix. weight: this language's part of the tokens that training sees.
# Weights may be edited; they need not add up to 1. Tokens and documents say what the files hold.
"""


@dataclass(frozen=True)
class BlendEntry:
    """One language's dataset; ``prefix`` is absolute and has no suffix, ``weight`` its part of the mix."""

    language: str
    prefix: Path
    weight: float
    tokens: int
    documents: int


@dataclass(frozen=True)
class Blend:
    """The datasets of both splits and the tokenizer that made them (``tokenizer_sha256``: of its tokenizer.json)."""

    train: list[BlendEntry]
    validation: list[BlendEntry]
    vocab_size: int
    end_of_text_id: int
    tokenizer_sha256: str


def mix_weights(languages: Iterable[str]) -> dict[str, float]:
    """Return the default shares of the training mix, renormalised over the languages that are there."""
    shares = {language: LANGUAGES[language].share for language in languages}
    total = sum(shares.values())
    return {language: round(share / total, 6) for language, share in shares.items()}


def write_blend(path: Path, datasets: Mapping[tuple[str, str], tuple[int, int]], facts: TokenizerFacts) -> None:
    """Write the blend file; ``datasets`` maps (language, split) to documents and tokens."""
    lines = [
        _HEADER,
        "tokenizer:",
        f"  sha256: {facts.sha256}  # of its tokenizer.json",
        f"  vocab_size: {facts.vocab_size}",
        f"  end_of_text_id: {facts.end_of_text_id}  # ends every document",
    ]
    for split in SPLITS:
        languages = [language for language, name in datasets if name == split]
        weights = mix_weights(languages)
        lines.append(f"{split}:" if languages else f"{split}: []")
        for language in languages:
            documents, tokens = datasets[language, split]
            lines += [
                f"  - language: {language}",
                f"    prefix: {language}/{split}",
                f"    weight: {weights[language]}",
                f"    tokens: {tokens}",
                f"    documents: {documents}",
            ]
    with atomic_file(path) as stream:
        stream.write("\n".join(lines) + "\n")


def load_blend(path: Path) -> Blend:
    """Read a blend file and check that its datasets are there.

    Raises:
        UsageError: no such file, or it is not a blend file.
        RecipeError: a dataset that it names is missing.
    """
    blend = read_blend(path)
    for entry in blend.train + blend.validation:
        for suffix in (".bin", ".idx"):
            file = entry.prefix.with_name(entry.prefix.name + suffix)
            if not file.is_file():
                raise RecipeError(f"{file} is missing, though {path} names it; run preprocess again")
    return blend


def read_blend(path: Path) -> Blend:
    """Read a blend file, whether its datasets are there or not.

    Raises:
        UsageError: no such file, or it is not a blend file.
    """
    import yaml

    if not path.is_file():
        raise UsageError(f"blend file {path} does not exist; `launch.py preprocess` writes it as DIR/cpt/blend.yaml")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        tokenizer = value["tokenizer"]
        splits = {split: [_entry(path, item) for item in value[split]] for split in SPLITS}
        blend = Blend(
            train=splits["train"],
            validation=splits["validation"],
            vocab_size=int(tokenizer["vocab_size"]),
            end_of_text_id=int(tokenizer["end_of_text_id"]),
            tokenizer_sha256=str(tokenizer["sha256"]),
        )
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} is not a blend file ({type(error).__name__}: {error}); run preprocess again"
        ) from error
    if not blend.train:
        raise UsageError(f"{path} lists no training data; run preprocess again")
    return blend


def _entry(path: Path, item: dict[str, Any]) -> BlendEntry:
    weight = float(item["weight"])
    if not 0 < weight < float("inf"):
        raise ValueError(f"weight {weight} of {item['language']} is not a positive number")
    return BlendEntry(
        language=str(item["language"]),
        prefix=(path.parent / str(item["prefix"])).resolve(),
        weight=weight,
        tokens=int(item["tokens"]),
        documents=int(item["documents"]),
    )
