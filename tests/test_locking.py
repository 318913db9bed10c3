"""An update locks, and runs nothing that nobody has read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from twobus.companion.lock import lock

PROJECT = '[project]\nname = "study"\nversion = "1"\nrequires-python = ">=3.11"\n'
BUILD = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'


def trap(folder: Path) -> str:
    """Return a script that leaves a trace."""
    return f"#!/bin/sh\ntouch '{folder / 'ran'}'\nexit 1\n"


def backend(folder: Path, project: Path) -> None:
    """Write a package whose metadata only its own code knows."""
    project.mkdir(exist_ok=True)
    (project / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    text = PROJECT.replace('version = "1"', 'dynamic = ["version"]')
    text = text.replace("study", project.name)
    (project / "pyproject.toml").write_text(text + BUILD)


def itself(folder: Path, project: Path) -> None:
    backend(folder, project)


def member(folder: Path, project: Path) -> None:
    text = f'{PROJECT}[tool.uv.workspace]\nmembers = ["inner"]\n'
    (project / "pyproject.toml").write_text(text)
    backend(folder, project / "inner")


def dependency(folder: Path, project: Path) -> None:
    backend(folder, folder / "inner")
    text = f'{PROJECT}dependencies = ["inner @ {(folder / "inner").as_uri()}"]\n'
    (project / "pyproject.toml").write_text(text)


def environment(folder: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text(PROJECT)
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    for name in ("python", "python3"):
        (project / ".venv" / "bin" / name).write_text(trap(folder))
        (project / ".venv" / "bin" / name).chmod(0o755)


def interpreter(folder: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text(PROJECT)
    (project / ".python-version").write_text("./evil\n")
    (project / "evil").write_text(trap(folder))
    (project / "evil").chmod(0o755)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (itself, "pyproject.toml"),
        (member, "inner"),
        (dependency, "code of inner"),
        (environment, ""),
        (interpreter, ".python-version"),
    ],
)
def test_locking_runs_nothing_and_says_what_it_would_run(
    make: Callable[[Path, Path], None],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = tmp_path / "study"
    project.mkdir()
    make(tmp_path, project)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    said = lock(project, "uv")
    assert not (tmp_path / "ran").exists()
    if named:
        (sentence,) = said
        assert named in sentence
        assert sentence.endswith("run uv lock on the branch.")
    else:
        assert said == []
        assert (project / "uv.lock").is_file()
