"""Texts that are nearly equal, found from the signatures as ``preprocess`` finds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from preprocessing.corpus.holdout import TRAIN
from preprocessing.corpus.near_duplicates import near_duplicates
from preprocessing.corpus.selection import NEAR_DUPLICATES, signature_matrix, similarities
from tools.check.manifest import Manifest
from tools.check.table import Facts


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
    settings = manifest.settings if manifest else {}
    asked: Any = settings.get("near-duplicates")
    taken_out = isinstance(asked, (int, float)) and 0 < asked <= 1
    twins = Twins(taken_out)
    if facts is None:
        return twins
    import pyarrow.compute as pc

    threshold = float(asked) if taken_out else NEAR_DUPLICATES
    between_acts, within_act = similarities(threshold, all_versions=settings.get("versions") == "all")
    divided = facts.table.filter(facts.table["held_out"])["act"].unique()
    compared = pc.invert(pc.is_in(facts.table["act"], divided))
    acts = facts.table["act"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    for language in facts.table["language"].unique().to_pylist():
        rows = np.flatnonzero(pc.and_(compared, pc.equal(facts.table["language"], language)).to_numpy())
        table = facts.table.select(["id", "split", "text_hash", "signature"]).take(rows)
        # training first: what is like it in validation is then the twin, not the other way round
        training = pc.equal(table["split"], TRAIN).to_numpy()
        order = np.concatenate([np.flatnonzero(training), np.flatnonzero(~training)])
        signatures = signature_matrix(table["signature"])
        found, similarity = near_duplicates(signatures, order, between_acts, acts[rows], within_act)
        hashes, names = table["text_hash"].to_numpy(), table["id"]
        for row in np.flatnonzero(found >= 0).tolist():
            twin = int(found[row])
            if hashes[row] != hashes[twin]:
                sentence = f"{names[row].as_py()} is nearly equal to {names[twin].as_py()} ({similarity[row]:.2f})"
                (twins.within if training[row] == training[twin] else twins.across).append(sentence)
    return twins
