"""Passages that must stay out of training: those that a test set asks about, in every language."""

from __future__ import annotations

import json
from pathlib import Path

from preprocessing.errors import UsageError

UNANSWERABLE_SUFFIX = ".unanswerable.jsonl"


def unanswerable_path(test_set: Path) -> Path:
    """The file beside a test set that holds its unanswerable questions."""
    return test_set.with_name(test_set.stem + UNANSWERABLE_SUFFIX)


class Exclusion:
    """The excluded passages, asked by ``source_id``."""

    def __init__(self, source_ids: set[str]) -> None:
        self._by_act: dict[str, list[str]] = {}
        for source_id in sorted(source_ids):
            self._by_act.setdefault(source_id.partition("/")[0], []).append(source_id)

    def __contains__(self, source_id: str) -> bool:
        """Whether a passage is excluded, holds an excluded one (``.../art_5``), or lies in one (``.../point_a``)."""
        return any(
            source_id == other or source_id.startswith(f"{other}/") or other.startswith(f"{source_id}/")
            for other in self._by_act.get(source_id.partition("/")[0], ())
        )

    def __len__(self) -> int:
        return sum(map(len, self._by_act.values()))

    @classmethod
    def of_test_set(cls, path: Path | None) -> Exclusion:
        """Read the passages of a test set and of the unanswerable questions beside it; None excludes nothing.

        Raises:
            UsageError: there is no such file, or a line names no ``metadata.source_id``.
        """
        if path is None:
            return cls(set())
        if not path.is_file():
            raise UsageError(f"no test set {path} to keep out of training; write one with: python launch.py test-set")
        beside = unanswerable_path(path)
        files = [path, beside] if beside.is_file() else [path]
        return cls({source_id for file in files for source_id in _source_ids(file)})


def _source_ids(path: Path) -> list[str]:
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text ({error.reason}); give a test set in JSON Lines") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            source_id = json.loads(line)["metadata"]["source_id"]
        except (ValueError, KeyError, TypeError):
            source_id = None
        if not isinstance(source_id, str) or not source_id:
            raise UsageError(f"{path}, line {number}: no metadata.source_id to exclude; make the test set again")
        found.append(source_id)
    return found
