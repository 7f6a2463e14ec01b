"""Which acts are held out for validation: decided by a hash of the act, the same in every language and every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import xxhash

from preprocessing.errors import UsageError


def act_position(act: str, seed: int) -> float:
    """Return the act's place in [0, 1), drawn once and for all from its CELEX number and the seed.

    An act keeps its place when others join the corpus, so a larger corpus moves nothing from one side to the other.
    """
    return xxhash.xxh3_64_intdigest(f"{seed}:{act}".encode()) / 2**64


def check_share(share: float) -> None:
    """Raise UsageError unless ``share`` lies between 0 and 1."""
    if not 0 < share < 1:
        raise UsageError(f"the validation share must lie between 0 and 1, not {share}; 0.01 is usual")


def validation_acts(acts: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """Return the acts (base CELEX numbers) whose every language and version belongs to validation.

    At least one act, and never all of them, when there are two or more; none when there is only one.

    Raises:
        UsageError: ``share`` is not between 0 and 1.
    """
    check_share(share)
    ranked = _ranked(acts, seed)
    if len(ranked) < 2:
        return frozenset()
    chosen = [act for act in ranked if act_position(act, seed) < share] or ranked[:1]
    return frozenset(chosen[: len(ranked) - 1])


def validation_acts_in_all_languages(
    acts_by_language: Mapping[str, Iterable[str]], share: float, seed: int
) -> frozenset[str]:
    """Like :func:`validation_acts`, but fair to languages with few acts.

    An act stays in training when a language would otherwise have no training text. For a language that would have no
    validation text, its first act in hash order that can be spared joins; a language of one act has none to spare.
    """
    check_share(share)
    acts = {language: set(names) for language, names in acts_by_language.items()}
    chosen: set[str] = set()

    def can_be_spared(act: str) -> bool:
        return all(names - chosen - {act} for names in acts.values())

    for act in _ranked(validation_acts(set().union(*acts.values()), share, seed), seed):
        if can_be_spared(act):
            chosen.add(act)
    for language in sorted(acts):
        if not acts[language] & chosen:
            chosen.update([act for act in _ranked(acts[language], seed) if can_be_spared(act)][:1])
    return frozenset(chosen)


def _ranked(acts: Iterable[str], seed: int) -> list[str]:
    return sorted(set(acts), key=lambda act: (act_position(act, seed), act))
