"""Merge a notebook and its script where both have changed, cell by cell."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

# Marks cells that people must look at: two versions of one, or one that was deleted.
TAG = "both-changed"


class Cell(NamedTuple):
    """What of a cell is kept in git.

    Attributes:
        kind: `code`, `markdown` or `raw`.
        source: Its text.
        tags: Its tags.
    """

    kind: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class _Edits:
    """What became of each cell, and what is new before each and at the end."""

    became: list[Cell | None]
    new: list[list[Cell]]


def merge(base: list[Cell] | None, ours: list[Cell], theirs: list[Cell]) -> list[Cell]:
    """Return the cells with the changes of both sides.

    Where both have changed a cell, ours comes first and theirs after it, both with
    the tag `both-changed`. A cell that one side changed and the other deleted stays,
    with that tag.

    Args:
        base: What both were made from, or None where nobody knows.
        ours: One side.
        theirs: The other.
    """
    known = base is not None
    if base is None:
        blocks = _matcher(ours, theirs).get_matching_blocks()
        base = [cell for at, _, size in blocks for cell in ours[at : at + size]]
    one, other = _edits(base, ours), _edits(base, theirs)
    merged = []
    for place in range(len(base) + 1):
        added = [cell for cell in other.new[place] if cell not in one.new[place]]
        clash = not known and bool(one.new[place] and added)
        merged += [_marked(it) if clash else it for it in [*one.new[place], *added]]
        if place == len(base):
            break
        was, here, there = base[place], one.became[place], other.became[place]
        if here == there or there == was:
            kept = [here]
        elif here == was:
            kept = [there]
        else:
            kept = [_marked(it) for it in (here, there) if it]
        merged += filter(None, kept)
    return merged


def _edits(base: list[Cell], side: list[Cell]) -> _Edits:
    edits = _Edits([*base], [[] for _ in range(len(base) + 1)])
    for kind, start, end, first, last in _matcher(base, side).get_opcodes():
        if kind == "equal":
            continue
        for at, cell in zip_longest(range(start, end), side[first:last]):
            if at is None:
                edits.new[end].append(cell)
            else:
                edits.became[at] = cell
    return edits


def _matcher(one: list[Cell], other: list[Cell]) -> SequenceMatcher[Cell]:
    return SequenceMatcher(None, one, other, autojunk=False)


def _marked(cell: Cell) -> Cell:
    return cell._replace(tags=tuple(dict.fromkeys([*cell.tags, TAG])))
