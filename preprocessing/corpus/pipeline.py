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
from preprocessing.corpus.engines import Engine, Local, run_stage
from preprocessing.corpus.holdout import SPLITS, TRAIN, VALIDATION
from preprocessing.corpus.indexed import read_lengths, token_type
from preprocessing.corpus.job import Job, prepare_job
from preprocessing.corpus.joining import BEST, Dataset, JoinTask, choose_best, join, write_best
from preprocessing.corpus.output import MANIFEST, WORK, building, finished, publish
from preprocessing.corpus.planning import Plan, make_plan
from preprocessing.corpus.reading import read_slice
from preprocessing.corpus.receipts import Receipt, read_receipt
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import load_rows
from preprocessing.corpus.report import Intake, build_report
from preprocessing.corpus.report_html import render
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.summary import DryRun, PreprocessSummary, Times
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.corpus.writing import Counts, WriteTask, write_slice
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import PARTIAL_SUFFIX, atomic_file, write_json
from preprocessing.memory import give_memory_back


def preprocess(
    inputs: Sequence[Path],
    output: Path,
    tokenizer: Path,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    engine: Engine | None = None,
    overwrite: bool = False,
) -> PreprocessSummary:
    """Make the corpus folder ``output``; a folder that already holds just this corpus is left as it is.

    The result does not depend on where the tasks run: in ``workers`` processes here (by default as many as there are
    processors that this process may use), or on another ``engine``.

    Raises:
        UsageError: an argument does not fit, or ``output`` holds something else and ``overwrite`` is not set.
        RecipeError: nothing usable came out, or it could not be written.
    """
    started = time.monotonic()
    engine = engine or Local(workers)
    job = prepare_job(inputs, output, tokenizer, settings or Settings())
    if finished(output, job.described, overwrite):
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        return PreprocessSummary(output, report, time.monotonic() - started, up_to_date=True)
    with _readable_errors(output), building(output) as place:
        run = _Run(job, place, engine)
        report = run.make()
    shutil.rmtree(job.work / "write", ignore_errors=True)
    return PreprocessSummary(output, report, time.monotonic() - started, run.times)


def dry_run(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings) -> DryRun:
    """Return what :func:`preprocess` would do with the same arguments; nothing is written.

    Raises:
        UsageError: as :func:`preprocess`.
        RecipeError: the tokenizer cannot be used.
    """
    job = prepare_job(inputs, output, tokenizer, settings)
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


@dataclass
class _Run:
    """One run: the steps in their order."""

    job: Job
    place: Path  # where the corpus is put together
    engine: Engine
    sums: dict[str, dict[str, Any]] = field(default_factory=dict)  # of files of the corpus, by their paths in it
    times: Times = field(default_factory=Times)

    def make(self) -> dict[str, Any]:
        """Make the corpus and publish it; return its report."""
        read_tasks = self.job.read_tasks()
        self.times.bytes_read = sum(task.size for task in read_tasks if not read_receipt(task.receipt, task.key))
        with self.times.of("reading"):
            read = run_stage(self.engine, read_slice, read_tasks, "reading", [task.size for task in read_tasks], "B")
        with self.times.of("deciding"):
            plan = make_plan([task.facts for task in read_tasks], self.job.settings)
            give_memory_back()
        intake = self._intake(read, plan)
        self._list_rejected(read, plan)
        write_tasks = self.job.write_tasks(read_tasks, read, plan)
        lengths = [len(task.plan) for task in write_tasks]
        with self.times.of("tokenizing"):
            written = run_stage(self.engine, write_slice, write_tasks, "tokenizing", lengths, "doc")
        with self.times.of("joining"):
            datasets, thresholds = self._join(write_tasks, written)
        with self.times.of("registry"):
            write_registry(load_rows(task.registry for task in write_tasks), self.place / "registry.parquet")
        with self.times.of("report"):
            report = self._report(intake, written, plan, datasets, thresholds)
        publish(self.place, self.job.described, self.sums)
        return report

    def _report(
        self,
        intake: Intake,
        written: Sequence[Receipt],
        plan: Plan,
        datasets: dict[tuple[str, str], Dataset],
        thresholds: dict[str, float],
    ) -> dict[str, Any]:
        counts = Counts()
        for receipt in written:
            counts.add(receipt.result["cells"])
        report = build_report(
            intake=intake,
            counts=counts,
            plan=plan.split,
            datasets=datasets,
            thresholds=thresholds,
            corpus=self.place,
            settings=self.job.settings,
            described=self.job.described,
        )
        write_json(self.place / "report.json", report)
        with atomic_file(self.place / "report.html") as stream:
            stream.write(render(report))
        return report

    def _intake(self, read: Sequence[Receipt], plan: Plan) -> Intake:
        intake = Intake(kept=plan.kept, without_celex=plan.without_celex, with_warnings=plan.with_warnings)
        intake.left_out.update(plan.left_out)
        intake.files = self.job.listing.files
        for receipt in read:
            intake.bytes += receipt.result["bytes"]
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
        done = self.engine.run(join, list(joins.values()), size)
        datasets = {keys[number]: dataset for number, dataset in done}
        # by a worker that died, and whose task another one did again
        for left in self.place.rglob(f"*{PARTIAL_SUFFIX}"):
            left.unlink()
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
