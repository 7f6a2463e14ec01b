"""The table of docs/faithfulness.md from the judge's JSON reports; exit status 1 when the first misses a target.

    python -m tools.bench.faithfulness.table ours.json itertext.json tulit.json --reasons docs/faithfulness.md

The first report is ours. A document of it under 0.97 in word recall or precision must be named in the file of
reasons, by its id in the judge's index or by the folder that holds it in all languages.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

#: What the reader has to reach on average over all documents.
TARGETS = {
    "word_recall": 0.9995,
    "word_precision": 0.998,
    "shingle5_recall": 0.998,
    "unglued": 0.9995,
    "no_deleted_leak": 0.995,
    "quote_recall": 0.998,
    "quote_precision": 0.998,
    "dash_recall": 0.998,
    "footnote_recall": 0.997,
    "cell_recall": 0.995,
    "row_adjacency": 0.995,
    "article_f1": 0.99,
    "article_text_recall": 0.99,
    "article_text_precision": 0.99,
    "recital_f1": 0.998,
    "annex_count": 0.995,
    "title_recall": 0.999,
    "celex": 0.997,
    "document_type": 0.995,
    "date": 0.99,
    "language": 1.0,
}
#: No document may be under this in word recall or precision without a written reason.
LOWEST = 0.97

Report = dict[str, Any]


def table(reports: dict[str, Report]) -> str:
    """Return the measures as a Markdown table, one column a report; what misses its target is bold."""
    lines = [f"| Measure | Target | {' | '.join(reports)} |", f"|---|---|{'---|' * len(reports)}"]
    for measure, target in TARGETS.items():
        cells = [_cell(report, measure, target) for report in reports.values()]
        lines.append(f"| {measure} | {target} | {' | '.join(cells)} |")
    missing = [str(report["overall"]["missing"]) for report in reports.values()]
    lines.append(f"| documents missing | 0 | {' | '.join(missing)} |")
    return "\n".join(lines)


def _cell(report: Report, measure: str, target: float) -> str:
    mean = report["overall"].get(measure, {}).get("mean")
    if mean is None:
        return "-"
    return f"{mean:.4f}" if mean >= target else f"**{mean:.4f}**"


def low_documents(report: Report) -> dict[str, tuple[float, float]]:
    """Return the documents under :data:`LOWEST`: id -> (word recall, word precision), the worst first."""
    low = {}
    for name, measures in report["documents"].items():
        pair = measures["word_recall"], measures["word_precision"]
        if min(pair) < LOWEST:
            low[name] = pair
    return dict(sorted(low.items(), key=lambda item: min(item[1])))


def shortfalls(report: Report, reasons: str) -> list[str]:
    """Return one sentence for everything in which ``report`` falls short of what is asked."""
    overall = report["overall"]
    found = [f"{overall['missing']} documents are missing"] if overall["missing"] else []
    if report["judge_errors"]:
        found.append(f"the judge failed on {len(report['judge_errors'])} documents")
    for measure, target in TARGETS.items():
        mean = overall.get(measure, {}).get("mean")
        if mean is None or mean < target:
            found.append(f"{measure} is {mean}, the target is {target}")
    for name, (recall, precision) in low_documents(report).items():
        if name not in reasons and name.rsplit("/", 2)[0] not in reasons:
            found.append(f"{name} has recall {recall}, precision {precision}, and no reason is written for it")
    return found


def main() -> int:
    """Print the table, and on stderr what falls short."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("reports", type=Path, nargs="+", metavar="REPORT.json")
    arguments.add_argument("--reasons", type=Path, default=Path("docs/faithfulness.md"))
    options = arguments.parse_args()

    reports = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in options.reports}
    print(table(reports))
    reasons = options.reasons.read_text(encoding="utf-8") if options.reasons.is_file() else ""
    found = shortfalls(next(iter(reports.values())), reasons)
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
