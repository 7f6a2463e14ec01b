"""Text to ``.bin/.idx``: this project against Megatron-LM's two scripts, on the same text and the same cores.

    python -m tools.bench.tokenize_speed CORPUS --tokenizer DIR --megatron CHECKOUT [--cores 1] [--megabytes 100]

CORPUS is a folder that ``preprocess`` made: its texts are written to JSON Lines, which all three read. CHECKOUT is a
clone of Megatron-LM (github.com/NVIDIA/Megatron-LM) that has ``tools/preprocess_data_fast.py``; run with the
environment of this project, whose PyTorch it uses (it wants ``triton`` as well). ``preprocess_data.py``, with the
Hugging Face tokenizer, gets a tenth of the text. Times are those that the scripts print, without the start of Python
and PyTorch: the fast one's with the loading of the tokenizer, the other one's without.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from preprocessing.corpus.documents import iter_documents
from preprocessing.corpus.indexed import IndexedWriter, read_lengths
from preprocessing.corpus.tokenizer import Encoder, load_tokenizer

_AT_ONCE = 64
_ELAPSED = re.compile(r"Elapsed time: ([\d.]+) seconds")
# They count MiB.
_MIB = 1.048576
_RATE = re.compile(r"([\d.]+) MB/s\)")
# What Megatron-LM's newest code takes for granted and PyPI's packages for the CPU do not have.
_RUN = """
import runpy, sys, typing, typing_extensions
typing.override = typing_extensions.override
sys.modules["nvidia_resiliency_ext"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def main() -> int:
    """Write the text, run the three, print; return 0."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--megatron", type=Path, help="clone of Megatron-LM; without it only this project is run")
    arguments.add_argument("--cores", type=int, default=1)
    arguments.add_argument("--megabytes", type=float, default=100.0, help="of text, at most")
    arguments.add_argument("--ours", nargs=2, type=Path, metavar=("TEXT", "PREFIX"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.ours:
        _index(options.ours[0], options.ours[1], options.tokenizer)
        return 0
    with tempfile.TemporaryDirectory() as place:
        texts = Path(place, "texts.jsonl"), Path(place, "few.jsonl")
        sizes = [
            _write(options.corpus, path, options.megabytes / part) for path, part in zip(texts, (1, 10), strict=True)
        ]
        prefix = Path(place, "ours")
        command = [sys.executable, "-m", "tools.bench.tokenize_speed", str(options.corpus)]
        command += ["--tokenizer", str(options.tokenizer), "--ours", str(texts[0]), str(prefix)]
        printed = _run(command, options.cores, None)
        speed, loaded = sizes[0] / _last(_ELAPSED, printed), _last(_RATE, printed) * _MIB
        tokens = int(read_lengths(prefix)[0].sum())
        print(f"this project: {speed:.1f} MB/s, after loading the tokenizer {loaded:.1f} MB/s")
        print(f"({sizes[0]:.1f} MB of text, {tokens:,} tokens)")
        if options.megatron:
            command = [
                sys.executable,
                "-c",
                _RUN,
                "SCRIPT",
                "--append-eod",
                "--output-prefix",
                str(Path(place, "theirs")),
            ]
            command += ["--tokenizer-type", "HuggingFaceTokenizer", "--tokenizer-model", str(options.tokenizer)]
            fast = [*command, "--input", str(texts[0]), "--use-gigatoken"]
            fast[3] = "tools/preprocess_data_fast.py"
            slow = [*command, "--input", str(texts[1]), "--workers", "1", "--log-interval", "1"]
            slow[3] = "tools/preprocess_data.py"
            other = sizes[0] / _last(_ELAPSED, _run(fast, options.cores, options.megatron))
            print(f"preprocess_data_fast.py: {other:.1f} MB/s; this project {speed / other:.2f} times as fast")
            other = _last(_RATE, _run(slow, options.cores, options.megatron)) * _MIB
            print(
                f"preprocess_data.py, after loading: {other:.2f} MB/s; this project {loaded / other:.0f} times as fast"
            )
    return 0


def _write(corpus: Path, path: Path, limit: float) -> float:
    """Write texts of the corpus, up to ``limit`` MB or a little more, as JSON Lines; return their size in MB."""
    size = 0
    with path.open("wb") as stream:
        for document in iter_documents(corpus):
            if size > limit * 1e6:
                break
            size += len(document.text.encode())
            stream.write(orjson.dumps({"text": document.text}, option=orjson.OPT_APPEND_NEWLINE))
    return size / 1e6


def _index(texts: Path, prefix: Path, tokenizer: Path) -> None:
    """Index a file of texts; print the seconds, and the speed without loading the tokenizer."""
    started = time.monotonic()
    facts = load_tokenizer(tokenizer)
    encoder = Encoder(facts)
    loaded = time.monotonic()
    with texts.open("rb") as stream, IndexedWriter(prefix, facts.vocab_size) as writer:
        while lines := [line for _, line in zip(range(_AT_ONCE), stream, strict=False)]:
            for tokens in encoder.encode([orjson.loads(line)["text"] for line in lines]):
                writer.add(tokens)
    ended = time.monotonic()
    speed = texts.stat().st_size / (1 << 20) / (ended - loaded)
    print(f"Elapsed time: {ended - started:.3f} seconds, after loading ({speed:.2f} MB/s)")


def _last(pattern: re.Pattern[str], printed: str) -> float:
    return float(pattern.findall(printed)[-1])


def _run(command: list[str], cores: int, folder: Path | None) -> str:
    """Run a command on so many cores; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": f"{folder or '.'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    mine = sorted(os.sched_getaffinity(0))[:cores]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, mine),
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
