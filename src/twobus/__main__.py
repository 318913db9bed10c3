"""The command `twobus`, also where the companion's dependencies are not installed."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from typing import NoReturn

# What the companion needs, and a project does not install.
COMPANION = (
    "copier",
    "httpx",
    "packaging",
    "psutil",
    "pydantic",
    "rich",
    "typer",
    "yaml",
)
# Tells a program that it was started by itself.
AGAIN = "TWOBUS_AGAIN"


def main() -> None:
    """Run the companion, in an environment of its own where this one is too light.

    Projects of all releases call `twobus @ git+…`, without the extra.
    """
    # Whatever this starts may start it anew.
    again = os.environ.pop(AGAIN, "")
    if sys.getfilesystemencoding().lower() != "utf-8" and not again:
        # Files and people have names that this locale does not know.
        utf8 = {"PYTHONUTF8": "1", AGAIN: "utf-8"}
        _start([sys.executable, "-m", "twobus", *sys.argv[1:]], utf8)
    if sys.argv[1:2] == ["eject"]:
        from twobus.eject import main as eject

        eject(sys.argv[2:])
        return
    if all(find_spec(name) for name in COMPANION):
        from twobus.companion.cli import app

        app()
        return
    if again == COMPANION[0]:
        lacking = ", ".join(name for name in COMPANION if not find_spec(name))
        raise SystemExit(f"twobus lacks {lacking}: is its extra `companion` broken?")
    uv = [os.environ.get("UV", "uv"), "tool", "run", "--quiet", "--from", requirement()]
    _start([*uv, "twobus", *sys.argv[1:]], {AGAIN: COMPANION[0]})


def _start(command: list[str], variables: dict[str, str]) -> NoReturn:
    try:
        done = subprocess.run(command, env={**os.environ, **variables})
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed, which this needs.") from None
    raise SystemExit(done.returncode)


def requirement() -> str:
    """Return what installs the companion from where this package came from."""
    here = distribution("twobus")
    name = "twobus[companion]"
    if text := here.read_text("direct_url.json"):
        place = json.loads(text)
        if commit := place.get("vcs_info", {}).get("commit_id"):
            return f"{name} @ git+{place['url']}@{commit}"
        return f"{name} @ {place['url']}"
    return f"{name}=={here.version}"


if __name__ == "__main__":
    main()
