"""The comparison as files: results as JSON, a report as Markdown and as HTML with plots, predictions as CSV."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from preprocessing.files import atomic_file
from preprocessing.languages import LANGUAGES
from tools.evaluation.metrics import METRICS
from tools.evaluation.plots import plots
from tools.evaluation.results import Row

EXAMPLES = 3
READING = (
    "Brackets are 95 % bootstrap intervals over questions, the change is in percentage points, the improvement relative"
    " to the base (positive is better, also where lower is better; n/a from a base under 1 %). p is McNemar's exact"
    " test for shares of answers and a paired bootstrap for means; where one article is asked about in several"
    " languages, the intervals over all questions are somewhat too narrow."
)
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #ddd;padding:.25rem .75rem;text-align:right}
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}"""

Table = list[list[str]]  # the first row is the heading


def write_reports(output: Path, results: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write the four files; on an error (disk full) none of them is touched."""
    contents = {
        "comparison_results.json": json.dumps(results, ensure_ascii=False, indent=2) + "\n",
        "comparison_report.md": markdown(results, rows),
        "predictions.csv": predictions_csv(rows),
        "report.html": html_page(results),
    }
    with ExitStack() as files:
        # All are on disk under temporary names before the first is renamed, so they change together.
        for name, content in contents.items():
            stream = files.enter_context(atomic_file(output / name))
            stream.write(content)
            stream.flush()


def summary_table(results: dict[str, Any]) -> str:
    """Return what is printed at the end: every metric, then the languages, as aligned columns."""
    tables = (overall_table(results), breakdown_table(results, "by_language", "Language"))
    return "\n\n".join([*map(_aligned, tables), "\n".join(_facts(results))])


def overall_table(results: dict[str, Any]) -> Table:
    """Return all metrics over all questions, base against tuned, with 95 % intervals."""
    table = [["Metric", "Base", "Tuned", "Change", "Improvement", "p"]]
    for metric in METRICS:
        figures = results["overall"]["metrics"][metric.name]
        label = metric.label + ("" if metric.higher_is_better else " (lower is better)")
        if figures is None:
            table.append([label, *["n/a"] * 5])
            continue
        relative = figures["relative_improvement"]
        table.append(
            [
                label,
                _with_interval(figures["base"]),
                _with_interval(figures["tuned"]),
                f"{100 * figures['difference']['mean']:+.1f}",
                "n/a" if relative is None else f"{100 * relative:+.0f} %",
                "<0.001" if figures["p_value"] < 0.001 else f"{figures['p_value']:.3f}",
            ]
        )
    return table


def breakdown_table(results: dict[str, Any], by: str, heading: str) -> Table:
    """Return the main metrics for each group of ``results[by]`` as "base -> tuned", with the outcomes."""
    shown = [metric for metric in METRICS if metric.name in ("citation_accuracy", "article_accuracy", "rouge_l")]
    table = [[heading, "Questions", *(metric.label for metric in shown), "Exact match", "Win / tie / loss"]]
    for name, group in results[by].items():
        outcomes = group["outcomes"]
        label = LANGUAGES[name].name if by == "by_language" else name
        cells = [_base_to_tuned(group, metric.name) for metric in shown] + [_base_to_tuned(group, "exact_match")]
        won = f"{outcomes['win']} / {outcomes['tie']} / {outcomes['loss']}"
        table.append([label, str(group["questions"]), *cells, won])
    return table


def predictions_csv(rows: Sequence[Row]) -> str:
    """Return one line a question: the question, gold, both answers, all scores of both, the outcome."""
    stream = io.StringIO()
    names = [metric.name for metric in METRICS]
    # The default "\r\n" line ends matter: with "\n" a lone "\r" in an answer stands unquoted and starts a new row.
    writer = csv.writer(stream)
    writer.writerow(
        ["question", "language", "kind", "gold", "gold_celex", "gold_article", "base_answer", "tuned_answer", "outcome"]
        + [f"base_{name}" for name in names]
        + [f"tuned_{name}" for name in names]
    )
    for row in rows:
        asked = row.question
        writer.writerow(
            [asked.question, asked.language, asked.kind, asked.answer, asked.celex, asked.article or ""]
            + [row.base_answer, row.tuned_answer, row.outcome]
            + [_cell(scores[name]) for scores in (row.base, row.tuned) for name in names]
        )
    return stream.getvalue()


def markdown(results: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return the report for reading in a terminal or on a forge, with a few wins and losses in full."""
    parts = ["# Base against tuned", "\n".join(f"- {fact}" for fact in _facts(results))]
    for title, table in _tables(results):
        parts += [f"## {title}", _markdown_table(table)]
    parts += ["## How to read it", READING, "\n".join(f"- **{metric.label}**: {metric.meaning}." for metric in METRICS)]
    for outcome, title in (("win", "Where the tuned model won"), ("loss", "Where it lost")):
        chosen = [row for row in rows if row.outcome == outcome][:EXAMPLES]
        if chosen:
            parts += [f"## {title}", *map(_example, chosen)]
    return "\n\n".join(parts) + "\n"


def html_page(results: dict[str, Any]) -> str:
    """Return one page with the tables and the plots inline; it loads nothing from elsewhere."""
    body = ["<h1>Base against tuned</h1>", "<ul>"]
    body += [f"<li>{html.escape(fact)}</li>" for fact in _facts(results)]
    body += ["</ul>", *plots(results)]
    for title, table in _tables(results):
        body += [f"<h2>{html.escape(title)}</h2>", _html_table(table)]
    body.append(f"<p>{html.escape(READING)}</p>")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Base against tuned</title>\n'
        f"<style>{STYLE}</style>\n" + "\n".join(body) + "\n</html>\n"
    )


def _tables(results: dict[str, Any]) -> list[tuple[str, Table]]:
    return [
        ("All questions, in per cent with 95 % intervals", overall_table(results)),
        ("By language, base → tuned", breakdown_table(results, "by_language", "Language")),
        ("By kind of question, base → tuned", breakdown_table(results, "by_kind", "Kind")),
    ]


def _facts(results: dict[str, Any]) -> list[str]:
    """What stands beside the figures and decides how to read them."""
    outcomes, test_set = results["overall"]["outcomes"], results["test_set"]
    facts = [
        f"{role}: {results[role]['path']}"
        + (f" (chat template: {results[role]['chat_template']})" if "chat_template" in results[role] else " (replayed)")
        for role in ("base", "tuned")
    ]
    facts.append(f"test set: {test_set['path']}, {test_set['questions']} questions")
    if test_set["rejected"]:
        first = test_set["rejected"][0]
        count = len(test_set["rejected"])
        lines = "1 line" if count == 1 else f"{count} lines"
        facts.append(f"{lines} of the test set rejected, the first: line {first['line']}, {first['reason']}")
    won = f"tuned wins {outcomes['win']}, ties {outcomes['tie']}, loses {outcomes['loss']}"
    facts.append(f"{won}. {results['win_rule']}")
    for copied, floor in results["copying_floors"].items():
        scores = [
            f"{metric.label.lower()} {100 * floor[metric.name]:.0f} %"
            for metric in METRICS
            if floor.get(metric.name) is not None
        ]
        facts.append(f"an answer that only repeats the {copied} would score {', '.join(scores)}")
    if results["registry"] is None:
        facts.append("no registry given: whether cited acts exist was not checked, so no hallucination rate")
    if results["tuned_relative_to_english"]:
        shares = [f"{code} {100 * share:.0f} %" for code, share in results["tuned_relative_to_english"].items()]
        facts.append(f"tuned citation accuracy relative to English: {', '.join(shares)}")
    return facts


def _with_interval(figures: dict[str, float]) -> str:
    return f"{100 * figures['mean']:.1f} [{100 * figures['low']:.1f}, {100 * figures['high']:.1f}]"


def _base_to_tuned(group: dict[str, Any], name: str) -> str:
    figures = group["metrics"][name]
    return "n/a" if figures is None else f"{100 * figures['base']['mean']:.1f} → {100 * figures['tuned']['mean']:.1f}"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _aligned(table: Table) -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _markdown_table(table: Table) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    lines.insert(1, "|---" + "|---:" * (len(table[0]) - 1) + "|")
    return "\n".join(lines)


def _html_table(table: Table) -> str:
    def row(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(table[0], "th") + "".join(row(cells, "td") for cells in table[1:]) + "</table>"


def _example(row: Row) -> str:
    """One question with its answers as quoted text, so that nothing in an answer acts as Markdown structure."""

    def quoted(label: str, text: str) -> str:
        return f"**{label}**\n\n" + "\n".join(f"    {line}" for line in (text or "(empty)").splitlines())

    return "\n\n".join(
        [
            quoted(f"Question ({row.question.language}, {row.question.kind})", row.question.question),
            quoted("Reference", row.question.answer),
            quoted("Base", row.base_answer),
            quoted("Tuned", row.tuned_answer),
        ]
    )
