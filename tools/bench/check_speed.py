"""What ``check`` costs, stage by stage, on one core: checksums, tokens, texts, and all of it.

    python -m tools.bench.check_speed FOLDER --tokenizer DIR [--gigabytes 1] [--rounds 3]

Packs the FORMEX of FOLDER as ``tools.bench.preprocess_scale`` does and makes a corpus of it in a temporary folder.
Speeds are by processor time, so that other load on the machine matters little, with the files in the system's cache;
the best round counts. Checking is done in a process of its own, whose memory at its highest is told.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.settings import Settings
from tools.bench.packing import pack
from tools.bench.registry_scale import alone, peak_memory
from tools.check import check
from tools.check.blends import read_blends
from tools.check.files import check_files
from tools.check.indices import check_indices, dataset_names
from tools.check.report import Check
from tools.check.table import read_facts
from tools.check.tokens import check_tokens
from tools.check.work import Crew


class TimedCrew(Crew):
    """Notes the processor time of each stage in ``seconds``, and the bytes it goes through in ``sizes``."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.seconds: dict[str, float] = {}
        self.sizes: dict[str, int] = {}

    def run(self, what: str, work: Callable[[Any], Any], tasks: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """As :class:`Crew` does."""
        start = time.process_time()
        results = super().run(what, work, tasks, sizes)
        self.seconds[what] = time.process_time() - start
        self.sizes[what] = sum(sizes)
        return results


def measure(corpus: Path, rounds: int) -> dict[str, float]:
    """Return the best processor time of each stage and of the whole check, in seconds, with the sizes of the stages."""
    best: dict[str, float] = {}
    vocabulary = read_blends(corpus, Check("blends")).vocabulary
    for _ in range(rounds):
        crew = TimedCrew()
        with crew:
            _, manifest = check_files(corpus, crew)
            _, indexes = check_indices(corpus, dataset_names(corpus, manifest.outputs if manifest else ()), None)
            check_tokens(indexes, vocabulary, crew)
            read_facts(corpus, Check("documents"), crew)
        start = time.process_time()
        report = check(corpus)
        crew.seconds["all"] = time.process_time() - start
        if report.exit_status:
            raise SystemExit(report.text())
        best = {name: min(best.get(name, seconds), seconds) for name, seconds in crew.seconds.items()}
    sizes = {f"{what} bytes": size for what, size in crew.sizes.items()}
    return {**best, **sizes, "memory": peak_memory()}


def main() -> int:
    """Pack, make, check, print; return 0."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="FORMEX files")
    arguments.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    arguments.add_argument("--gigabytes", type=float, default=1.0, help="of XML (default 1)")
    arguments.add_argument("--rounds", type=int, default=3, help="rounds, of which the best counts (default 3)")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        archive, corpus = Path(place, "LEG_EN_FMX_20990101_01_00.zip"), Path(place, "corpus")
        size = pack(options.folder, archive, int(options.gigabytes * 1e9), vary=True)
        preprocess([archive], corpus, options.tokenizer, Settings())
        found = alone(measure, corpus, options.rounds)
        report = json.loads((corpus / "report.json").read_text(encoding="utf-8"))
    documents = report["documents"]["kept"]
    characters = sum(language["characters"] for language in report["languages"].values())
    print(f"{size / 1e9:.2f} GB of XML, {documents:,} documents, one core, best of {options.rounds} rounds")
    for what, unit in (("checksums", "of files"), ("tokens", "of ids")):
        amount = found[f"{what} bytes"]
        print(f"  {what:<12} {amount / 1e9:6.2f} GB {unit:<14} {amount / 1e9 / found[what]:8.2f} GB/s")
    speed = characters / 1e6 / found["documents"]
    print(f"  {'texts':<12} {characters / 1e6:6.0f} M characters       {speed:8.1f} M/s")
    print(f"  {'all':<12} {found['all']:6.1f} s; memory {found['memory']:,.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
