"""How sure a figure is: bootstrap intervals, and paired tests of tuned against base on the same questions.

Questions are resampled as if independent. Where the test set asks about the same article in five languages they are
not quite, so the overall intervals are somewhat too narrow; those per language are not touched by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

RESAMPLES = 2000
SEED = 20240523
CHUNK = 4_000_000  # drawn indices held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """A mean over ``count`` questions with its 95 % percentile bootstrap interval."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Paired:
    """Tuned minus base over the same questions: the mean difference, its 95 % interval, and the p-value of none."""

    difference: Interval
    p_value: float
    test: str  # "McNemar" or "paired bootstrap"


def interval(values: Sequence[float], seed: int = SEED) -> Interval:
    """Return the mean of ``values`` (at least one) with its interval; the same values give the same interval."""
    import numpy

    data = numpy.asarray(values, dtype=float)
    low, high = numpy.percentile(_resampled_means(data, seed), [2.5, 97.5])
    return Interval(float(data.mean()), float(low), float(high), len(data))


def paired(base: Sequence[float], tuned: Sequence[float], *, yes_or_no: bool, seed: int = SEED) -> Paired:
    """Compare two checkpoints' values on the same questions, in the same order.

    Yes-or-no values (0 or 1) are tested by McNemar's exact test: of the questions where the two differ, are both
    directions equally likely? Others by the bootstrap: twice the share of resamples in which the mean difference has
    the other sign or is zero, with one added to both counts so that no p-value is ever exactly 0.
    """
    import numpy
    from scipy.stats import binomtest

    differences = numpy.asarray(tuned, dtype=float) - numpy.asarray(base, dtype=float)
    means = _resampled_means(differences, seed)
    low, high = numpy.percentile(means, [2.5, 97.5])
    difference = Interval(float(differences.mean()), float(low), float(high), len(differences))
    if yes_or_no:
        gained, lost = int((differences > 0).sum()), int((differences < 0).sum())
        p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
        return Paired(difference, p_value, "McNemar")
    other_side = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return Paired(difference, min(1.0, 2 * (other_side + 1) / (len(means) + 1)), "paired bootstrap")


def _resampled_means(data: numpy.ndarray, seed: int) -> numpy.ndarray:
    """Means of RESAMPLES samples of ``data`` drawn with replacement, in chunks that fit in memory."""
    import numpy

    generator = numpy.random.default_rng(seed)
    rows = max(1, CHUNK // len(data))
    chunks = []
    for start in range(0, RESAMPLES, rows):
        drawn = generator.integers(len(data), size=(min(rows, RESAMPLES - start), len(data)))
        chunks.append(data[drawn].mean(axis=1))
    return numpy.concatenate(chunks)
