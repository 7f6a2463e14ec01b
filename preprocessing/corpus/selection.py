"""Which documents enter the corpus, and why each other one does not.

Two steps. :func:`refuse` looks at one document by itself (in the workers, as it is read). :func:`select` looks at the
facts of all that are left and takes out, in this order:

1. another text of the same document (same id): the longest one stays, of equally long ones the first;
2. older consolidated versions of an act, where a newer one is there in the same language;
3. texts equal to another one in the same language but for white space;
4. near duplicates in the same language: by the signatures, see :mod:`preprocessing.corpus.near_duplicates`. Texts of
   one act are near duplicates from the threshold on, those of different acts from halfway between it and 1: an act made
   after the model of another one is another act all the same, and what it changes is what one must know.

Of equal and nearly equal texts the one stays that teaches the law best: the consolidated text, which is the law in
force, before the act as published (binding acts and judgments before opinions, those before notices), before corrigenda
and annexes alone; then the newer, then the longer one. An act as published and its newest consolidated text are both
kept unless they are nearly equal: mostly they are not, as most consolidated texts come without recitals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.near_duplicates import near_duplicates
from preprocessing.corpus.score import TABLE_ROWS, features
from preprocessing.corpus.shingles import PERMUTATIONS
from preprocessing.document import LegalDocument
from preprocessing.errors import UsageError
from preprocessing.formex.summary import kind

if TYPE_CHECKING:
    import pyarrow

# Below this a document is a title and a line or two: nothing to learn from, and mostly pointers to other files.
MIN_CHARACTERS = 200
#: Estimated Jaccard similarity of shingles from which on a text is a near duplicate of another one of the same act.
NEAR_DUPLICATES = 0.8
# An annex or tables are all of a document from this share of its characters on.
_ALL = 0.9

UNWANTED_LANGUAGE = "language not asked for"
REPEALED = "repealed as a whole"
TOO_SHORT = "too short"
BROKEN_TEXT = "text that is not valid Unicode"
WARNINGS = "too many warnings of the reader"
CORRIGENDUM = "corrigendum"
ANNEX_ONLY = "annex without an act"
TABLES_ONLY = "tables without an act"
OTHER_TEXT = "another text of the same document"
OLDER_VERSION = "older version of a consolidated text"
DUPLICATE = "exact duplicate"
NEAR_DUPLICATE = "near duplicate"
#: The kinds of reason of :func:`refuse`, and those of :func:`select`, in the order in which they are tried.
DOCUMENT_REASONS = (
    *(UNWANTED_LANGUAGE, REPEALED, TOO_SHORT, BROKEN_TEXT, WARNINGS),
    *(CORRIGENDUM, ANNEX_ONLY, TABLES_ONLY),
)
CORPUS_REASONS = (OTHER_TEXT, OLDER_VERSION, DUPLICATE, NEAR_DUPLICATE)

# Preferred among equal texts; a consolidated text comes before all of these.
_PREFERENCE = {
    **dict.fromkeys(("regulation", "directive", "decision", "agreement", "judgment"), 1),
    **dict.fromkeys(("recommendation", "opinion", "order", "advocate_general_opinion"), 2),
    **dict.fromkeys(("notice", "other"), 3),
    "corrigendum": 4,
    "annex": 5,
}
_OTHER_TYPE = 3


@dataclass(frozen=True)
class Rules:
    """What a document by itself must be like. ``max_warnings`` None: any number of warnings."""

    languages: Sequence[str]
    min_characters: int = MIN_CHARACTERS
    max_warnings: int | None = None
    corrigenda: bool = True
    annexes: bool = True  # documents that are nothing but annexes or tables

    def __post_init__(self) -> None:
        for name, value in (("min-characters", self.min_characters), ("max-warnings", self.max_warnings or 0)):
            if value < 0:
                raise UsageError(f"--{name} must not be negative: {value}")


def refuse(document: LegalDocument, rules: Rules) -> str | None:
    """Return why the document is left out, one of ``DOCUMENT_REASONS`` with details after a colon; None to keep it."""
    text = document.text
    warnings = len(document.warnings)
    if document.language not in rules.languages:
        return f"{UNWANTED_LANGUAGE}: {document.language or 'unknown'}"
    if any(kind(warning) == "repealed" for warning in document.warnings):
        return f"{REPEALED}: its text is a note that it is no longer in force"
    if len(text) < rules.min_characters:
        return f"{TOO_SHORT}: {len(text)} characters of {rules.min_characters}"
    try:
        text.encode()
        document.title.encode()
    except UnicodeEncodeError as error:
        return f"{BROKEN_TEXT}: half a surrogate pair at character {error.start:,}"
    if rules.max_warnings is not None and warnings > rules.max_warnings:
        kinds = ", ".join(sorted({kind(warning) for warning in document.warnings}))
        return f"{WARNINGS}: {warnings} ({kinds})"
    if not rules.corrigenda and document.document_type == "corrigendum":
        return f"{CORRIGENDUM}: of {document.base_celex or 'an act not known'}"
    if rules.annexes or document.articles or document.recitals or document.points:
        return None
    annexes = sum(len(annex.text) for annex in document.annexes) / max(len(text), 1)
    if document.document_type == "annex" or annexes >= _ALL:
        return f"{ANNEX_ONLY}: of {document.base_celex or 'an act not known'}"
    tables = features(document)[TABLE_ROWS]
    return f"{TABLES_ONLY}: {tables:.0%} of the text" if tables >= _ALL else None


@dataclass(frozen=True)
class Decisions:
    """What :func:`select` found, one value a row of the facts.

    ``reason`` is 0 for a document that is kept, else the place of the reason in ``CORPUS_REASONS``, counted from 1;
    ``twin`` the row for whose sake it is left out (-1 if kept), ``similarity`` theirs, for near duplicates.
    """

    reason: np.ndarray
    twin: np.ndarray
    similarity: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """True for each row that is kept."""
        return self.reason == 0

    def explain(self, facts: pyarrow.Table) -> Iterator[tuple[int, str]]:
        """Yield each row left out with its reason: the kind, and after a colon the twin."""
        rows = np.flatnonzero(self.reason)
        twins = facts["id"].take(self.twin[rows]).to_pylist()
        for row, twin in zip(rows.tolist(), twins, strict=True):
            reason = CORPUS_REASONS[self.reason[row] - 1]
            similarity = f", similarity {self.similarity[row]:.2f}" if reason == NEAR_DUPLICATE else ""
            yield row, f"{reason}: {twin}{similarity}"


def select(facts: pyarrow.Table, *, all_versions: bool = False, threshold: float = NEAR_DUPLICATES) -> Decisions:
    """Decide for every row of the facts whether it stays, by the rules of this module.

    Args:
        facts: one row a document in the order of reading, with the columns ``id``, ``language``, ``document_type``,
            ``base_celex``, ``date``, ``consolidated``, ``consolidation_date``, ``characters``, ``text_hash``,
            ``signature``.
        all_versions: keep older versions as well; texts of one act are then no near duplicates of each other.
        threshold: the similarity of near duplicates of one act (see :func:`similarities`). 0 keeps them all.

    Raises:
        UsageError: the threshold is above 1 or negative.
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"--near-duplicates must be between 0 and 1, not {threshold}")
    rows = facts.num_rows
    decisions = Decisions(np.zeros(rows, np.int8), np.full(rows, -1, np.int64), np.zeros(rows, np.float32))
    if not rows:
        return decisions
    language = _codes(facts["language"])
    act = _pairs(_codes(_act(facts)), language)
    longest = np.lexsort((np.arange(rows), -facts["characters"].to_numpy()))
    _leave_out(decisions, OTHER_TEXT, longest, _first_of(_codes(facts["id"])[longest], longest))
    if not all_versions:
        _leave_out(decisions, OLDER_VERSION, *_older_versions(facts, act, decisions.kept))
    order = preference(facts)
    order = order[decisions.kept[order]]
    text = _pairs(facts["text_hash"].to_numpy(), language)
    _leave_out(decisions, DUPLICATE, order, _first_of(text[order], order))
    if threshold:
        signatures = signature_matrix(facts["signature"])
        order = order[decisions.kept[order]]
        between_acts, within_act = similarities(threshold, all_versions=all_versions)
        for code in np.unique(language):
            of_language = order[language[order] == code]
            twins, similarity = near_duplicates(signatures, of_language, between_acts, act, within_act)
            found = np.flatnonzero(twins >= 0)
            decisions.similarity[found] = similarity[found]
            _leave_out(decisions, NEAR_DUPLICATE, found, twins[found])
    return decisions


def similarities(threshold: float, *, all_versions: bool) -> tuple[float, float]:
    """Return from which similarity on texts of different acts, and of one act, are near duplicates.

    The second is above 1, where no pair is, if all versions of an act are kept.
    """
    return (1 + threshold) / 2, 2.0 if all_versions else threshold


def preference(facts: pyarrow.Table) -> np.ndarray:
    """Return the rows of the facts, preferred ones first (see the top of this module); the rest by id, then as read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = facts["document_type"].combine_chunks().dictionary_encode()
    ranks = np.array([_PREFERENCE.get(name, _OTHER_TYPE) for name in types.dictionary.to_pylist()], np.int8)
    rank = ranks[types.indices.to_numpy(zero_copy_only=False)]
    rank[_consolidated(facts)] = 0
    table = pa.table(
        {
            "rank": rank,
            "date": pc.coalesce(facts["consolidation_date"], facts["date"]),
            "characters": facts["characters"],
            "id": facts["id"],
            "row": np.arange(facts.num_rows),
        }
    )
    falling = ("date", "characters")
    keys = [(name, "descending" if name in falling else "ascending") for name in table.column_names]
    return pc.sort_indices(table, sort_keys=keys).to_numpy().astype(np.int64)


def signature_matrix(column: pyarrow.ChunkedArray) -> np.ndarray:
    """Return stored signatures (fixed-size binary, without nulls) as uint32, one row a document."""
    parts = [
        np.frombuffer(chunk.buffers()[1], np.uint32)[chunk.offset * PERMUTATIONS :][: len(chunk) * PERMUTATIONS]
        for chunk in column.chunks
        if len(chunk)
    ]
    # one part is not copied: of a million documents it has half a gigabyte
    whole = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint32), *parts])
    return whole.reshape(-1, PERMUTATIONS)


def _leave_out(decisions: Decisions, reason: str, rows: np.ndarray, twins: np.ndarray) -> None:
    """Note the reason for those rows that are not their own twin."""
    others = rows != twins
    decisions.reason[rows[others]] = CORPUS_REASONS.index(reason) + 1
    decisions.twin[rows[others]] = twins[others]


def _first_of(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return for each of ``rows`` the first of them with the same key; ``keys`` are in the order of ``rows``."""
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first[group]]


def _older_versions(facts: pyarrow.Table, act: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of consolidated texts, and for each the newest one of its act."""
    rows = np.flatnonzero(kept & _consolidated(facts) & facts["consolidation_date"].is_valid().to_numpy())
    if not rows.size:
        return rows, rows
    days = facts["consolidation_date"].combine_chunks().dictionary_encode()
    ranks = np.argsort(np.argsort(np.array(days.dictionary.to_pylist())))
    day = ranks[days.indices.fill_null(0).to_numpy(zero_copy_only=False)][rows]
    newest_first = np.lexsort((-day, act[rows]))
    newest = np.empty(rows.size, np.int64)
    newest[newest_first] = _first_of(act[rows][newest_first], newest_first)
    same_day = day == day[newest]
    return rows, np.where(same_day, rows, rows[newest])


def _consolidated(facts: pyarrow.Table) -> np.ndarray:
    return facts["consolidated"].fill_null(False).to_numpy()


def _act(facts: pyarrow.Table) -> Any:
    import pyarrow.compute as pc

    return pc.coalesce(facts["base_celex"], facts["id"])


def _codes(column: pyarrow.ChunkedArray) -> np.ndarray:
    """Return a number for each value, equal for equal ones."""
    return column.combine_chunks().dictionary_encode("encode").indices.to_numpy(zero_copy_only=False)


def _pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a number for each pair of values, equal for equal pairs."""
    _, first = np.unique(first, return_inverse=True)
    return first.astype(np.int64) * (int(second.max()) + 1) + second
