"""``python launch.py sample --output DIR``: everything a first run needs, without network or account.

Writes ``DIR/formex`` (invented acts, see corpus.py) and ``DIR/model`` (a tiny random Llama with a tokenizer trained on
their text).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from preprocessing.files import atomic_folder, write_json
from preprocessing.progress import progress
from tools.sample.corpus import refuse_content, write_sample
from tools.sample.grammar import LANGUAGES
from tools.sample.model import make_tiny_llama
from tools.sample.tokenizer import train_tokenizer

MANIFEST = "sample.json"


@dataclass(frozen=True)
class BuildSummary:
    """What ``sample`` made. ``formex`` are the files to train on; ``test_act`` is None where they are not ours."""

    output: str
    formex: str
    model: str
    documents: int
    vocab_size: int
    parameters: int
    test_act: str | None
    reused: bool = False

    def text(self) -> str:
        """Return the summary for people."""
        found = "Already there" if self.reused else "Made"
        act = f"\n  kept for testing: {self.test_act}" if self.test_act else ""
        return (
            f"{found} in {self.output}:\n"
            f"  FORMEX: {self.documents} documents in {self.formex}{act}\n"
            f"  model: random Llama of {self.parameters / 1e6:.2f} million parameters with a tokenizer of "
            f"{self.vocab_size} tokens in {self.model}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return asdict(self)


def sample(
    output: Path,
    formex: Path | None = None,
    acts: int = 24,
    seed: int = 1,
    languages: Sequence[str] = LANGUAGES,
    vocab_size: int = 2048,
    hidden: int = 128,
    layers: int = 4,
    workers: int = 1,
) -> BuildSummary:
    """Write the sample to ``output``; with ``formex`` only the model, its tokenizer trained on the files given.

    The vocabulary of 2048 halves a training step of the tiny model against 4096: its output layer is most of the work.
    A folder made before with the same settings is left as it is. On an error nothing is left behind.

    Raises:
        UsageError: ``output`` holds something else, or a setting is out of range.
        RecipeError: nothing in ``formex`` could be read, or it is too little text for ``vocab_size``.
    """
    settings = {
        "formex": _fingerprint(formex) if formex else None,
        "acts": None if formex else acts,
        "seed": seed,
        "languages": None if formex else list(languages),
        "vocab_size": vocab_size,
        "hidden": hidden,
        "layers": layers,
    }
    made = _finished(output, formex, settings)
    if made is not None:
        return made
    refuse_content(output)
    with atomic_folder(output) as folder:
        test_act = None
        if formex is None:
            test_act = write_sample(folder / "formex", acts, seed, languages).test_act
        texts = _Texts(formex or folder / "formex", workers)
        tokenizer = train_tokenizer(texts, folder / "tokenizer", vocab_size)
        model = make_tiny_llama(folder / "model", folder / "tokenizer", seed, hidden, layers)
        shutil.rmtree(folder / "tokenizer")
        summary = BuildSummary(
            output=str(output),
            formex=str(formex or output / "formex"),
            model=str(output / "model"),
            documents=texts.documents,
            vocab_size=tokenizer.vocab_size,
            parameters=model.parameters,
            test_act=test_act,
        )
        write_json(folder / MANIFEST, {"settings": settings, "summary": summary.to_dict(), "files": _sizes(folder)})
    return summary


class _Texts:
    """The text of every document below a path, read as the rest of the project reads it."""

    def __init__(self, path: Path, workers: int) -> None:
        self.path, self.workers, self.documents = path, workers, 0

    def __iter__(self) -> Iterator[str]:
        from preprocessing.document import LegalDocument
        from preprocessing.formex.parse import read_documents

        for document in progress(
            read_documents([self.path], self.workers), what="reading for the tokenizer", unit="document"
        ):
            if isinstance(document, LegalDocument):
                self.documents += 1
                yield document.text


def _finished(output: Path, formex: Path | None, settings: dict[str, Any]) -> BuildSummary | None:
    """Return the summary of a sample that is already there, None where there is none.

    Raises:
        UsageError: it was made with other settings, or is no longer whole.
    """
    manifest = output / MANIFEST
    if not manifest.is_file():
        return None
    try:
        value = json.loads(manifest.read_text(encoding="utf-8"))
        before, files, summary = value["settings"], value["files"], BuildSummary(**value["summary"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{manifest} is damaged ({error}); remove {output} or name another folder") from error
    if before != settings:
        differing = sorted(name for name in settings if before.get(name) != settings[name])
        raise UsageError(
            f"{output} holds a sample made with other settings ({', '.join(differing)}); "
            "remove it or name another folder"
        )
    if _sizes(output) != files:
        raise UsageError(f"the sample in {output} is no longer as it was made; remove it or name another folder")
    # as given now: the folder may have been moved since
    places = {"output": str(output), "formex": str(formex or output / "formex"), "model": str(output / "model")}
    return BuildSummary(**{**asdict(summary), **places, "reused": True})


def _sizes(folder: Path) -> dict[str, int]:
    return {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }


def _fingerprint(path: Path) -> str:
    """Return a hash of the names, sizes and times of the files at ``path``: enough to see that they changed."""
    import xxhash

    if not path.exists():
        raise UsageError(f"{path} does not exist; name a FORMEX file, a folder or a zip archive")
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = xxhash.xxh3_128()
    for file in files:
        status = file.stat()
        digest.update(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
