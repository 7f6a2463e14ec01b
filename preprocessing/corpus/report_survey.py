"""What the report says of the corpus itself, from its files: scores, CELEX numbers, versions, registry, samples.

Narrow columns, one file after the other: memory does not grow with the texts, only with a few bytes a document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.holdout import TRAIN
from preprocessing.corpus.score import PARTS

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

SCORE = "score"
#: Histograms of scores have this many equal bins from 0 to 1.
BINS = 20
EXAMPLES = 3
#: Where in the order of a language's scores the samples stand.
SAMPLES = {"among the best 5 %": 0.95, "middle": 0.5, "among the lowest 5 %": 0.05}
EXCERPT = 400  # characters


@dataclass
class Language:
    """What the documents of one language are like: counts, and histograms of the score and its parts."""

    documents: int = 0
    with_celex: int = 0
    consolidated: int = 0
    consolidated_tokens: int = 0
    scores: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass
class Survey:
    """What :func:`survey` finds."""

    languages: dict[str, Language] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)


def survey(files: Sequence[Path]) -> Survey:
    """Look through the documents table, whose ``files`` come in order; see the module."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = Survey()
    places: dict[str, list[NDArray[Any]]] = {}  # of training documents: score, file, row
    columns = ["language", "split", "celex", "consolidated", "tokens", "score", "score_parts"]
    for number, file in enumerate(files):
        table = pq.read_table(file, columns=columns)
        rows = np.arange(len(table))
        train = pc.equal(table["split"], TRAIN).to_numpy()
        for name in sorted(table["language"].unique().to_pylist()):
            chosen = pc.equal(table["language"], name)
            _count(found.languages.setdefault(name, Language()), table.filter(chosen))
            own = rows[train & chosen.to_numpy()]
            scores = table["score"].to_numpy()[own]
            places.setdefault(name, []).append(np.stack([scores, np.full(len(own), number), own]))
    for name, parts in sorted(places.items()):
        found.samples += _samples(files, name, np.concatenate(parts, axis=1))
    return found


def _count(language: Language, table: pyarrow.Table) -> None:
    import numpy as np
    import pyarrow.compute as pc

    consolidated = pc.fill_null(table["consolidated"], False)
    language.documents += len(table)
    language.with_celex += len(table) - table["celex"].null_count
    language.consolidated += pc.sum(consolidated, min_count=0).as_py()
    language.consolidated_tokens += pc.sum(table["tokens"].filter(consolidated), min_count=0).as_py()
    values = {SCORE: table["score"], **{part: pc.struct_field(table["score_parts"], part) for part in PARTS}}
    for name, column in values.items():
        histogram = np.histogram(column.to_numpy(), bins=BINS, range=(0, 1))[0]
        language.scores[name] = language.scores.get(name, 0) + histogram


def _samples(files: Sequence[Path], language: str, places: NDArray[Any]) -> list[dict[str, Any]]:
    """Read documents from three places in the order of the scores; ``places``: score, file and row of each."""
    import numpy as np

    order = np.lexsort((places[2], places[1], places[0]))
    samples: list[dict[str, Any]] = []
    for label, share in SAMPLES.items():
        if not order.size:
            continue
        _, file, row = places[:, order[round(share * (order.size - 1))]]
        sample = _sample(files[int(file)], int(row))
        if sample["id"] not in {other["id"] for other in samples}:
            samples.append({"language": language, "place": label, **sample})
    return samples


def _sample(file: Path, row: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    columns = ["id", "title", "document_type", "date", "tokens", "score", "score_parts", "text"]
    with pq.ParquetFile(file) as table:
        group = 0
        while row >= table.metadata.row_group(group).num_rows:
            row -= table.metadata.row_group(group).num_rows
            group += 1
        value: dict[str, Any] = table.read_row_group(group, columns=columns).slice(row, 1).to_pylist()[0]
    text = value.pop("text")
    value["score"] = round(value["score"], 3)
    value["score_parts"] = {name: round(part, 3) for name, part in value["score_parts"].items()}
    return {**value, "start": _excerpt(text, 0), "middle": _excerpt(text, len(text) // 2)}


def _excerpt(text: str, start: int) -> str:
    """Return some lines from ``start`` on, whole words; from the next line's beginning if one is near."""
    before = ""
    if start:
        line = text.find("\n", start, start + EXCERPT)
        word = text.find(" ", start, start + EXCERPT)
        start, before = (line, "") if line >= 0 else (max(word, start), "… ")
    piece = text[start : start + EXCERPT].strip()
    if start + EXCERPT < len(text):
        piece = piece.rsplit(maxsplit=1)[0] + " …"
    return before + piece


def registry_facts(path: Path, languages: Sequence[str]) -> dict[str, Any]:
    """Count the acts of ``registry.parquet``, their articles, and the references that lead to acts of the corpus."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    by_language: Counter[str] = Counter()
    columns = ["languages", "articles", "referenced_by", "references.list.element.in_corpus"]
    with pq.ParquetFile(path) as table:
        for group in range(table.num_row_groups):
            acts = table.read_row_group(group, columns=columns)
            by_language.update(pc.list_flatten(acts["languages"]).to_pylist())
            counts["acts"] += len(acts)
            counts["in_all_languages"] += _true(pc.equal(pc.list_value_length(acts["languages"]), len(languages)))
            lengths = pc.list_value_length(acts["articles"])
            counts["with_articles"] += _true(pc.greater(lengths, 0))
            counts["articles"] += pc.sum(lengths, min_count=0).as_py()
            counts["referred_to"] += _true(pc.greater(acts["referenced_by"], 0))
            inside = pc.struct_field(pc.list_flatten(acts["references"]), "in_corpus")
            counts["references"] += len(inside)
            counts["references_in_corpus"] += _true(inside)
    names = ("acts", "in_all_languages", "with_articles", "articles", "referred_to", "references")
    return {
        **{name: counts[name] for name in (*names, "references_in_corpus")},
        "acts_by_language": {name: by_language[name] for name in languages if by_language[name]},
    }


def _true(values: pyarrow.ChunkedArray) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(values, min_count=0).as_py())


def examples(rejected: Path) -> dict[str, list[dict[str, str]]]:
    """Return the first few lines of each kind of reason in ``rejected.jsonl``."""
    found: dict[str, list[dict[str, str]]] = {}
    with rejected.open(encoding="utf-8") as stream:
        for line in stream:
            item = json.loads(line)
            of_kind = found.setdefault(item["reason"].split(":")[0], [])
            if len(of_kind) < EXAMPLES:
                of_kind.append(item)
    return dict(sorted(found.items()))
