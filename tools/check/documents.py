"""Row k of a language and split in the table is document k of its dataset: the same number, the same lengths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from preprocessing.corpus.holdout import SPLITS
from tools.check.indices import Index, is_subset
from tools.check.report import Check
from tools.check.table import Facts


def check_documents(check: Check, facts: Facts | None, indexes: Mapping[str, Index]) -> Check:
    """Compare the table (None: it could not be read, as ``check`` says already) with the datasets."""
    if facts is None:
        return check
    whole = {name: index for name, index in indexes.items() if not is_subset(name)}
    for name in sorted(facts.rows):
        if name.split("/")[-1] not in SPLITS:
            check.fail(f"{len(facts.rows[name])} rows belong to {name}, which is no split")
        elif name not in whole:
            check.fail(f"{len(facts.rows[name])} rows belong to cpt/{name}, which is missing or cannot be read")
    for column in ("tokens", "score"):
        if missing := facts.table[column].null_count:
            check.fail(f"{missing:,} rows have no {column}")
    for name, index in whole.items():
        rows = facts.rows.get(name)
        if rows is None or len(rows) != len(index.lengths):
            check.fail(f"cpt/{name} has {len(index.lengths)} documents, the table {0 if rows is None else len(rows)}")
        else:
            lengths = facts.table["tokens"].to_numpy()[rows]
            for document in np.flatnonzero(lengths != index.lengths).tolist():
                check.fail(
                    f"{name_of(facts, name, document)} has {index.lengths[document]} tokens, "
                    f"{lengths[document]} by the table"
                )
    check.found = f"{len(facts.table):,} rows" + ("" if check.count else "; numbers and lengths agree")
    return check


def name_of(facts: Facts | None, dataset: str, document: int) -> str:
    """Return ``cpt/en/train document 3 (32099R0001-en)``, as far as it is known."""
    identifier = facts.value("id", dataset, document) if facts else None
    return f"cpt/{dataset} document {document}" + (f" ({identifier})" if identifier else "")
