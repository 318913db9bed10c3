"""Let the package work on a project in this process, as if started there."""

import io
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest

from template import FOREIGN, ROOT, Result, run
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
        patch.setattr(sys, "dont_write_bytecode", True)
        forget(folder)
        try:
            yield folder
        finally:
            forget(folder)


def forget(folder: Path) -> None:
    """Forget modules of the project's package, and what was found out of a project."""
    # The next edit may be too soon for the clock that tells old bytecode from new.
    for bytecode in (folder / "src").rglob("__pycache__"):
        shutil.rmtree(bytecode)
    invalidate_caches()
    packages = {path.name for path in (folder / "src").glob("*")}
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]
    project.here.cache_clear()
    access._source.cache_clear()
    if store := sys.modules.get("twobus.models.store"):
        store.client.cache_clear()
    close_registries()


def close_registries() -> None:
    """Let MLflow open its databases again: their files may have been replaced."""
    for kind in ("tracking", "model_registry"):
        if mlflow := sys.modules.get(f"mlflow.store.{kind}.sqlalchemy_store"):
            for engine in mlflow.SqlAlchemyStore._engine_map.values():
                engine.dispose()


def call(folder: Path, task: str, *words: str, **environment: str) -> Result:
    """Call a task of a project in this process, as `uv run poe` calls it.

    Args:
        folder: The project's folder.
        task: The task, one that is a single function.
        words: What follows it on the command line.
        environment: Variables that it gets as well.

    Returns:
        The exit code, and what was printed in this process, to both streams.
    """
    text = (ROOT / "src" / "twobus" / "tasks.toml").read_text("utf-8")
    stated = tomllib.loads(text)["tasks"][task]
    module, function = stated["script"].split(":")
    output = io.StringIO()
    with (
        inside(folder, **environment),
        redirect_stdout(output),
        redirect_stderr(output),
    ):
        code = 0
        try:
            given = _given(stated.get("args", []), list(words))
            getattr(import_module(module), function)(**given)
        except SystemExit as stopped:
            if isinstance(stopped.code, str):
                print(stopped.code)
            code = 1 if isinstance(stopped.code, str) else int(stopped.code or 0)
    return Result(code, output.getvalue())


def _given(args: list[dict[str, Any]], words: list[str]) -> dict[str, Any]:
    """Read words as poe does: options by name, and the others in their order."""
    found: dict[str, Any] = {}
    for arg in args:
        found[arg["name"]] = arg.get("default", [] if arg.get("multiple") else None)
        convert = int if arg.get("type") == "integer" else str
        for option in arg.get("options", []):
            if option in words and arg.get("type") == "boolean":
                words.remove(option)
                found[arg["name"]] = True
            elif option in words:
                at = words.index(option)
                if arg.get("type") == "boolean":
                    found[arg["name"]] = True
                    del words[at]
                    continue
                found[arg["name"]] = convert(words[at + 1])
                del words[at : at + 2]
    for arg in args:
        if arg.get("positional") and words:
            convert = int if arg.get("type") == "integer" else str
            taken = words if arg.get("multiple") else words[:1]
            values = [convert(word) for word in taken]
            found[arg["name"]] = values if arg.get("multiple") else values[0]
            words = words[len(taken) :]
    assert not words, f"Words that no task takes: {words}"
    return found


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
