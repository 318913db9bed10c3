"""What every declared model must keep, tried on the sample of its table.

A project's `tests/test_models.py` imports `TestModels`, and pytest runs it. Numbers in
the marks are items of the ML Test Score: see `twobus.pytest_plugin`.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sklearn.base import is_classifier
from sklearn.metrics import r2_score

from twobus.data import source
from twobus.models import (
    Model,
    ModelError,
    gate,
    golden,
    registry,
    sealed,
    served,
    serving,
    store,
)
from twobus.models.batch import predict_table
from twobus.models.columns import closed_list, limits
from twobus.models.declaration import find, names, unanswered
from twobus.models.fitting import learn, seeded
from twobus.models.rows import conform, known_target, predict
from twobus.models.series import lagged, reached
from twobus.models.split import split
from twobus.models.training import Trained, as_request, fit, train

SEED = 0
OBJECTIONS = gate.objections
TINY = 8


class TestModels:
    """Each declared model in turn."""

    @staticmethod
    def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
        """Try each declared model."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", names(), scope="class")

    @pytest.fixture(autouse=True)
    def _untested(self, request: pytest.FixtureRequest, name: str) -> None:
        """Leave out what the model says does not fit it."""
        if reason := find(name).untested.get(request.node.originalname):
            request.node.user_properties.append(("untested", reason))
            pytest.skip(f"{name}: {reason}")

    def test_tests_that_are_left_out_exist(self, model: Model) -> None:
        assert [it for it in model.untested if not hasattr(TestModels, it)] == []

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, name: str) -> Model:
        """Its declaration."""
        return find(name)

    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, model: Model) -> pd.DataFrame:
        """The sample of its table."""
        return lagged(model, source().read(model.table).to_pandas())

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, name: str, rows: pd.DataFrame) -> Trained:
        """The model, fitted on a part of the sample."""
        return fit(name, rows, SEED)

    @pytest.fixture(scope="class")
    @classmethod
    def served(
        cls, name: str, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[TestClient]:
        """A server of the model's version 1, with a registry of its own."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "embedded", lambda: True)
            place = tmp_path_factory.mktemp("registry")
            patch.setattr(store, "folder", lambda: place)
            patch.setattr(registry, "objections", lambda version: [])
            patch.setattr(served, "faults", lambda version: [])
            store.client.cache_clear()
            registry.promote(name, train(name, SEED))
            with TestClient(serving.make_app()) as client:
                yield client
        store.client.cache_clear()

    def test_people_have_written_the_cards_of_promoted_models(self, name: str) -> None:
        if registry.champion(name):
            assert unanswered(name) == []

    @pytest.mark.ml_test_score("data 1")
    def test_features_are_named_and_known_for_every_row(
        self, model: Model, rows: pd.DataFrame
    ) -> None:
        features = model.features(conform(rows, model))
        assert features.index.equals(rows.index)
        assert features.columns.is_unique
        assert not np.isinf(features.select_dtypes("number")).any(axis=None)

    @pytest.mark.ml_test_score("data 7")
    def test_features_of_a_row_need_no_other_row(
        self, model: Model, rows: pd.DataFrame
    ) -> None:
        inputs = conform(rows, model)
        before = inputs.copy()
        together = model.features(inputs)
        alone = [
            model.features(inputs.iloc[[position]]) for position in range(len(inputs))
        ]
        pd.testing.assert_frame_equal(pd.concat(alone), together, check_dtype=False)
        pd.testing.assert_frame_equal(inputs, before)

    def test_no_key_is_on_both_sides_of_the_hold_out(
        self, model: Model, rows: pd.DataFrame
    ) -> None:
        parts = split(model, rows)
        assert not {*parts.training["_key"]} & {*parts.held_out["_key"]}

    @pytest.mark.ml_test_score("infrastructure 1")
    def test_training_twice_gives_the_same_bits(
        self, name: str, model: Model, rows: pd.DataFrame, trained: Trained
    ) -> None:
        again = fit(name, rows.sample(frac=1, random_state=SEED), SEED)
        before, after = pd.DataFrame(trained.scores), pd.DataFrame(again.scores)
        pd.testing.assert_frame_equal(after, before, check_exact=True)
        pd.testing.assert_frame_equal(
            predict(model, again.fitted, rows),
            predict(model, trained.fitted, rows),
            check_exact=True,
        )

    @pytest.mark.ml_test_score("infrastructure 2")
    def test_a_tiny_batch_can_be_learned_by_heart(
        self, model: Model, rows: pd.DataFrame
    ) -> None:
        known = known_target(model, rows).dropna(subset=[*model.inputs])
        if model.weight:
            known = known[known[model.weight] > 0]
        tiny = (
            known.drop_duplicates([*model.inputs]).groupby(model.target).head(TINY // 2)
        )
        tiny = tiny.sample(frac=1, random_state=SEED).head(TINY)
        # Repeated, so that estimators that want several rows a leaf can learn them too.
        often = pd.concat([tiny] * 50, ignore_index=True)
        fitted = learn(model, seeded(model, SEED), often)
        predicted = predict(model, fitted, tiny)[model.target]
        if is_classifier(fitted):
            assert (predicted == tiny[model.target]).mean() > 0.8
        else:
            assert r2_score(tiny[model.target], predicted) > 0.8

    @pytest.mark.ml_test_score("model 5")
    def test_it_is_not_worse_than_the_baseline(self, trained: Trained) -> None:
        first = trained.scores[0]
        # Of few rows there is no interval.
        assert not first.high <= first.baseline

    @pytest.mark.ml_test_score("model 6")
    def test_no_slice_is_surely_below_its_floor(self, trained: Trained) -> None:
        low = [
            it for it in trained.scores if it.needed is not None and it.high < it.needed
        ]
        assert low == []

    @pytest.mark.ml_test_score("model 7")
    def test_inputs_that_must_not_matter_do_not(
        self, model: Model, rows: pd.DataFrame, trained: Trained
    ) -> None:
        before = predict(model, trained.fitted, rows)
        for column in model.invariant:
            swapped = rows.assign(**{column: rows[column].to_numpy()[::-1]})
            after = predict(model, trained.fitted, swapped)
            pd.testing.assert_frame_equal(after, before, obj=f"with other {column}")

    def test_predictions_follow_inputs_that_raise_them(
        self, model: Model, rows: pd.DataFrame, trained: Trained
    ) -> None:
        # Of a class the probability, else the number itself.
        place = -1 if is_classifier(trained.fitted) else 0
        before = predict(model, trained.fitted, rows).iloc[:, place].mean()
        for column in model.rising:
            raised = rows.assign(**{column: rows[column] * 1.1})
            inputs = conform(rows, model).assign(**{column: raised[column]})
            after = predict(model, trained.fitted, inputs).iloc[:, place].mean()
            assert after >= before

    @pytest.mark.ml_test_score("monitoring 5")
    def test_predictions_are_numbers_at_the_limits_of_the_contract(
        self, model: Model, rows: pd.DataFrame, trained: Trained
    ) -> None:
        known = conform(rows, model)
        for factor in (0.25, 4.0):
            extreme = known.copy()
            for name in known.select_dtypes("number").columns:
                # Beyond the contract's limits no request comes, such as a month 24.
                low, high = limits(model.columns[name])
                extreme[name] = (known[name] * factor).clip(low, high)
            extreme = extreme.astype(known.dtypes)
            predicted = predict(model, trained.fitted, extreme).select_dtypes("number")
            assert np.isfinite(predicted).all(axis=None)

    @pytest.mark.ml_test_score("monitoring 3")
    @pytest.mark.ml_test_score("infrastructure 3")
    def test_training_batch_and_api_predict_the_same(
        self,
        name: str,
        model: Model,
        rows: pd.DataFrame,
        served: TestClient,
        tmp_path: Path,
    ) -> None:
        version = registry.fetch(name, 1)
        rows = rows[reached(model, rows)]
        direct = predict(model, version.fitted, rows).reset_index(drop=True)
        predict_table(name, tmp_path / "batch.parquet", most_aside=1)
        batch = pd.read_parquet(tmp_path / "batch.parquet")
        pd.testing.assert_series_equal(
            batch[f"predicted_{model.target}"],
            direct[model.target],
            check_names=False,
            check_dtype=False,
        )
        # In another order of columns, and as JSON has them.
        sent = [dict(reversed(row.items())) for row in as_request(rows, model)]
        answer = served.post(
            f"/models/{name}/predict", content=json.dumps({"rows": sent})
        )
        assert answer.status_code == 200, answer.text
        answered = [it[model.target] for it in answer.json()["predictions"]]
        assert answered == direct[model.target].tolist()

    @pytest.mark.ml_test_score("monitoring 2")
    def test_the_api_refuses_what_the_contract_does(
        self, name: str, model: Model, rows: pd.DataFrame, served: TestClient
    ) -> None:
        row = as_request(rows.head(1), model)[0]
        columns = model.columns
        wrong = [{**row, "surplus": 1}, dict(list(row.items())[1:])]
        wrong += [{**row, column: {"not": "a value"}} for column in row]
        wrong += [
            {**row, column: "no such value"}
            for column in row
            if closed_list(columns[column])
            or not columns[column].dtype.type.is_string()
        ]
        for number, bad in enumerate(wrong):
            body = {"rows": [row] * number + [bad]}
            answer = served.post(f"/models/{name}/predict", json=body)
            assert answer.status_code == 422, bad
            assert answer.json()["detail"][0]["row"] == number

    @pytest.mark.ml_test_score("monitoring 1")
    def test_a_version_that_predicts_something_else_today_is_refused(
        self, name: str, served: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def otherwise(*given: Any) -> pd.DataFrame:
            return predict(*given).iloc[::-1]

        monkeypatch.setattr(golden, "predict", otherwise)
        with pytest.raises(ModelError, match="train again"):
            registry.fetch(name, 1)

    @pytest.mark.ml_test_score("model 1")
    @pytest.mark.ml_test_score("infrastructure 4")
    def test_only_good_versions_of_committed_code_are_promoted(
        self, name: str, served: TestClient
    ) -> None:
        version = registry.fetch(name, 1)
        missed = replace(version.scores[0], value=-1e9, needed=0.0)
        facts = {**version.facts, "dirty": True, "samples": True}
        bad = replace(version, facts=facts, scores=[missed])
        reasons = " ".join(OBJECTIONS(bad))
        assert "not committed" in reasons
        assert "samples" in reasons
        assert missed.metric in reasons

    @pytest.mark.ml_test_score("infrastructure 7")
    def test_a_promoted_version_can_be_rolled_back(
        self, name: str, served: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.promote(name, train(name, SEED))
        assert registry.champion(name) == 2
        # By its own code, as after a change of the project's.
        monkeypatch.setattr(sealed, "differs", lambda *given: True)
        assert registry.rollback(name) == 1
        assert registry.champion(name) == 1
