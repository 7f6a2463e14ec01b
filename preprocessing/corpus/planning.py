"""Second stage: from the facts of all documents, what each of them gives to the corpus.

One process decides, over small rows and language by language, and leaves a plan for each slice: which of its staged
documents are kept, with their split and score. The plans depend on inputs and settings alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from preprocessing.corpus.facts import iter_facts, load_facts
from preprocessing.corpus.holdout import SplitPlan, articles_to_hold_out
from preprocessing.corpus.score import PARTS, feature_columns, newest_year, scores, years_of
from preprocessing.corpus.selection import select
from preprocessing.corpus.settings import Settings
from preprocessing.split import validation_acts_in_all_languages

if TYPE_CHECKING:
    import pyarrow

_DECIDED_BY = (
    *("id", "source", "language", "document_type", "celex", "base_celex", "date", "consolidated"),
    *("consolidation_date", "characters", "warnings", "text_hash", "signature", "features"),
)


@dataclass
class Plan:
    """What is kept of every slice, how acts are split, and what was left out (counted, and listed)."""

    slices: list[pyarrow.Table] = field(default_factory=list)  # as plan_schema says, a table a slice
    split: SplitPlan = field(default_factory=SplitPlan)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    listed: list[tuple[str, str]] = field(default_factory=list)  # source, reason
    kept: int = 0
    without_celex: int = 0
    with_warnings: int = 0


def plan_schema() -> pyarrow.Schema:
    """``row``: which staged document is kept; its ``split``; its ``score`` and the parts of it, from 0 to 1."""
    import pyarrow as pa

    scores = [(name, pa.float32()) for name in ("score", *PARTS)]
    return pa.schema([("row", pa.int32()), ("split", pa.string()), *scores])


def make_plan(facts: Sequence[Path], settings: Settings) -> Plan:
    """Decide over the documents of all slices, whose facts lie in the files ``facts``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = load_facts(facts, _DECIDED_BY)
    decisions = select(table, all_versions=settings.versions == "all", threshold=settings.near_duplicates)
    kept = table.filter(pa.array(decisions.kept))
    plan = Plan(kept=len(kept), without_celex=kept["celex"].null_count)
    plan.with_warnings = pc.sum(pc.greater(kept["warnings"], 0)).as_py() or 0
    for row, reason in decisions.explain(table):
        plan.left_out[reason.split(":")[0], table["language"][row].as_py()] += 1
        plan.listed.append((table["source"][row].as_py(), reason))
    plan.split = _split(kept, facts, settings)
    acts = pc.coalesce(kept["base_celex"], kept["id"])
    splits = pa.array([plan.split.split_of(act) for act in acts.to_pylist()], pa.string())
    years = years_of(kept)
    measured, types = feature_columns(kept), kept["document_type"].to_numpy()
    total, parts = scores(measured, types, years, newest_year(acts, years))
    columns = [kept["row"].combine_chunks(), splits, pa.array(total), *(pa.array(parts[name]) for name in PARTS)]
    scored = pa.Table.from_arrays(columns, names=plan_schema().names).cast(plan_schema())
    borders = np.searchsorted(kept["slice"].to_numpy(), np.arange(len(facts) + 1)).tolist()
    plan.slices = [scored.slice(start, end - start) for start, end in pairwise(borders)]
    return plan


def _split(kept: pyarrow.Table, facts: Sequence[Path], settings: Settings) -> SplitPlan:
    """Choose the acts of validation; of the only act of a language, the articles to hold out."""
    import pyarrow.compute as pc

    acts: dict[str, set[str]] = {}
    named = pc.coalesce(kept["base_celex"], kept["id"])
    for language in kept["language"].unique().to_pylist():
        acts[language] = set(named.filter(pc.equal(kept["language"], language)).to_pylist())
    single = {language: next(iter(names)) for language, names in acts.items() if len(names) == 1}
    numbers: dict[str, list[list[str]]] = {}
    if single:
        places = set(zip(kept["slice"].to_pylist(), kept["row"].to_pylist(), strict=True))
        for number, rows in enumerate(iter_facts(facts, ("id", "base_celex", "language", "articles"))):
            for place, row in enumerate(rows):
                act = row["base_celex"] or row["id"]
                if single.get(row["language"]) == act and (number, place) in places:
                    numbers.setdefault(act, []).append(row["articles"])
    held_out = {act: articles for act, lists in numbers.items() if (articles := articles_to_hold_out(lists))}
    chosen = validation_acts_in_all_languages(acts, settings.validation_share, settings.seed)
    return SplitPlan(chosen, held_out)
