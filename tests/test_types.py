"""Whatever a column is, training, batches and the API see the same in it."""

import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
import uvicorn
from conftest import Made
from fastapi import FastAPI
from inside import inside
from modelled import ALL_OR_NOTHING
from starlette.testclient import TestClient

from template import ROOT, commit, run
from twobus.data import source
from twobus.models import registry, serving, table_rows, tasks
from twobus.models.rows import predict

# A model is trained, which takes seconds.
pytestmark = pytest.mark.slow

# Of the project under test: a table, and a model of it.
PARTS = Path(__file__).parent / "data"


def rows() -> pd.DataFrame:
    """Return visits of which a model can learn, with gaps where these may be."""
    random = np.random.default_rng(0)
    count = 400

    def gaps(values: Iterable[Any]) -> list[Any]:
        return [None if random.random() < 0.15 else value for value in values]

    start = datetime(2026, 3, 29, 0, 30)
    at = [start + timedelta(minutes=37 * number) for number in range(count)]
    items = random.integers(0, 30, count)
    codes = zip(random.choice(["CH", "DE"], count), items, strict=True)
    ages = gaps(random.integers(0, 150, count).tolist())
    agreed = gaps((random.random(count) < 0.5).tolist())
    return pd.DataFrame(
        {
            "visit": range(count),
            "channel": random.choice(["shop", "web", "a|b <i>"], count),
            "city": gaps(random.choice(["Bern", "Zürich", "Genève"], count)),
            "code": [f"{prefix}{number}" for prefix, number in codes],
            "items": items,
            "age": pd.array(ages, dtype="Int64"),
            "price": gaps((random.random(count) * 400 + 1).tolist()),
            "member": random.random(count) < 0.5,
            "agreed": pd.array(agreed, dtype="boolean"),
            "born": gaps([date(1950 + n % 60, 1 + n % 12, 9) for n in range(count)]),
            "at": at,
            "zoned": pd.Series(gaps([it.replace(tzinfo=UTC) for it in at])),
            "bought": items + random.integers(0, 8, count) > 16,
        }
    )


def keep(table: pd.DataFrame, columns: str, file: Path) -> None:
    """Write rows as a Parquet file, with the types that a database would have."""
    with duckdb.connect() as ducks:
        ducks.execute("set timezone = 'UTC'")
        ducks.from_df(table).project(columns).write_parquet(str(file))


KINDS = (
    '* replace (born::date as born, "at"::timestamp as "at", '
    "zoned::timestamptz as zoned)"
)


@pytest.fixture(scope="module")
def project(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a table of all kinds, and a model of it that is promoted."""
    place = tmp_path_factory.mktemp("types") / "penguin study é"
    shutil.copytree(rendered({"kind": "model"}), place)
    package = place / "src/penguin_study"
    shutil.copy(PARTS / "visits.py", package / "tables")
    shutil.copy(PARTS / "visit.py", package / "models")
    # Whose hash is kept with each version.
    shutil.copy(ROOT / "uv.lock", place)
    page = place / "docs/models/visit.md"
    page.write_text("# visit\n\n## Intended use\n\nTests.\n", "utf-8")
    keep(rows(), KINDS, place / "data/raw/visits.parquet")
    commit(place)
    with inside(place):
        tasks.train(["visit"])
        tasks.promote("visit", 1)
        yield place


@pytest.fixture(scope="module")
def app(project: Path) -> FastAPI:
    """What serves it."""
    return serving.make_app()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    """Who asks it."""
    return TestClient(app)


ROW = {
    "channel": "web",
    "city": "Bern",
    "code": "CH12",
    "items": 12,
    "age": 40,
    "price": 99.5,
    "member": True,
    "agreed": False,
    "born": "1990-05-17",
    "at": "2026-04-01T12:00:00",
    "zoned": "2026-04-01T16:00:00+02:00",
}

# Changes of the row; each must be answered as the batch answers it.
ODD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "nulls": {
        **{"city": None, "age": None, "price": None},
        **{"agreed": None, "born": None, "zoned": None},
    },
    "a city that was never seen": {"city": "Ouagadougou"},
    "a city in other letters": {"city": "日本 \U0001f427 'x' \"y\""},
    "a prefix that was never seen": {"code": "XX1"},
    "the largest": {"items": 1000, "age": 150, "price": 499.9999999999999},
    "the smallest": {"items": 0, "age": 0, "price": 5e-324},
    "whole numbers as floats": {"items": 12.0, "age": 40.0, "price": 99},
    "a time in UTC": {"at": "2026-04-01T12:00:00Z"},
    "a time elsewhere": {"at": "2026-04-01T23:30:00+11:30"},
    "a time with parts of seconds": {"at": "2026-04-01T12:00:00.123456Z"},
    "an hour that summer time leaves out": {"at": "2026-03-29T02:30:00"},
    "old times": {"at": "1900-01-01T00:00:00Z", "born": "1700-01-01"},
    "late times": {"at": "2200-01-01T00:00:00Z", "zoned": "2262-04-12T00:00:00Z"},
    "the first and last of all": {
        "at": "0001-01-01T00:00:00Z",
        "born": "0001-01-01",
        "zoned": "9999-12-31T23:59:59Z",
    },
}

# As a table of a database: what JSON has as texts are dates and times there.
TYPED = """
    (row_number() over ()) + 1000 as visit, channel, city, code,
    items::bigint as items, age::bigint as age, price::double as price,
    member::boolean as member, agreed::boolean as agreed, born::date as born,
    ("at"::timestamptz at time zone 'UTC')::timestamp as "at",
    zoned::timestamptz as zoned, null::boolean as bought
"""


@pytest.fixture(scope="module")
def asked() -> list[dict[str, Any]]:
    """Odd rows, as a request has them."""
    return [ROW | change for change in ODD.values()]


@pytest.fixture(scope="module")
def unchecked(project: Path, asked: list[dict[str, Any]]) -> Iterator[ibis.Table]:
    """The same rows as a table, whose contract they need not keep."""
    kinds = {"age": "Float64", "price": "Float64", "agreed": "boolean"}
    odd = pd.DataFrame(asked).astype(kinds)
    keep(odd, TYPED, project / "src/penguin_study/tables/visits.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_URL", "samples")
        yield source().read("visits", check=False)


@pytest.fixture(scope="module")
def predicted(project: Path, unchecked: ibis.Table) -> pd.DataFrame:
    """What a batch predicts for them."""
    file = project / "data/batch.parquet"
    with pytest.MonkeyPatch.context() as patch:
        reader = SimpleNamespace(whole=lambda *given: unchecked)
        patch.setattr(table_rows, "source", lambda: reader)
        tasks.predict("visit", output=str(file))
    return pd.read_parquet(file).filter(like="probability")


def test_odd_values_are_told_apart(predicted: pd.DataFrame) -> None:
    expected = predicted.iloc[:, -1]
    assert len(expected) == len(ODD)
    assert expected.nunique() > 3


def test_training_predicts_as_the_batch_does(
    unchecked: ibis.Table, predicted: pd.DataFrame
) -> None:
    version = registry.fetch("visit", 1)
    shuffled = unchecked.to_pandas().sample(frac=1, random_state=0)
    found = predict(version.model, version.fitted, shuffled).sort_index()
    found = found.add_prefix("predicted_").filter(like="probability")
    pd.testing.assert_frame_equal(found, predicted, check_exact=True)


@pytest.mark.parametrize("way", ["together", "alone", "in another order"])
def test_the_api_predicts_as_the_batch_does(
    client: TestClient, asked: list[dict[str, Any]], predicted: pd.DataFrame, way: str
) -> None:
    def ask(rows: list[dict[str, Any]]) -> list[float]:
        content = json.dumps({"rows": rows})
        answer = client.post("/models/visit/predict", content=content)
        assert answer.status_code == 200, answer.text
        return [it["probability"]["True"] for it in answer.json()["predictions"]]

    if way == "together":
        found = ask(asked)
    elif way == "alone":
        found = [ask([row])[0] for row in asked]
    else:
        found = ask([dict(reversed(row.items())) for row in asked])
    assert found == predicted.iloc[:, -1].tolist()


WRONG: dict[str, dict[str, Any]] = {
    "a channel that is not listed": {"channel": "Web"},
    "an empty city": {"city": ""},
    "a long city": {"city": "x" * 41},
    "a code in small letters": {"code": "ch12"},
    "a code with more behind it": {"code": "CH12x"},
    "a code with a newline": {"code": "CH12\n"},
    "items beyond the limit": {"items": 1001},
    "items that are null": {"items": None},
    "items with a fraction": {"items": 1.5},
    "an age below zero": {"age": -1},
    "a price at its excluded limit": {"price": 500},
    "a price of nothing": {"price": 0},
    "a member that is a number": {"member": 1},
    "a member that is a text": {"member": "true"},
    "a member that is null": {"member": None},
    "a date that is a number": {"born": 19900517},
    "a date that is none": {"born": "1990-02-30"},
    "a date with a time": {"born": "1990-02-03T10:00:00"},
    "a time that is a number": {"at": 1775044800},
    "a time that is null": {"at": None},
    "a time that is none": {"at": "2026-04-01T25:00:00"},
    "a time before the first": {"at": "0001-01-01T00:00:00+14:00"},
    "a time after the last": {"zoned": "9999-12-31T23:59:59-14:00"},
}


@pytest.mark.parametrize("which", WRONG)
def test_what_the_contract_does_not_allow_is_refused(
    which: str, client: TestClient
) -> None:
    ((field, value),) = WRONG[which].items()
    sent = {"rows": [ROW, ROW | {field: value}]}
    answer = client.post("/models/visit/predict", json=sent)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert (problem["row"], problem["field"]) == (1, field)


NULLABLE = {"city", "age", "price", "agreed", "born", "zoned"}
SHOWN = {
    "channel": {"type": "string", "enum": ["shop", "web", "a|b <i>"]},
    "city": {"type": "string", "minLength": 1, "maxLength": 40},
    "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
    "items": {"type": "integer", "minimum": 0, "maximum": 1000},
    "age": {"type": "integer", "minimum": 0, "maximum": 150},
    "price": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 500},
    "member": {"type": "boolean"},
    "agreed": {"type": "boolean"},
    "born": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
    "zoned": {"type": "string", "format": "date-time"},
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_description_shows_every_limit(name: str, client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    field = schemas["visit_row"]["properties"][name]
    kind, *null = field.get("anyOf", [field])
    assert null == [{"type": "null"}] * (name in NULLABLE)
    assert {key: it for key, it in kind.items() if key != "title"} == SHOWN[name]


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """Where it is served by HTTP."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.mark.whole
def test_schemathesis_finds_nothing_in_any_type(address: str, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(ALL_OR_NOTHING, "utf-8")
    result = run(
        *[str(Path(sys.executable).with_name("st")), "run", f"{address}/openapi.json"],
        *["--checks", "all", "--max-examples", "20", "--seed", "1"],
        *["--generation-database", "none", "--continue-on-failure"],
        *["--warnings", "off", "--include-path", "/models/visit/predict"],
        cwd=tmp_path,
    )
    assert result.code == 0, result.output
