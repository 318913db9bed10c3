"""What is broken of one model leaves out that model; the server and the others stay."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from inside import inside
from modelled import MODELS, NAME, PACKAGE, refused, version_files

from template import commit, lend
from twobus.models import registry, serving, store, tasks
from twobus.models.artifacts import seal

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"
TITLE = f"{PACKAGE}.{NAME}"


@pytest.fixture(scope="module")
def two(promoted: Path) -> Iterator[Path]:
    """The project with two models, both promoted."""
    with lend(promoted):
        shutil.copy(promoted / MODULE, promoted / MODELS / "second.py")
        page = promoted / "docs" / "models"
        shutil.copy(page / f"{NAME}.md", page / "second.md")
        commit(promoted)
        with pytest.MonkeyPatch.context() as patch, inside(promoted):
            patch.setattr("twobus.models.training.render", lambda *given: "<p></p>")
            tasks.train(["second"])
            tasks.promote("second", 1)
        yield promoted


@pytest.fixture
def quick(two: Path) -> Iterator[Path]:
    """The same, to break."""
    with lend(two), inside(two):
        yield two


def change(statement: str, *values: object) -> None:
    """Write into the registry what no task would."""
    with sqlite3.connect(store.folder() / store.DATABASE) as database:
        assert database.execute(statement, values).rowcount


def alias(to: object) -> Callable[[Path], None]:
    said = "update registered_model_aliases set version = ? where name = ?"
    return lambda project: change(f"{said} and alias = 'champion'", to, TITLE)


def no_seal(project: Path) -> None:
    change("delete from model_version_tags where key = 'seal' and name = ?", TITLE)


def sealed_anew(file: str, text: str) -> Callable[[Path], None]:
    """Return what changes a file of a version, and vouches for it."""

    def write(project: Path) -> None:
        (version_files() / file).write_text(text, "utf-8")
        (version_files() / "contents.json").unlink()
        tags = (TITLE, "1", "seal", seal(version_files()))
        store.client().set_model_version_tag(*tags)

    return write


EXIT = "raise SystemExit(3)\n"
BROKEN: dict[str, Callable[[Path], None]] = {
    "an alias that is no number": alias("latest"),
    "an alias of no version": alias(99),
    "an alias of version 0": alias(0),
    "no seal": no_seal,
    "facts that lack all": sealed_anew("facts.json", "{}"),
    "facts that are a list": sealed_anew("facts.json", "[]"),
    "scores that are none": sealed_anew("scores.json", '[{"a": 1}]'),
    "golden rows that are none": sealed_anew("golden.json", "{}"),
    "no files": lambda project: shutil.rmtree(version_files()),
    "code that leaves": sealed_anew(f"code/{PACKAGE}/models/{NAME}.py", EXIT),
}


@pytest.mark.parametrize("which", BROKEN)
def test_one_broken_model_is_left_out_by_name(which: str, quick: Path) -> None:
    BROKEN[which](quick)
    with TestClient(serving.make_app()) as client:
        broken, whole = client.get("/models").json()
        assert broken["version"] is None
        assert broken["problem"]
        assert whole["version"] == 1
        rows = {"rows": [whole["example"]]}
        assert client.post("/models/second/predict", json=rows).status_code == 200
        refusal = client.post(f"/models/{NAME}/predict", json=rows)
        assert refusal.status_code == 503
        assert broken["problem"] in client.get("/ready").text.encode().decode(
            "unicode_escape"
        )


@pytest.mark.parametrize("tag", ["", "{", "7", '["x"]', "[" * 100_000])
def test_a_broken_history_serves_on_and_is_named_when_it_is_needed(
    tag: str, quick: Path
) -> None:
    said = "update registered_model_tags set value = ? where key = 'champions'"
    change(f"{said} and name = ?", tag, TITLE)
    with TestClient(serving.make_app()) as client:
        assert [it["version"] for it in client.get("/models").json()] == [1, 1]
    assert f"The tag champions of {TITLE}" in refused(tasks.rollback, NAME)


def test_a_broken_alias_is_set_anew_by_promoting(quick: Path) -> None:
    alias("latest")(quick)
    assert f"uv run poe promote {NAME} NUMBER" in refused(tasks.predict, NAME)
    tasks.promote(NAME, 1)
    assert registry.champion(NAME) == 1


def test_a_registry_that_cannot_be_read_ends_the_server(quick: Path) -> None:
    (store.folder() / store.DATABASE).write_bytes(json.dumps(["none"]).encode())
    store.client.cache_clear()
    try:
        assert "cannot be read" in refused(serving.serve, 0)
    finally:
        store.client.cache_clear()
