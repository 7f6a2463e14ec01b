"""Which documents enter the corpus: wanted languages, text enough, no exact duplicates; every other one is counted."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import xxhash

from preprocessing.document import LegalDocument

# Below this a document is a title and a line or two: nothing to learn from, and mostly pointers to other files.
MIN_CHARACTERS = 200

UNWANTED_LANGUAGE = "language not asked for"
TOO_SHORT = f"text shorter than {MIN_CHARACTERS} characters"
BROKEN_TEXT = "text that is not valid Unicode"
DUPLICATE = "exact duplicate"
OTHER_TEXT = "another text of a document already read"


class Selection:
    """Decides document by document, in the order they come: the first of several equal texts is kept.

    So is the first of several texts of one document (same CELEX number and language): ids are unique in the corpus.

    ``left_out`` counts what was refused by reason and language.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = frozenset(languages)
        self.left_out: Counter[tuple[str, str]] = Counter()
        self._seen: dict[tuple[str, int], str] = {}
        self._ids: set[str] = set()

    def refuse(self, document: LegalDocument) -> str | None:
        """Return why the document is left out (naming its twin, if it is a duplicate), or None to keep it."""
        if document.language not in self.languages:
            return self._count(UNWANTED_LANGUAGE, document, "")
        if len(document.text) < MIN_CHARACTERS:
            return self._count(TOO_SHORT, document, "")
        try:
            key = (document.language, text_hash(document.text))
        except UnicodeEncodeError:
            return self._count(BROKEN_TEXT, document, "")
        if key in self._seen:
            return self._count(DUPLICATE, document, f" of {self._seen[key]}")
        if document.id in self._ids:
            return self._count(OTHER_TEXT, document, f", {document.id}")
        self._seen[key] = document.id
        self._ids.add(document.id)
        return None

    def _count(self, reason: str, document: LegalDocument, detail: str) -> str:
        self.left_out[reason, document.language] += 1
        return reason + detail


def text_hash(text: str) -> int:
    """Return 64 bits that are equal for texts differing only in white space or in how accents are composed."""
    return xxhash.xxh3_64_intdigest(" ".join(unicodedata.normalize("NFC", text).split()).encode())
