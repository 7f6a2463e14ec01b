"""Texts that are nearly equal, found from the signatures as ``preprocess`` finds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.holdout import TRAIN
from preprocessing.corpus.near_duplicates import near_duplicates
from preprocessing.corpus.shingles import PERMUTATIONS
from tools.check.manifest import Manifest
from tools.check.table import Facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Looked for where the settings do not say from which similarity on texts were to be taken out.
USUAL = 0.8
_SETTING = "near-duplicates"


@dataclass(frozen=True)
class Twins:
    """Documents that are nearly equal to another: sentences, for those of one split and those across.

    ``taken_out`` says whether ``preprocess`` was to leave none of them.
    """

    taken_out: bool
    within: list[str] = field(default_factory=list)
    across: list[str] = field(default_factory=list)

    def note(self, found: list[str]) -> str:
        """What to say of twins that were left in on purpose."""
        return f"; {len(found):,} nearly equal to another, left in by the settings" if found else ""


def near_twins(facts: Facts | None, manifest: Manifest | None) -> Twins:
    """Find the documents of each language that are at least as similar as the settings allow.

    Equal texts are not among them, nor acts with held-out articles, which were compared before these were taken out.
    """
    setting: Any = manifest.settings.get(_SETTING) if manifest else None
    taken_out = isinstance(setting, (int, float)) and 0 < setting <= 1
    twins = Twins(taken_out)
    if facts is None:
        return twins
    import pyarrow.compute as pc

    divided = facts.table.filter(facts.table["held_out"])["act"].unique()
    compared = pc.invert(pc.is_in(facts.table["act"], divided))
    for language in facts.table["language"].unique().to_pylist():
        rows = np.flatnonzero(pc.and_(compared, pc.equal(facts.table["language"], language)).to_numpy())
        table = facts.table.select(["id", "split", "text_hash", "signature"]).take(rows)
        # training first: what is like it in validation is then the twin, not the other way round
        training = pc.equal(table["split"], TRAIN).to_numpy()
        order = np.concatenate([np.flatnonzero(training), np.flatnonzero(~training)])
        found, similarity = near_duplicates(_signatures(table), order, float(setting) if taken_out else USUAL)
        hashes, names = table["text_hash"].to_numpy(), table["id"]
        for row in np.flatnonzero(found >= 0).tolist():
            twin = int(found[row])
            if hashes[row] != hashes[twin]:
                sentence = f"{names[row].as_py()} is nearly equal to {names[twin].as_py()} ({similarity[row]:.2f})"
                (twins.within if training[row] == training[twin] else twins.across).append(sentence)
    return twins


def _signatures(table: Any) -> NDArray[np.uint32]:
    column = table["signature"].combine_chunks()
    numbers = np.frombuffer(column.buffers()[1], np.uint32) if len(column) else np.empty(0, np.uint32)
    return numbers.reshape(-1, PERMUTATIONS)[column.offset : column.offset + len(column)]
