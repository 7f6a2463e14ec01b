"""Where a pair goes: train, validation or test, decided by its act, or by its article where there are too few acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from preprocessing.instruct.render import Pair, draw
from preprocessing.split import validation_acts

SPLITS = ("train", "validation", "test")
MIN_ACTS = 3  # with fewer, one of the three would be empty
MIN_SHARE_OF_ARTICLES = 0.05
# The test acts are drawn apart from the validation acts, so that these are the same as in pre-training.
TEST_SEED_OFFSET = 1


@dataclass(frozen=True)
class Split:
    """How pairs are split; ``how`` says it in words."""

    validation: frozenset[str]
    test: frozenset[str]
    share_of_articles: float | None
    seed: int
    how: str

    @classmethod
    def by_act_or_article(cls, acts: Iterable[str], share: float, seed: int) -> Split:
        """Hold out ``share`` of the acts for validation, as many for test; with under three acts, of the articles."""
        acts = set(acts)
        if len(acts) < MIN_ACTS:
            share = max(share, MIN_SHARE_OF_ARTICLES)
            how = f"by article, because the corpus has only {len(acts)} act{'s' if len(acts) != 1 else ''}"
            return cls(frozenset(), frozenset(), share, seed, how)
        validation = validation_acts(acts, share, seed)
        test = validation_acts(acts - validation, share, seed + TEST_SEED_OFFSET)
        return cls(validation, test, None, seed, "by act: all languages and versions of an act are on one side")

    def of(self, pair: Pair) -> str:
        """Return the split a pair belongs to."""
        if self.share_of_articles is None:
            return "validation" if pair.celex in self.validation else "test" if pair.celex in self.test else "train"
        # what is about no article is told apart by its passage: every language of it on one side as well
        place = draw(self.seed, "split", pair.celex, pair.article or pair.source_id) / 2**64
        if place < self.share_of_articles:
            return "validation"
        return "test" if place < 2 * self.share_of_articles else "train"
