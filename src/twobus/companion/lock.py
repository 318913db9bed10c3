"""Lock a project, and run nothing of a release that nobody has read."""

import re
import tomllib
from pathlib import Path

from twobus.git import run
from twobus.project import read_text

# How uv says that it would have to build something.
BUILDS = re.compile(
    r"(?:Wheels are required for|Building source distributions for) `([^`]+)`"
)
UNLOCKED = "Not locked yet"
READ = "Read it, then run uv lock on the branch."
VERSION = re.compile(r"\s*(#.*\s*)?\d+(\.\d+)*\s*")


def lock(project: Path, uv: str) -> list[str]:
    """Bring a project's lock up to date.

    Returns:
        Why that was not done, in lines; nothing where it was.
    """
    if reason := _own_code(project):
        return [f"{UNLOCKED}: uv lock would run {reason}. {READ}"]
    # An environment in the repository would be asked what Python it has.
    elsewhere = {"UV_PROJECT_ENVIRONMENT": str(project.parent / "no-environment")}
    command = [uv, "lock", "--quiet", "--no-build"]
    locked = run(command, project, environment=elsewhere)
    if locked.returncode == 0:
        return []
    if names := sorted(set(BUILDS.findall(locked.stderr))):
        return [
            f"{UNLOCKED}: uv lock would run code of {', '.join(names)}, to learn "
            f"what it needs. {READ}"
        ]
    said = locked.stderr.strip().splitlines()
    return ["uv lock failed; run it on the branch. It said:", *said]


def _own_code(project: Path) -> str:
    """Say which code of the repository uv would run, though it must build nothing."""
    for name in (".python-version", ".python-versions"):
        file = project / name
        if file.is_file() and not VERSION.fullmatch(read_text(file)):
            return f"what {name} names"
    for file in project.rglob("pyproject.toml"):
        try:
            stated = tomllib.loads(read_text(file)).get("project", {})
        except tomllib.TOMLDecodeError:
            continue
        if isinstance(stated, dict) and stated.get("dynamic"):
            name = file.relative_to(project).as_posix()
            return f"the build backend of {name}, which states metadata as dynamic"
    return ""
