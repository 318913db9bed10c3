"""Settings of a repository: as they are, and as the project's files want them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# What tells the items of GitHub's lists apart: rules, checks, actors.
KEYS = (("type",), ("context",), ("actor_type", "actor_id"))
PRESENT = "present"


@dataclass(frozen=True)
class Difference:
    """A field that is not as wanted.

    Attributes:
        path: Where it is: `rules.pull_request.allowed_merge_methods`.
        current: What the forge has, None if nothing.
        wanted: What the project's file has, None if nothing.
        said: Whether the file says anything about it; else the forge may have added it.
    """

    path: str
    current: Any
    wanted: Any
    said: bool = True

    def __str__(self) -> str:
        """Return the line for people: `field: 1 -> 2`."""
        change = f"{show(self.current)} -> {show(self.wanted)}"
        return f"{self.path}: {change}" if self.path else change


@dataclass(frozen=True)
class Setting:
    """Something that one or two requests set as a whole.

    Attributes:
        name: What people call it.
        current: The fields that the forge has, None if it is not there at all.
        wanted: The fields as they should be.
        make: Sends what makes it so.
    """

    name: str
    current: dict[str, Any] | None
    wanted: dict[str, Any]
    make: Callable[[], None]

    def differences(self) -> list[Difference]:
        """List the fields that are not as wanted."""
        return [one for one in compare(self.current, self.wanted) if one.said]

    def additions(self) -> list[Difference]:
        """List what the forge has set inside, and the file does not speak of."""
        return [one for one in compare(self.current, self.wanted) if not one.said]


@dataclass
class Live:
    """What a forge says about a project.

    Attributes:
        settings: What it can set, in the order in which it must be set.
        remarks: What people must know beside the differences, a line each.
        notes: What people should know before they choose these rules.
        members: Who stands behind names in CODEOWNERS, see `lockouts.lockouts`.
    """

    settings: list[Setting]
    remarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    members: dict[str, set[str] | None] = field(default_factory=dict)

    def hide(self, team: str) -> None:
        """Say that the people of a team are not told."""
        self.members[team] = None
        self.remarks.append(
            f"Not checked: who is behind {team} (this token cannot see it); it counts "
            "as enough people"
        )


def show(value: Any) -> str:
    """Write a value for people."""
    if value is None:
        return "absent"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def compare(current: Any, wanted: Any, path: str = "") -> Iterator[Difference]:
    """Yield the fields that differ, the forge's additions inside included."""
    if isinstance(wanted, dict) and isinstance(current, dict | None):
        there = current or {}
        inner = [
            difference
            for name, value in wanted.items()
            for difference in compare(there.get(name), value, _join(path, name))
        ]
        # Fields that are missing tell by themselves that the part is.
        if current is None and not (path and inner):
            yield Difference(path, None, PRESENT)
        yield from inner
        # Outside, the forge describes itself: ids, dates, addresses.
        for name, value in there.items() if path else ():
            if name not in wanted and not _empty(value):
                yield Difference(_join(path, name), value, None, said=False)
    elif (mine := _items(wanted)) is not None and (
        theirs := _items(current)
    ) is not None:
        for name, value in mine.items():
            yield from compare(theirs.get(name), value, _join(path, name))
        for name in theirs:
            if name not in mine:
                yield Difference(_join(path, name), PRESENT, None)
    # What GitLab was never told is off.
    elif _plain(current) != _plain(wanted) and (current, wanted) != (None, False):
        yield Difference(path, current, wanted)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _items(value: Any) -> dict[str, dict[str, Any]] | None:
    """Return a list's items by name, or None where they have none."""
    if not isinstance(value, list | None):
        return None
    items = {}
    for item in value or []:
        keys = next((k for k in KEYS if isinstance(item, dict) and k[0] in item), None)
        if keys is None:
            return None
        rest = {name: value for name, value in item.items() if name not in keys}
        name = " ".join(str(item[key]) for key in keys if item.get(key) is not None)
        # Parameters are the only thing in a rule but its type.
        items[name] = rest.get("parameters") or {} if keys == ("type",) else rest
    return items


def _plain(value: Any) -> Any:
    """Return a value without the order of words in a list, which means nothing."""
    words = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return sorted(value) if words else value


def _empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_empty, value.values()))
    return not value
