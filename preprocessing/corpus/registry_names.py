"""Which act a short name stands for, by the names column of the registry."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preprocessing.citations.short_names import known_names, name_key, names_of
from preprocessing.corpus.registry_rows import DEFINED, NAME_SOURCES

if TYPE_CHECKING:
    import pyarrow

# Of the acts that define a name for some act, so many must mean the same one for the name to be that one's.
AGREEMENT = 0.75
# A name that was misspelt is looked for among those that begin with the same characters.
_RIGHT = 3


@dataclass(frozen=True)
class Named:
    """What a short name stands for: ``celex``, or None with the ``candidates`` where it may be several, or none.

    ``languages`` are those in which the name is used.
    """

    celex: str | None
    candidates: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()


class Names:
    """All names of the registry's acts in one flat Arrow array, beside the numbers of their acts."""

    def __init__(self, acts: pyarrow.Array, names: pyarrow.ChunkedArray) -> None:
        import pyarrow.compute as pc

        lists = names.combine_chunks()
        self._names = lists.flatten()
        self._keys = pc.struct_field(self._names, "key")
        self._acts = acts.take(pc.list_parent_indices(lists))

    def find(self, name: str) -> Named:
        """Return the act that a name in any language stands for; spelling and accents are not looked at.

        Names of the table (:mod:`preprocessing.citations.short_names`) are known whether or not the corpus holds the
        act; then come those of titles, those that other acts define, and initials of titles' names. A name that stands
        for several acts of the same rank stands for none.
        """
        import pyarrow.compute as pc

        key = name_key(name)
        if key in known_names():
            celex = known_names()[key]
            names = names_of(celex).items()
            languages = {language for language, of_language in names if key in map(name_key, of_language)}
            return Named(celex, (celex,), frozenset(languages - {""}))
        places = pc.indices_nonzero(pc.equal(self._keys, key))
        found = self._names.take(places).to_pylist()
        if not found:
            return Named(None)
        source = min((entry["source"] for entry in found), key=NAME_SOURCES.index)
        votes: Counter[str] = Counter()
        for act, entry in zip(self._acts.take(places).to_pylist(), found, strict=True):
            if entry["source"] == source:
                votes[act] += entry["votes"]
        best = max(votes, key=lambda celex: votes[celex])
        sure = votes[best] >= AGREEMENT * found[0]["of"] if source == DEFINED else len(votes) == 1
        return Named(best if sure else None, tuple(votes), frozenset(entry["language"] for entry in found))

    def similar(self, name: str, most: int = 3) -> list[str]:
        """Return names of acts in the corpus that are spelt nearly like ``name``."""
        import pyarrow.compute as pc

        key = name_key(name)
        near = self._names.filter(pc.starts_with(self._keys, key[:_RIGHT])).to_pylist()
        spelt = {entry["key"]: entry["name"] for entry in near}
        return [spelt[found] for found in difflib.get_close_matches(key, spelt, n=most, cutoff=0.8)]
