"""The report's tables, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION
from preprocessing.corpus.joining import BEST
from preprocessing.corpus.report_warnings import MAX_EPOCHS
from preprocessing.languages import LANGUAGES

_MOST_ROWS = 20
_DATASETS = {TRAIN: "training", BEST: "best of it", VALIDATION: "validation"}


class Number(str):
    """A number as it is to be shown."""

    __slots__ = ()
    style = "n"


class Mark(Number):
    """A number that wants attention."""

    __slots__ = ()
    style = "n mark"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; text stands left, numbers right, whole ones with separators of thousands; None is empty."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            style = f' class="{value.style}"' if isinstance(value, Number) else ""
            return f"<td{style}>{escape(value)}</td>"
        return f'<td class="n">{"" if value is None else format(value, ",")}</td>'

    rows = list(rows)
    right = [any(isinstance(row[place], (Number, int)) for row in rows) for place in range(len(head))]
    names = (
        f'<th scope="col"{" class=n" if number else ""}>{escape(name)}</th>'
        for name, number in zip(head, right, strict=True)
    )
    lines = [f"<tr>{''.join(names)}</tr>"]
    lines += [f"<tr>{''.join(map(cell, row))}</tr>" for row in rows]
    return '<div class="wide"><table>' + "\n".join(lines) + "</table></div>"


def languages_table(report: Mapping[str, Any]) -> str:
    """What is there of each language."""
    head = ["language", "training documents", "training tokens", "validation documents", "validation tokens"]
    head += ["characters a token", "with CELEX %", "consolidated versions %"]
    rows = []
    for row in report["languages"].values():
        documents, tokens = row["documents"], row["tokens"]
        whole = documents[TRAIN] + documents[VALIDATION]
        consolidated = percent(row["consolidated"]["documents"] / whole)
        splits = (documents[TRAIN], tokens[TRAIN], documents[VALIDATION], tokens[VALIDATION])
        length = Number(f"{row['characters_per_token']:.2f}")
        rows.append([row["name"], *splits, length, percent(row["with_celex"]), consolidated])
    return table(head, rows)


def shares_table(report: Mapping[str, Any]) -> str:
    """What is there of each language against what is wanted."""
    head = ("language", "text that is there %", "wanted in the mix %", "seen as often as the average text")
    rows = []
    for row in report["languages"].values():
        there, wanted = row["share_of_tokens"], row["mix_weight"]
        often = Number(f"{wanted / there:,.1f} times") if there else None
        rows.append((row["name"], percent(there), percent(wanted), often))
    return table(head, rows)


def epochs_table(run: Mapping[str, Any]) -> str:
    """Passes over each language's text in a run; those above the limit are marked."""
    steps = list(run["tokens_at_steps"])
    head = ["text", "share of the run %", *(f"epochs at {int(step):,} steps" for step in steps)]
    rows = []
    for text, row in run["epochs"].items():
        marked = []
        for step in steps:
            epochs = row["at_steps"][step]
            marked.append((Mark if epochs > MAX_EPOCHS else Number)(f"{epochs:,.2f}"))
        rows.append([_name(text), percent(row["share"]), *marked, row[f"steps_to_{MAX_EPOCHS}"]])
    rows.append(["tokens in all", None, *run["tokens_at_steps"].values(), None])
    return table([*head, f"{MAX_EPOCHS} epochs at step"], rows)


def best_table(report: Mapping[str, Any]) -> str:
    """What ``cpt_fast`` reads of each language."""
    rows = []
    for row in report["languages"].values():
        tokens = row["tokens"]
        share = percent(tokens[BEST] / tokens[TRAIN]) if tokens[TRAIN] else None
        rows.append((row["name"], row["documents"][BEST], tokens[BEST], share, Number(f"{row['best_score']:.3f}")))
    return table(("language", "documents", "tokens", "of the training tokens %", "score from"), rows)


def packing_table(report: Mapping[str, Any]) -> str:
    """How Megatron cuts each dataset."""
    head = ("language", "dataset", "tokens a sequence", "sequences", "tokens used %", "tokens lost at the end")
    rows = []
    for language, datasets in report["packing"].items():
        for name in filter(datasets.__contains__, _DATASETS):
            cut = datasets[name]
            used, mixed = percent(cut["share_of_tokens_used"], 3), percent(cut["share_of_mixed_sequences"])
            numbers = (cut["sequence_length"], cut["sequences"], used, cut["tokens_lost"])
            rows.append((_name(language), _DATASETS[name], *numbers, mixed, percent(cut["share_of_documents_cut"])))
    return table((*head, "sequences with more than one document %", "documents cut %"), rows)


def left_out_table(report: Mapping[str, Any]) -> str:
    """Inputs rejected and documents left out, by reason and language."""
    reasons = report["documents_left_out"]
    others = sorted({code for by in reasons.values() for code in by} - set(report["languages"]))
    codes = list(report["languages"])
    read = max(report["documents"]["read"], 1)
    rows: list[list[Any]] = []
    for reason, by in sorted(reasons.items(), key=lambda item: -sum(item[1].values())):
        count = sum(by.values())
        rest = sum(by.get(code, 0) for code in others)
        counts = [by.get(code, 0) for code in codes] + ([rest] if others else [])
        rows.append([reason, *counts, count, percent(count / read)])
    width = len(codes) + bool(others)
    rows += [
        [f"input rejected: {kind}", *([None] * width), count, None] for kind, count in report["inputs_rejected"].items()
    ]
    head = ["reason", *(_name(code) for code in codes), *(["other languages"] if others else [])]
    return table([*head, "in all", "of those read %"], rows) if rows else "<p>Nothing.</p>"


def parts_table(report: Mapping[str, Any], what: str, name: str) -> str:
    """Documents and tokens by type or year, the rows with most tokens in their own order, then one for the rest."""
    found = report[what]
    codes = list(report["languages"])
    total = max(sum(row["tokens"] for row in found.values()), 1)
    most = sorted(found, key=lambda key: -found[key]["tokens"])[:_MOST_ROWS]
    groups = {key.replace("_", " "): [found[key]] for key in found if key in most}
    if rest := [row for key, row in found.items() if key not in most]:
        groups[f"{len(rest)} others"] = rest
    rows = []
    for key, members in groups.items():
        tokens = sum(row["tokens"] for row in members)
        by_language = [sum(row["documents_by_language"].get(code, 0) for row in members) for code in codes]
        rows.append((key, sum(row["documents"] for row in members), *by_language, tokens, percent(tokens / total)))
    if what == "types":
        rows.sort(key=lambda row: -row[-2])
    head = (name, "documents", *(f"in {_name(code)}" for code in codes), "tokens", "of the tokens %")
    return table(head, rows)


def lengths_table(report: Mapping[str, Any]) -> str:
    """Tokens of the training documents."""
    rows = [
        (_name(code), row["median"], row["mean"], row["longest"])
        for code, row in report["lengths"].items()
        if code != "edges"
    ]
    return table(("language", "median tokens", "mean tokens", "longest"), rows)


def percent(share: float, digits: int = 1) -> Number:
    """Return a share as per cent."""
    return Number(f"{100 * share:.{digits}f}")


def _name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else "general text" if code == "replay" else code
