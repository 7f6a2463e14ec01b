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
    """Like :func:`validation_acts`, plus one act for each language that would have no validation text.

    In a small corpus the acts drawn may lack a language. Its first act in hash order joins them, unless that would
    leave some language without training text.
    """
    acts = {language: set(names) for language, names in acts_by_language.items()}
    chosen = set(validation_acts(set().union(*acts.values()), share, seed)) if acts else set()
    for language in sorted(acts):
        if acts[language] & chosen:
            continue
        for act in _ranked(acts[language], seed):
            if all(names - chosen - {act} for names in acts.values()):
                chosen.add(act)
                break
    return frozenset(chosen)


def _ranked(acts: Iterable[str], seed: int) -> list[str]:
    return sorted(set(acts), key=lambda act: (act_position(act, seed), act))
