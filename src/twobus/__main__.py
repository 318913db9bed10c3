"""The command `twobus`, also where the companion's dependencies are not installed."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec

# What the companion needs, and a project does not install.
COMPANION = ("copier", "httpx", "rich", "typer")


def main() -> None:
    """Run the companion, in an environment of its own where this one is too light.

    Projects of all releases call `twobus @ git+…`, without the extra.
    """
    if sys.argv[1:2] == ["eject"]:
        from twobus.eject import main as eject

        eject(sys.argv[2:])
        return
    if all(find_spec(name) for name in COMPANION):
        from twobus.companion.cli import app

        app()
        return
    if os.environ.get("TWOBUS_AGAIN"):
        raise SystemExit("The companion's dependencies cannot be installed.")
    uv = [os.environ.get("UV", "uv"), "tool", "run", "--quiet", "--from", requirement()]
    own = {"TWOBUS_AGAIN": "1"}
    try:
        done = subprocess.run([*uv, "twobus", *sys.argv[1:]], env=os.environ | own)
    except FileNotFoundError:
        raise SystemExit("uv is not installed, which gets what this needs.") from None
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
