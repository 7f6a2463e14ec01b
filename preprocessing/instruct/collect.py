"""The work on one file of the corpus: open its acts, build their pairs, keep the best drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from math import ceil
from pathlib import Path

from preprocessing.corpus.documents import iter_batches
from preprocessing.corpus.registry import Registry
from preprocessing.document import LegalDocument
from preprocessing.instruct.acts import open_act, unfit
from preprocessing.instruct.candidates import Act
from preprocessing.instruct.exclusion import Exclusion
from preprocessing.instruct.kinds import find_all
from preprocessing.instruct.render import Pair, defect, draw, render
from preprocessing.instruct.select import LanguagePool, in_shares, question_key
from preprocessing.pool import worker_pool

# Pairs of one act in one language: at least this many may be kept, more where the corpus has few acts.
MIN_PER_ACT = 6
ACT_SPARE = 4  # an act may hold this many times an even part of the language's quota


@dataclass(frozen=True)
class Order:
    """What is to be built: quotas by language, the number of acts that share each, what to leave out."""

    corpus: Path
    quotas: Mapping[str, int]
    acts: Mapping[str, int]
    excluded: Exclusion
    seed: int

    def per_act(self, language: str) -> int:
        """The most pairs that one act may give in a language."""
        return max(MIN_PER_ACT, ceil(self.quotas[language] / max(1, self.acts.get(language, 0)) * ACT_SPARE))


@dataclass
class Collected:
    """What a file gave: ``pairs`` worth keeping of ``sound`` ones, and what was left out for which reason."""

    documents: int = 0
    sound: int = 0
    pairs: list[Pair] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def collect_files(files: Sequence[Path], order: Order, workers: int) -> Iterator[Collected]:
    """Yield what each file gives, in the order of the files, whatever the number of ``workers`` (processes).

    Raises:
        RecipeError: a worker process died (most often: out of memory).
    """
    work = partial(collect, order=order)
    workers = min(workers, len(files))
    if workers <= 1:
        yield from map(work, files)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(work, files)


def collect(file: Path, order: Order) -> Collected:
    """Build the pairs of one file's documents; memory is bounded by twice the quotas."""
    registry = _registry(order.corpus)
    collected = Collected()
    pools = {language: LanguagePool(quota, order.seed) for language, quota in order.quotas.items()}
    seen: set[int] = set()
    for document in _documents(file):
        collected.documents += 1
        if reason := unfit(document, order.quotas):
            collected.left_out[f"document: {reason}"] += 1
            continue
        act = open_act([document], registry)
        if act is None:
            collected.left_out["document: act cannot be named"] += 1
            continue
        for pair in _pairs_of(act, registry, order, seen, collected.left_out):
            collected.sound += 1
            pools[act.language].offer(pair)
    collected.pairs = [pair for pool in pools.values() for pair in pool.held()]
    return collected


def _documents(file: Path) -> Iterator[LegalDocument]:
    for batch in iter_batches(file):
        yield from map(LegalDocument.from_dict, batch.to_pylist())


def _pairs_of(act: Act, registry: Registry, order: Order, seen: set[int], left_out: Counter[str]) -> Iterator[Pair]:
    """Yield the sound pairs of an act up to its limit, kinds in their shares, questions not seen before."""
    ordered = in_shares(
        find_all(act),
        lambda candidate: candidate.kind,
        lambda candidate: draw(order.seed, "act", act.language, candidate.kind, candidate.source_id),
    )
    room = order.per_act(act.language)
    for position, candidate in enumerate(ordered):
        if room == 0:
            left_out["pair: act has enough"] += len(ordered) - position
            return
        if candidate.source_id in order.excluded:
            left_out["pair: passage of the test set"] += 1
            continue
        pair = render(candidate, act, order.seed)
        if why := defect(pair, candidate, act, registry):
            left_out[f"pair: {why}"] += 1
            continue
        key = question_key(pair)
        if key in seen:
            left_out["pair: question asked before"] += 1
            continue
        seen.add(key)
        room -= 1
        yield pair


@cache
def _registry(corpus: Path) -> Registry:
    return Registry.load(corpus)
