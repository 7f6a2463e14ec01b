"""Which pairs are kept: kinds in their shares, no act too often, no question twice."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import TypeVar

import xxhash

from preprocessing.instruct.kinds import SHARES
from preprocessing.instruct.kinds.unanswerable import KIND as UNANSWERABLE
from preprocessing.instruct.render import Pair, draw

T = TypeVar("T")
NOT_WORDS = re.compile(r"[\W_]+")
# A kind may hold this many times its share while pairs come in: room to fill in for kinds that the corpus lacks.
SPARE = 2
# No kind makes up more than this part of a language's pairs, unless the corpus offers hardly any other.
MAX_KIND_SHARE = 0.4
MIN_KINDS_FOR_CAP = 4


def in_shares(items: Iterable[T], kind: Callable[[T], str], rank: Callable[[T], int]) -> list[T]:
    """Order items so that any beginning of the list holds the kinds in their shares, as far as they last.

    Within a kind the order is by ``rank``; equal ranks keep the order they came in.
    """
    placed: list[tuple[float, int, T]] = []
    seen: Counter[str] = Counter()
    for position, item in enumerate(sorted(items, key=rank)):
        placed.append(((seen[kind(item)] + 0.5) / SHARES[kind(item)], position, item))
        seen[kind(item)] += 1
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]


def question_key(pair: Pair) -> int:
    """A number that two questions of a language share when they differ in case, spaces or punctuation only."""
    return xxhash.xxh3_64_intdigest(f"{pair.language} {NOT_WORDS.sub(' ', pair.question.casefold())}".encode())


class LanguagePool:
    """The pairs of one language while the corpus streams by: for each kind the best drawn, in bounded memory."""

    def __init__(self, quota: int, seed: int) -> None:
        self.quota = quota
        self._offered = 0
        self._seed = seed
        self._heaps: dict[str, list[tuple[int, int, Pair]]] = {kind: [] for kind in SHARES}

    def offer(self, pair: Pair) -> None:
        """Take a pair in; where its kind is full, the worst drawn one goes."""
        self._offered += 1
        drawn = draw(self._seed, "select", pair.language, pair.kind, pair.source_id)
        entry = (-drawn, -self._offered, pair)  # of equally drawn ones the earlier stays
        heap = self._heaps[pair.kind]
        if len(heap) < max(1, round(self.quota * SHARES[pair.kind] * SPARE)):
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def held(self) -> list[Pair]:
        """Return every pair still in, those of a kind together, the best drawn first."""
        return [pair for heap in self._heaps.values() for _, _, pair in sorted(heap, key=lambda entry: entry[:2])[::-1]]

    def chosen(self) -> list[Pair]:
        """Return the pairs to keep: at most the quota, kinds in their shares, none beyond its cap."""
        drawn = {id(pair): -negative for heap in self._heaps.values() for negative, _, pair in heap}
        return _capped(in_shares(self.held(), lambda pair: pair.kind, lambda pair: drawn[id(pair)])[: self.quota])


def _capped(ordered: Sequence[Pair]) -> list[Pair]:
    """Drop the last pairs of a kind that holds more than its cap of all, until none does."""
    kept = list(ordered)
    while True:
        counts = Counter(pair.kind for pair in kept)
        over = [kind for kind in counts if counts[kind] > _room(kind, counts)]
        if not over:
            return kept
        kind = max(over, key=lambda name: counts[name])
        of_kind = [pair for pair in kept if pair.kind == kind]
        dropped = {id(pair) for pair in of_kind[_room(kind, counts) :]}
        kept = [pair for pair in kept if id(pair) not in dropped]


def _room(kind: str, counts: Counter[str]) -> int:
    """How many pairs of a kind the others carry: its cap of all, rounded up; a corpus of few kinds has no caps."""
    if kind == UNANSWERABLE:
        cap = SHARES[UNANSWERABLE]
    elif len(counts) < MIN_KINDS_FOR_CAP:
        return counts[kind]
    else:
        cap = MAX_KIND_SHARE
    return ceil((counts.total() - counts[kind]) * cap / (1 - cap))
