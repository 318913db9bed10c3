"""A model of any framework is one module: its own `save` and `load`, never a pickle."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from inside import at_hand, inside
from modelled import MODELS, NAME, refused, version_files

from template import commit, lend, run
from twobus.data import source
from twobus.models import find, serving, tasks, training

pytestmark = pytest.mark.slow

# Their modules as people would write them.
EXAMPLES = Path(__file__).with_name("data") / "frameworks"
PAGE = "# A model\n\n## Intended use\n\nTests.\n"
NAMES = ["network", "trees"]


@pytest.fixture(scope="module")
def framed(promoted: Path) -> Iterator[Path]:
    """The project with a model of each framework, trained and promoted."""
    with lend(promoted):
        for name in NAMES:
            shutil.copy(EXAMPLES / f"{name}.py", promoted / MODELS / f"{name}.py")
            page = promoted / "docs" / "models" / f"{name}.md"
            page.write_text(PAGE, "utf-8")
        commit(promoted)
        with inside(promoted):
            tasks.train(NAMES)
            for name in NAMES:
                tasks.promote(name, 1)
            yield promoted


def rounded(value: Any) -> Any:
    """Round numbers: several rows are computed in another order than one is."""
    if isinstance(value, dict):
        return {name: rounded(it) for name, it in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def test_models_of_all_frameworks_are_served_side_by_side(framed: Path) -> None:
    with TestClient(serving.make_app()) as client:
        described = {model["name"]: model for model in client.get("/models").json()}
        assert described.keys() == {NAME, *NAMES}
        for name, model in described.items():
            rows = {"rows": [model["example"]] * 3}
            answer = client.post(f"/models/{name}/predict", json=rows)
            assert answer.status_code == 200, answer.text
            first, *others = answer.json()["predictions"]
            assert [*map(rounded, others)] == [rounded(first)] * 2
        assert client.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("trees", {"classes.txt", "trees.txt"}),
        ("network", {"layers.json", "network.safetensors"}),
    ],
)
def test_a_version_holds_the_frameworks_own_files(
    name: str, kept: set[str], framed: Path
) -> None:
    folder = version_files(1, name) / "model"
    assert {file.name for file in folder.iterdir()} == kept


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_another_framework_predicts_what_its_server_does(
    name: str, framed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "batch.parquet"
    tasks.predict(name, output=str(file))
    batch = pd.read_parquet(file)
    model = find(name)
    sent = training.as_request(source().read(model.table).to_pandas(), model)
    with TestClient(serving.make_app()) as client:
        answer = client.post(f"/models/{name}/predict", json={"rows": sent})
    told = [it[model.target] for it in answer.json()["predictions"]]
    assert told == batch[f"predicted_{model.target}"].tolist()


@pytest.mark.whole
def test_the_conformance_tests_hold_for_other_frameworks(framed: Path) -> None:
    words = ["pytest", "-q", "tests/test_models.py", "-k", "trees or network"]
    result = run(*words, cwd=framed, PYTHONPATH=str(framed / "src"), **at_hand())
    assert result.code == 0, result.output


def test_other_frameworks_are_linted_like_all_code(framed: Path) -> None:
    result = run("ruff", "check", "--no-cache", cwd=framed, **at_hand())
    assert result.code == 0, result.output


def test_a_model_whose_packages_are_not_installed_says_how_to_get_them(
    framed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inside(framed):
        monkeypatch.setitem(sys.modules, "lightgbm", None)
        said = refused(tasks.evaluate, ["trees"])
    assert said.startswith("models/trees.py needs lightgbm, which is not installed")
    assert "uv add lightgbm" in said
