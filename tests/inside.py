"""Let the package work on a project in this process, as if started there."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from template import FOREIGN, Result, run
from twobus import project
from twobus.data import access

# What belongs to the project of whoever runs the tests.
OTHERS = (*FOREIGN, "GITHUB_", "CI_")


@contextmanager
def inside(folder: Path, **environment: str) -> Iterator[Path]:
    """Work in a project until the block ends.

    Its package can be imported, its tasks can be called as functions, and what an
    earlier project has left in memory is forgotten.

    Args:
        folder: The project's folder.
        environment: Variables that are set meanwhile.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder / "src"))
        for name in [name for name in os.environ if name.startswith(OTHERS)]:
            patch.delenv(name)
        # Whatever is set meanwhile goes as well.
        patch.setenv("DATA_URL", "")
        # Kernels and other processes import the package as well.
        patch.setenv("PYTHONPATH", str(folder / "src"))
        for name, value in environment.items():
            patch.setenv(name, value)
        _forget(folder)
        try:
            yield folder
        finally:
            _forget(folder)


def _forget(folder: Path) -> None:
    """Forget modules of the project's package, and what was found out of a project."""
    packages = {path.name for path in (folder / "src").glob("*")}
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]
    project.here.cache_clear()
    access._source.cache_clear()
    if registry := sys.modules.get("twobus.models.registry"):
        registry.store.cache_clear()


def at_hand() -> dict[str, str]:
    """Return variables by which a process finds this environment's programs."""
    folder = Path(sys.executable).parent
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {"PATH": path, "UV_PROJECT_ENVIRONMENT": sys.prefix}


def poe_inside(project: Path, *words: str, **changes: str) -> Result:
    """Run a task of a project in this environment instead of one of its own."""
    paths = {"PYTHONPATH": str(project / "src"), **at_hand()}
    return run("poe", *words, cwd=project, **{**paths, **changes})


@contextmanager
def another_owner() -> Iterator[None]:
    """Let git take every repository for another user's until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        # A machine may trust all folders.
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield
