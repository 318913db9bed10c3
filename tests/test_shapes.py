"""Models of every common shape, as docs/shapes.md writes them."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pandas as pd
import pytest
import shapes
from fastapi.testclient import TestClient
from inside import inside
from modelled import edit, refused

from template import commit, lend
from twobus.data import source
from twobus.models import artifacts, registry, serving, tasks, training
from twobus.models.batch import predict_table
from twobus.models.declaration import find
from twobus.models.rows import predict
from twobus.review.models import _outcome

pytestmark = pytest.mark.slow

# Whose shape reaches further than what is fitted.
FAR = ["returned", "spending_range", "weighted_spending"]


@pytest.fixture(scope="module")
def shaped(promoted: Path) -> Iterator[Path]:
    """The project with all models of the page; some are trained and promoted."""
    with lend(promoted), pytest.MonkeyPatch.context() as patch:
        shapes.write(promoted)
        commit(promoted)
        patch.setattr("twobus.models.card._figures", lambda *given: [])
        with inside(promoted):
            yield promoted


@pytest.fixture(scope="module")
def steps(shaped: Path) -> str:
    """What training of some of them has told."""
    told = io.StringIO()
    with redirect_stderr(told):
        tasks.train(FAR)
    for name in FAR:
        tasks.promote(name, 1)
    return told.getvalue()


@pytest.fixture(scope="module")
def client(steps: str) -> Iterator[TestClient]:
    """A server of them."""
    with TestClient(serving.make_app()) as client:
        yield client


@pytest.mark.parametrize("name", shapes.names())
def test_each_shape_is_learned_kept_and_read_again(
    name: str, shaped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "cross_validated", lambda *given: [])
    model = find(name)
    rows = source().read(model.table).to_pandas()
    trained = training.fit(name, rows, 0)
    assert [score.missed for score in trained.scores if score.missed] == []
    assert trained.scores[0].value > trained.scores[0].baseline
    artifacts.save(name, model, trained.fitted, tmp_path)
    again = predict(model, artifacts.load(name, model, tmp_path), rows)
    pd.testing.assert_frame_equal(again, predict(model, trained.fitted, rows))


def test_a_threshold_is_shown_in_training_card_and_server(
    steps: str, client: TestClient
) -> None:
    version = registry.fetch("returned", 1)
    chosen = version.facts["threshold"]
    # A return that is missed costs eight times as much.
    assert 0 < chosen < 0.4
    assert f"deciding for 'yes' from a probability of {chosen:.3g} on" in steps
    assert f"Threshold: {chosen}" in version.card
    assert "Threshold" not in registry.fetch("spending_range", 1).card
    models = {model["name"]: model for model in client.get("/models").json()}
    assert models["returned"]["facts"]["threshold"] == chosen


def test_labels_of_the_server_follow_the_threshold(client: TestClient) -> None:
    rows = [{"items": 3, "price": price} for price in range(5, 60, 5)]
    answer = client.post("/models/returned/predict", json={"rows": rows}).json()
    chosen = registry.fetch("returned", 1).facts["threshold"]
    said = {
        (it["returned"], it["probability"]["yes"] >= chosen)
        for it in answer["predictions"]
    }
    assert said == {("yes", True), ("no", False)}
    between = [it["probability"]["yes"] for it in answer["predictions"]]
    assert any(chosen < share < 0.5 for share in between)


def test_quantiles_are_in_answers_batches_and_the_description(
    client: TestClient, tmp_path: Path
) -> None:
    rows = {"rows": [{"items": 3, "price": 20.0}]}
    answer = client.post("/models/spending_range/predict", json=rows).json()
    (told,) = answer["predictions"]
    low, middle, high = told["quantile"].values()
    assert [*told["quantile"]] == ["0.05", "0.5", "0.95"]
    assert low < told["spent"] == middle < high
    predict_table("spending_range", tmp_path / "batch.parquet")
    batch = pd.read_parquet(tmp_path / "batch.parquet")
    assert (batch["predicted_quantile_0.05"] < batch["predicted_quantile_0.95"]).all()
    described = client.get("/openapi.json").json()["components"]["schemas"]
    assert "quantile" in described["spending_range_prediction"]["properties"]


def test_weights_are_told_and_no_part_of_a_request(
    steps: str, client: TestClient
) -> None:
    assert "weighted_spending: fitting on 238 rows, weighted by weight" in steps
    card = registry.fetch("weighted_spending", 1).card
    assert "Rows count by <code>weight</code>." in card
    row = {"items": 3, "price": 20.0}
    path = "/models/weighted_spending/predict"
    assert client.post(path, json={"rows": [row]}).status_code == 200
    refusal = client.post(path, json={"rows": [{**row, "weight": 1.0}]})
    assert refusal.status_code == 422


def test_settings_and_branches_are_compared_by_weights(
    steps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {it.rows: it.value for it in registry.fetch("weighted_spending", 1).scores}
    tasks.tune("weighted_spending")
    tried = [line.split() for line in capsys.readouterr().out.splitlines()[1:4]]
    values = {float(setting): float(value) for setting, value, _ in tried}
    # The declared setting is scikit-learn's own.
    assert values[1.0] == pytest.approx(scores["cross-validated"], abs=1e-5)
    outcome, _ = _outcome("weighted_spending", sample=True)
    assert outcome.scores[0]["value"] == pytest.approx(scores["held out"])


def test_several_targets_are_refused_by_a_sentence(shaped: Path) -> None:
    module = Path("src", shapes.PACKAGE, "models", "goods.py")
    edit(shaped, module, 'target="spent"', 'target=["spent", "delivery_days"]')
    said = refused(tasks.train, ["goods"])
    edit(shaped, module, 'target=["spent", "delivery_days"]', 'target="spent"')
    assert "A model has one target: declare one for each" in said


def test_a_weight_that_is_an_input_is_refused_by_a_sentence(shaped: Path) -> None:
    module = Path("src", shapes.PACKAGE, "models", "weighted_spending.py")
    edit(shaped, module, 'weight="weight"', 'weight="items"')
    said = refused(tasks.train, ["weighted_spending"])
    edit(shaped, module, 'weight="items"', 'weight="weight"')
    assert "The weight 'items' cannot be an input as well" in said


def test_settings_that_fail_have_their_reason(
    shaped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Path("src", shapes.PACKAGE, "models", "weighted_spending.py")
    edit(shaped, module, "[0.1, 1, 10]", "[-1, 1]")
    tasks.tune("weighted_spending")
    edit(shaped, module, "[-1, 1]", "[0.1, 1, 10]")
    first, second = capsys.readouterr().out.splitlines()[1:3]
    assert first.split()[0] == "1"
    assert second.split()[0] == "-1"
    assert "The 'alpha' parameter of Ridge" in second


def test_a_version_that_has_learned_from_all_rows_decides_as_it_was_judged(
    steps: str, shaped: Path
) -> None:
    module = Path("src", shapes.PACKAGE, "models", "returned.py")
    edit(shaped, module, 'positive="yes",', 'positive="yes",\n    refit=True,')
    tasks.train(["returned"])
    edit(shaped, module, 'positive="yes",\n    refit=True,', 'positive="yes",')
    before, after = (registry.fetch("returned", number) for number in (1, 2))
    assert after.facts["threshold"] == before.facts["threshold"]
    assert after.fitted.threshold == before.fitted.threshold
    assert after.fitted.estimator_ is not before.fitted.estimator_


@pytest.mark.whole
def test_all_shapes_go_from_a_fresh_clone_to_answers(tmp_path: Path) -> None:
    assert "green" in shapes.whole(tmp_path)
