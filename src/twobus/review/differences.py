"""What differs between the notebooks of two commits."""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache

from twobus.review.sides import Part, Side

# A part before and the one after; one that a side does not have is an empty one there.
Pair = tuple[Part, Part]
# How much of their words two parts must share to be one part that was changed.
ALIKE = 0.4


def align(before: Sequence[Part], after: Sequence[Part]) -> list[Pair]:
    """Find for each part its counterpart on the other side, or none."""
    keys = [part.key for part in before], [part.key for part in after]
    pairs: list[Pair] = []
    for tag, a, b, c, d in edits(*keys):
        if tag == "equal":
            pairs += zip(before[a:b], after[c:d], strict=True)
        else:
            pairs += _pair(before[a:b], after[c:d])
    return pairs


def edits(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Return what leads from one list to another, as `difflib` writes it."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return list(matcher.get_opcodes())


def changes(pairs: list[Pair]) -> Counter[str]:
    """Count what differs, by kinds of cells and outputs."""
    found: Counter[str] = Counter()
    for before, after in pairs:
        if before.key != after.key:
            found[before.kind] += 1
        found += changes(align(before.outputs, after.outputs))
    return found


def in_words(name: str, before: Side, after: Side, pairs: list[Pair]) -> str:
    """Say what has changed in a notebook, or nothing.

    Args:
        name: The notebook's name.
        before: The notebooks before.
        after: The notebooks after.
        pairs: The notebook's cells.
    """
    sides = {"before": before, "after": after}
    words = [f"failed {word}" for word, side in sides.items() if name in side.failed]
    there = [word for word, side in sides.items() if name in side.scripts]
    run = [word for word, side in sides.items() if name in side.pages]
    changed = before.scripts.get(name) != after.scripts.get(name)
    if len(run) == 2:
        found = changes(pairs)
        words += [f"changed {kind}" for kind in ("code", "text") if found.pop(kind, 0)]
        outputs = ", ".join(number(n, kind) for kind, n in sorted(found.items()))
        words += [f"changed outputs ({outputs})"] if outputs else []
    elif there == ["before"]:
        words.insert(0, "removed")
    elif there == ["after"]:
        # Only a commit that is not there has a problem without notebooks.
        unknown = before.problem and not before.scripts
        words.insert(0, "not compared" if unknown else "new")
    elif changed:
        words.append("changed code")
    if changed or run or words:
        words += [
            f"not run {word}"
            for word in there
            if word not in run and name not in sides[word].failed
        ]
    return ", ".join(words)


def number(n: int, noun: str) -> str:
    """Write a number of things in words."""
    return f"{n} {noun.removesuffix('s')}{'' if n == 1 else 's'}"


def _pair(before: Sequence[Part], after: Sequence[Part]) -> list[Pair]:
    """Pair the two parts that are most alike, then what is left on their two sides."""
    likeness, i, j = max(
        (
            (_likeness(a, b), -i, -j)
            for i, a in enumerate(before)
            for j, b in enumerate(after)
        ),
        default=(0.0, 0, 0),
    )
    if likeness > ALIKE:
        i, j = -i, -j
        rest = _pair(before[i + 1 :], after[j + 1 :])
        return [*_pair(before[:i], after[:j]), (before[i], after[j]), *rest]
    if [part.kind for part in before] == [part.kind for part in after]:
        return list(zip(before, after, strict=True))
    gone = ((part, Part(part.kind)) for part in before)
    return [*gone, *((Part(part.kind), part) for part in after)]


@cache
def _likeness(a: Part, b: Part) -> float:
    words = a.text.split()[:500], b.text.split()[:500]
    return SequenceMatcher(None, *words).ratio() if a.kind == b.kind else 0.0
