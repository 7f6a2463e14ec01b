"""A part of the work, for a scheduler that starts processes: one command for each element of a job array.

    python launch.py preprocess ... --only read --part 3/64      # in any order, anywhere: 0/64 to 63/64
    python launch.py preprocess ... --only plan                  # when all of them have ended
    python launch.py preprocess ... --only write --part 3/64     # again all 64
    python launch.py preprocess ...                              # joins what is there, and does what is missing

Every command finds what the ones before it left in ``OUTPUT/work``, by their receipts. A part that is lost, or done
twice, changes nothing in the result.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.engines import Local, run_stage
from preprocessing.corpus.job import Job, prepare_job
from preprocessing.corpus.output import finished
from preprocessing.corpus.planning import make_plan
from preprocessing.corpus.reading import read_slice
from preprocessing.corpus.receipts import Receipt, read_receipt
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.writing import WriteTask, write_slice
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file, locked_folder

READ, PLAN, WRITE = STAGES = ("read", "plan", "write")


@dataclass(frozen=True)
class PartSummary:
    """What a part was: so many tasks of all those of the stage."""

    stage: str
    part: tuple[int, int]
    tasks: int
    of: int
    output: Path

    def text(self) -> str:
        """Return the line for a person."""
        number, parts = self.part
        return f"{self.stage} {number}/{parts}: {self.tasks:,} of {self.of:,} tasks are done in {self.output}"

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {**vars(self), "part": list(self.part), "output": str(self.output)}


def parse_part(value: str) -> tuple[int, int]:
    """Read ``K/N``: part K, from 0, of N.

    Raises:
        UsageError: it is written otherwise, or K is not below N.
    """
    number, _, parts = value.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and int(number) < int(parts)):
        raise UsageError(f"--part {value}: write K/N, from 0/N to the last, for example 0/64 to 63/64")
    return int(number), int(parts)


def do_part(
    inputs: Sequence[Path],
    output: Path,
    tokenizer: Path,
    settings: Settings,
    stage: str,
    part: tuple[int, int] = (0, 1),
    *,
    workers: int | None = None,
    overwrite: bool = False,
) -> PartSummary:
    """Do every N-th task of ``stage`` from the K-th on (``part`` is K, N); where the corpus is made, nothing.

    Raises:
        UsageError: as :func:`preprocessing.corpus.pipeline.preprocess`; ``stage`` does not exist or has no parts.
        RecipeError: the stage before is not done, or another run is making the corpus.
    """
    if stage not in STAGES:
        raise UsageError(f"--only must be one of {', '.join(STAGES)}, not {stage}")
    if stage == PLAN and part != (0, 1):
        raise UsageError("--only plan decides over all documents: it has no --part")
    engine = Local(workers)
    job = prepare_job(inputs, output, tokenizer, settings)
    if finished(output, job.described, overwrite):
        return PartSummary(stage, part, 0, 0, output)
    job.work.mkdir(parents=True, exist_ok=True)
    busy = f"a preprocess run is making the corpus in {output}; wait for it or stop it"
    with locked_folder(output, busy, shared=True):
        number, parts = part
        if stage == PLAN:
            tasks = _plan(job)
            return PartSummary(stage, part, len(tasks), len(tasks), output)
        if stage == READ:
            reads = job.read_tasks()
            mine = reads[number::parts]
            run_stage(engine, read_slice, mine, "reading", [task.size for task in mine], "B")
            return PartSummary(stage, part, len(mine), len(reads), output)
        writes = _planned(job)
        share = writes[number::parts]
        run_stage(engine, write_slice, share, "tokenizing", [len(task.plan) for task in share], "doc")
        return PartSummary(stage, part, len(share), len(writes), output)


def _plan(job: Job) -> list[WriteTask]:
    """Decide, and leave the tasks of the next stage for all its parts."""
    reads = job.read_tasks()
    receipts = [receipt for task in reads if (receipt := read_receipt(task.receipt, task.key))]
    if len(receipts) < len(reads):
        raise RecipeError(
            f"{len(reads) - len(receipts):,} of {len(reads):,} slices are not read yet; first run every part of "
            "--only read, with the same inputs and settings"
        )
    tasks = job.write_tasks(reads, receipts, make_plan([task.facts for task in reads], job.settings))
    with atomic_file(_plan_file(job), "wb") as stream:
        pickle.dump((_read_keys(receipts), job.described), stream)
        pickle.dump(tasks, stream)
    return tasks


def _planned(job: Job) -> list[WriteTask]:
    """Return what :func:`_plan` left, if it is of this job."""
    reads = job.read_tasks()
    receipts = [receipt for task in reads if (receipt := read_receipt(task.receipt, task.key))]
    try:
        with _plan_file(job).open("rb") as stream:
            # what it is for is plain data and comes first: tasks of another version of this code need not be readable
            if pickle.load(stream) == (_read_keys(receipts), job.described):
                return list(pickle.load(stream))
    except FileNotFoundError:
        pass
    raise RecipeError("there is no plan for these inputs and settings; first run --only plan with the same ones")


def _read_keys(receipts: Sequence[Receipt]) -> list[str]:
    return [receipt.key for receipt in receipts]


def _plan_file(job: Job) -> Path:
    return job.work / "write" / "plan.pickle"
