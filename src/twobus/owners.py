"""Who owns what, and whether everybody's changes could be approved."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from twobus.project import ANSWER

OWNER = re.compile(r"@{1,2}[A-Za-z0-9_][A-Za-z0-9_./-]*|[^\s@]+@[^\s@]+\.[^\s@]+")
SECTION = re.compile(r"(\^?)\[([^\]]+)\](?:\[(\d+)\])?(?:\s+(.*))?")
# Patterns that match every path.
EVERYTHING = {"*", "**", "/**", "**/*", "/**/*"}
NUMBERS = {1: "one other person", 2: "two others", 3: "three others"}


@dataclass(frozen=True)
class Line:
    """One line of CODEOWNERS that decides about some paths.

    Attributes:
        number: Where it stands in the file.
        pattern: The paths that it is about.
        owners: Who owns them, in lower case; nobody clears ownership.
        section: GitLab's section, empty elsewhere. Sections decide side by side.
        needed: How many of the owners must approve.
    """

    number: int
    pattern: str
    owners: tuple[str, ...]
    section: str = ""
    needed: int = 1


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


def parse(text: str, forge: str) -> list[Line]:
    """List the lines that decide: in each section, the last that matches a path does.

    Lines that the forge skips are left out: on GitHub, those with `!`, `[ ]` or with a
    word that is no owner.
    """
    lines = list(_gitlab(text) if forge == "gitlab" else _github(text))
    return [
        line
        for index, line in enumerate(lines)
        if not any(
            later.section == line.section
            and (later.pattern == line.pattern or later.pattern in EVERYTHING)
            for later in lines[index + 1 :]
        )
    ]


def named(lines: list[Line]) -> list[str]:
    """List everybody who is named, each once, in the order of the file."""
    return list(dict.fromkeys(owner for line in lines for owner in line.owners))


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


def _words(text: str) -> list[str]:
    r"""Split at spaces, but not at `\ ` inside a path."""
    return [word.replace("\\ ", " ") for word in re.findall(r"(?:\\.|\S)+", text)]


def _github(text: str) -> Iterator[Line]:
    for number, raw in enumerate(text.splitlines(), 1):
        # Owners hold no `#`, so it begins a comment after them too.
        words = _words(re.split(r"(?:^|\s)#", raw, maxsplit=1)[0])
        if not words or words[0].startswith("!") or re.search(r"[\[\]]", words[0]):
            continue
        pattern, *owners = words
        if all(OWNER.fullmatch(owner) for owner in owners):
            yield Line(number, pattern, tuple(map(str.lower, owners)))


def _gitlab(text: str) -> Iterator[Line]:
    lines: list[Line] = []
    section, default = "", tuple[str, ...]()
    needed = {section: 1}
    for number, raw in enumerate(map(str.strip, text.splitlines()), 1):
        if not raw or raw.startswith("#"):
            continue
        if match := SECTION.fullmatch(raw):
            # Sections of the same name are one.
            section = match[2].strip().lower()
            wanted = 0 if match[1] else max(1, int(match[3] or 1))
            needed[section] = max(wanted, needed.get(section, 0))
            default = _owners(_words(match[4] or ""))
            continue
        pattern, *words = _words(raw)
        owners = _owners(words) or default
        # `!` takes paths out of the section, for good.
        if not pattern.startswith("!"):
            lines.append(Line(number, pattern, owners, section))
    for line in lines:
        yield replace(line, needed=needed[line.section])


def _owners(words: list[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words if OWNER.fullmatch(word))
