"""What it costs to recognise duplicates and to measure documents for the score, against reading them, in the same run.

    python -m tools.bench.duplicates_speed FOLDER [--every 10] [--rounds 5] [--documents 100000]

First, per megabyte of FORMEX and on one core: reading it into documents, taking fingerprints of the texts (hash and
signature), measuring features. All have the same documents, in turns; the best round of each counts (processor time).

Then the accuracy of signatures: the error of the similarity that they estimate, against the exact Jaccard similarity of
the documents' shingles, for all pairs of one language that have enough in common.

Last, how long near duplicates among many documents take to find, and the memory for it: signatures are made up, a third
of them after a thousand templates of which they keep 65 %, a tenth nearly equal to another one.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from preprocessing.corpus.near_duplicates import near_duplicates
from preprocessing.corpus.score import features
from preprocessing.corpus.shingles import PERMUTATIONS, Fingerprints
from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.reader import read_file
from preprocessing.progress import progress
from tools.bench.reader_speed import processor_seconds, read_documents, readable_files

# Pairs count from this similarity on: below it nearly all pairs have nothing in common.
_IN_COMMON = 0.1
_READ = "reading into documents"


def speeds(files: list[tuple[str, bytes]], documents: list[LegalDocument], rounds: int) -> dict[str, float]:
    """Return the best processor time of each task in seconds."""
    fingerprints = Fingerprints()

    def take_fingerprints() -> None:
        for document in documents:
            fingerprints.of(document.text)

    def measure_features() -> None:
        for document in documents:
            features(document)

    tasks: dict[str, Callable[[], None]] = {
        _READ: lambda: read_documents(files),
        "fingerprints": take_fingerprints,
        "features": measure_features,
    }
    best = dict.fromkeys(tasks, float("inf"))
    with progress(total=rounds, what="measuring", unit="round") as bar:
        for _ in range(rounds):
            for name, task in tasks.items():
                best[name] = min(best[name], processor_seconds(task))
            bar.update()
    return best


def errors(documents: list[LegalDocument]) -> dict[str, float]:
    """Return the error of estimated similarities, as a mean and as the root of the mean square, over all pairs."""
    fingerprints = Fingerprints()
    signatures = [fingerprints.of(document.text)[1] for document in documents]
    shingles = [np.unique(fingerprints.scan(document.text)[1]) for document in documents]
    found = []
    for one, other in combinations(range(len(documents)), 2):
        if documents[one].language != documents[other].language:
            continue
        common = np.intersect1d(shingles[one], shingles[other], assume_unique=True).size
        exact = common / max(shingles[one].size + shingles[other].size - common, 1)
        if _IN_COMMON <= exact < 1:
            found.append(float((signatures[one] == signatures[other]).mean()) - exact)
    error = np.array(found)
    if not error.size:
        return {"pairs": 0}
    return {"pairs": error.size, "mean": float(error.mean()), "root_mean_square": float(np.sqrt((error**2).mean()))}


def search(documents: int) -> dict[str, float]:
    """Return seconds and megabytes that near duplicates among so many documents take, and how many were found."""
    random = np.random.default_rng(1)
    signatures = random.integers(0, 2**31, (documents, PERMUTATIONS), dtype=np.uint32)
    templates = signatures[: min(1000, documents)].copy()
    for row in range(documents):
        if row % 3 == 0:
            kept = random.random(PERMUTATIONS) < 0.65
            signatures[row, kept] = templates[random.integers(len(templates)), kept]
        elif row % 10 == 1:
            kept = random.random(PERMUTATIONS) < 0.95
            signatures[row, kept] = signatures[random.integers(row), kept]
    near_duplicates(signatures[:2], np.arange(2), 0.8)  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    twins, _ = near_duplicates(signatures, random.permutation(documents), 0.8)
    seconds = time.perf_counter() - started
    # kilobytes, but bytes on a Mac
    unit = 1e6 if sys.platform == "darwin" else 1e3
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit
    return {"documents": documents, "seconds": seconds, "megabytes": grown, "found": int((twins >= 0).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of FORMEX files")
    parser.add_argument("--every", type=int, default=10, help="take every n-th file (default 10)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the best counts (default 5)")
    parser.add_argument("--documents", type=int, default=100_000, help="made-up signatures to search (default 100000)")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    arguments = parser.parse_args()
    files = readable_files(arguments.folder, arguments.every)
    if not files:
        parser.error(f"no FORMEX file with a text below {arguments.folder}")
    documents = [assemble([read_file(data)], None, path) for path, data in files]
    megabytes = sum(len(data) for _, data in files) / 1e6
    # the memory of the search is measured first, while the process is small
    searched = search(arguments.documents)
    seconds = speeds(files, documents, arguments.rounds)
    costs = {
        name: {"ms_per_megabyte": 1000 * taken / megabytes, "of_reading": taken / seconds[_READ]}
        for name, taken in seconds.items()
    }
    accuracy = errors(documents)
    if arguments.json:
        print(json.dumps({"megabytes": megabytes, "costs": costs, "accuracy": accuracy, "search": searched}))
        return
    print(f"{len(files):,} files, {megabytes:,.1f} MB, one core, best of {arguments.rounds} rounds")
    for name, cost in costs.items():
        print(f"  {name:<24} {cost['ms_per_megabyte']:6.2f} ms/MB   {cost['of_reading']:6.1%} of reading")
    if accuracy["pairs"]:
        print(
            f"{accuracy['pairs']:,} pairs of documents: similarity estimated with an error of {accuracy['mean']:+.4f} "
            f"on the mean, {accuracy['root_mean_square']:.4f} as the root of the mean square"
        )
    print(
        f"{searched['documents']:,} signatures: {searched['found']:,} near duplicates found in "
        f"{searched['seconds']:.1f} s with {searched['megabytes']:,.0f} MB"
    )


if __name__ == "__main__":
    main()
