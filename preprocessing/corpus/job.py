"""What a run of ``preprocess`` makes, from what, and its tasks: the same on every machine that asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.documents import shard_name
from preprocessing.corpus.output import TOKENIZER_FOLDER, WORK
from preprocessing.corpus.planning import Plan
from preprocessing.corpus.reading import ReadTask
from preprocessing.corpus.receipts import Receipt, key_of
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.slices import cut
from preprocessing.corpus.tokenizer import TokenizerFacts, load_tokenizer
from preprocessing.corpus.training_runs import training_runs
from preprocessing.corpus.writing import WriteTask
from preprocessing.errors import UsageError
from preprocessing.formex.inputs import Listing, list_inputs
from preprocessing.version import code_version


@dataclass(frozen=True)
class Job:
    """What is to be made, from what, and where its tasks work; ``described`` goes into the manifest."""

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

    def write_tasks(self, read_tasks: Sequence[ReadTask], read: Sequence[Receipt], plan: Plan) -> list[WriteTask]:
        """Return the tasks of the stage after ``plan``, from the tasks of the first one and their receipts."""
        tasks = []
        for task, receipt, chosen in zip(read_tasks, read, plan.slices, strict=True):
            if not len(chosen):
                continue
            parts = [column.to_pylist() for column in chosen.columns]
            staged = receipt.outputs[task.documents.name]["xxh3"]
            held_out = dict(plan.split.articles)
            key = key_of(staged, parts, held_out, self.tokenizer.sha256, code_version("instruct"))
            name = shard_name(task.slice.number, len(read_tasks))
            tasks.append(WriteTask(task.documents, chosen, held_out, self.tokenizer, self.work / "write", name, key))
        return tasks


def prepare_job(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings) -> Job:
    """Look at the arguments and list the inputs.

    Raises:
        UsageError: an argument does not fit.
        RecipeError: the tokenizer cannot be used.
    """
    _check_places(inputs, output)
    facts = load_tokenizer(tokenizer)
    listing = list_inputs(inputs)
    described = {
        "inputs": [str(path) for path in inputs],
        "input files": listing.fingerprint,
        "tokenizer": facts.sha256,
        TOKENIZER_FOLDER: str(tokenizer.resolve()),
        **{name.replace("_", "-"): value for name, value in settings.to_dict().items()},
        "training runs": {name: vars(run) for name, run in training_runs().items()},  # the report counts by them
        "version of this code": code_version("instruct"),
    }
    return Job(inputs, listing, settings, facts, output / WORK, described)


def _check_places(inputs: Sequence[Path], output: Path) -> None:
    if not inputs:
        raise UsageError("no input given; name FORMEX files, folders or zips with --input")
    for path in inputs:
        if not path.exists():
            raise UsageError(f"input {path} does not exist; give a FORMEX file, folder or zip")
        if path.resolve() in (output.resolve(), *output.resolve().parents):
            raise UsageError(f"output {output} lies inside input {path}; give a folder outside it")
