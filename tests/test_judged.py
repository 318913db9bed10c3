"""What a version is worth today, and what everybody may see of it."""

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from inside import forget
from modelled import MODELS, NAME, edit, refused, version_files

from template import commit
from twobus.models import registry, serving, tasks

pytestmark = pytest.mark.slow

Output = pytest.CaptureFixture[str]
MODULE = MODELS / f"{NAME}.py"


def test_the_version_that_serves_is_judged(quick: Path, capsys: Output) -> None:
    tasks.train([NAME])
    capsys.readouterr()
    tasks.evaluate([NAME])
    assert f"{NAME}, version 1, which serves" in capsys.readouterr().out


def test_a_version_that_is_not_good_enough_any_more_fails(
    quick: Path, capsys: Output
) -> None:
    edit(quick, MODULE, '"accuracy": 0.8', '"accuracy": 0.999')
    commit(quick)
    tasks.train([NAME])
    registry._point(NAME, "champion", 2)
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"version 2: accuracy .* at least 0\.999"):
        tasks.evaluate([NAME])
    assert "accuracy" in capsys.readouterr().out


def test_the_row_that_everybody_sees_is_nobodys(quick: Path) -> None:
    golden = json.loads((version_files() / "golden.json").read_text("utf-8"))
    with TestClient(serving.make_app()) as client:
        (model,) = client.get("/models").json()
        answer = client.post(
            f"/models/{NAME}/predict", json={"rows": [model["example"]]}
        )
        page = client.get("/openapi.json").text
    assert answer.status_code == 200
    assert model["example"] not in golden["rows"]
    assert not [row for row in golden["rows"] if json.dumps(row)[1:-1] in page]


def test_a_card_names_the_files_of_its_table_alone(quick: Path) -> None:
    (quick / "data/raw/secret.csv").write_text("a\n1\n", "utf-8")
    tables = quick / MODELS.with_name("tables")
    text = (tables / "penguins.py").read_text("utf-8")
    (tables / "secret.py").write_text(text.replace("Penguins", "Secret"), "utf-8")
    tasks.train([NAME])
    sources = registry.fetch(NAME, 2).facts["sources"]
    assert len(sources) == 1
    assert sources[0].startswith("data/raw/penguins.csv ")


@pytest.mark.parametrize(("task", "given"), [("train", [NAME]), ("tune", NAME)])
def test_rows_of_a_database_are_checked_before_they_are_learned_from(
    task: str, given: object, quick: Path
) -> None:
    rows = pd.read_csv(quick / "data/raw/penguins.csv")
    whole = dict.fromkeys(["flipper_length_mm", "body_mass_g"], "Int64")
    rows = rows.astype(whole)
    rows.loc[7, "body_mass_g"] = 90_000
    file = quick / f"{task}.duckdb"
    with duckdb.connect(file) as warehouse:
        warehouse.sql("create table penguins as from rows")
    quick.joinpath(".env").write_text(f"DATA_URL=duckdb://{file}\n", "utf-8")
    forget(quick)
    assert "body_mass_g fails in_range" in refused(getattr(tasks, task), given)
    assert registry.versions(NAME) == [1]


def test_a_metric_of_one_class_works_with_texts_also_in_folds(quick: Path) -> None:
    edit(quick, MODULE, 'time="year",', 'time="year",\n    positive="male",')
    edit(quick, MODULE, '"accuracy": 0.8', '"f1": 0.1, "average_precision": 0.1')
    commit(quick)
    tasks.train([NAME])
    scores = registry.fetch(NAME, 2).scores
    named = [it for it in scores if it.metric in ("f1", "average_precision")]
    assert {it.rows for it in named} >= {"held out", "cross-validated"}
    assert all(0.5 < it.value <= 1 for it in named)


IMPORTS = "import pandas as pd\nfrom sklearn.metrics import make_scorer\n"
COST = """
def cost(truth, decided):
    \"\"\"Return what errors cost.\"\"\"
    return float((5 * (truth & ~decided) + (~truth & decided)).mean())


MODEL = Model("""


def test_a_cost_decides_and_judges(quick: Path) -> None:
    edit(quick, MODULE, "\nMODEL = Model(", COST)
    edit(quick, MODULE, 'time="year",', 'time="year",\n    positive="male",')
    scorers = (
        '"cost": -1}, scorers={"cost": make_scorer(cost, greater_is_better=False)}'
    )
    edit(quick, MODULE, '"neg_log_loss": -0.45}', f'"neg_log_loss": -0.45, {scorers}')
    text = (quick / MODULE).read_text("utf-8")
    text = "from sklearn.metrics import make_scorer\n" + text
    (quick / MODULE).write_text(text, "utf-8")
    commit(quick)
    tasks.train([NAME])
    scores = [it for it in registry.fetch(NAME, 2).scores if it.metric == "cost"]
    assert {it.rows for it in scores} == {"held out", "cross-validated"}
    assert all(-1 < it.low <= it.value <= it.high < 0.2 for it in scores), scores


def test_settings_that_cannot_be_judged_are_not_shown_as_if_they_were(
    quick: Path,
) -> None:
    old = 'metrics={"accuracy": 0.8,'
    new = 'scorers={"mine": make_scorer(lambda *_: 1 / 0)},\n    metrics={"mine": 0,'
    edit(quick, MODULE, old, new)
    edit(quick, MODULE, "import pandas as pd\n", IMPORTS)
    assert "mine has no value for any setting" in refused(tasks.tune, NAME)
    assert "The scorer 'mine' failed: " in refused(tasks.train, [NAME])


def test_rows_without_a_value_are_a_slice(quick: Path) -> None:
    edit(quick, MODULE, 'slices={"species": 0.7}', 'slices={"body_mass_g": 0.0}')
    commit(quick)
    rows = pd.read_csv(quick / "data/raw/penguins.csv")
    rows["body_mass_g"] = rows["body_mass_g"].where(rows.index % 3 > 0)
    rows = rows.astype({"flipper_length_mm": "Int64", "body_mass_g": "Int64"})
    rows.to_csv(quick / "data/raw/penguins.csv", index=False, na_rep="NA")
    tasks.train([NAME])
    assert "body_mass_g=missing" in {it.rows for it in registry.fetch(NAME, 2).scores}


def test_types_that_are_not_trusted_are_named_before_the_fit(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("twobus.models.training.MANY", 100)
    monkeypatch.setattr("twobus.models.artifacts.STANDARD", ())
    said = refused(tasks.train, [NAME])
    assert "holds types that it does not trust: numpy.dtype" in said
    assert "fitting on" not in capsys.readouterr().err


def test_a_version_learns_from_all_rows_once_it_is_judged(
    quick: Path, capsys: Output
) -> None:
    edit(quick, MODULE, "target=", "refit=True, target=")
    commit(quick)
    tasks.train([NAME])
    assert "refitting on all 333 rows" in capsys.readouterr().err
    before, after = registry.fetch(NAME, 1), registry.fetch(NAME, 2)
    # It is judged by rows that it had not learned from by then.
    assert after.scores == before.scores
    rows = pd.DataFrame([dict(before.example)])
    given = before.model.features(rows)
    shares = [it.fitted.predict_proba(given)[0, 0] for it in (before, after)]
    assert shares[0] != shares[1]
    tasks.promote(NAME, 2)
    capsys.readouterr()
    tasks.evaluate([NAME])
    assert "it was judged before it learned from all rows" in capsys.readouterr().out
    profile = json.loads((version_files(2) / "profile.json").read_text("utf-8"))
    assert profile["rows"] == 333
