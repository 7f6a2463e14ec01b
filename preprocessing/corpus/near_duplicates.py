"""Which documents of one language are nearly equal to another one, by their signatures alone.

Similar are two documents whose signatures (:mod:`preprocessing.corpus.shingles`) are equal in at least the share
``threshold`` of their numbers. Candidates are found by locality-sensitive hashing: a signature is cut in bands, and
documents that are equal in a whole band are compared. The width of a band is chosen so that at least 99 % of the pairs
at the threshold meet in some band, and of more similar ones more. Texts of one act are all compared.

Documents are taken in order of preference. One that is similar to a document kept before is a twin of it (of the
first, if there are several); else it is kept. So nothing is left out for being similar to what was itself left out,
and every document left out is similar to one that stays.

Memory is about 400 bytes a document at most, beside the signatures; a million documents, a third of them after a
thousand templates, took 24 seconds (python -m tools.bench.duplicates_speed). The time grows with the square of the
documents after one template: 30,000 of them, each 0.65 similar to each other, took 17 seconds.

Numba keeps what it compiled as long as this file is unchanged: all compiled functions are in it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from preprocessing.corpus.shingles import NO_WORDS
from preprocessing.errors import UsageError

_RECALL = 0.99
_compiled: Any = njit(cache=True, _nrt=False)  # type: ignore[call-overload]


def near_duplicates(
    signatures: np.ndarray,
    order: np.ndarray,
    threshold: float,
    acts: np.ndarray | None = None,
    within_act: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Find for each document the preferred one that is kept and similar to it.

    Args:
        signatures: uint32, [documents, numbers of a signature (a multiple of 32)], of one language.
        order: rows of ``signatures``, preferred ones first, each once at most; rows not among them take no part.
        threshold: least similarity, above 0 and at most 1.
        acts: a number a document, equal for texts of one act, for which ``within_act`` is the threshold instead.
            None: all are different.
        within_act: above 0; greater than 1 if texts of one act are no twins, however similar they are.

    Returns:
        The row of the twin for each row (int64; -1 for those kept or not in ``order``), and their similarity (float32;
        0 where there is no twin). A document without words has none.

    Raises:
        UsageError: a threshold is out of range.
    """
    if not 0 < threshold <= 1 or within_act <= 0:
        raise UsageError(f"the similarity of near duplicates must be above 0 and at most 1, not {threshold}")
    documents, length = signatures.shape
    twins = np.full(documents, -1, np.int64)
    similarity = np.zeros(documents, np.float32)
    order = np.asarray(order, np.int64)
    order = order[_with_words(signatures, order)]
    if order.size < 2:
        return twins, similarity
    acts = np.arange(documents) if acts is None else np.asarray(acts, np.int64)
    width = band_width(threshold, length)
    bands = length // width
    groups = np.empty((bands + 1, order.size), np.int32)
    for band in range(bands):
        groups[band] = _met(_hash(signatures[:, band * width : (band + 1) * width], order))
    groups[bands] = _met(acts[order]) if within_act <= 1 else -1
    size = int(groups.max()) + 1
    first = np.full((len(groups), size), -1, np.int32)
    last = np.full((len(groups), size), -1, np.int32)
    following = np.full(groups.shape, -1, np.int32)
    compared = np.full(order.size, -1, np.int32)
    most_different, most_within_act = (length - math.ceil(share * length - 1e-9) for share in (threshold, within_act))
    _keep_in_order(
        *(signatures, order, acts, groups, first, last, following, compared),
        *(most_different, most_within_act, twins, similarity),
    )
    return twins, similarity


def band_width(threshold: float, length: int) -> int:
    """Return how many numbers of a signature make a band: the most with which enough pairs at the threshold meet."""
    for width in range(length, 1, -1):
        if 1 - (1 - threshold**width) ** (length // width) >= _RECALL:
            return width
    return 1


def _with_words(signatures: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Tell of which rows the text has words (a few numbers of a signature suffice to know)."""
    return (signatures[rows, :4] != NO_WORDS).any(axis=1)


def _hash(band: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return 64 bits for each row of ``order``; should different bands have the same, they are compared in vain."""
    key = np.zeros(order.size, np.uint64)
    for column in band.T:
        key = (key + column[order]) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


def _met(key: np.ndarray) -> np.ndarray:
    """Number the documents by their keys: equal ones equally, -1 for a document that is the only one with its key."""
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    met = count > 1
    number = np.where(met, np.cumsum(met) - 1, -1).astype(np.int32)
    return number[group]


@_compiled
def _keep_in_order(
    signatures: Any,
    order: Any,
    acts: Any,
    groups: Any,
    first: Any,
    last: Any,
    following: Any,
    compared: Any,
    most_different: int,
    most_within_act: int,
    twins: Any,
    similarity: Any,
) -> None:
    """Go through the documents in order of preference (their place in ``order`` stands for them) and find twins.

    Per band and group the documents kept are a chain, preferred ones first: ``first``, ``following``, ``last``.
    ``compared`` notes which document each was last compared with, as most meet in several bands.
    """
    length = signatures.shape[1]
    for place in range(order.size):
        row = order[place]
        twin = order.size
        for band in range(groups.shape[0]):
            group = groups[band, place]
            other = first[band, group] if group >= 0 else -1
            while 0 <= other < twin:
                if compared[other] != place:
                    compared[other] = place
                    most = most_within_act if acts[order[other]] == acts[row] else most_different
                    different = _differences(signatures, row, order[other], most)
                    if different <= most:
                        twin = other
                        twins[row] = order[other]
                        similarity[row] = np.float32((length - different) / length)
                other = following[band, other]
        if twin < order.size:
            continue
        for band in range(groups.shape[0]):
            group = groups[band, place]
            if group >= 0:
                if first[band, group] < 0:
                    first[band, group] = place
                else:
                    following[band, last[band, group]] = place
                last[band, group] = place


@_compiled
def _differences(signatures: Any, one: int, other: int, most: int) -> int:
    """Count the numbers in which two signatures differ; it stops counting soon after ``most``."""
    left, right = np.uintp(one), np.uintp(other)  # without a sign, and by so many at once: several in one instruction
    different = np.uint32(0)
    for at in range(0, signatures.shape[1], 32):
        for offset in range(32):
            place = np.uintp(at + offset)
            different += np.uint32(signatures[left, place] != signatures[right, place])
        if different > most:
            break
    return int(different)
