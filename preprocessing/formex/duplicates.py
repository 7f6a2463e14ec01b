"""The same document twice: data dump and Official Journal archives overlap, and people give a file and its folder."""

from __future__ import annotations

import xxhash

from preprocessing.formex.inputs import Rejected


class Seen:
    """What was read before, in the order of the output: some 350 bytes a document.

    A document whose files hold the same bytes as an earlier one's is rejected. Another text of the same id is kept with
    a warning: which of two texts is wanted is for later stages to say.
    """

    def __init__(self) -> None:
        self._sources: dict[int, str] = {}
        self._ids: set[int] = set()

    def twin(self, digest: int, source: str) -> Rejected | None:
        """Return the rejection of a document that was read before, else remember it."""
        first = self._sources.setdefault(digest, source)
        return None if first is source else Rejected(source, f"same document twice: its files are those of {first}")

    def warning(self, document_id: str) -> str | None:
        """Return what to say of a document with the id of an earlier one, else remember the id."""
        key = xxhash.xxh3_64_intdigest(document_id.encode("utf-8", "surrogatepass"))
        if key in self._ids:
            return f"same id twice: another text of {document_id} stands earlier in the output"
        self._ids.add(key)
        return None
