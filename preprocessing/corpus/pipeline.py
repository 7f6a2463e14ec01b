"""``preprocess``: FORMEX -> selected documents -> Parquet, Megatron datasets per language, registry and report.

    python launch.py preprocess --input PATH... --output DIR --tokenizer DIR

Two passes: documents are read, selected and staged in shards; then, once all acts are known and the split with them,
each shard is written and tokenized by itself (:mod:`preprocessing.corpus.shards`) and the shards are joined. Memory is
bounded by a buffer of documents, plus some 100 bytes a document to know duplicates and a line an act for the registry.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from preprocessing.corpus.blend import write_blend
from preprocessing.corpus.documents import ShardedWriter
from preprocessing.corpus.holdout import SPLITS, TRAIN, SplitPlan, act_of, articles_to_hold_out
from preprocessing.corpus.output import building, finished, publish
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import Row, registry_row
from preprocessing.corpus.report import Intake, build_report
from preprocessing.corpus.report_html import render
from preprocessing.corpus.selection import UNWANTED_LANGUAGE, Selection
from preprocessing.corpus.shards import Counts, ShardTask, merge_tokens, run_shards
from preprocessing.corpus.summary import PreprocessSummary
from preprocessing.corpus.tokenizer import TokenizerFacts, load_tokenizer
from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file, write_json
from preprocessing.languages import LANGUAGES, parse_languages
from preprocessing.progress import progress
from preprocessing.split import check_share, validation_acts_in_all_languages
from preprocessing.version import code_version


def preprocess(
    inputs: Sequence[Path],
    output: Path,
    tokenizer: Path,
    *,
    languages: Sequence[str] = tuple(LANGUAGES),
    shards: int = 32,
    workers: int | None = None,
    seq_length: int = 4096,
    validation_share: float = 0.01,
    seed: int = 1234,
    overwrite: bool = False,
) -> PreprocessSummary:
    """Make the corpus folder ``output``; a folder that already holds just this corpus is left as it is.

    The result does not depend on ``workers`` (default: the processors this process may use).

    Raises:
        UsageError: an argument does not fit, or ``output`` holds something else and ``overwrite`` is not set.
        RecipeError: nothing usable came out, or it could not be written.
    """
    started = time.monotonic()
    languages = parse_languages(",".join(languages))
    for name, value in (("shards", shards), ("seq-length", seq_length), ("workers", workers or 1)):
        if value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    check_share(validation_share)
    _check_places(inputs, output)
    facts = load_tokenizer(tokenizer)
    settings = {
        "inputs": [str(path) for path in inputs],
        "input files": _fingerprint(inputs),
        "tokenizer": facts.sha256,
        "languages": list(languages),
        "shards": shards,
        "seq-length": seq_length,
        "validation-share": validation_share,
        "seed": seed,
        "version of this code": code_version("instruct"),
    }
    if finished(output, settings, overwrite):
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        return PreprocessSummary(output, report, time.monotonic() - started, up_to_date=True)
    with _readable_errors(output), building(output) as place:
        workers = workers or _processors()
        staged = _stage(inputs, place, languages, shards, workers)
        plan = staged.plan(validation_share, seed)
        counts, datasets = _tokenize(staged.paths, place, plan, facts, languages, workers)
        write_blend(place / "cpt" / "blend.yaml", datasets, facts)
        write_registry(staged.registry, place / "registry.parquet")
        report = build_report(
            intake=staged.intake,
            counts=counts,
            plan=plan,
            datasets=datasets,
            tokens_folder=place / "cpt",
            languages=languages,
            seq_length=seq_length,
            settings=settings,
        )
        write_json(place / "report.json", report)
        with atomic_file(place / "report.html") as stream:
            stream.write(render(report))
        publish(place, settings)
    return PreprocessSummary(output, report, time.monotonic() - started)


@dataclass
class _Staged:
    """What the first pass leaves: the shards' files and what the split, registry and report need."""

    paths: list[Path] = field(default_factory=list)
    intake: Intake = field(default_factory=Intake)
    registry: list[Row | None] = field(default_factory=list)
    acts: dict[str, set[str]] = field(default_factory=dict)  # by language
    articles: dict[str, list[list[str]]] = field(default_factory=dict)  # of each document, in languages of one act

    def keep(self, document: LegalDocument) -> None:
        self.intake.keep(document)
        self.registry.append(registry_row(document))
        acts = self.acts.setdefault(document.language, set())
        acts.add(act_of(document))
        if len(acts) == 1:
            numbers = [article.number for article in document.articles]
            self.articles.setdefault(document.language, []).append(numbers)
        else:
            self.articles.pop(document.language, None)

    def plan(self, share: float, seed: int) -> SplitPlan:
        of_act: dict[str, list[list[str]]] = {}
        for language, documents in self.articles.items():
            (act,) = self.acts[language]
            of_act.setdefault(act, []).extend(documents)
        articles = {act: held_out for act, numbers in of_act.items() if (held_out := articles_to_hold_out(numbers))}
        return SplitPlan(validation_acts_in_all_languages(self.acts, share, seed), articles)


def _stage(inputs: Sequence[Path], place: Path, languages: Sequence[str], shards: int, workers: int) -> _Staged:
    """First pass: read, select, and write the shards' files; list what was rejected or left out."""
    from preprocessing.formex.parse import Rejected, read_documents

    staged = _Staged()
    selection = Selection(languages)
    with (
        atomic_file(place / "rejected.jsonl") as rejected,
        ShardedWriter(place / "staged", shards) as writer,
        progress(what="reading", unit="B") as bar,
    ):

        def reject(source: str, reason: str) -> None:
            rejected.write(json.dumps({"source": source, "reason": reason}, ensure_ascii=False) + "\n")

        for item in read_documents(inputs, workers=workers, on_progress=bar.update):
            if isinstance(item, Rejected):
                staged.intake.rejected[item.reason.split(":")[0]] += 1
                reject(item.source, item.reason)
                continue
            staged.intake.read += 1
            reason = selection.refuse(item)
            if reason is None:
                staged.keep(item)
                writer.add(item)
            elif reason != UNWANTED_LANGUAGE:  # these may be most of the input: the count is enough
                reject(item.source, reason)
    staged.paths = writer.paths
    staged.intake.left_out = selection.left_out
    if not staged.paths:
        found = [f"{count:,} {reason} ({language})" for (reason, language), count in selection.left_out.items()]
        found += [f"{count:,} rejected: {reason}" for reason, count in staged.intake.rejected.items()]
        raise RecipeError(f"no document was kept from {', '.join(map(str, inputs))}: {'; '.join(found) or 'none read'}")
    return staged


def _tokenize(
    staged: Sequence[Path],
    place: Path,
    plan: SplitPlan,
    facts: TokenizerFacts,
    languages: Sequence[str],
    workers: int,
) -> tuple[Counts, dict[tuple[str, str], tuple[int, int]]]:
    """Second pass: run every shard, then join the shards; return counts and (documents, tokens) of each dataset."""
    (place / "documents").mkdir()
    tasks = [ShardTask(path, place / "documents" / path.name, place / "tokens" / path.stem) for path in staged]
    counts = Counts()
    for number, found in progress(run_shards(tasks, plan, facts, workers), what="tokenizing", total=len(tasks)):
        counts.update(found)
        tasks[number].staged.unlink()
    datasets = {}
    for split in SPLITS:
        for language in languages:
            documents, tokens = merge_tokens([task.tokens for task in tasks], place / "cpt", language, split)
            if documents:
                datasets[language, split] = (documents, tokens)
    if not any(split == TRAIN for _, split in datasets):
        raise RecipeError("every document fell to validation; lower --validation-share or give more acts")
    return counts, datasets


def _check_places(inputs: Sequence[Path], output: Path) -> None:
    if not inputs:
        raise UsageError("no input given; name FORMEX files, folders or zips with --input")
    for path in inputs:
        if not path.exists():
            raise UsageError(f"input {path} does not exist; give a FORMEX file, folder or zip")
        if path.resolve() in (output.resolve(), *output.resolve().parents):
            raise UsageError(f"output {output} lies inside input {path}; give a folder outside it")


def _fingerprint(inputs: Sequence[Path]) -> str:
    """Return a hash of all input files by path, size and time of change; their content would take too long to read."""
    digest = xxhash.xxh3_64()
    for path in inputs:
        files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        for file in files:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _readable_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise RecipeError(
                f"the disk is full ({error.strerror}) while writing {output}; nothing was left there: free some space "
                "or choose another --output"
            ) from error
        raise RecipeError(f"reading or writing {error.filename or output} failed: {error.strerror or error}") from error
