"""``report.html``: the report as one page without outside files, read in two minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from preprocessing.corpus import report_plots as plots
from preprocessing.corpus import report_tables as tables
from preprocessing.corpus.holdout import TRAIN, VALIDATION
from preprocessing.corpus.report_warnings import MAX_EPOCHS, span

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h2{margin:2.5rem 0 .5rem;border-bottom:2px solid #eee}p{max-width:52rem}.wide{overflow-x:auto}
h3{margin:1.2rem 0 .2rem;font-size:1rem}table{border-collapse:collapse;margin:.5rem 0 1rem;font-size:14px}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:bottom}
th{text-align:left;background:#f5f5f5;font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.mark{background:#fff0c2;font-weight:600}
.warn{background:#fff4d6;border-left:4px solid #b77900;padding:.5rem .8rem;margin:.5rem 0;max-width:none}
.tiles{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}.tiles div{background:#f5f7fa;padding:.5rem .9rem}
.tiles b{display:block;font-size:1.35rem}figure{margin:1rem 0}figcaption{font-weight:600}
svg{max-width:100%;height:auto}summary{cursor:pointer;margin:.4rem 0}
.text{white-space:pre-line;color:#444;margin:.2rem 0 .8rem 1rem;border-left:3px solid #ddd;padding-left:.8rem}
code{font-size:13px;overflow-wrap:anywhere}
"""


def render(report: Mapping[str, Any]) -> str:
    """Return the page for a report made by :func:`preprocessing.corpus.report.build_report`."""
    body = "\n".join(_parts(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Corpus report</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>Corpus report</h1>\n{body}\n</body></html>\n"
    )


def _parts(report: Mapping[str, Any]) -> Iterator[str]:
    yield _tiles(report)
    yield from (f'<p class="warn">{escape(text)}</p>' for text in report["warnings"])
    yield "<h2>Languages</h2>" + tables.languages_table(report)
    yield f"<p>{escape(_validation(report))}</p>"
    yield "<h2>Wanted and actual shares</h2>"
    yield (
        "<p>Blend weights give each language its wanted share of what training sees, whatever there is of it: no text "
        f"is copied or dropped. {escape(_replay(report))}</p>"
    )
    yield plots.shares_plot(report) + tables.shares_table(report)
    yield "<h2>What training will see</h2>"
    yield f"<p>Epochs are passes over a language's text; more than {MAX_EPOCHS} (marked) bring little.</p>"
    for name, run in report["runs"].items():
        size = f"{run['global_batch']} sequences of {run['sequence_length']:,} tokens a step"
        yield f"<h3>{escape(name)}: {size}</h3>" + tables.epochs_table(run)
    yield "<h3>What cpt_fast reads: the documents with the highest scores</h3>" + tables.best_table(report)
    yield "<h2>Packing</h2>" + _packing() + tables.packing_table(report)
    yield "<h2>Left out</h2>" + tables.left_out_table(report) + _examples(report)
    yield "<h2>Documents</h2>" + plots.types_plot(report)
    yield _details("Kinds of document in numbers", tables.parts_table(report, "types", "kind"))
    yield plots.years_plot(report)
    yield _details("Years in numbers", tables.parts_table(report, "years", "year"))
    yield plots.lengths_plot(report) + tables.lengths_table(report)
    yield "<h2>Scores</h2>"
    yield (
        "<p>The score of a document is the weighted sum of five parts (<code>preprocessing/corpus/score.py</code> says "
        "how). Dashed lines: from here on, a language's documents are read by cpt_fast.</p>"
    )
    yield plots.scores_plot(report)
    yield "<h2>Registry</h2>" + _registry(report)
    yield "<h2>Samples</h2>" + _samples(report)
    yield "<h2>Inputs and settings</h2>" + _settings(report)


def _tiles(report: Mapping[str, Any]) -> str:
    documents, rows = report["documents"], report["languages"].values()
    tokens = {split: sum(row["tokens"][split] for row in rows) for split in (TRAIN, VALIDATION)}
    sequences = sum(row[TRAIN]["sequences"] for row in report["packing"].values() if TRAIN in row)
    length = next(iter(report["runs"].values()))["sequence_length"]
    facts = (
        (f"{documents['kept']:,}", f"documents kept of {documents['read']:,}"),
        (f"{tokens[TRAIN]:,}", f"training tokens in {len(rows)} languages"),
        (f"{sequences:,}", f"sequences of {length:,} tokens"),
        (f"{tokens[VALIDATION]:,}", "validation tokens"),
        (f"{report['registry']['acts']:,}", "acts"),
    )
    return '<div class="tiles">' + "".join(f"<div><b>{value}</b>{name}</div>" for value, name in facts) + "</div>"


def _validation(report: Mapping[str, Any]) -> str:
    split, documents = report["split"], report["documents"]
    text = f"Validation: {split['validation_acts']:,} whole acts, in every language and version."
    for act, numbers in split["held_out_articles"].items():
        text += f" Of {act}, the last articles ({span(numbers)}), which count as a document of their own."
    return (
        f"{text} Of the documents kept, {documents['consolidated']:,} are consolidated versions, "
        f"{documents['without_celex']:,} have no CELEX number, {documents['with_parse_warnings']:,} have warnings of "
        "the reader."
    )


def _replay(report: Mapping[str, Any]) -> str:
    replay = report["replay"]
    if replay is None:
        return "No general text is in the mix (--replay): 2 to 5 % of it help a model to keep what it knew."
    return f"General text has {replay['share']:.1%} of the mix, from {replay['tokens']:,} tokens."


def _packing() -> str:
    return (
        "<p>As Megatron's GPTDataset cuts one pass: documents follow each other in a shuffled order, and sequences are "
        "cut from that without padding. A document is cut when no sequence holds it whole.</p>"
    )


def _examples(report: Mapping[str, Any]) -> str:
    found = []
    for kind, items in report["examples"].items():
        rows = "".join(f"<li>{escape(item['reason'])}<br><code>{escape(item['source'])}</code></li>" for item in items)
        found.append(f"<p>{escape(kind)}</p><ul>{rows}</ul>")
    return _details("Examples (all are in rejected.jsonl)", "".join(found)) if found else ""


def _registry(report: Mapping[str, Any]) -> str:
    facts = report["registry"]
    resolved = facts["references_in_corpus"] / max(facts["references"], 1)
    languages = ", ".join(f"{code} {count:,}" for code, count in facts["acts_by_language"].items())
    return (
        f"<p><b>{facts['acts']:,}</b> acts ({escape(languages)}), {facts['in_all_languages']:,} of them in all "
        f"languages; {facts['with_articles']:,} have articles, {facts['articles']:,} in all. Of "
        f"<b>{facts['references']:,}</b> references to other acts and their articles, "
        f"<b>{facts['references_in_corpus']:,} ({resolved:.1%})</b> lead to an act of the corpus; "
        f"{facts['referred_to']:,} acts are referred to.</p>"
    )


def _samples(report: Mapping[str, Any]) -> str:
    pages = []
    for code, row in report["languages"].items():
        own = [sample for sample in report["samples"] if sample["language"] == code]
        if own:
            pages.append(_details(f"{row['name']}: {len(own)} documents", "".join(map(_sample, own))))
    return (
        "<p>By their score: one of the best, of the middle and of the lowest; how each begins, and from its middle.</p>"
        + ("".join(pages))
    )


def _sample(item: Mapping[str, Any]) -> str:
    parts = ", ".join(f"{name} {value:.2f}" for name, value in item["score_parts"].items())
    about = f"{item['document_type'].replace('_', ' ')} of {item['date'] or 'unknown date'}, {item['tokens']:,} tokens"
    return (
        f"<p><b>{escape(item['title'] or 'no title')}</b><br><code>{escape(item['id'])}</code>, {escape(about)}; "
        f"score {item['score']:.2f}, {escape(item['place'])} ({escape(parts)})</p>"
        f'<div class="text">{escape(item["start"])}</div><div class="text">{escape(item["middle"])}</div>'
    )


def _settings(report: Mapping[str, Any]) -> str:
    inputs = report["inputs"]
    rows = []
    for name, value in report["settings"].items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        rows.append((name, "" if text in (None, {}) else str(text)))
    return f"<p>{inputs['files']:,} files, {inputs['bytes'] / 1e6:,.1f} MB of XML.</p>" + _details(
        "Settings", tables.table(("setting", "value"), rows)
    )


def _details(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"
