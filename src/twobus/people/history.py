"""What git says of who wrote and who reviewed: one call of `git log`, kept until HEAD.

What it cannot know is said: a clone that holds only the newest commits, no commit at
all.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twobus.git import ask, git, top
from twobus.git import names as listed
from twobus.people import approvals
from twobus.people.identities import Identities, is_bot
from twobus.people.knowledge import Change, Move
from twobus.project import ANSWERS, StopError, ordinary

# Raise it with each change of what is kept.
FORM = 2
WROTE, READ = ("co-authored-by",), ("reviewed-by", "approved-by")
# Commits of `twobus update` end with it.
TEMPLATE = "twobus-release"
KEYS = ",".join(f"key={it}" for it in (*WROTE, *READ, TEMPLATE))
FORMAT = f"%x01%H%x00%at%x00%aN%x00%aE%x00%s%x00%(trailers:{KEYS},unfold)%x00"
PERSON = re.compile(r"(.*?)\s*<([^<>\s]+@[^<>\s]*)>")
# Subjects of commits that only lay code out anew.
LAYOUT = re.compile(
    r"style(\(.*\))?!?:|(re-?)?format(ted|ting)?\b(?!s)|(run|apply) (ruff|black)\b",
    re.IGNORECASE,
)
# Lists commits that git's own `blame` leaves out.
IGNORED = ".git-blame-ignore-revs"


@dataclass(frozen=True)
class History:
    """What came into a project, and who took part.

    Attributes:
        changes: Its changes, in an order in which each comes after those it builds on.
        names: How each person is called, by how changes name them.
        logins: The names by which forges and addresses call them, in lower case.
        paths: The files that are there at HEAD.
    """

    changes: list[Change]
    names: dict[str, str]
    logins: dict[str, list[str]]
    paths: list[str]


def history(root: Path, commit: str = "HEAD", strange: bool = False) -> History:
    """Read the history of a project.

    Args:
        root: The project's folder.
        commit: Up to which commit.
        strange: Whether it is a project of others, which git must run nothing of.

    Raises:
        StopError: If it is no repository, has no commit, or git holds only the newest
            ones.
    """
    top(root)
    if ask("rev-parse", "--is-shallow-repository", cwd=root) == "true":
        raise StopError(
            "This clone holds only the newest commits, so nobody can say who knows "
            "what is older: git fetch --unshallow (in CI, check out with all history)."
        )
    key, folder = _key(root, commit)
    # A branch and what it is compared with are both asked for again and again.
    name = "people.json" if commit == "HEAD" else "people-before.json"
    file = folder / "twobus" / name
    if (kept := _kept(file, key)) is None:
        kept = _read(root, commit, strange)
        _keep(file, {"key": key, **kept})
    return _history(kept, approvals.kept(folder))


def _key(root: Path, commit: str) -> tuple[str, Path]:
    """Return what the history depends on, and where git keeps what is its own."""
    asked = git("rev-parse", commit, "--git-common-dir", cwd=root)
    head, folder = asked.split("\n", 1)
    parts = [str(FORM), head]
    for name in (".mailmap", IGNORED):
        path = ordinary(root, name)
        parts.append(path.read_text("utf-8", "replace") if path else "")
    parts.append(ask("config", "mailmap.file", cwd=root) or "")
    key = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return key, (root / folder.strip()).resolve()


def _kept(file: Path, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text("utf-8", "surrogateescape"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("key") == key else None


def _keep(file: Path, content: dict[str, Any]) -> None:
    """Keep it for the next time, whole or not at all."""
    try:
        file.parent.mkdir(exist_ok=True)
        number, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            json.dump(content, stream, separators=(",", ":"))
        Path(name).replace(file)
    except OSError:
        # Where git's folder cannot be written, it is read anew each time.
        return


def _history(kept: dict[str, Any], told: approvals.Kept) -> History:
    names, logins = dict(kept["names"]), dict(kept["logins"])
    for words in logins.values():
        words += [told.logins[it].lower() for it in words if it in told.logins]
    changes = []
    for number, time, authors, readers, moves, teaches in kept["changes"]:
        for login in told.commits.get(number, []):
            if is_bot(login, ""):
                continue
            person = _by_login(login, names, logins)
            if person not in authors and person not in readers:
                readers.append(person)
        files = tuple(Move(*move) for move in moves)
        changes.append(Change(time, tuple(authors), tuple(readers), files, teaches))
    return History(changes, names, logins, kept["paths"])


def _by_login(login: str, names: dict[str, str], logins: dict[str, list[str]]) -> str:
    """Return the person of a login, who may be new to git."""
    lower = login.lower()
    found = [person for person, words in logins.items() if lower in words]
    if len(found) == 1:
        return found[0]
    # Of several who may be meant, nobody is taken for another.
    names[f"@{lower}"], logins[f"@{lower}"] = f"@{login}", [lower]
    return f"@{lower}"


def _read(root: Path, commit: str, strange: bool) -> dict[str, Any]:
    words = ["log", "--reverse", "--topo-order", "--name-status", "-M", "-z"]
    # Whatever people have configured to see.
    quiet = ["-c", "log.showSignature=false", "-c", "core.quotePath=false"]
    words += [f"--format={FORMAT}", commit]
    output = git(*quiet, *words, cwd=root, strange=strange)
    texts = output.removeprefix("\x01").split("\0\x01")
    commits = [_Commit.parse(text) for text in texts if text]
    ignored = _ignored(root)
    identities = Identities()
    for one in commits:
        identities.add(one.name, one.address, one.time)
    stated = {person for one in commits for person in one.stated()}
    mapped = _mapped(root, sorted(stated))
    for name, address in mapped.values():
        identities.add(name, address)
    identities.merge()

    def people(found: Iterable[tuple[str, str]]) -> list[str]:
        known = (one for one in found if not is_bot(*one))
        return list(dict.fromkeys(identities.of(*one) for one in known))

    changes = []
    for one in commits:
        wrote = [(one.name, one.address)]
        wrote += [mapped[it] for it in one.trailers(WROTE)]
        authors = people(wrote)
        read = people(mapped[it] for it in one.trailers(READ))
        readers = [it for it in read if it not in authors]
        if one.moves:
            teaches = one.teaches() and one.hash not in ignored
            moves = [list(filter(None, move)) for move in one.moves]
            changes.append([one.hash, one.time, authors, readers, moves, teaches])
    return {
        "changes": changes,
        "names": identities.names(),
        "logins": identities.logins(),
        "paths": listed(git("ls-tree", "-r", "-z", "--name-only", commit, cwd=root)),
    }


@dataclass(frozen=True)
class _Commit:
    hash: str
    time: int
    name: str
    address: str
    subject: str
    said: str
    moves: list[tuple[str, str, str]]

    @classmethod
    def parse(cls, text: str) -> "_Commit":
        """Take apart what `git log` prints of a commit."""
        number, time, name, address, subject, said, *rest = text.split("\0")
        return cls(number, int(time), name, address, subject, said, [*_moves(rest)])

    def trailers(self, keys: tuple[str, ...]) -> Iterator[str]:
        """Yield what follows some keys at the end of the message."""
        for line in self.said.splitlines():
            key, colon, value = line.partition(":")
            if colon and key.lower() in keys and PERSON.fullmatch(value.strip()):
                yield value.strip()

    def stated(self) -> Iterator[str]:
        """Yield the people whom its trailers name."""
        yield from self.trailers((*WROTE, *READ))

    def teaches(self) -> bool:
        """Tell whether those who made it know what it did."""
        made = any(status == "A" and path == ANSWERS for status, path, _ in self.moves)
        template = f"{TEMPLATE}:" in self.said.lower()
        return not (made or template or LAYOUT.match(self.subject))


def _moves(words: list[str]) -> Iterator[tuple[str, str, str]]:
    rest = iter(word for word in (it.lstrip("\n") for it in words) if word)
    for status in rest:
        letter = status[0]
        path = next(rest)
        if letter in "RC":
            old, path = path, next(rest)
            yield (letter, path, old) if letter == "R" else ("A", path, "")
        else:
            yield letter, path, ""


def _mapped(root: Path, stated: list[str]) -> dict[str, tuple[str, str]]:
    """Return names and addresses of people in trailers, by `.mailmap`."""
    if not stated:
        return {}
    printed = git("check-mailmap", "--stdin", cwd=root, text="\n".join(stated) + "\n")
    found = [PERSON.fullmatch(line) for line in printed.splitlines()]
    return {
        it: (match[1], match[2]) if match else ("", it)
        for it, match in zip(stated, found, strict=True)
    }


def _ignored(root: Path) -> set[str]:
    file = ordinary(root, IGNORED)
    text = file.read_text("utf-8", "replace") if file else ""
    return set(re.findall(r"^\s*([0-9a-f]{40,64})\b", text, re.MULTILINE))
