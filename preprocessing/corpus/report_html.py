"""``report.html``: the report as one page without outside files, read in two minutes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION
from preprocessing.corpus.report import GLOBAL_BATCH, MAX_EPOCHS

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd}
th{text-align:left;background:#f5f5f5}td.n{text-align:right;font-variant-numeric:tabular-nums}
.warn{background:#fff4d6;border-left:4px solid #d99a00;padding:.5rem .8rem;margin:.5rem 0}
.sample{color:#555;margin:0 0 1rem}svg{max-width:100%;height:auto}h2{margin-top:2rem}
"""
_MOST_ROWS = 20


def render(report: Mapping[str, Any]) -> str:
    """Return the page for a report made by :func:`preprocessing.corpus.report.build_report`."""
    documents, languages = report["documents"], report["languages"]
    tokens = {split: sum(row["tokens"][split] for row in languages.values()) for split in (TRAIN, VALIDATION)}
    split = report["split"]
    rule = f"{split['validation_acts']:,} whole acts, in every language"
    if split["held_out_articles"]:
        rule += f"; articles held out of {', '.join(split['held_out_articles'])}"
    parts = [
        f"<p><b>{tokens[TRAIN]:,}</b> training and <b>{tokens[VALIDATION]:,}</b> validation tokens from "
        f"<b>{documents['kept']:,}</b> of {documents['read']:,} documents in {len(languages)} languages: "
        f"{report['sequences']['train']:,} sequences of {report['sequences']['length']:,} tokens. "
        f"Validation: {escape(rule)}.</p>",
        *(f'<p class="warn">{escape(text)}</p>' for text in report["warnings"]),
        "<h2>Languages</h2>",
        _languages(languages),
        f"<p>Epochs: passes over the training text at {GLOBAL_BATCH} sequences a step; more than {MAX_EPOCHS} bring "
        "little.</p>",
        _plots(report),
        "<h2>Left out</h2>",
        _left_out(report),
        f"<p>{documents['without_celex']:,} kept documents have no CELEX number, "
        f"{documents['with_parse_warnings']:,} have parse warnings.</p>",
        "<h2>Kinds of document</h2><p>Articles held out of a document count as one more.</p>",
        _table(("type", "documents", "tokens"), _largest(report["types"])),
        "<h2>Years</h2>",
        _table(("year", "documents", "tokens"), _largest(report["years"])),
        "<h2>Samples</h2>",
        *(
            f"<p><b>{escape(item['language'])}</b> {escape(item['id'])}: {escape(item['title'])}</p>"
            f'<p class="sample">{escape(item["text"])} …</p>'
            for item in report["samples"]
        ),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Corpus report</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>Corpus report</h1>\n{body}\n</body></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f"<td>{escape(value)}</td>"
        return f'<td class="n">{value:,}</td>'

    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(cell(value) for value in row) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"


def _languages(languages: Mapping[str, Any]) -> str:
    steps = next((list(row["epochs"]["at_steps"]) for row in languages.values() if row["epochs"]), [])
    head = ["language", "documents", "held out", "tokens", "held out", "share %", "mix %", "characters/token"]
    rows = []
    for row in languages.values():
        at_steps = row["epochs"].get("at_steps", {})
        rows.append(
            [
                row["name"],
                row["documents"][TRAIN],
                row["documents"][VALIDATION],
                row["tokens"][TRAIN],
                row["tokens"][VALIDATION],
                round(100 * row["share_of_tokens"], 1),
                round(100 * row["mix_weight"], 1),
                row["characters_per_token"],
                *(at_steps.get(step, 0.0) for step in steps),
            ]
        )
    return _table([*head, *(f"epochs at {int(step):,} steps" for step in steps)], rows)


def _left_out(report: Mapping[str, Any]) -> str:
    rows = [(f"input rejected: {reason}", "", count) for reason, count in report["inputs_rejected"].items()]
    for reason, by_language in report["documents_left_out"].items():
        detail = ", ".join(f"{language} {count:,}" for language, count in by_language.items())
        rows.append((reason, detail, sum(by_language.values())))
    return _table(("reason", "by language", "documents"), rows) if rows else "<p>Nothing.</p>"


def _largest(table: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows with most tokens, in their own order, and one for all the rest."""
    most = sorted(table, key=lambda name: -table[name]["tokens"])[:_MOST_ROWS]
    rows: list[tuple[Any, ...]] = [
        (name, row["documents"], row["tokens"]) for name, row in table.items() if name in most
    ]
    rest = [row for name, row in table.items() if name not in most]
    if rest:
        rows.append((f"{len(rest)} others", sum(r["documents"] for r in rest), sum(r["tokens"] for r in rest)))
    return rows


def _plots(report: Mapping[str, Any]) -> str:
    """Tokens by kind and language, and document lengths, as inline SVG."""
    import matplotlib

    # drawn without a display; ids from a fixed salt, so that equal reports are equal files
    with matplotlib.rc_context({"svg.hashsalt": "corpus", "svg.fonttype": "none", "font.size": 9}):
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter

        figure = Figure(figsize=(10, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        languages = list(report["languages"])
        types = sorted(report["types"], key=lambda name: -report["types"][name]["tokens"])[:8]
        base = [0.0] * len(types)
        for language in languages:
            values = [report["types"][name]["tokens_by_language"].get(language, 0) for name in types]
            left.barh(types, values, left=base, label=language)
            base = [start + value for start, value in zip(base, values, strict=True)]
        left.invert_yaxis()
        left.set_title("Tokens by kind of document")
        left.xaxis.set_major_formatter(EngFormatter())
        left.legend(fontsize=8)
        edges = report["lengths"]["edges"]
        labels = [_short(edge) for edge in edges]
        for language in languages:
            if language in report["lengths"]:
                right.plot(labels, report["lengths"][language]["histogram"], marker="o", ms=3, label=language)
        right.set_title("Training documents by tokens (from)")
        right.legend(fontsize=8)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    return drawing[drawing.index("<svg") :]


def _short(tokens: int) -> str:
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
