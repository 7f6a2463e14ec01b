from __future__ import annotations

from preprocessing.corpus.slices import LARGEST, SMALLEST, cut
from preprocessing.formex.inputs import Folder, Listing, Rejected
from preprocessing.formex.zips import Member


def listing(*sizes: int) -> Listing:
    items = [Folder((Member(f"{number}.xml", size),)) for number, size in enumerate(sizes)]
    return Listing([*items], sum(sizes))


def test_slices_are_of_about_the_same_size_and_lose_nothing():
    all_of_it = listing(*range(1, 200))
    slices = cut(all_of_it, 8)
    assert len(slices) == 8 and [item.number for item in slices] == list(range(8))
    assert [item for piece in slices for item in piece.items] == all_of_it.items
    assert all(abs(item.size - all_of_it.size / 8) < 200 for item in slices)


def test_a_folder_larger_than_a_slice_is_a_slice_with_what_comes_before_it():
    assert [len(item.items) for item in cut(listing(1, 1000, 1, 1), 4)] == [2, 2]


def test_there_are_no_empty_slices_and_rejected_inputs_are_in_one():
    assert len(cut(listing(5, 5), 32)) == 2
    nothing = Listing([Rejected("a.zip", "not a zip archive")])
    assert [len(item.items) for item in cut(nothing)] == [1]
    assert cut(Listing()) == []


def test_the_usual_size_follows_the_input():
    assert len(cut(listing(*[1_000_000] * 4))) == 1
    assert len(cut(listing(*[1_000_000] * 100))) == round(100e6 / SMALLEST)
    assert len(cut(listing(*[10_000_000] * 2_000))) == round(20e9 / LARGEST)
