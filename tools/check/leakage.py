"""Nothing that training reads is asked for in validation: no act on both sides, no text, no held-out article."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION, comparable
from tools.check.near import Twins
from tools.check.report import Check
from tools.check.table import Facts

if TYPE_CHECKING:
    import pyarrow

# Without spaces: a shorter article ("Deleted.") may be another one's text too. Its number is looked at all the same.
SHORT_ARTICLE = 40


def check_leakage(facts: Facts | None, twins: Twins) -> Check:
    """Look for acts, texts and held-out articles on both sides; ``twins`` are texts nearly equal."""
    check = Check("leakage")
    if facts is None:
        check.skip("what training and validation share: the documents table cannot be read")
        return check
    import pyarrow.compute as pc

    for act, ids in _on_both_sides(facts.table.filter(pc.invert(facts.table["held_out"])), "act"):
        check.fail(f"act {act} is in training and in validation: {ids}")
    for _, ids in _on_both_sides(facts.table, "text_hash"):
        check.fail(f"the same text is in training and in validation: {ids}")
    check.fail_each(_held_out_articles(facts))
    if twins.taken_out:
        check.fail_each(f"{sentence}, across training and validation" for sentence in twins.across)
    held_out = pc.sum(facts.table["held_out"]).as_py() or 0
    splits = facts.table["split"]
    acts = {
        split: facts.table.filter(pc.equal(splits, split))["act"].unique().to_pylist() for split in (TRAIN, VALIDATION)
    }
    check.found = f"{len(acts[TRAIN]):,} acts in training, {len(acts[VALIDATION]):,} in validation" + (
        f", of these {held_out:,} documents of held-out articles" if held_out else ""
    )
    if not twins.taken_out:
        check.found += twins.note(twins.across)
    return check


def _on_both_sides(table: pyarrow.Table, column: str) -> Iterable[tuple[Any, str]]:
    """Yield each value of ``column`` that has rows of both splits, with the ids of one of each.

    Texts are compared within a language, acts over all of them.
    """
    keys = [column] if column == "act" else [column, "language"]
    sides = table.group_by([*keys, "split"]).aggregate([("id", "min")])
    both = sides.group_by(keys).aggregate([("split", "count"), ("id_min", "list")])
    for row in both.to_pylist():
        if row["split_count"] > 1:
            yield row[column], ", ".join(sorted(row["id_min_list"]))


def _held_out_articles(facts: Facts) -> Iterable[str]:
    """Yield the held-out articles that the training text of the same act and language has, and misplaced documents."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = facts.table.append_column("place", pa.array(range(len(facts.table)), pa.int64()))
    divided: dict[tuple[str, str], list[int]] = {}
    for row in table.filter(table["held_out"]).select(["id", "act", "language", "split", "place"]).to_pylist():
        if row["split"] == VALIDATION:
            divided.setdefault((row["act"], row["language"]), []).append(row["place"])
        else:
            yield f"{row['id']} is in {row['split']}, and is the part of an act that was held out for validation"
    for (act, language), held_out in divided.items():
        same = pc.and_(pc.equal(table["act"], act), pc.equal(table["language"], language))
        training = table.filter(pc.and_(same, pc.equal(table["split"], TRAIN)))["place"].to_pylist()
        found = facts.fetch([*held_out, *training], ["id", "text", "articles"])
        for place in training:
            lines = set(_lines(found[place]["text"]))
            for part in held_out:
                yield from _articles_again(found[part], found[place], lines)


def _articles_again(held_out: dict[str, Any], training: dict[str, Any], lines: set[str]) -> Iterable[str]:
    """Yield the articles of one document that another one, of these lines, has by number or line by line."""
    numbers = {article["number"] for article in training["articles"]}
    for article in held_out["articles"]:
        own = _lines(article["text"])
        again = sum(map(len, own)) >= SHORT_ARTICLE and lines.issuperset(own)
        if again or article["number"] in numbers:
            yield f"article {article['number']} of {held_out['id']} stands in the training text of {training['id']}"


def _lines(text: str) -> list[str]:
    return [key for line in text.split("\n") if (key := comparable(line))]
