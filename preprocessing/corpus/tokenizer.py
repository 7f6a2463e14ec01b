"""A Hugging Face tokenizer folder, checked, and the fast encoder (gigatoken) that gives the same tokens.

Documents are encoded as the tokenizer itself does by default (Llama 3's puts ``<|begin_of_text|>`` in front), then
``<|end_of_text|>`` is appended. A marker that stands in a text as plain characters is read as Hugging Face reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

END_OF_TEXT = "<|end_of_text|>"
# What Llama 3's chat form and our documents need; a folder without one of them belongs to another model.
SPECIAL_TOKENS = ("<|begin_of_text|>", END_OF_TEXT, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")

# Pieces on which pre-tokenizers differ: contractions, digit runs, ligatures, joiners, line ends, no-break spaces.
_PROBE = (
    "Article 5(1)(a): the controller's 1 234 567,89 EUR\u00a0fine\u202f– “without prejudice” to l’article 12 bis."
    "\r\n\r\n  ‘Verordnung’ über Maßnahmen; número 2016/679 ção ñ ſ e\u0301 \ufb01 ½ ⅷ 日本語 العربية 👩‍⚖️\t\u200b\ufeff"
    "<|end_of_text|> don't WE'LL\n \n x\u2029y"
)


@dataclass(frozen=True)
class TokenizerFacts:
    """What the corpus needs to know of a tokenizer.

    ``vocab_size`` is one more than the largest id, added tokens included; ``before`` and ``after`` are the ids that
    the tokenizer puts around a text by default; ``sha256`` is that of ``tokenizer.json``.
    """

    folder: Path
    sha256: str
    vocab_size: int
    end_of_text_id: int
    before: tuple[int, ...]
    after: tuple[int, ...]


def load_tokenizer(folder: Path) -> TokenizerFacts:
    """Read and check a tokenizer folder, and that gigatoken encodes as it does.

    Raises:
        UsageError: no such folder, no ``tokenizer.json`` in it, or one that is not a tokenizer's.
        RecipeError: a special token of Llama 3 is missing, or gigatoken does not reproduce this tokenizer.
    """
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not folder.is_dir():
        raise UsageError(f"tokenizer folder {folder} does not exist; give the folder that holds tokenizer.json")
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no tokenizer.json; give the folder of a Hugging Face checkpoint or tokenizer "
            "(Llama 3.3's has one beside config.json)"
        )
    try:
        reference = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception for every malformed file
        raise UsageError(f"{file} cannot be read as a tokenizer ({error}); fetch it again") from error
    missing = [token for token in SPECIAL_TOKENS if reference.token_to_id(token) is None]
    if END_OF_TEXT in missing:
        raise RecipeError(f"{file} has no end-of-text token {END_OF_TEXT}; use a Llama 3 tokenizer")
    if missing:
        raise RecipeError(f"{file} lacks the special tokens {', '.join(missing)}; use a Llama 3 tokenizer")
    # settings saved in the file for padded batches would change single texts here
    reference.no_padding()
    reference.no_truncation()
    around = reference.encode("a").ids
    inner = reference.encode("a", add_special_tokens=False).ids
    start = next((i for i in range(len(around)) if around[i : i + len(inner)] == inner), 0)
    facts = TokenizerFacts(
        folder=folder,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        vocab_size=max(reference.get_vocab(with_added_tokens=True).values()) + 1,
        end_of_text_id=reference.token_to_id(END_OF_TEXT),
        before=tuple(around[:start]),
        after=tuple(around[start + len(inner) :]),
    )
    if Encoder(facts).encode([_PROBE])[0].tolist() != [*reference.encode(_PROBE).ids, facts.end_of_text_id]:
        raise RecipeError(f"gigatoken does not encode as {file} does; use a Llama 3 tokenizer, which it reproduces")
    return facts


class Encoder:
    """Turns texts into token ids, in the calling thread alone (parallel work is by shards, one process each)."""

    def __init__(self, facts: TokenizerFacts) -> None:
        import gigatoken
        import numpy as np

        file = facts.folder / "tokenizer.json"
        try:
            self._tokenizer = gigatoken.Tokenizer(str(file))
        except Exception as error:  # the library raises several kinds for what it does not support
            raise RecipeError(f"gigatoken cannot read {file} ({error}); use a Llama 3 tokenizer") from error
        self._before = np.asarray(facts.before, dtype=np.uint32)
        self._after = np.asarray([*facts.after, facts.end_of_text_id], dtype=np.uint32)

    def encode(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """Return one array of ids (uint32, shape ``[tokens]``) a text, end-of-text included."""
        import awkward
        import numpy as np

        if not texts:
            return []
        encoded = self._tokenizer.encode_batch(list(texts), parallel=False)
        ends = np.cumsum(awkward.num(encoded).to_numpy())[:-1]
        rows = np.split(awkward.flatten(encoded).to_numpy(), ends)
        return [np.concatenate([self._before, row, self._after]) for row in rows]
