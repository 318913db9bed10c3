"""Fixtures: the template as a release, and projects made from it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import bytecode
import modelled
import pytest
from browser import started
from inside import inside
from playwright.sync_api import Browser
from reviewed import branch, forge, gitlab, owned, review
from thrift import thrifty
from warehouse import library, server

from template import commit, lend, poe, render, run, set_up, snapshot
from twobus.companion.template import Template, fetch
from twobus.companion.template import render as render_release
from twobus.models import tasks

# A % means something to the settings of Alembic, by which MLflow makes a registry.
HARD_NAME = "50% penguin study é"
# What makes a project from the template, or starts a program, takes seconds.
SLOW = {"browser", "release", "server"}
Render = Callable[..., Path]
Made = Callable[..., Path]
Small = Callable[..., Path]


# Fixtures that stand in a module of their own.
__all__ = ["branch", "forge", "gitlab", "library", "owned", "review", "server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let people ask for all updates."""
    words = "update every release, variant and edit, instead of every pair"
    parser.addoption("--whole", action="store_true", help=words)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave to `poe matrix` what is whole, and out of `poe fast` what takes long."""
    for item in items:
        if SLOW & {*getattr(item, "fixturenames", ())}:
            item.add_marker("slow")
    if not config.getoption("--whole"):
        left = [item for item in items if item.get_closest_marker("whole")]
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session", autouse=True)
def _types_that_are_known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let projects share what mypy has found out of packages: 25 s for each of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> Iterator[None]:
    """Let environments take compiled packages, where `poe test` has made them."""
    with pytest.MonkeyPatch.context() as patch:
        if bytecode.CACHE.exists():
            patch.setenv("UV_CACHE_DIR", str(bytecode.CACHE))
        yield


@pytest.fixture(scope="session", autouse=True)
def _thrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Do once what tests would do hundreds of times."""
    with thrifty(tmp_path_factory.mktemp("thrift")):
        yield


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree, committed and tagged in a clone of its own."""
    return snapshot(tmp_path_factory.mktemp("template") / "twobus")


@pytest.fixture
def project(release: Path, tmp_path: Path) -> Render:
    """Make a project by answers, in a folder of the test's."""

    def make(folder: str = "penguin-study", **answers: Any) -> Path:
        return render(release, tmp_path / folder, **answers)

    return make


@pytest.fixture(scope="session")
def rendered(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Render projects by answers, each once and without an environment: copy them."""
    folder = tmp_path_factory.mktemp("rendered")

    @cache
    def make(answers: tuple[tuple[str, Any], ...]) -> Path:
        place = folder / str(len(list(folder.iterdir()))) / "penguin-study"
        return render(release, place, **dict(answers))

    return lambda answers: make(tuple(answers.items()))


@pytest.fixture
def small(rendered: Made, tmp_path: Path) -> Iterator[Small]:
    """Work in this process on a project by answers, which has a git history.

    It has no environment of its own: the package that runs is this repository's.
    """
    with ExitStack() as stack:

        def make(env: Mapping[str, str] | None = None, **answers: Any) -> Path:
            place = tmp_path / "penguin study é"
            shutil.copytree(rendered(answers), place)
            commit(place)
            return stack.enter_context(inside(place, **(env or {})))

        yield make


@pytest.fixture(scope="session")
def promoted(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model has version 1, promoted in this process; lend it."""
    place = tmp_path_factory.mktemp("promoted") / HARD_NAME
    shutil.copytree(rendered({"kind": "model"}), place)
    # Training records a hash of it.
    (place / "uv.lock").write_text("version = 1\n", "utf-8")
    commit(place)
    with inside(place), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        tasks.train(["penguin_sex"])
        tasks.promote("penguin_sex", 1)
    return place


@pytest.fixture
def models(promoted: Path) -> Iterator[Path]:
    """The same, for this process to work in; it is put back after the test."""
    with lend(promoted), inside(promoted):
        yield promoted


@pytest.fixture
def quick(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same; cards are not drawn, which takes longer than all else."""
    # By its name, which loads what learns only for those who want it.
    monkeypatch.setattr("twobus.models.training.render", lambda *given: "<p>card</p>")
    return models


@pytest.fixture(scope="module")
def shop(promoted: Path) -> Iterator[Path]:
    """The project, with a second model that was never promoted."""
    with lend(promoted):
        folder = promoted / "src" / "penguin_study" / "models"
        shutil.copy(folder / "penguin_sex.py", folder / "unpromoted.py")
        commit(promoted)
        with inside(promoted):
            yield promoted


@pytest.fixture(scope="module")
def served(
    shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[modelled.Server]:
    """A server that many tests share; none may stop it, or find a failure of it."""
    with modelled.server(shop, tmp_path_factory.mktemp("served")) as running:
        yield running
        assert running.get("/health").status_code == 200
        assert not [line for line in running.log() if line.get("status") == 500]


@pytest.fixture(scope="session")
def ready(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, set up; tests that change it clone it first."""
    return set_up(render(release, tmp_path_factory.mktemp("ready") / "penguin study é"))


@pytest.fixture
def study(ready: Path) -> Iterator[Path]:
    """The project that is ready, put back as it was after the test."""
    with lend(ready):
        yield ready


@pytest.fixture(scope="session")
def marimo_ready(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with marimo notebooks, set up; tests that change it lend it."""
    folder = tmp_path_factory.mktemp("marimo") / "penguin study é"
    return set_up(render(release, folder, notebooks="marimo"))


@pytest.fixture(scope="session")
def models_ready(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model has version 1, promoted; tests that change it lend it."""
    folder = tmp_path_factory.mktemp("models") / HARD_NAME
    project = set_up(render(release, folder, kind="model"))
    for words in (["train"], ["promote", "penguin_sex", "1"]):
        result = poe(project, *words)
        assert result.code == 0, result.output
    return project


@pytest.fixture(scope="session")
def library_ready(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team's library, set up with PostgreSQL's driver; tests lend it."""
    folder = tmp_path_factory.mktemp("library") / "acme data é"
    project = render(release, folder, kind="library", package_name="acme_data")
    set_up(project)
    driver = ["uv", "sync", "--quiet", "--extra", "postgres"]
    assert run(*driver, cwd=project).code == 0
    return project


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window; a machine that cannot have one skips its tests."""
    with started() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def template(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template with its history, as the companion sees it."""
    return fetch(str(release), tmp_path_factory.mktemp("history") / "template.git")


@pytest.fixture(scope="session")
def made(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Make projects of releases, each once: tests clone them."""
    folder = tmp_path_factory.mktemp("made")

    @cache
    def make(version: str, answers: tuple[tuple[str, Any], ...]) -> Path:
        release = template.find(version)
        known = set(template.questions(release))
        given = {name: value for name, value in answers if name in known}
        place = folder / str(len(list(folder.iterdir()))) / "penguin-study"
        project = render_release(template, release, place, answers=given)
        return commit(project)

    return lambda version, answers: make(version, tuple(answers.items()))
