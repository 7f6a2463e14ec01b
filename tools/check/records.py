"""``registry.parquet`` and ``report.json``: they speak of the documents and datasets that are there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from preprocessing.corpus.holdout import SPLITS
from tools.check.indices import Index
from tools.check.report import Check
from tools.check.table import Facts

REGISTRY = "registry.parquet"
REPORT = "report.json"


def check_registry(folder: Path, facts: Facts | None) -> Check:
    """Every act of the table is in the registry, and every place that the registry names holds that act."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    check = Check("registry")
    try:
        rows = pq.read_table(folder / REGISTRY, columns=["celex", "texts"]).to_pylist()
    except (pa.ArrowException, OSError, UnicodeError) as error:
        check.fail(f"{REGISTRY} cannot be read ({str(error).splitlines()[0]})")
        return check
    check.found = f"{len(rows):,} acts"
    if facts is None:
        check.skip("whether its acts are those of the documents: the documents table cannot be read")
        return check
    listed = {row["celex"] for row in rows}
    there = set(facts.table["base_celex"].unique().to_pylist()) - {None, ""}
    check.fail_each(f"{celex} has documents and is not in {REGISTRY}" for celex in sorted(there - listed))
    check.fail_each(f"{celex} is in {REGISTRY} and has no document" for celex in sorted(listed - there, key=str))
    files = {file.name: shard for shard, file in enumerate(facts.files)}
    columns = (facts.table[name].to_pylist() for name in ("shard", "row", "base_celex", "language"))
    places = {(shard, row): (act, language) for shard, row, act, language in zip(*columns, strict=True)}
    for row in rows:
        for text in row["texts"] or ():
            if text["file"] is None:  # made without places
                continue
            if places.get((files.get(text["file"], -1), text["row"])) != (row["celex"], text["language"]):
                place = f"row {text['row']} of documents/{text['file']}"
                check.fail(f"{REGISTRY}: {place} is not {row['celex']} in {text['language']}")
    return check


def check_report(
    folder: Path, indexes: Mapping[str, Index], unreadable: Collection[str]
) -> tuple[Check, dict[str, Any]]:
    """The documents and tokens that the report counts are those of the datasets; return the report's languages.

    ``unreadable`` are the datasets (``cpt/en/train``) whose documents cannot be counted.
    """
    check = Check("report")
    try:
        languages = json.loads((folder / REPORT).read_text(encoding="utf-8"))["languages"]
        for language, row in languages.items():
            float(row["mix_weight"])
            for split in SPLITS:
                if f"cpt/{language}/{split}" in unreadable:
                    check.skip(f"the numbers of cpt/{language}/{split}: its index cannot be read")
                    continue
                index = indexes.get(f"{language}/{split}")
                real = (len(index.lengths), index.tokens) if index else (0, 0)
                said = (row["documents"][split], row["tokens"][split])
                if said != real:
                    check.fail(
                        f"{REPORT} counts {said[0]:,} documents and {said[1]:,} tokens, "
                        f"cpt/{language}/{split} has {real[0]:,} and {real[1]:,}"
                    )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        check.fail(f"{REPORT} cannot be read as a report ({type(error).__name__}: {error})")
        return check, {}
    check.found = f"documents and tokens of {len(languages)} languages"
    return check, languages
