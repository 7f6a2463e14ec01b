"""What a registry of many acts costs: to write, to open, to ask; processor time, and memory at its highest.

    python -m tools.bench.registry_scale [--acts 1000000] [--languages en,fr]

The acts are invented: 3 to 29 articles, ten references, a title of 35 words in each language, every twentieth with a
short name of its own, every tenth defining one for another act. Writing and asking are done in processes of their own,
so that the memory of one is not that of the other. A million acts in two languages take about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from preprocessing.corpus.registry import Registry
from preprocessing.corpus.registry_file import write_registry
from preprocessing.progress import progress

YEARS, FIRST_YEAR = 70, 1955
QUESTIONS = 10_000
WORDS = ("regulation", "of", "the", "council", "on", "invented", "sludge", "mountain", "rivers", "common", "rules")


def number(act: int, acts: int) -> str:
    """Return the CELEX number of the ``act``-th of ``acts`` acts, spread evenly over the years."""
    year, in_year = divmod(act, acts // YEARS + 1)
    kind, rest = divmod(in_year, 9_999)
    return f"3{FIRST_YEAR + year}{'RLDHFABC'[kind]}{rest + 1:04d}"


def rows(acts: int, languages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what ``registry_row`` would of each document."""
    rng = random.Random(1)
    for act in range(acts):
        celex = number(act, acts)
        cited = [(number(rng.randrange(acts), acts), rng.choice(["", "5", "17"])) for _ in range(10)]
        defined = [(number(rng.randrange(acts), acts), f"Sludge Regulation {rng.randrange(2_000)}")]
        articles = [str(article) for article in range(1, rng.randrange(4, 31))]
        for language in languages:
            title = " ".join(rng.choices(WORDS, k=35))
            yield {
                "act": celex,
                "celex": celex,
                "language": language,
                "kind": 2,
                "version": "",
                "document_type": "regulation",
                "title": title,
                "date": f"{celex[1:5]}-05-01",
                "articles": articles,
                "references": cited,
                "own_names": [title[:40]] if act % 20 == 0 else [],
                "names": defined if act % 10 == 0 else [],
                "file": "shard-00001-of-00032.parquet",
                "row": act,
            }


def write(path: Path, acts: int, languages: Sequence[str]) -> dict[str, float]:
    """Write the registry; without the time that making up its rows takes."""
    start = time.process_time()
    for _ in rows(acts, languages):
        pass
    made_up = time.process_time() - start
    with progress(rows(acts, languages), what="documents", total=acts * len(languages)) as documents:
        start = time.process_time()
        write_registry(documents, path)
        seconds = time.process_time() - start - made_up
    return {"write_seconds": seconds, "write_memory_mb": peak_memory(), "file_mb": path.stat().st_size / 1e6}


def ask(path: Path, acts: int) -> dict[str, float]:
    """Open the registry and put questions to it."""
    start = time.process_time()
    registry = Registry.load(path)
    figures = {"open_seconds": time.process_time() - start, "open_memory_mb": peak_memory()}
    start = time.process_time()
    for question in range(QUESTIONS):
        registry.has_article(number(question * 7919 % acts, acts), "5")
    figures["has_article_microseconds"] = (time.process_time() - start) / QUESTIONS * 1e6
    start = time.process_time()
    registry.by_name("Sludge Regulation 7")
    figures["first_name_seconds"] = time.process_time() - start
    start = time.process_time()
    act = registry.act(number(acts // 2, acts))
    assert act is not None and act.titles and act.texts and act.references
    figures["one_act_seconds"] = time.process_time() - start
    return {**figures, "ask_memory_mb": peak_memory()}


def peak_memory() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes on a Mac, kilobytes elsewhere


def alone(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Call ``function`` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, default=1_000_000, help="acts in the registry (default 1000000)")
    parser.add_argument("--languages", default="en,fr", help="languages of each act (default en,fr)")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    arguments = parser.parse_args()
    languages = arguments.languages.split(",")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.parquet"
        figures = alone(write, path, arguments.acts, languages) | alone(ask, path, arguments.acts)
    if arguments.json:
        print(json.dumps({"acts": arguments.acts, "languages": languages, **figures}))
        return
    print(f"{arguments.acts:,} acts in {len(languages)} languages")
    for name, figure in figures.items():
        print(f"  {name.replace('_', ' '):<28} {figure:10,.2f}")


if __name__ == "__main__":
    main()
