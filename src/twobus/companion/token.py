"""The token for a forge: found where people keep it, and meant for that host only."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twobus.project import StopError

# `gh` and `glab` would hand out these for any host, so they do not get to see them.
VARIABLES = {
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITLAB_TOKEN",
    "GITLAB_ACCESS_TOKEN",
    "OAUTH_TOKEN",
}


@dataclass(frozen=True)
class Purpose:
    """What a token is for.

    Attributes:
        rights: What it needs on each forge, for messages.
        variable: Where people put a token for this purpose only, if there is such.
    """

    rights: Mapping[str, str]
    variable: str = ""


PROTECT = Purpose(
    {
        "github": (
            "read access to the repository for `plan` and `check`, 'Administration: "
            "write' for `apply`"
        ),
        "gitlab": (
            "the role Maintainer, with the scope read_api for `plan` and `check`, api "
            "for `apply`"
        ),
    }
)
PROPOSE = Purpose(
    {
        "github": (
            "'Contents: write' and 'Pull requests: write', and for releases that "
            "change a workflow 'Workflows: write'"
        ),
        "gitlab": "the role Developer, with the scopes api and write_repository",
    },
    "TWOBUS_TOKEN",
)


@dataclass(frozen=True)
class Token:
    """A secret, which is shown nowhere.

    Attributes:
        value: The secret.
        source: Where it came from, for messages.
    """

    value: str = field(repr=False)
    source: str


def token(forge: str, host: str, purpose: Purpose = PROTECT) -> Token:
    """Find the token that is meant for a host, and for no other.

    A project's address is only a line in a file that anybody may have written.

    Raises:
        StopError: If there is none.
    """
    names, condition = _sources(forge, host)
    if purpose.variable:
        names, condition = _with(purpose.variable, host, names, condition)
    for name in names:
        if value := os.environ.get(name, "").strip():
            return _checked(Token(value, name))
    if forge == "gitlab":
        command = ["glab", "config", "get", "token", "--host", host]
    else:
        command = ["gh", "auth", "token", "--hostname", host]
    if value := _ask(command):
        return _checked(Token(value, f"`{command[0]}`"))
    ways = [
        f"set {condition or ' or '.join(names)}",
        f"log in with `{command[0]} auth login --hostname {host}`",
    ]
    raise StopError(
        f"There is no token for {host}: {', or '.join(ways)}. It needs "
        f"{purpose.rights[forge]}."
    )


def is_cloud(host: str) -> bool:
    """Tell whether a host is GitHub's own."""
    return host == "github.com" or host.endswith(".ghe.com")


def _sources(forge: str, host: str) -> tuple[list[str], str]:
    """Return the variables that are meant for a host, or what would make them so."""
    if forge == "gitlab":
        chosen = _host(os.environ.get("GITLAB_HOST", ""))
        if host == (chosen or "gitlab.com"):
            return ["GITLAB_TOKEN"], ""
        return [], f"GITLAB_HOST={host} and GITLAB_TOKEN"
    if is_cloud(host):
        return ["GH_TOKEN", "GITHUB_TOKEN"], ""
    # GITHUB_SERVER_URL is what a server's own CI says.
    if host in {_host(os.environ.get(n, "")) for n in ("GH_HOST", "GITHUB_SERVER_URL")}:
        return ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"], ""
    return [], f"GH_HOST={host} and GH_ENTERPRISE_TOKEN"


def _with(
    variable: str, host: str, names: list[str], condition: str
) -> tuple[list[str], str]:
    """Add a variable that names no host: in CI it is meant for the CI's own server."""
    servers = [os.environ.get(name) for name in ("GITHUB_SERVER_URL", "CI_SERVER_URL")]
    server = _host(servers[0] or servers[1] or "")
    if server == host:
        own = ["GITHUB_TOKEN"] if servers[0] else []
        return list(dict.fromkeys([variable, *names, *own])), ""
    return ([variable, *names], "") if names and not server else (names, condition)


def _host(text: str) -> str:
    netloc = urlsplit(text if "//" in text else f"//{text}").netloc
    return netloc.lower().removesuffix(":443")


def _ask(command: list[str]) -> str:
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    try:
        process = subprocess.run(
            command, env=own, capture_output=True, encoding="utf-8", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""


def _checked(found: Token) -> Token:
    # A line break within would end up in a message of the HTTP library.
    if not all("!" <= character <= "~" for character in found.value):
        raise StopError(
            f"The token from {found.source} holds characters that no token has."
        )
    return found
