"""``preprocess``: FORMEX -> selected documents -> Parquet, Megatron datasets per language, registry and report.

    python launch.py preprocess --input PATH... --output DIR --tokenizer DIR

The inputs are cut into slices. Each is read and staged by a task of its own (``reading``); one process decides over
small facts of all documents (``planning``); each slice is written and tokenized by a task (``writing``); what they
wrote is joined (``joining``). Tasks leave receipts in ``DIR/work``: a run that was stopped, or that has other settings,
does only what is missing. Memory is bounded by a group of documents a worker, plus about 1 kB a document to decide.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from preprocessing.corpus.blend import REPLAY, BlendEntry, write_blend
from preprocessing.corpus.documents import shard_name
from preprocessing.corpus.engines import run_tasks
from preprocessing.corpus.holdout import SPLITS, TRAIN, VALIDATION
from preprocessing.corpus.indexed import read_lengths, token_type
from preprocessing.corpus.joining import BEST, Dataset, JoinTask, choose_best, join, write_best
from preprocessing.corpus.output import MANIFEST, WORK, building, finished, publish
from preprocessing.corpus.planning import Plan, make_plan
from preprocessing.corpus.reading import ReadTask, read_slice
from preprocessing.corpus.receipts import Receipt, key_of, read_receipt
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import load_rows
from preprocessing.corpus.report import Intake, build_report
from preprocessing.corpus.report_html import render
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.slices import cut
from preprocessing.corpus.summary import DryRun, PreprocessSummary
from preprocessing.corpus.tokenizer import TokenizerFacts, load_tokenizer
from preprocessing.corpus.writing import Counts, WriteTask, write_slice
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file, write_json
from preprocessing.formex.inputs import Listing, list_inputs
from preprocessing.formex.reader import warm_up
from preprocessing.progress import progress
from preprocessing.version import code_version


def preprocess(
    inputs: Sequence[Path],
    output: Path,
    tokenizer: Path,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    overwrite: bool = False,
) -> PreprocessSummary:
    """Make the corpus folder ``output``; a folder that already holds just this corpus is left as it is.

    The result does not depend on ``workers`` (default: the processors this process may use).

    Raises:
        UsageError: an argument does not fit, or ``output`` holds something else and ``overwrite`` is not set.
        RecipeError: nothing usable came out, or it could not be written.
    """
    started = time.monotonic()
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    job = _prepare(inputs, output, tokenizer, settings or Settings())
    if finished(output, job.described, overwrite):
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        return PreprocessSummary(output, report, time.monotonic() - started, up_to_date=True)
    with _readable_errors(output), building(output) as place:
        report = _Run(job, place, workers or _processors()).make()
    shutil.rmtree(job.work / "write", ignore_errors=True)
    return PreprocessSummary(output, report, time.monotonic() - started)


def dry_run(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings) -> DryRun:
    """Return what :func:`preprocess` would do with the same arguments; nothing is written.

    Raises:
        UsageError: as :func:`preprocess`.
        RecipeError: the tokenizer cannot be used.
    """
    job = _prepare(inputs, output, tokenizer, settings)
    tasks = job.read_tasks()
    missing = [task for task in tasks if read_receipt(task.receipt, task.key) is None]
    return DryRun(
        output=output,
        up_to_date=finished(output, job.described, overwrite=True),
        replaces=(output / MANIFEST).is_file(),
        slices=len(tasks),
        slices_to_read=len(missing),
        bytes=sum(task.slice.size for task in tasks),
        bytes_to_read=sum(task.slice.size for task in missing),
    )


@dataclass(frozen=True)
class _Job:
    """What is to be made, from what, and where its tasks work."""

    inputs: Sequence[Path]
    listing: Listing
    settings: Settings
    tokenizer: TokenizerFacts
    work: Path
    described: dict[str, Any]

    def read_tasks(self) -> list[ReadTask]:
        """Return the tasks of the first stage."""
        slices = cut(self.listing, self.settings.shards)
        rules = self.settings.rules
        key = (self.listing.fingerprint, len(slices), repr(rules), code_version("instruct"))
        return [ReadTask(item, self.work / "read", rules, key_of(*key, item.number)) for item in slices]


def _prepare(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings) -> _Job:
    _check_places(inputs, output)
    facts = load_tokenizer(tokenizer)
    listing = list_inputs(inputs)
    described = {
        "inputs": [str(path) for path in inputs],
        "input files": listing.fingerprint,
        "tokenizer": facts.sha256,
        **{name.replace("_", "-"): value for name, value in settings.to_dict().items()},
        "version of this code": code_version("instruct"),
    }
    return _Job(inputs, listing, settings, facts, output / WORK, described)


@dataclass
class _Run:
    """One run: the steps in their order."""

    job: _Job
    place: Path  # where the corpus is put together
    workers: int
    sums: dict[str, dict[str, Any]] = field(default_factory=dict)  # of files of the corpus, by their paths in it

    def make(self) -> dict[str, Any]:
        """Make the corpus and publish it; return its report."""
        read_tasks = self.job.read_tasks()
        read = self._run(read_slice, read_tasks, "reading", [task.slice.size for task in read_tasks])
        plan = make_plan(
            [task.facts for task in read_tasks],
            self.job.settings,
        )
        intake = self._intake(read, plan)
        self._list_rejected(read, plan)
        write_tasks = self._write_tasks(read_tasks, read, plan)
        written = self._run(
            write_slice, write_tasks, "tokenizing", [len(task.plan) for task in write_tasks], unit="doc"
        )
        datasets, thresholds = self._join(write_tasks, written)
        write_registry(load_rows(task.registry for task in write_tasks), self.place / "registry.parquet")
        counts = Counts()
        for receipt in written:
            counts.add(receipt.result["cells"])
        report = build_report(
            intake=intake,
            counts=counts,
            plan=plan.split,
            datasets=datasets,
            thresholds=thresholds,
            tokens_folder=self.place / "cpt",
            settings=self.job.settings,
            described=self.job.described,
            samples=[sample for receipt in written for sample in receipt.result["samples"]],
        )
        write_json(self.place / "report.json", report)
        with atomic_file(self.place / "report.html") as stream:
            stream.write(render(report))
        publish(self.place, self.job.described, self.sums)
        return report

    def _write_tasks(self, read_tasks: Sequence[ReadTask], read: Sequence[Receipt], plan: Plan) -> list[WriteTask]:
        tasks = []
        for task, receipt, chosen in zip(read_tasks, read, plan.slices, strict=True):
            if not len(chosen):
                continue
            parts = [column.to_pylist() for column in chosen.columns]
            staged = receipt.outputs[task.documents.name]["xxh3"]
            held_out = dict(plan.split.articles)
            key = key_of(staged, parts, held_out, self.job.tokenizer.sha256, code_version("instruct"))
            name = shard_name(task.slice.number, len(read_tasks))
            folder = self.job.work / "write"
            tasks.append(WriteTask(task.documents, chosen, held_out, self.job.tokenizer, folder, name, key))
        return tasks

    def _run(
        self, function: Any, tasks: Sequence[Any], what: str, sizes: Sequence[int], unit: str = "B"
    ) -> list[Receipt]:
        """Run the tasks whose receipts are missing (or are to be checked); return all receipts in order."""
        receipts: dict[int, Receipt] = {}
        missing = [task for task in tasks if read_receipt(task.receipt, task.key) is None]
        size = sum(task.slice.size if isinstance(task, ReadTask) else task.staged.stat().st_size for task in missing)
        with progress(what=what, total=sum(sizes), unit=unit) as bar:
            for number, receipt in run_tasks(function, tasks, self.workers, size, warm_up):
                receipts[number] = receipt
                bar.update(sizes[number])
        return [receipts[number] for number in range(len(tasks))]

    def _intake(self, read: Sequence[Receipt], plan: Plan) -> Intake:
        intake = Intake(kept=plan.kept, without_celex=plan.without_celex, with_warnings=plan.with_warnings)
        intake.left_out.update(plan.left_out)
        for receipt in read:
            intake.read += receipt.result["read"]
            intake.rejected.update(receipt.result["rejected by kind"])
            for reason, language, count in receipt.result["left out"]:
                intake.left_out[reason, language] += count
        if not plan.kept:
            found = [f"{count:,} {reason} ({language})" for (reason, language), count in intake.left_out.items()]
            found += [f"{count:,} rejected: {reason}" for reason, count in intake.rejected.items()]
            where = ", ".join(map(str, self.job.inputs))
            shutil.rmtree(self.job.work)
            raise RecipeError(f"no document was kept from {where}: {'; '.join(found) or 'none read'}")
        return intake

    def _list_rejected(self, read: Sequence[Receipt], plan: Plan) -> None:
        with atomic_file(self.place / "rejected.jsonl") as stream:
            rejected = (item for receipt in read for item in receipt.result["rejected"])
            for source, reason in (*rejected, *plan.listed):
                stream.write(json.dumps({"source": source, "reason": reason}, ensure_ascii=False) + "\n")

    def _join(
        self, tasks: Sequence[WriteTask], written: Sequence[Receipt]
    ) -> tuple[dict[tuple[str, str], Dataset], dict[str, float]]:
        """Put documents and datasets in place.

        Return the datasets of each language (train, validation and best), and the lowest score among the best.
        """
        documents = self.place / "documents"
        documents.mkdir()
        for task, receipt in zip(tasks, written, strict=True):
            _link(task.documents, documents / task.documents.name)
            self.sums[f"documents/{task.documents.name}"] = receipt.outputs[task.documents.name]
        joins: dict[tuple[str, str], JoinTask] = {}
        for language in self.job.settings.languages:
            for split in SPLITS:
                parts = [
                    (task.tokens(language, split), receipt.outputs[f"{task.name}/{language}.{split}.bin"]["xxh3"])
                    for task, receipt in zip(tasks, written, strict=True)
                    if [language, split] in receipt.result["datasets"]
                ]
                if parts:  # Megatron cannot open an empty dataset
                    prefix = self.place / "cpt" / language / split
                    prefixes, sums = zip(*parts, strict=True)
                    joins[language, split] = JoinTask(prefixes, sums, prefix)
        size = sum(task.documents.stat().st_size for task in tasks)
        keys = list(joins)
        done = run_tasks(join, list(joins.values()), self.workers, size)
        datasets = {keys[number]: dataset for number, dataset in done}
        if not any(split == TRAIN for _, split in datasets):
            raise RecipeError("every document fell to validation; lower --validation-share or give more acts")
        names = [documents / task.documents.name for task in tasks]
        chosen, thresholds = choose_best(names, self.job.settings.best_share)
        for language, mask in chosen.items():
            folder = self.place / "cpt" / language
            datasets[language, BEST] = write_best(datasets[language, TRAIN], folder, mask)
        for (language, _), dataset in datasets.items():
            self.sums |= {f"cpt/{language}/{name}": sums for name, sums in dataset.sums.items()}
        self._write_blends(datasets)
        return datasets, thresholds

    def _write_blends(self, datasets: dict[tuple[str, str], Dataset]) -> None:
        folder = self.place / "cpt"

        def entries(name: str) -> list[BlendEntry]:
            languages = [language for language in self.job.settings.languages if (language, name) in datasets]
            found = []
            for language, weight in self.job.settings.mix(languages).items():
                dataset = datasets[language, name]
                found.append(BlendEntry(language, folder / language / name, weight, dataset.tokens, dataset.documents))
            return found

        replay = _replay(self.job.settings, self.job.tokenizer)
        for file, name in (("blend.yaml", TRAIN), ("blend_fast.yaml", BEST)):
            train = entries(name)
            if replay:
                train = [replace(entry, weight=entry.weight * (1 - replay.weight)) for entry in train] + [replay]
            write_blend(folder / file, {TRAIN: train, VALIDATION: entries(VALIDATION)}, self.job.tokenizer)


def _replay(settings: Settings, tokenizer: TokenizerFacts) -> BlendEntry | None:
    """Return the entry of the general text, which must be stored as this tokenizer's ids are."""
    if settings.replay is None:
        return None
    prefix, share = settings.replay
    lengths, dtype = read_lengths(prefix.resolve())
    if dtype != token_type(tokenizer.vocab_size):
        raise UsageError(f"--replay {prefix} stores token ids as {dtype}: it was made with another tokenizer")
    return BlendEntry(REPLAY, prefix.resolve(), share, int(lengths.sum(dtype="int64")), len(lengths))


def _link(source: Path, target: Path) -> None:
    """Put a file into the corpus under another name; without a copy where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _check_places(inputs: Sequence[Path], output: Path) -> None:
    if not inputs:
        raise UsageError("no input given; name FORMEX files, folders or zips with --input")
    for path in inputs:
        if not path.exists():
            raise UsageError(f"input {path} does not exist; give a FORMEX file, folder or zip")
        if path.resolve() in (output.resolve(), *output.resolve().parents):
            raise UsageError(f"output {output} lies inside input {path}; give a folder outside it")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _readable_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise RecipeError(
                f"the disk is full ({error.strerror}) while writing {output}; free some space, and the same command "
                f"goes on from what is finished, or remove {output / WORK} and choose another --output"
            ) from error
        raise RecipeError(f"reading or writing {error.filename or output} failed: {error.strerror or error}") from error
