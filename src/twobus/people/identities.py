"""Which names and addresses are one person, and which are none."""

import re
from collections import Counter

BOT = re.compile(
    r"\[bot\]|\bbot@|^(project|group)_\d+_bot|"
    r"^(dependabot|renovate|github-actions|github|gitlab|pre-commit-ci|web-flow|"
    r"semantic-release|actions-user)(\W|$)",
    re.IGNORECASE,
)
# What forges write for people who hide their address.
HIDDEN = re.compile(r"(?:\d+[+-])?([^@+]+)@users\.noreply\.", re.IGNORECASE)


def is_bot(name: str, address: str) -> bool:
    """Tell whether a program commits under this name or address."""
    return bool(
        BOT.search(name) or BOT.search(address) or address == "noreply@github.com"
    )


class Identities:
    """People, by the names and addresses under which they commit.

    Those of one address are one person, and those of one name of at least two words.
    Two people of one name must be told apart by `.mailmap`.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._seen: dict[tuple[str, str], float] = {}
        self._often: Counter[tuple[str, str]] = Counter()
        self._parent: dict[str, str] = {}
        self._of: dict[tuple[str, str], str] = {}

    def add(self, name: str, address: str, time: float = 0) -> None:
        """Note that somebody committed, or was named."""
        if not is_bot(name, address):
            one = (name.strip(), address.lower())
            self._seen[one] = max(time, self._seen.get(one, time))
            self._often[one] += 1

    def merge(self) -> None:
        """Find out which of all are one person."""
        for name, address in self._seen:
            words = " ".join(name.lower().split())
            self._join(f"<{address}>", f"<{address}>")
            if " " in words:
                self._join(f"<{address}>", words)
        for name, address in self._seen:
            self._of[name, address] = self._root(f"<{address}>")

    def of(self, name: str, address: str) -> str:
        """Return the person of a name and an address."""
        return self._of[name.strip(), address.lower()]

    def names(self) -> dict[str, str]:
        """Return how each person is called: by the name that they used last."""
        latest: dict[str, tuple[float, str]] = {}
        for (name, address), time in self._seen.items():
            person = self.of(name, address)
            called = (time, name or address.partition("@")[0])
            latest[person] = max(latest.get(person, called), called)
        names = {person: name for person, (_, name) in latest.items()}
        often = Counter(names.values())
        for person, name in names.items():
            if often[name] > 1:
                # Two people, or one whom nobody has told git of.
                names[person] = f"{name} ({person.strip('<>').partition('@')[0]})"
        return names

    def logins(self) -> dict[str, list[str]]:
        """Return by which short names each person may be meant."""
        found: dict[str, set[str]] = {}
        for name, address in self._seen:
            hidden = HIDDEN.match(address)
            local = hidden[1] if hidden else address.partition("@")[0]
            short = {local.lower(), name.lower(), address}
            found.setdefault(self.of(name, address), set()).update(short - {""})
        return {person: sorted(words) for person, words in found.items()}

    def _root(self, key: str) -> str:
        parent = self._parent.setdefault(key, key)
        if parent == key:
            return key
        self._parent[key] = self._root(parent)
        return self._parent[key]

    def _join(self, one: str, other: str) -> None:
        # The lower one stands for both, so that the order of commits decides nothing.
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first
