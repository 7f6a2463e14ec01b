"""The inputs cut into slices, each the work of one task: by size alone, whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from preprocessing.formex.inputs import Folder, Listing, Rejected

# Bytes of XML of a slice: large enough that a task's start does not count, small enough to keep every worker busy to
# the end and to lose little when a run is killed.
SMALLEST, LARGEST = 8_000_000, 32_000_000
_USUAL_NUMBER = 64


@dataclass(frozen=True)
class Slice:
    """What one task reads: folders that lie together in the list of the inputs."""

    number: int
    items: tuple[Folder | Rejected, ...]
    size: int  # bytes


def cut(listing: Listing, shards: int | None = None) -> list[Slice]:
    """Cut the inputs into at most ``shards`` slices of about the same size; by default of 8 to 32 MB each.

    What lies in one folder stays together, so that a slice may be larger than the others.
    """
    target = min(LARGEST, max(SMALLEST, listing.size // _USUAL_NUMBER))
    groups = _groups(listing, shards or max(1, round(listing.size / target)))
    return [
        Slice(number, tuple(items), sum(item.size for item in items if isinstance(item, Folder)))
        for number, items in enumerate(groups)
    ]


def _groups(listing: Listing, number: int) -> Iterator[list[Folder | Rejected]]:
    """Cut where the bytes so far pass the next of ``number`` equal parts of all."""
    group: list[Folder | Rejected] = []
    size = cuts = 0
    for item in listing.items:
        group.append(item)
        size += item.size if isinstance(item, Folder) else 0
        if size * number >= (cuts + 1) * listing.size > 0:
            yield group
            group = []
            cuts = size * number // listing.size
    if group:
        yield group
