"""A version comes back whatever has become of the project's code since."""

import json
from pathlib import Path
from threading import Thread

import pytest
from fastapi.testclient import TestClient
from inside import forget
from modelled import MODELS, NAME, PACKAGE, edit, refused, version_files

from template import commit, git
from twobus.data import source
from twobus.models import ModelError, registry, sealed, serving, store, tasks
from twobus.models.columns import contract, described, restored
from twobus.models.rows import predict

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"
SHAPES = f"src/{PACKAGE}/shapes.py"
# Features of a later release: they come from a module of the project's own, which is
# imported only when they are called, and reads a file beside it.
SHAPE = """\"\"\"Shapes of bills.\"\"\"

from pathlib import Path

import pandas as pd


def shape(rows: pd.DataFrame) -> pd.Series:
    \"\"\"Return how long bills are, by their depth.\"\"\"
    times = float(Path(__file__).with_name("times.txt").read_text("utf-8"))
    return times * rows["bill_length_mm"] / rows["bill_depth_mm"]
"""
BEFORE = "    length, depth = rows["
AFTER = f"""    from {PACKAGE}.shapes import shape

    if len(rows) >= 0:
        return rows.assign(bill_shape=shape(rows), more=1.0)
    length, depth = rows["""
OWN = """

class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return 2 * X


MODEL = Model("""


def release_of_features(project: Path) -> None:
    """Change how a model computes its features, and commit."""
    (project / SHAPES).write_text(SHAPE, "utf-8")
    (project / SHAPES).with_name("times.txt").write_text("3", "utf-8")
    edit(project, MODULE, BEFORE, AFTER)
    commit(project)


def trained(project: Path) -> None:
    """Train the next version, and promote it."""
    tasks.train([NAME])
    tasks.promote(NAME, registry.versions(NAME)[0])


def answers(rows: list[dict[str, object]]) -> tuple[int, object]:
    """Return which version a server of today's code answers by, and what."""
    with TestClient(serving.make_app()) as client:
        said = client.post(f"/models/{NAME}/predict", json={"rows": rows}).json()
        return said["version"], said["predictions"]


def golden(number: int) -> dict[str, list[object]]:
    """Return what a version predicted after it was trained, and for what."""
    text = (version_files(number) / "golden.json").read_text("utf-8")
    found: dict[str, list[object]] = json.loads(text)
    return found


def test_three_versions_of_two_releases_of_features_go_back_and_forth(
    quick: Path,
) -> None:
    trained(quick)
    release_of_features(quick)
    trained(quick)
    for step in (tasks.rollback, tasks.rollback):
        step(NAME)
    assert registry.champion(NAME) == 1
    rows = golden(1)["rows"]
    for number in (1, 2, 3):
        tasks.promote(NAME, number)
        version, said = answers(rows)  # type: ignore[arg-type]
        assert version == number
        told = [it[NAME.removeprefix("penguin_")] for it in said]  # type: ignore[attr-defined]
        assert told == golden(number)["predictions"]["sex"]  # type: ignore[call-overload]


def test_versions_of_different_features_predict_side_by_side(quick: Path) -> None:
    release_of_features(quick)
    trained(quick)
    edit(quick, SHAPES, "times * rows", "-times * rows")
    old, new = (registry.fetch(NAME, number) for number in (1, 2))
    rows = source().read("penguins").to_pandas().dropna()

    def many(version: registry.Version, found: list[object]) -> None:
        for _ in range(20):
            found.append(predict(version.model, version.fitted, rows).iloc[:, 1].sum())

    sums: list[list[object]] = [[], []]
    threads = [
        Thread(target=many, args=it) for it in zip((old, new), sums, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len({*it}) for it in sums] == [1, 1]


def test_a_class_of_the_project_comes_back_as_it_was(quick: Path) -> None:
    line = "from sklearn.base import BaseEstimator, TransformerMixin\n"
    edit(quick, MODULE, "from sklearn.compose", f"{line}from sklearn.compose")
    edit(quick, MODULE, "\n\nMODEL = Model(", OWN)
    edit(quick, MODULE, "StandardScaler())", "StandardScaler(), Doubled())")
    kind = f"{PACKAGE}.models.{NAME}.Doubled"
    rising = '    rising=["body_mass_g"],\n'
    edit(quick, MODULE, rising, f'{rising}    trusted=["{kind}"],\n')
    commit(quick)
    trained(quick)
    edit(quick, MODULE, "return 2 * X", "return 3 * X")
    version = registry.fetch(NAME, 2)
    step = version.fitted[0].named_transformers_["pipeline"][-1]
    assert step.transform(1) == 2
    assert answers([dict(version.example)])[0] == 2


def test_a_version_keeps_the_contract_that_it_was_trained_by(quick: Path) -> None:
    table = f"src/{PACKAGE}/tables/penguins.py"
    edit(quick, table, '"Adelie", "Chinstrap"', '"Emperor", "Adelie", "Chinstrap"')
    with TestClient(serving.make_app()) as client:
        row = {**client.get("/models").json()[0]["example"], "species": "Emperor"}
        answer = client.post(f"/models/{NAME}/predict", json={"rows": [row]})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == "species"


def test_a_version_serves_though_todays_module_is_broken(quick: Path) -> None:
    edit(quick, MODULE, "MODEL = Model(", "MODEL = 1 / 0\nOTHER = Model(")
    assert registry.fetch(NAME, 1).number == 1


def test_code_that_cannot_be_kept_is_named_when_it_is_trained(quick: Path) -> None:
    line = "\n__import__('importlib').import_module(f'{__package__}.' + 'other')\n"
    (quick / MODULE).with_name("other.py").write_text("A = 1\n", "utf-8")
    edit(quick, MODULE, "\nMODEL = Model(", f"{line}\nMODEL = Model(")
    said = refused(tasks.train, [NAME])
    assert "cannot be imported apart from the project" in said
    assert registry.versions(NAME) == [1]


def test_a_server_takes_code_of_others_only_from_the_main_branch(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("checkout", "-q", "-b", "aside", cwd=quick)
    release_of_features(quick)
    tasks.train([NAME])
    git("checkout", "-q", "main", cwd=quick)
    # As a server has it, where others can write.
    address = f"sqlite:///{(quick / 'registry' / store.DATABASE).as_posix()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    forget(quick)
    with pytest.raises(ModelError, match="is not on main: set TRUST_REGISTRY=true"):
        registry.fetch(NAME, 2)
    assert registry.fetch(NAME, 1).number == 1
    monkeypatch.setenv("TRUST_REGISTRY", "true")
    assert registry.fetch(NAME, 2).number == 2
    monkeypatch.delenv("TRUST_REGISTRY")
    git("merge", "-q", "aside", cwd=quick)
    edit(quick, SHAPES, "times * rows", "-times * rows")
    assert registry.fetch(NAME, 2).number == 2


def test_a_branch_that_is_not_merged_cannot_be_promoted(quick: Path) -> None:
    git("checkout", "-q", "-b", "aside", cwd=quick)
    release_of_features(quick)
    tasks.train([NAME])
    assert "is not on main: merge" in refused(tasks.promote, NAME, 2)


def test_an_alias_set_in_the_registry_itself_serves_nothing_bad(quick: Path) -> None:
    git("checkout", "-q", "-b", "aside", cwd=quick)
    release_of_features(quick)
    tasks.train([NAME])
    registry._point(NAME, "champion", 2)
    with TestClient(serving.make_app()) as client:
        said = client.get("/models").json()[0]
        assert said["version"] is None
        assert "must not serve" in said["problem"]
        assert client.get("/ready").status_code == 503


def test_a_contract_comes_back_from_json(quick: Path) -> None:
    said = json.loads(json.dumps(described(contract("penguins"))))
    assert described(restored(said)) == said
    assert said["species"]["checks"]["isin"]["allowed_values"]


def test_code_names_what_it_needs(quick: Path) -> None:
    release_of_features(quick)
    names = {file.name for file in sealed._needed(NAME)}
    assert {f"{NAME}.py", "shapes.py", "times.txt"} <= names
    assert "data.py" not in names
    trained(quick)
    kept = {it.name for it in (version_files(2) / "code").rglob("*") if it.is_file()}
    assert kept == names
