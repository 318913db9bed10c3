"""A model of any framework is one module: its own `save` and `load`, never a pickle."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from modelled import Nursery, nursery, server

from template import commit, lend, run

pytestmark = pytest.mark.slow

LIGHTGBM = '''"""Is this penguin a male? Told by boosted trees."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from twobus.models import Model


class Trees(ClassifierMixin, BaseEstimator):
    """LightGBM's trees, which its own text format can hold.

    Attributes:
        rounds: How many trees there are.
        random_state: What every random choice follows from.
    """

    def __init__(self, rounds: int = 50, random_state: int = 0) -> None:
        """Take the settings, as scikit-learn wants it."""
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Trees":
        """Learn from features and the target of each row."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        settings = {
            "objective": "binary",
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "min_data_in_leaf": 5,
            "num_threads": 1,
            "verbose": -1,
        }
        self.booster_ = lightgbm.train(
            settings, lightgbm.Dataset(X, codes), num_boost_round=self.rounds
        )
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """Return the probability of each class."""
        second = self.booster_.predict(X, num_threads=1)
        return np.column_stack([1 - second, second])

    def predict(self, X: pd.DataFrame) -> Any:
        """Return the more probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def save(fitted: Trees, folder: Path) -> None:
    """Write the trees as LightGBM does, and the names of the classes."""
    fitted.booster_.save_model(folder / "trees.txt")
    (folder / "classes.txt").write_text("\\n".join(fitted.classes_), "utf-8")


def load(folder: Path) -> Trees:
    """Read what `save` wrote."""
    fitted = Trees()
    fitted.booster_ = lightgbm.Booster(model_file=folder / "trees.txt")
    classes = (folder / "classes.txt").read_text("utf-8").split("\\n")
    fitted.classes_ = np.array(classes, dtype=object)
    return fitted


MODEL = Model(
    table="penguins",
    target="sex",
    inputs=["species", "bill_length_mm", "bill_depth_mm", "body_mass_g"],
    estimator=Trees(),
    time="year",
    metrics={"accuracy": 0.7},
    rising=["body_mass_g"],
    save=save,
    load=load,
)
'''

NETWORK = '''"""How heavy is this penguin? Told by a small neural network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.neural_network import MLPRegressor

from twobus.models import Model

LENGTHS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the lengths in metres, a typical one where one is missing."""
    return rows[LENGTHS].fillna(100.0) / 1000


class Network(RegressorMixin, BaseEstimator):
    """Two layers, whose weights are all that there is to keep.

    Attributes:
        random_state: What every random choice follows from.
    """

    def __init__(self, random_state: int = 0) -> None:
        """Take the settings, as scikit-learn wants it."""
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Network":
        """Learn from features and the target of each row."""
        self.scale_ = np.array([X.mean(), X.std() + 1e-9])
        self.range_ = np.array([y.mean(), y.std() + 1e-9])
        inner = MLPRegressor(
            hidden_layer_sizes=(8,), solver="lbfgs", max_iter=5000, alpha=1, tol=0.01
        )
        inner.set_params(random_state=self.random_state)
        inner.fit(self._scaled(X), (y - self.range_[0]) / self.range_[1])
        self.weights_ = [*zip(inner.coefs_, inner.intercepts_, strict=True)]
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Return a mass a row."""
        values = self._scaled(X)
        *hidden, (weight, bias) = self.weights_
        for inner_weight, inner_bias in hidden:
            values = np.maximum(values @ inner_weight + inner_bias, 0)
        return (values @ weight + bias).ravel() * self.range_[1] + self.range_[0]

    def _scaled(self, X: pd.DataFrame) -> Any:
        return (X.to_numpy() - self.scale_[0]) / self.scale_[1]


def save(fitted: Network, folder: Path) -> None:
    """Write the weights as safetensors, and how many layers they are."""
    tensors = {"scale": fitted.scale_, "range": fitted.range_}
    for number, (weight, bias) in enumerate(fitted.weights_):
        tensors[f"weight{number}"] = np.ascontiguousarray(weight)
        tensors[f"bias{number}"] = bias
    save_file(tensors, folder / "network.safetensors")
    (folder / "layers.json").write_text(json.dumps(len(fitted.weights_)), "utf-8")


def load(folder: Path) -> Network:
    """Read what `save` wrote."""
    fitted, tensors = Network(), load_file(folder / "network.safetensors")
    layers = json.loads((folder / "layers.json").read_text("utf-8"))
    fitted.weights_ = [
        (tensors[f"weight{it}"], tensors[f"bias{it}"]) for it in range(layers)
    ]
    fitted.scale_, fitted.range_ = tensors["scale"], tensors["range"]
    return fitted


MODEL = Model(
    table="penguins",
    target="body_mass_g",
    inputs=LENGTHS,
    features=features,
    estimator=Network(),
    metrics={"r2": 0.5},
    slices={"species": -1.0},
    rising=["flipper_length_mm"],
    save=save,
    load=load,
)
'''
PAGE = "# A model\n\n## Intended use\n\nTests.\n"


@pytest.fixture(scope="module")
def made(
    models_ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nursery]:
    """The project with a model of each framework, trained and promoted."""
    with lend(models_ready):
        for name, package in (("trees", "lightgbm"), ("network", "safetensors")):
            code = {"trees": LIGHTGBM, "network": NETWORK}[name]
            module = next(models_ready.glob("src/*/models")) / f"{name}.py"
            module.write_text(code, "utf-8")
            page = models_ready / "docs" / "models" / f"{name}.md"
            page.write_text(PAGE, "utf-8")
            result = run("uv", "add", "--optional", name, package, cwd=models_ready)
            assert result.code == 0, result.output
        result = run("uv", "sync", "--all-extras", cwd=models_ready)
        assert result.code == 0, result.output
        commit(models_ready)
        with nursery(models_ready, tmp_path_factory.mktemp("outputs")) as children:
            for name in ("trees", "network"):
                children.good(f"tasks.train(['{name}'])\ntasks.promote('{name}', 1)")
            yield children


@pytest.fixture(scope="module", autouse=True)
def without_extras(models_ready: Path) -> Iterator[None]:
    """Take the packages of the extras away when all is done."""
    yield
    result = run("uv", "sync", cwd=models_ready)
    assert result.code == 0, result.output


def test_models_of_all_frameworks_are_served_side_by_side(made: Nursery) -> None:
    with server(made) as running:
        described = {model["name"]: model for model in running.get("/models").json()}
        assert described.keys() == {"penguin_sex", "trees", "network"}
        for name, model in described.items():
            answer = running.post(name, {"rows": [model["example"]] * 3})
            assert answer.status_code == 200, answer.text
            first, *others = answer.json()["predictions"]
            assert others == [first] * 2
        assert running.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("trees", {"classes.txt", "trees.txt"}),
        ("network", {"layers.json", "network.safetensors"}),
    ],
)
def test_a_version_holds_the_frameworks_own_files(
    name: str, kept: set[str], made: Nursery
) -> None:
    code = f"""
from pathlib import Path
import tempfile
with tempfile.TemporaryDirectory() as place:
    folder = registry._download({name!r}, 1, place)
    print(*sorted(file.name for file in (folder / "model").iterdir()))
"""
    assert {*made.good(code).split()} == kept


@pytest.mark.parametrize("name", ["trees", "network"])
def test_a_batch_of_another_framework_predicts_what_its_server_does(
    name: str, made: Nursery
) -> None:
    file = made.project / "data" / f"{name}.parquet"
    code = f"""
import json
import pandas as pd
from starlette.testclient import TestClient
tasks.predict({name!r}, {str(file)!r})
batch = pd.read_parquet({str(file)!r})
model = serving.find({name!r})
rows = training.read(model.table).to_pandas()
sent = training.as_request(rows, model)
client = TestClient(serving.make_app())
answer = client.post("/models/{name}/predict", json={{"rows": sent}})
told = [it[model.target] for it in answer.json()["predictions"]]
assert told == batch["predicted_" + model.target].tolist()
"""
    made.good(code)


def test_the_conformance_tests_hold_for_other_frameworks(made: Nursery) -> None:
    words = ["pytest", "-q", "tests/test_models.py", "-k", "trees or network"]
    result = run("uv", "run", "--all-extras", *words, cwd=made.project)
    assert result.code == 0, result.output


def test_other_frameworks_are_typed_and_linted_like_all_code(made: Nursery) -> None:
    result = run("uv", "run", "--all-extras", "ruff", "check", cwd=made.project)
    assert result.code == 0, result.output


def test_a_model_whose_packages_are_not_installed_says_how_to_get_them(
    made: Nursery,
) -> None:
    code = "import sys\nsys.modules['lightgbm'] = None\ntasks.evaluate(['trees'])"
    said = made.refused(code)
    assert said.startswith("models/trees.py needs lightgbm, which is not installed")
    assert "uv sync --all-extras" in said
