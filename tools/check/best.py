"""The best documents, which ``cpt_fast`` reads: by score the first, and as many tokens as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from preprocessing.corpus.holdout import TRAIN
from tools.check.indices import BEST, Index
from tools.check.manifest import Manifest
from tools.check.report import Check
from tools.check.table import Facts

_SETTING = "best-share"


def check_best(indexes: Mapping[str, Index], facts: Facts | None, manifest: Manifest | None) -> Check | None:
    """Compare each ``best`` dataset with the scores of the table; None for a corpus that has none."""
    names = [name for name in indexes if name.endswith(f"/{BEST}")]
    if not names:
        return None
    check = Check("best")
    share: Any = manifest.settings.get(_SETTING) if manifest else None
    shares = []
    for name in names:
        whole = f"{name.removesuffix(BEST)}{TRAIN}"
        best, train = indexes[name], indexes.get(whole)
        rows = facts.rows.get(whole) if facts else None
        if train is None or facts is None or rows is None or len(rows) != len(train.lengths):
            check.skip(f"cpt/{name}: the documents of cpt/{whole} and their rows do not fit together")
            continue
        chosen = np.isin(train.starts, best.starts)
        scores = facts.table["score"].to_numpy()[rows]
        if not chosen.all() and (worst := scores[chosen].min()) < (left := scores[~chosen].max()):
            check.fail(f"cpt/{name} holds a document with score {worst:.3f} and not one with {left:.3f}")
        shares.append(best.tokens / train.tokens)
        if isinstance(share, (int, float)):
            # the last document chosen passes the share
            missing = share * train.tokens - best.tokens
            if missing > 0 or -missing > best.lengths.max():
                check.fail(f"cpt/{name} has {shares[-1]:.1%} of the tokens, {share:.1%} was wanted")
    if shares:
        check.found = f"{min(shares):.1%} to {max(shares):.1%} of the training tokens of each language"
    return check
