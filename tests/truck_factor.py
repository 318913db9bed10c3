"""The truck factor once more, read from the paper alone and sharing no code.

Avelino, Passos, Hora, Valente: A novel approach for estimating truck factors, 2016.
"""

import gzip
from collections import defaultdict
from math import log
from pathlib import Path


def truck_factor(path: Path) -> int:
    """Return the truck factor of a history, a row a changed file."""
    # Number of file -> author of each of its changes, the creator's first.
    log_of: dict[int, list[str]] = defaultdict(list)
    created: dict[int, bool] = {}
    number: dict[str, int] = {}
    present: set[int] = set()
    old_names: dict[str, int] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            _, _, author, _, status, name, old = line.rstrip("\n").split(",")
            if status[0] == "R" and old in number:
                it = number.pop(old)
                old_names[old] = it
                present.discard(number.get(name, -1))
                number[name] = it
            elif name not in number:
                if status[0] != "A" and name in old_names:
                    # A branch that still has the old name.
                    log_of[old_names[name]].append(author)
                    continue
                number[name] = len(created)
                created[number[name]] = status[0] == "A"
            it = number[name]
            if status[0] == "D":
                present.discard(it)
            else:
                present.add(it)
                log_of[it].append(author)
    owners: dict[int, set[str]] = {}
    for it in present:
        changes = log_of[it]
        creator = changes[0] if created[it] else None
        later = changes[1:] if created[it] else changes
        doa = {}
        for who in set(changes):
            dl = later.count(who)
            doa[who] = 3.293 + 0.164 * dl - 0.321 * log(1 + len(later) - dl)
            doa[who] += 1.098 if who == creator else 0
        top = max(doa.values())
        owners[it] = {who for who, d in doa.items() if d / top > 0.75 and d >= 3.293}
    removed: set[str] = set()
    while sum(1 for who in owners.values() if who - removed) >= len(owners) / 2:
        count: dict[str, int] = defaultdict(int)
        for people in owners.values():
            for who in people - removed:
                count[who] += 1
        removed.add(sorted(count, key=lambda who: (-count[who], who))[0])
    return len(removed)
