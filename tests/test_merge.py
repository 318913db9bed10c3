"""What two people do to a notebook is merged cell by cell, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twobus.notebooks.merge import TAG, Cell, merge


def cells(text: str) -> list[Cell]:
    """Make a cell of each word."""
    return [Cell("code", word, ()) for word in text.split()]


def shown(found: list[Cell]) -> str:
    """Write cells as words; a ! marks those to look at."""
    return " ".join(f"{it.source}{'!' if TAG in it.tags else ''}" for it in found)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("a b c", "a b c", "a b c", "a b c"),
        ("a b c", "A b c", "a b C", "A b C"),
        ("a b c", "a B c", "a b C", "a B C"),
        ("a b c", "a x b c", "a b y c", "a x b y c"),
        ("a b c", "b c", "a b", "b"),
        ("a b c", "a B c", "a B c", "a B c"),
        ("a b c", "a b c x", "a b c y", "a b c x y"),
        ("a b c", "a b c x", "a b c x", "a b c x"),
        ("a b c", "a 1 c", "a 2 c", "a 1! 2! c"),
        ("a b c", "a c", "a 2 c", "a 2! c"),
        ("", "x", "y", "x y"),
        (None, "a b c", "a c", "a b c"),
        (None, "a 1 c", "a 2 c", "a 1! 2! c"),
    ],
)
def test_cells_are_merged(
    base: str | None, ours: str, theirs: str, merged: str
) -> None:
    known = None if base is None else cells(base)
    assert shown(merge(known, cells(ours), cells(theirs))) == merged


notebooks = st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join).map(cells)


@given(notebooks, notebooks, notebooks)
def test_no_change_is_lost(
    base: list[Cell], ours: list[Cell], theirs: list[Cell]
) -> None:
    assert merge(base, ours, base) == ours
    assert merge(base, base, theirs) == theirs
    merged = {it.source for it in merge(base, ours, theirs)}
    for side in (ours, theirs):
        assert {it.source for it in side} - {it.source for it in base} <= merged
    both = {it.source for it in merge(None, ours, theirs)}
    assert both == {it.source for it in [*ours, *theirs]}
