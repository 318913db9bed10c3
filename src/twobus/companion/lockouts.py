"""Whose changes could never be approved, by the owners and the rules."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from twobus.codeowners import Line
from twobus.companion.place import ANSWER

NUMBERS = {1: "one other person", 2: "two others", 3: "three others"}


@dataclass(frozen=True)
class Approvals:
    """What a pull request needs.

    Attributes:
        count: Approvals by people other than its author.
        by_owner: Whether an owner of each changed path must be among them.
        after_last_push: Whether one must come from somebody who did not push last.
    """

    count: int
    by_owner: bool
    after_last_push: bool


def lockouts(
    lines: list[Line],
    needs: Approvals,
    members: Mapping[str, Set[str] | None],
    level: str,
) -> list[str]:
    """Say whose changes could never be approved, one sentence each.

    The author of a change never approves it. Everybody who is named may be its author
    and may have pushed last.

    Args:
        lines: The lines that decide.
        needs: What a pull request needs.
        members: Who stands behind a name: the people of a team, nobody if the forge
            does not know it, None if the forge does not say. Other names are people.
        level: What the rules are called.
    """
    groups = [_people(line.owners, members) for line in lines]
    # A team that cannot be looked into counts as enough.
    unseen = any(group is None for group in groups)
    everybody = sorted({one for group in groups for one in group or ()})
    if len(everybody) < 2 and not unseen:
        who = f"but {everybody[0]} " if everybody else ""
        return [
            f"CODEOWNERS names nobody {who}who could approve, and nobody approves "
            "their own changes. Name two people or a team: "
            f'{ANSWER} code_owners="@you @colleague".'
        ]
    found = []
    more = f"Name one more person: {ANSWER} code_owners=..."
    if level == "strict":
        more += ", or choose review_level=standard"
    for author in everybody:
        rest = [one for one in everybody if one != author]
        if not unseen and len(rest) < needs.count:
            found.append(
                f"Nobody could approve what {author} writes: '{level}' needs "
                f"{_others(needs.count)}, and {_left(rest)}. {more}."
            )
        elif not unseen and needs.after_last_push and len(rest) == 1:
            found.append(
                f"Nobody could approve what {author} writes once {rest[0]} has pushed "
                f"to it: '{level}' needs somebody other than the last to push. {more}."
            )
    if needs.by_owner:
        found.extend(_alone(lines, members))
    return found


def _alone(lines: list[Line], members: Mapping[str, Set[str] | None]) -> Iterator[str]:
    for line in lines:
        group = _people(line.owners, members)
        if not line.owners or group is None or not line.needed:
            continue
        place = f"{line.pattern} (line {line.number} of CODEOWNERS)"
        if not group:
            yield (
                f"Nobody could approve a change of {place}: {', '.join(line.owners)} "
                "cannot review here. Name two people or a team there."
            )
        for author in sorted(group):
            rest = sorted(group - {author})
            if len(rest) < line.needed:
                yield (
                    f"Nobody could approve what {author} changes in {place}: it needs "
                    f"{_others(line.needed)} of its owners, and {_left(rest)}. Name "
                    "another person or a team there."
                )


def _people(
    owners: tuple[str, ...], members: Mapping[str, Set[str] | None]
) -> Set[str] | None:
    people: set[str] = set()
    for owner in owners:
        behind = members.get(owner, {owner})
        if behind is None:
            return None
        people |= behind
    return people


def _others(count: int) -> str:
    return NUMBERS.get(count, f"{count} others")


def _left(people: list[str]) -> str:
    if not people:
        return "nobody is left"
    return f"only {' and '.join(people)} {'is' if len(people) == 1 else 'are'} left"
