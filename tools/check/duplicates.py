"""No document stands in the corpus twice: not its id, and not its text within its language, or nearly so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tools.check.near import Twins
from tools.check.report import Check
from tools.check.table import Facts

_NAMED = ("id", "dataset", "act", "held_out")


def check_duplicates(facts: Facts | None, twins: Twins) -> Check:
    """Look for ids and texts that come more than once; ``twins`` are those nearly equal."""
    check = Check("duplicates")
    if facts is None:
        check.skip("which documents come twice: the documents table cannot be read")
        return check
    divided = 0  # articles held out of an act and of its consolidated text: their documents differ, these parts may not
    for row in _repeated(facts, ["id"]):
        check.fail(f"{row['id']} has {row['row_count']} rows: {', '.join(row['dataset_list'])}")
    for row in _repeated(facts, ["language", "text_hash"]):
        if len(set(row["id_list"])) == 1:
            continue  # a row twice, named above
        if all(row["held_out_list"]) and len(set(row["act_list"])) == 1:
            divided += 1
        else:
            check.fail(f"{row['row_count']} documents have one text: {', '.join(sorted(row['id_list'])[:5])}")
    check.found = f"{len(facts.table):,} ids and texts"
    if divided:
        check.found += f"; {divided:,} held-out parts are the same in two versions of their act"
    if twins.taken_out:
        check.fail_each(twins.within)
    else:
        check.found += twins.note(twins.within)
    return check


def _repeated(facts: Facts, keys: list[str]) -> Iterable[dict[str, Any]]:
    """Yield the values of ``keys`` that several rows have, with ``_NAMED`` of these."""
    import pyarrow.compute as pc

    groups = facts.table.group_by(keys).aggregate([("row", "count"), *((name, "list") for name in _NAMED)])
    yield from groups.filter(pc.greater(groups["row_count"], 1)).to_pylist()
