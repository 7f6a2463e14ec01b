"""tulit's FORMEX parser over a folder, in our record. It needs tulit 0.8.0, best in an environment of its own:

    python3.11 -m venv .venv-tulit && .venv-tulit/bin/pip install tulit==0.8.0
    .venv-tulit/bin/python -m tools.bench.faithfulness.tulit_baseline FOLDER --output tulit.jsonl

Its parser gets the folder of each document, so that it joins annexes to their act. Everything its ``to_dict`` gives
goes into the record, in reading order. It gives no CELEX number, language, date or document type of a local file.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.faithfulness.records import Record, run


def read(files: list[Path]) -> Record:
    """Read one document with tulit."""
    from tulit.parser.xml.formex import Formex4Parser

    parsed = Formex4Parser().parse(str(files[0].parent)).to_dict()
    articles = {article["eId"]: _article(article) for article in parsed["articles"]}
    annexes = [_part(annex) for annex in parsed["annexes"]]
    return {
        "text": "\n".join(line for line in _lines(parsed, articles, annexes) if line),
        "title": parsed["preface"] or "",
        "recitals": [
            {"number": _number(recital["eId"], "rct_"), "text": recital["text"]}
            for recital in parsed["preamble"]["recitals"] or []
        ],
        "articles": list(articles.values()),
        "annexes": annexes,
    }


def _lines(parsed: dict[str, Any], articles: dict[str, Record], annexes: list[Record]) -> Iterator[str]:
    preamble = parsed["preamble"]
    yield parsed["preface"] or ""
    yield preamble["formula"] or ""
    yield from (citation["text"] for citation in preamble["citations"] or [])
    yield preamble["recitals_intro"] or ""
    yield from (
        f"({_number(recital['eId'], 'rct_')}) {recital['text']}"
        if _number(recital["eId"], "rct_").isdecimal()
        else recital["text"]
        for recital in preamble["recitals"] or []
    )
    yield preamble["final"] or ""
    chapters = {chapter["eId"]: chapter for chapter in parsed["chapters"]}
    seen: set[str] = set()
    yield from _structured(parsed["structure"], chapters, articles, seen)
    yield from (_printed(article) for key, article in articles.items() if key not in seen)
    yield _joined(parsed["conclusions"])
    yield from (f"{annex['heading']}\n{annex['text']}" for annex in annexes)


def _structured(
    nodes: list[dict[str, Any]], chapters: dict[str, Any], articles: dict[str, Record], seen: set[str]
) -> Iterator[str]:
    for node in nodes or []:
        key = node["eId"]
        if key in articles:
            seen.add(key)
            yield _printed(articles[key])
        elif key in chapters:
            yield chapters[key]["num"] or ""
            yield chapters[key]["heading"] or ""
        yield from _structured(node.get("children") or [], chapters, articles, seen)


def _printed(article: Record) -> str:
    return "\n".join(part for part in (article["title"], article["heading"], article["text"]) if part)


def _article(article: dict[str, Any]) -> Record:
    part = _part({**article, "num": None})
    return {**part, "number": article["num"] or _number(article["eId"], "art_"), "title": article["num"] or ""}


def _part(node: dict[str, Any]) -> Record:
    heading = " ".join(part for part in (node.get("num"), node.get("heading")) if part)
    return {"heading": heading, "text": "\n".join(child["text"] for child in node["children"] if child["text"])}


def _number(key: str, prefix: str) -> str:
    return key.removeprefix(prefix)


def _joined(value: Any) -> str:
    """All words of a nested answer, one line each."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return "\n".join(line for item in value if (line := _joined(item)))
    return value or ""


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(run(read, "tulit 0.8.0"))
