"""The inputs cut into slices, each the work of one task: by size alone, whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from preprocessing.formex.inputs import Folder, Listing, Rejected

# Bytes of XML of a slice: large enough that a task's start does not count, small enough to keep every worker busy to
# the end and to lose little when a run is killed.
SMALLEST, LARGEST = 8_000_000, 64_000_000
_USUAL_NUMBER = 64


@dataclass(frozen=True)
class Slice:
    """What one task reads: folders that lie together in the list of the inputs."""

    number: int
    items: tuple[Folder | Rejected, ...]
    size: int  # bytes


def cut(listing: Listing, shards: int | None = None) -> list[Slice]:
    """Cut the inputs into at most ``shards`` slices of about the same size; by default of 8 to 64 MB each.

    What lies in one folder stays together, so that a slice may be larger than the others.
    """
    if shards:
        target = max(1, -(-listing.size // shards))
    else:
        target = min(LARGEST, max(SMALLEST, listing.size // _USUAL_NUMBER))
    return [
        Slice(number, tuple(items), sum(item.size for item in items if isinstance(item, Folder)))
        for number, items in enumerate(_groups(listing.items, target))
    ]


def _groups(items: Sequence[Folder | Rejected], target: int) -> Iterator[list[Folder | Rejected]]:
    group: list[Folder | Rejected] = []
    size = 0
    for item in items:
        group.append(item)
        size += item.size if isinstance(item, Folder) else 0
        if size >= target:
            yield group
            group, size = [], 0
    if group:
        yield group
