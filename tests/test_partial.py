"""Who wants it gets the rows that are right, and is told what is wrong with others."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bodies import BODIES, CANARY, ROW
from fastapi.testclient import TestClient
from modelled import NAME, refusal

from twobus.models import registry, served, serving

pytestmark = pytest.mark.slow
# No prediction is to be had for it, and half of its probabilities.
ODD = ROW | {"body_mass_g": 3451}


class Choosy:
    """A fitted estimator that has no probabilities for one mass."""

    def __init__(self, fitted: Any) -> None:
        self.classes_ = fitted.classes_
        self.predict = fitted.predict
        self.fitted = fitted

    def predict_proba(self, X: pd.DataFrame) -> Any:
        shares = self.fitted.predict_proba(X)
        shares[(X["body_mass_g"] == 3451).to_numpy()] = np.nan
        return shares


@pytest.fixture(scope="module")
def client(shop: Path) -> Iterator[TestClient]:
    """A server whose model refuses some rows that its contract allows."""
    version = registry.fetch(NAME, 1)
    choosy = replace(version, fitted=Choosy(version.fitted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(served, "fetch", lambda name, number: choosy)
        with TestClient(serving.make_app(), raise_server_exceptions=False) as it:
            yield it


def ask(client: TestClient, rows: Any, query: str = "?partial=true") -> Any:
    content = rows if isinstance(rows, bytes) else json.dumps({"rows": rows}).encode()
    return client.post(f"/models/{NAME}/predict{query}", content=content)


def test_rows_that_are_right_are_answered_and_others_are_named(
    client: TestClient,
) -> None:
    usual = ask(client, [ROW], query="").json()["predictions"][0]
    wrong = ROW | {"species": CANARY, "bill_length_mm": -1}
    response = ask(client, [wrong, ROW, ODD, {}, ROW])
    assert response.status_code == 200
    assert CANARY not in response.text
    told = response.json()
    assert told["version"] == 1
    assert told["predictions"] == [None, usual, None, None, usual]
    places = [(it["row"], it["field"]) for it in told["problems"]]
    assert places == [
        (0, "species"),
        (0, "bill_length_mm"),
        (2, None),
        *[(3, field) for field in ROW],
    ]
    assert told["problem_count"] == len(places)


def test_without_it_all_rows_are_answered_or_none(client: TestClient) -> None:
    for query in ("", "?partial=false"):
        response = ask(client, [ROW, {}], query)
        assert response.status_code == 422
        assert refusal(response)["row"] == 1


def test_what_it_is_must_be_said_clearly(client: TestClient) -> None:
    response = ask(client, [ROW], "?partial=1")
    assert response.status_code == 422
    assert refusal(response)["field"] == "partial"
    assert ask(client, [ROW], "?partial=True").status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?partail=true", "partail"),
        ("?PARTIAL=true", "PARTIAL"),
        ("?a=1&partial=true", "a"),
    ],
)
def test_an_option_that_there_is_not_is_refused_by_name(
    query: str, field: str, client: TestClient
) -> None:
    response = ask(client, [ROW], query)
    assert response.status_code == 422
    assert refusal(response)["field"] == field


def test_two_answers_to_one_option_are_refused(client: TestClient) -> None:
    response = ask(client, [ROW], "?partial=true&partial=false")
    assert refusal(response)["field"] == "partial"


def test_all_problems_are_counted_and_some_are_listed(client: TestClient) -> None:
    told = ask(client, [{}] * 9_998 + [ODD, ROW]).json()
    assert told["problem_count"] == 9_998 * len(ROW) + 1
    assert len(told["problems"]) == 100
    assert told["predictions"][:-1] == [None] * 9_999
    assert told["predictions"][-1]


@pytest.mark.parametrize("number", [2, 300])
def test_rows_that_cannot_be_predicted_are_found_among_many(
    number: int, client: TestClient
) -> None:
    rows = [ODD if place % 100 == 1 else ROW for place in range(number)]
    told = ask(client, rows).json()
    assert [row is None for row in told["predictions"]] == [row is ODD for row in rows]
    assert told["problem_count"] == sum(row is ODD for row in rows)
    assert told["problems"][0]["row"] == 1


def test_a_model_that_refuses_too_many_rows_is_not_asked_for_each(
    client: TestClient,
) -> None:
    response = ask(client, [ODD] * 120)
    assert response.status_code == 422
    assert "More than 100 rows" in refusal(response)["problem"]


@pytest.mark.parametrize("which", BODIES)
def test_what_is_wrong_as_a_whole_is_refused(which: str, client: TestClient) -> None:
    body, status, row, _ = BODIES[which]
    response = ask(client, body)
    assert CANARY not in response.text
    # Where a row that is too long ends, nobody knows.
    if row is None or which.endswith("of a megabyte"):
        assert response.status_code == status
        refusal(response)
    else:
        told = response.json()
        assert response.status_code == 200
        assert told["predictions"][row] is None
        assert told["problems"][0]["row"] == row


def test_the_description_shows_it(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    operation = api["paths"][f"/models/{NAME}/predict"]["post"]
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"]) == ("partial", "query")
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert len(schema["anyOf"]) == 2
