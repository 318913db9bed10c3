"""A project: where it is hosted, its rules and its owners, as its files say."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twobus import codeowners
from twobus.git import ask
from twobus.project import ANSWERS, StopError, answers, ordinary, read_text

# Changes an answer, and nothing else.
ANSWER = "uvx copier update --vcs-ref :current: --data"
# Where Copier leaves the rules of each forge.
RULES = {
    "github": ".github/rulesets/main.json",
    "gitlab": ".gitlab/protection.json",
}
# What GitLab's rules consist of; GitHub's have a list of them, and a name.
PARTS = ("project", "protected_branch", "approvals", "approval_rule", "push_rule")
TITLES = {"github": "GitHub", "gitlab": "GitLab"}

HOST = r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?)"
PATH = r"(?P<path>[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)"
WEB = re.compile(rf"https://(?:[^@/]*@)?{HOST}/{PATH}/?")
# The port of an address for ssh says nothing about the API's.
SSH = re.compile(
    rf"(?:ssh://)?(?:[^@/:]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]+/|[:/]){PATH}/?"
)


@dataclass(frozen=True)
class Place:
    """Where a project is hosted.

    Attributes:
        forge: `github` or `gitlab`.
        host: The forge's host, with its port if it has one.
        path: The repository there: `group/name`.
    """

    forge: str
    host: str
    path: str


@dataclass(frozen=True)
class Protected(Place):
    """What `protect` needs to know of a project.

    Attributes:
        level: The review level that was chosen.
        rules: The rules as the forge's API takes them.
        rules_file: Where they were read from.
        owners: The text of CODEOWNERS, empty if there is none.
        owners_file: Where it was read from, or should be.
    """

    level: str
    rules: dict[str, Any]
    rules_file: str
    owners: str
    owners_file: str


def locate(folder: Path) -> Place:
    """Find out where a project is hosted.

    Raises:
        StopError: If nothing says so, or it cannot be understood.
    """
    recorded = answers(folder)
    url = str(recorded.get("repository_url") or "")
    host, path = _address(url) if url else origin(folder)
    known = next((name for name in RULES if name in host), None)
    forge = str(recorded.get("forge") or known or "github")
    if forge not in RULES or known not in (None, forge):
        raise StopError(
            f"The project was made for {TITLES.get(forge, forge)}, but its repository "
            f"is on {host}: {ANSWER} repository_url=https://{host}/{path}"
        )
    return Place(forge, host, path)


def read(folder: Path) -> Protected:
    """Read a project from its folder.

    Raises:
        StopError: If something is missing, or cannot be understood.
    """
    place = locate(folder)
    forge = place.forge
    owners = codeowners.find(folder, forge)
    return Protected(
        forge=forge,
        host=place.host,
        path=place.path,
        level=str(answers(folder).get("review_level") or "standard"),
        rules=_rules(folder, RULES[forge]),
        rules_file=RULES[forge],
        owners=read_text(owners) if owners else "",
        owners_file=owners.relative_to(folder).as_posix()
        if owners
        else f".{forge}/CODEOWNERS",
    )


def _rules(folder: Path, name: str) -> dict[str, Any]:
    if not (path := ordinary(folder, name)):
        raise StopError(
            f"There are no rules in {name}: uvx copier update writes them, from the "
            "release that brought them."
        )
    try:
        rules = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise StopError(
            f"{name} is not JSON, see line {error.lineno}: {error.msg}."
        ) from None
    except RecursionError:
        rules = None
    if not _is_complete(rules):
        raise StopError(
            f"Parts are missing in {name}: take the file from git again, or from the "
            "template with uvx copier recopy."
        )
    return dict(rules)


def _is_complete(rules: Any) -> bool:
    if not isinstance(rules, dict):
        return False
    if "rules" not in rules:
        return all(isinstance(rules.get(part), dict) for part in PARTS)
    found, name = rules["rules"], rules.get("name")
    if not isinstance(found, list) or not isinstance(name, str) or not name:
        return False
    return bool(found) and all(
        isinstance(rule, dict)
        and isinstance(rule.get("type"), str)
        and isinstance(rule.get("parameters", {}), dict)
        for rule in found
    )


def _address(url: str) -> tuple[str, str]:
    if match := WEB.fullmatch(url):
        return _parts(match)
    raise StopError(
        f"The repository_url in {ANSWERS} must be like https://github.com/acme/study: "
        f"{ANSWER} repository_url=..."
    )


def origin(folder: Path) -> tuple[str, str]:
    """Return the host and path of a repository's remote `origin`, without passwords.

    Raises:
        StopError: If it has none, or it is no forge's.
    """
    if not (url := ask("remote", "get-url", "origin", cwd=folder, strange=True)):
        raise StopError(
            "Nothing says where the repository is: git remote add origin <address>, or "
            f"{ANSWER} repository_url=https://..."
        )
    if match := WEB.fullmatch(url) or SSH.fullmatch(url):
        return _parts(match)
    # The address itself may hold a password, so it is not shown.
    raise StopError(
        "git's remote `origin` is no address of a forge over https or ssh: "
        f"{ANSWER} repository_url=https://..."
    )


def _parts(match: re.Match[str]) -> tuple[str, str]:
    host = match["host"].lower().removesuffix(":443")
    return host, match["path"].removesuffix(".git")
