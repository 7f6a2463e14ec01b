"""``preprocess --engine slurm``: the parts of :mod:`preprocessing.corpus.parts` as job arrays, by NeMo-Run.

    read (array) -> plan -> write (array) -> finish

Slurm starts each job when the one before it has ended well (``afterok``), so nothing has to stay connected.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from preprocessing.corpus.parts import PLAN, READ, WRITE
from preprocessing.corpus.settings import Settings
from recipes.executors.jobs import Job, Submission, need_nemo_run
from recipes.executors.jobs import submit as submit_jobs
from recipes.executors.script import Place, shell_script
from recipes.executors.settings import Slurm

FINISH = "finish"
TITLE = "eurlex-corpus"
# The jobs in their order, and what each waits for.
_BEFORE = {READ: None, PLAN: READ, WRITE: PLAN, FINISH: WRITE}
_NOTE = "each starts when the one before has ended well; the same command again does what is missing"


def submit(
    options: Sequence[str],
    slurm: Slurm,
    *,
    dry_run: bool = False,
    inputs: Sequence[Path] = (),
    outputs: Sequence[Path] = (),
) -> Submission:
    """Submit the four jobs of ``preprocess`` with ``options``; with ``dry_run`` only make their scripts.

    Raises:
        UsageError: NeMo-Run is not installed, one of ``inputs`` is not where the jobs run, or no mount of their
            container holds one of ``outputs``.
        RecipeError: Slurm did not take them.
    """
    need_nemo_run()
    from recipes.executors.build import slurm_executor

    corpus = slurm.corpus
    elements = f"0-{corpus.parts - 1}" + (f"%{corpus.at_once}" if corpus.at_once else "")
    jobs = [
        Job(
            name=name,
            script=_script(name, options, slurm),
            executor=slurm_executor(slurm, corpus, array=elements if name in (READ, WRITE) else None),
            after=before,
        )
        for name, before in _BEFORE.items()
    ]
    place = Place.of(slurm)
    paths, written = ([place.path(path) for path in given] for given in (inputs, outputs))
    return submit_jobs(TITLE, jobs, slurm, dry_run=dry_run, paths=paths, written=written, notes=[_NOTE])


def options_of(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings, overwrite: bool) -> list[str]:
    """Return the options of ``preprocess`` that mean just these."""
    options = [item for path in inputs for item in ("--input", str(path))]
    options += ["--output", str(output), "--tokenizer", str(tokenizer)]
    for name, value in vars(settings).items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            options.append(option if value else f"--no-{option[2:]}")
        elif name == "languages":
            options += [option, ",".join(value)]
        elif name == "shares":
            options += [option, ",".join(f"{language}={share}" for language, share in value.items())] if value else []
        elif name == "replay":
            options += [option, "{}={}".format(*value)] if value else []
        elif value is not None:
            options += [option, str(value)]
    return [*options, *(["--overwrite"] if overwrite else [])]


def _script(name: str, options: Sequence[str], slurm: Slurm) -> str:
    """Return what one job (or one element of an array) runs."""
    more = f" --only {name}" if name != FINISH else ""
    if name in (READ, WRITE):
        more += f' --part "$SLURM_ARRAY_TASK_ID/{slurm.corpus.parts}"'
    return shell_script(slurm, ["preprocess", *options], f"{more} --workers {slurm.corpus.cpus_per_task}")
