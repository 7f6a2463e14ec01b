"""How good a document is for training, between 0 and 1: ``cpt-fast`` reads the best 40 % of each language's tokens.

The score is a weighted mean of five parts. Weights and shapes are our judgement, not an authority's: nobody has
measured which legal texts teach a model most. They are written down here, and the parts are columns of the documents
table, so that a person can look, disagree and change them.

==========  ======  ====================================================================================================
part        weight  what it is
==========  ======  ====================================================================================================
recency     0.20    halves every 15 years from the newest year of the corpus (:func:`newest_year`); of a consolidated
                    text the year of its consolidation counts, as it is the law of that day. Without a date: as if 15
                    years old.
kind        0.20    law that binds in general first (regulations and directives), then case law and decisions, then what
                    does not bind, then announcements; corrigenda and annexes alone make no sense by themselves.
length      0.10    rises from 500 to 5,000 characters (an act with a few articles), stays up to 2 million (the longest
                    codes), and falls to a half at 20 million: what is longer is annexes.
structure   0.20    articles, recitals and headings, or the numbered grounds and the ruling of a judgment: what cited
                    answers are made from. Saturating: the tenth article counts less than the first.
quality     0.30    running sentences: the share of the text that is not rows of tables, short lines or lines repeated
                    in the same document (headers, forms), lowered further where more than 5 % of it are digits.
==========  ======  ====================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from preprocessing.document import LegalDocument

if TYPE_CHECKING:
    import pyarrow

WEIGHTS = {"recency": 0.20, "kind": 0.20, "length": 0.10, "structure": 0.20, "quality": 0.30}
#: Names of the parts, in the order of the columns.
PARTS = tuple(WEIGHTS)

#: The features: shares of the text's characters, then counts.
TABLE_ROWS, SHORT_LINES, REPEATED_LINES, DIGITS = "table_rows", "short_lines", "repeated_lines", "digits"
CHARACTERS, LINES, ARTICLES, HEADINGS = "characters", "lines", "articles", "headings"
RECITALS, POINTS, RULINGS, ANNEXES = "recitals", "points", "rulings", "annexes"
FEATURES = (
    *(TABLE_ROWS, SHORT_LINES, REPEATED_LINES, DIGITS, CHARACTERS, LINES, ARTICLES, HEADINGS),
    *(RECITALS, POINTS, RULINGS, ANNEXES),
)

_HALF_LIFE = 15.0
# This share of the acts may be of later years than the newest one that counts.
_AHEAD = 0.01
_KINDS = {
    **dict.fromkeys(("regulation", "directive"), 1.0),
    **dict.fromkeys(("decision", "judgment"), 0.8),
    **dict.fromkeys(("agreement", "advocate_general_opinion"), 0.7),
    **dict.fromkeys(("recommendation", "opinion", "order"), 0.5),
    **dict.fromkeys(("notice", "other"), 0.3),
    **dict.fromkeys(("corrigendum", "annex"), 0.1),
}
# Characters: from here the length counts, counts fully, and counts less down to here.
_SHORTEST, _FULL, _LONG, _LONGEST = 500.0, 5_000.0, 2_000_000.0, 20_000_000.0
# So many give 63 % of what more could give.
_ENOUGH_ARTICLES, _ENOUGH_RECITALS, _ENOUGH_POINTS = 6.0, 10.0, 20.0
_FEW_DIGITS, _MANY_DIGITS = 0.05, 0.30

# A line shorter than this is a label, a code or a name; a line at least as long that comes again is a form's.
_SHORT_LINE = 40


def features(document: LegalDocument) -> dict[str, float]:
    """Measure what the score needs of a document: ``FEATURES``, shares between 0 and 1, and counts.

    Raises:
        UnicodeEncodeError: the text holds half a surrogate pair.
    """
    text = document.text
    sums = np.zeros(5, np.int64)
    long_lines = len(text) // _SHORT_LINE + 1
    keys = np.zeros(1 << (2 * long_lines).bit_length(), np.uint64)
    _measure(np.frombuffer(f"{text}\n".encode(), np.uint8), keys, sums)
    rows, short, repeated, digits, lines = sums.tolist()
    characters = max(len(text), 1)
    return {
        TABLE_ROWS: rows / characters,
        SHORT_LINES: short / characters,
        REPEATED_LINES: repeated / characters,
        DIGITS: digits / characters,
        CHARACTERS: float(len(text)),
        LINES: float(lines),
        ARTICLES: float(len(document.articles)),
        HEADINGS: float(sum(bool(article.heading) for article in document.articles)),
        RECITALS: float(len(document.recitals)),
        POINTS: float(len(document.points)),
        RULINGS: float(len(document.operative_part)),
        ANNEXES: float(len(document.annexes)),
    }


def feature_columns(facts: pyarrow.Table) -> dict[str, np.ndarray]:
    """Return the facts' column ``features`` (a struct) as one float array a feature."""
    column = facts["features"].combine_chunks()
    return {name: column.field(name).to_numpy(zero_copy_only=False) for name in FEATURES}


def years_of(facts: pyarrow.Table) -> np.ndarray:
    """Return the year of each document's law, by its consolidation or else its own date; 0 where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    dates = pc.coalesce(facts["consolidation_date"], facts["date"])
    years = pc.fill_null(pc.utf8_slice_codeunits(dates, 0, 4), "0").combine_chunks()
    return years.cast(pa.int32()).to_numpy(zero_copy_only=False)


def newest_year(acts: pyarrow.ChunkedArray, years: np.ndarray) -> int:
    """Return from which year age counts: the newest one, but for the one act in a hundred with the latest year.

    Some texts are consolidated years ahead, as the law will be once it applies, and some dates are misprints. From the
    very newest year on, a single act of 2029 would make all others years older. Of two acts or more, one may be ahead.

    Args:
        acts: the act of each document; texts of one act count once, with the newest of their years.
        years: of :func:`years_of`; 0 where there is none.
    """
    import pyarrow as pa

    table = pa.table({"act": acts, "year": years}).filter(pa.array(years > 0))
    newest = table.group_by("act").aggregate([("year", "max")])["year_max"].to_numpy()
    return int(np.quantile(newest, 1 - _AHEAD, method="lower")) if newest.size else 0


def scores(
    measured: Mapping[str, np.ndarray], document_types: np.ndarray, years: np.ndarray, newest: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the score of each document and its parts, all float32 between 0 and 1.

    Args:
        measured: one array a feature, as of :func:`feature_columns`.
        document_types: names of types.
        years: of :func:`years_of`; 0 where there is none.
        newest: the year from which age counts (:func:`newest_year`); later ones are as good as it.
    """
    age = np.where(years > 0, np.maximum(newest - years, 0), _HALF_LIFE)
    kinds, kind_of = np.unique(np.asarray(document_types, dtype=str), return_inverse=True)
    parts = {
        "recency": 0.5 ** (age / _HALF_LIFE),
        "kind": np.array([_KINDS.get(str(name), _KINDS["other"]) for name in kinds])[kind_of],
        "length": _length(measured[CHARACTERS]),
        "structure": _structure(measured),
        "quality": _quality(measured),
    }
    total = sum(WEIGHTS[name] * part for name, part in parts.items())
    return np.asarray(total, np.float32), {name: part.astype(np.float32) for name, part in parts.items()}


def best(
    score: np.ndarray, tokens: np.ndarray, languages: np.ndarray, share: float = 0.4
) -> tuple[np.ndarray, dict[str, float]]:
    """Choose the best documents of each language until ``share`` of its tokens is reached.

    The last one chosen reaches or passes it, so that a language is never empty; of equal scores the first come first.

    Returns:
        True for each document chosen, and by language the lowest score among them.
    """
    chosen = np.zeros(score.size, bool)
    threshold = {}
    for language in np.unique(languages):
        rows = np.flatnonzero(languages == language)
        rows = rows[np.argsort(-score[rows], kind="stable")]
        before = np.cumsum(tokens[rows], dtype=np.int64) - tokens[rows]
        taken = rows[before < share * tokens[rows].sum(dtype=np.int64)]
        if taken.size:
            chosen[taken] = True
            threshold[str(language)] = float(score[taken[-1]])
    return chosen, threshold


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to ``low``, 1 from ``high`` on, straight between."""
    return np.clip((value - low) / (high - low), 0, 1)


def _length(characters: np.ndarray) -> np.ndarray:
    size = np.log10(np.maximum(characters, 1.0))
    rises = _ramp(size, np.log10(_SHORTEST), np.log10(_FULL))
    return rises * (1 - 0.5 * _ramp(size, np.log10(_LONG), np.log10(_LONGEST)))


def _structure(measured: Mapping[str, np.ndarray]) -> np.ndarray:
    """An act's or a judgment's, whichever it has more of."""

    def enough(name: str, number: float) -> np.ndarray:
        return 1 - np.exp(-measured[name] / number)

    headed = measured[HEADINGS] / np.maximum(measured[ARTICLES], 1)
    act = 0.6 * enough(ARTICLES, _ENOUGH_ARTICLES) + 0.2 * enough(RECITALS, _ENOUGH_RECITALS) + 0.2 * headed
    judgment = 0.8 * enough(POINTS, _ENOUGH_POINTS) + 0.2 * (measured[RULINGS] > 0)
    return np.maximum(act, judgment)


def _quality(measured: Mapping[str, np.ndarray]) -> np.ndarray:
    no_sentences = measured[TABLE_ROWS] + measured[SHORT_LINES] + measured[REPEATED_LINES]
    return np.clip(1 - no_sentences, 0, 1) * (1 - 0.5 * _ramp(measured[DIGITS], _FEW_DIGITS, _MANY_DIGITS))


# What a byte counts for, in one number: a character, a digit, a bar between cells. (Lines have less than 2^27
# characters: larger files than 64 MiB are not read.)
_FIELD = 27
_COUNTS = np.array(
    [(byte & 0xC0 != 0x80) | (48 <= byte <= 57) << _FIELD | (byte == 124) << 2 * _FIELD for byte in range(256)],
    np.int64,
)
_FIELD_MASK = (1 << _FIELD) - 1
_PRIME = np.uint64(1099511628211)
_compiled: Any = njit(cache=True, _nrt=False)  # type: ignore[call-overload]


@_compiled
def _measure(data: Any, keys: Any, sums: Any) -> None:
    """Count characters in rows of tables, in short lines and in lines seen before, and digits; each line once.

    ``data`` is UTF-8 and ends with a break; ``keys`` is an empty hash table with a power of two of places, more than
    there are lines that are not short.
    """
    mask = np.uint64(keys.size - 1)
    at = np.uintp(0)  # without a sign: that it is not counted from the end need not be checked then
    while at < np.uintp(data.size):
        counts = 0
        seen = 0
        key = np.uint64(0)
        byte = data[at]
        while byte != 10:
            counts += _COUNTS[byte]
            seen |= _COUNTS[byte]
            key = (key + byte) * _PRIME
            at += np.uintp(1)
            byte = data[at]
        at += np.uintp(1)
        characters = counts & _FIELD_MASK
        if characters == 0:
            continue
        sums[3] += counts >> _FIELD & _FIELD_MASK
        sums[4] += 1
        if seen >> 2 * _FIELD:
            sums[0] += characters
        elif characters < _SHORT_LINE:
            sums[1] += characters
        else:
            key = (key ^ (key >> np.uint64(32))) * _PRIME | np.uint64(1)
            slot = (key >> np.uint64(32)) & mask
            while keys[slot] != 0 and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            sums[2] += characters * (keys[slot] == key)
            keys[slot] = key
