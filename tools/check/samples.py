"""Some documents of every dataset, decoded from their tokens and compared with the table's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from preprocessing.corpus.indexed import bin_path
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.progress import progress
from tools.check.documents import name_of
from tools.check.indices import Index, is_subset
from tools.check.report import Check, Sample
from tools.check.table import Facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN_CHARACTERS = 300


def check_samples(
    indexes: Mapping[str, Index], facts: Facts | None, tokenizer: TokenizerFacts | None, number: int
) -> tuple[Check, list[Sample]]:
    """Decode ``number`` documents of each dataset, evenly from the first to the last."""
    from tokenizers import Tokenizer

    check = Check("samples")
    if tokenizer is None:
        check.skip("what the tokens say: that needs the tokenizer they were made with; give --tokenizer DIR")
    if facts is None:
        check.skip("what the tokens should say: the documents table cannot be read")
    if tokenizer is None or facts is None or not number:
        return check, []
    decoder = Tokenizer.from_file(str(tokenizer.folder / "tokenizer.json"))
    samples: list[Sample] = []
    chosen = [
        (index, document, int(facts.rows[index.name][document]))
        for index in indexes.values()
        if not is_subset(index.name) and index.name in facts.rows
        for document in choose(min(len(index.lengths), len(facts.rows[index.name])), number)
    ]
    texts = facts.fetch((row for _, _, row in chosen), ["id", "text"])
    for index, document, row in progress(chosen, what="samples", unit="document"):
        tokens = _tokens(index, document)
        name = name_of(facts, index.name, document)
        inner = _without(tokens, tokenizer.before, (*tokenizer.after, tokenizer.end_of_text_id))
        text = decoder.decode(inner if inner is not None else tokens, skip_special_tokens=False)
        samples.append(Sample(index.name, document, texts[row]["id"], len(tokens), text[:SHOWN_CHARACTERS]))
        if inner is None:
            check.fail(f"{name} does not begin and end as the tokenizer's documents do")
        elif text != texts[row]["text"]:
            check.fail(f"{name} {_difference(text, texts[row]['text'])}")
    check.found = f"{len(samples)} documents decoded and compared with the table's text"
    return check, samples


def choose(documents: int, number: int) -> list[int]:
    """Return up to ``number`` of the documents 0 to ``documents`` - 1, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, documents - 1, min(number, documents)).round().astype(int)).tolist()


def _tokens(index: Index, document: int) -> list[int]:
    ids: NDArray[np.int32] = np.fromfile(
        bin_path(index.prefix), index.dtype, int(index.lengths[document]), offset=int(index.starts[document])
    )
    return ids.tolist()


def _without(tokens: list[int], before: Sequence[int], after: Sequence[int]) -> list[int] | None:
    """Return the tokens between those around every document; None where these are not there."""
    begin, end = len(before), len(tokens) - len(after)
    if begin > end or tokens[:begin] != [*before] or tokens[end:] != [*after]:
        return None
    return tokens[begin:end]


def _difference(decoded: str, text: str) -> str:
    place = next((i for i, (one, other) in enumerate(zip(decoded, text, strict=False)) if one != other), None)
    if place is None:
        return f"says {len(decoded):,} characters, {len(text):,} by the table"
    return f"says {decoded[place : place + 30]!r} at character {place:,}, {text[place : place + 30]!r} by the table"
