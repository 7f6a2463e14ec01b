"""The folder that is fetched into: a zip for each document, and what became of every document asked for.

    OUT/2016/32016R0679.en.zip   number and language are in the name, which `parse` and `preprocess` go by
    OUT/fetch.jsonl              a line for each document and language: status, address, bytes, xxh3, attempts, reason
    OUT/manifest.json            bytes and xxh3 of every file: ``{"outputs": {"2016/32016R0679.en.zip": {...}}}``

``fetch.jsonl`` is written to after each document, so that a killed run goes on from there; when a run ends it is put in
order, one line a document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote

from preprocessing.corpus.receipts import checksum as file_sums
from preprocessing.errors import UsageError
from preprocessing.files import PARTIAL_SUFFIX, locked_folder, write_json, write_json_lines
from tools.fetch.client import MISSING

JOURNAL = "fetch.jsonl"
MANIFEST = "manifest.json"


class Item(NamedTuple):
    """One language version of one document."""

    celex: str
    language: str  # ISO 639-1


@dataclass(frozen=True)
class Outcome:
    """What became of an item: with ``file`` it is there, else ``reason`` says why not."""

    celex: str
    language: str
    status: int | None = None  # of the last response; None where none came
    url: str = ""  # where the last response came from, after redirects
    bytes: int = 0
    xxh3: str = ""
    attempts: int = 0
    reason: str = ""
    file: str = ""  # relative to the folder

    @property
    def item(self) -> Item:
        """The item that this is about."""
        return Item(self.celex, self.language)

    @property
    def missing(self) -> bool:
        """Whether the server said that there is no such thing."""
        return self.status in MISSING


@dataclass
class Plan:
    """What is left to do of a selection."""

    todo: list[Item] = field(default_factory=list)
    present: list[Outcome] = field(default_factory=list)  # there, with the checksum noted
    missing: list[Outcome] = field(default_factory=list)  # known not to exist


class Store:
    """The folder while a run holds it; get one from :func:`open_store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes = {outcome.item: outcome for outcome in _read_journal(folder / JOURNAL)}
        self._stream: IO[str] | None = None

    def path(self, item: Item) -> Path:
        """Return where the zip of ``item`` belongs: ``12012E/TXT`` is written ``12012E%2FTXT``."""
        return self.folder / item.celex[1:5] / f"{quote(item.celex, safe='()')}.{item.language}.zip"

    def plan(self, items: Iterable[Item], retry_missing: bool) -> Plan:
        """Tell what of ``items`` is still to be fetched; files there are read to compare their checksums."""
        plan = Plan()
        for item in items:
            outcome = self.outcomes.get(item)
            if outcome and outcome.file and self._holds(outcome):
                plan.present.append(outcome)
            elif outcome and outcome.missing and not retry_missing:
                plan.missing.append(outcome)
            else:
                plan.todo.append(item)
        return plan

    def add(self, outcome: Outcome) -> None:
        """Note what became of an item, on disk at once."""
        if self._stream is None:
            self._stream = (self.folder / JOURNAL).open("a", encoding="utf-8")
            if self._stream.tell():
                self._stream.write("\n")  # a kill may have left half a line
        self.outcomes[outcome.item] = outcome
        self._stream.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Put the journal in order and write the manifest, if anything was added."""
        if self._stream is None:
            return
        self._stream.close()
        self._stream = None
        rows = [self.outcomes[item] for item in sorted(self.outcomes)]
        write_json_lines(self.folder / JOURNAL, [asdict(row) for row in rows])
        add_to_manifest(self.folder, {row.file: checksum(row.bytes, row.xxh3) for row in rows if row.file})

    def _holds(self, outcome: Outcome) -> bool:
        path = self.folder / outcome.file
        try:
            return path.stat().st_size == outcome.bytes and file_hash(path) == outcome.xxh3
        except OSError:
            return False


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Hold ``folder`` for this run alone; its journal and manifest are complete however the run ends, short of a kill.

    Raises:
        UsageError: it is no folder, or that of a corpus.
        RecipeError: another run is fetching into it.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"output {folder} is a file; give a folder")
    if "settings" in _read_manifest(folder):
        raise UsageError(f"{folder} holds a corpus; give another --output for what it is made of")
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, f"another fetch is writing into {folder}; wait for it or stop it"):
        for left in [*folder.glob(f"*{PARTIAL_SUFFIX}"), *folder.glob(f"*/*{PARTIAL_SUFFIX}")]:
            left.unlink()  # of a run that was killed
        store = Store(folder)
        try:
            yield store
        finally:
            store.close()


def add_to_manifest(folder: Path, outputs: dict[str, dict[str, Any]]) -> None:
    """Add files to the folder's manifest and drop those that are there no more."""
    known = {**_read_manifest(folder).get("outputs", {}), **outputs}
    kept = {name: known[name] for name in sorted(known) if (folder / name).is_file()}
    write_json(folder / MANIFEST, {"outputs": kept})


def checksum(size: int, xxh3: str) -> dict[str, Any]:
    """Return the manifest's entry of a file."""
    return {"bytes": size, "xxh3": xxh3}


def file_hash(path: Path) -> str:
    """Return the xxh3 (64 bits) of a file's bytes, in hexadecimal."""
    return str(file_sums(path, sync=False)["xxh3"])


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("outputs"), dict) else {}


def _read_journal(path: Path) -> Iterator[Outcome]:
    """Yield what earlier runs noted; a line that a kill cut off, or no run wrote, is as if it were not there."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                outcome = Outcome(**json.loads(line))
            except (ValueError, TypeError):
                continue
            if isinstance(outcome.celex, str) and isinstance(outcome.language, str):
                yield outcome
