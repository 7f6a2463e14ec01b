"""No document stands in the corpus twice: not its id, and not its text within its language, or nearly so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tools.check.near import Twins
from tools.check.report import Check
from tools.check.table import Facts


def check_duplicates(facts: Facts | None, twins: Twins) -> Check:
    """Look for ids and texts that come more than once; ``twins`` are those nearly equal."""
    check = Check("duplicates")
    if facts is None:
        check.skip("which documents come twice: the documents table cannot be read")
        return check
    for row in _repeated(facts, ["id"]):
        check.fail(f"{row['id']} has {row['row_count']} rows: {', '.join(row['dataset_list'])}")
    for row in _repeated(facts, ["language", "text_hash"]):
        if len(set(row["id_list"])) > 1:  # else it is a row twice, named above
            check.fail(f"{row['row_count']} documents have one text: {', '.join(sorted(row['id_list'])[:5])}")
    check.found = f"{len(facts.table):,} ids and texts"
    if twins.taken_out:
        check.fail_each(twins.within)
    else:
        check.found += twins.note(twins.within)
    return check


def _repeated(facts: Facts, keys: list[str]) -> Iterable[dict[str, Any]]:
    """Yield the values of ``keys`` that several rows have, with the ids and datasets of these."""
    import pyarrow.compute as pc

    groups = facts.table.group_by(keys).aggregate([("row", "count"), ("id", "list"), ("dataset", "list")])
    yield from groups.filter(pc.greater(groups["row_count"], 1)).to_pylist()
