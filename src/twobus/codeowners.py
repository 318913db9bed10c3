"""CODEOWNERS: who must look at a change of which path, as each forge reads it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from twobus.project import ANSWERS, StopError, ordinary, parse_answers, read_text

# Where each forge looks for owners; it reads the first that is there.
FILES = {
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
ADDRESS = r"[^\s@]+@[^\s@]+\.[^\s@]+"
# What each forge takes for a name. GitHub's have no dots, and a dot makes it skip the
# line; GitLab's may be below several groups, or be a role.
OWNER = {
    "github": re.compile(rf"@[A-Za-z0-9][\w-]*(/[\w-]+)?|{ADDRESS}", re.ASCII),
    "gitlab": re.compile(rf"@{{1,2}}\w[\w./-]*|{ADDRESS}", re.ASCII),
}
SECTION = re.compile(r"(\^?)\[([^\]]+)\](?:\[(\d+)\])?(?:\s+(.*))?")
# Patterns that match every path.
EVERYTHING = {"*", "**", "/**", "**/*", "/**/*"}


@dataclass(frozen=True)
class Line:
    """A line of CODEOWNERS.

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

    @property
    def has_team(self) -> bool:
        """Whether an owner stands for several people."""
        return any(re.search("^@@|^@.*/", owner) for owner in self.owners)


def forge_of(root: Path) -> str:
    """Tell which forge a project is made for: by its answers, else by its files."""
    try:
        file = ordinary(root, ANSWERS)
        given = parse_answers(read_text(file, "replace")) if file else None
    except StopError:
        given = None
    given = given or {}
    if (forge := given.get("forge")) in FILES:
        return str(forge)
    host = re.match("https://([^/]*)", str(given.get("repository_url") or ""))
    known = next((name for name in FILES if host and name in host[1]), None)
    return known or ("gitlab" if (root / ".gitlab-ci.yml").exists() else "github")


def find(root: Path, forge: str) -> Path | None:
    """Return the file that a forge reads, or None where there is none."""
    files = (ordinary(root, name) for name in FILES[forge])
    return next(filter(None, files), None)


def owners_of_all(root: Path, forge: str = "") -> list[str]:
    """List who owns every path of a project that no other line is about.

    Args:
        root: The project's folder.
        forge: Its forge, if that is known.
    """
    forge = forge or forge_of(root)
    if (file := find(root, forge)) is None:
        return []
    text = read_text(file, "replace")
    found = [
        line for line in deciding(parse(text, forge)) if line.pattern in EVERYTHING
    ]
    return list(dict.fromkeys(owner for line in found for owner in line.owners))


def parse(text: str, forge: str) -> list[Line]:
    """List the lines that a forge reads, in their order.

    Those that it skips are left out: on GitHub, lines with `!`, `[ ]` or with a word
    that is no owner. `skipped` lists the last of these.
    """
    return list(_gitlab(text) if forge == "gitlab" else _github(text))


def skipped(text: str, forge: str) -> list[tuple[int, str]]:
    """List the lines that a forge skips for a word that is no owner, and that word."""
    if forge != "github":
        return []
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        wrong = [word for word in _bare(raw)[1:] if not OWNER[forge].fullmatch(word)]
        if wrong:
            found.append((number, wrong[0]))
    return found


def deciding(lines: list[Line]) -> list[Line]:
    """Leave out lines that a later one of their section overrules."""
    kept = []
    later: set[tuple[str, str]] = set()
    for line in reversed(lines):
        mine, all_of_it = (line.section, line.pattern), (line.section, "")
        if later.isdisjoint((mine, all_of_it)):
            kept.append(line)
        later.add(all_of_it if line.pattern in EVERYTHING else mine)
    return kept[::-1]


def named(lines: list[Line]) -> list[str]:
    """List everybody who is named, each once, in the order of the file."""
    return list(dict.fromkeys(owner for line in lines for owner in line.owners))


def _words(text: str) -> list[str]:
    r"""Split at spaces, but not at `\ ` inside a path."""
    return [word.replace("\\ ", " ") for word in re.findall(r"(?:\\.|\S)+", text)]


def _bare(raw: str) -> list[str]:
    # Owners hold no `#`, so it begins a comment after them too.
    return _words(re.split(r"(?:^|\s)#", raw, maxsplit=1)[0])


def _github(text: str) -> Iterator[Line]:
    for number, raw in enumerate(text.splitlines(), 1):
        words = _bare(raw)
        if not words or words[0].startswith("!") or re.search(r"[\[\]]", words[0]):
            continue
        pattern, *owners = words
        if all(OWNER["github"].fullmatch(owner) for owner in owners):
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
    return tuple(word.lower() for word in words if OWNER["gitlab"].fullmatch(word))
