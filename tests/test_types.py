"""Whatever a column is, training, batches and the API see the same in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelled import Nursery, Server, nursery, server

from template import commit, lend, run

pytestmark = pytest.mark.slow

TABLE = '''"""Visits to a shop: one column of each kind that a contract can have."""

from typing import Annotated

import ibis.expr.datatypes as dt
import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `visits`."""

    visit: int = pa.Field(unique=True)
    channel: str = pa.Field(isin=["shop", "web", "a|b <i>"])
    city: str = pa.Field(nullable=True, str_length={"min_value": 1, "max_value": 40})
    code: str = pa.Field(str_matches="^[A-Z]{2}[0-9]+$")
    items: int = pa.Field(ge=0, le=1_000)
    age: int = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 150})
    price: float = pa.Field(
        nullable=True,
        in_range={
            "min_value": 0,
            "max_value": 500,
            "include_min": False,
            "include_max": False,
        },
    )
    member: bool
    agreed: bool = pa.Field(nullable=True)
    born: dt.Date = pa.Field(nullable=True)
    at: Annotated[dt.Timestamp, None, 6, True]
    zoned: Annotated[dt.Timestamp, "UTC", 6, True] = pa.Field(nullable=True)
    bought: bool

    class Config:
        """A column that is not listed here breaks the contract."""

        strict = True
'''

MODEL = '''"""Is something bought in this visit?"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from ..twobus.modelling import Model


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Take apart what is no number.

    Args:
        rows: The inputs.

    Returns:
        The same rows, as numbers and short texts.
    """
    return pd.DataFrame(
        {
            "channel": rows["channel"].astype(object),
            "city": rows["city"].fillna("nowhere"),
            "prefix": rows["code"].str[:2],
            "items": rows["items"],
            "age": rows["age"],
            "price": rows["price"],
            "member": rows["member"].astype(int),
            "agreed": rows["agreed"],
            "born": rows["born"].dt.year,
            "hour": rows["at"].dt.hour,
            "weekday": rows["zoned"].dt.dayofweek,
            "late": (rows["zoned"] - rows["at"]).dt.total_seconds(),
        },
        index=rows.index,
    )


MODEL = Model(
    table="visits",
    target="bought",
    inputs=[
        "channel", "city", "code", "items", "age", "price", "member", "agreed",
        "born", "at", "zoned",
    ],
    features=features,
    estimator=make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ["channel", "city", "prefix"],
            ),
            remainder="passthrough",
            verbose_feature_names_out=False,
        ),
        HistGradientBoostingClassifier(min_samples_leaf=5),
    ),
    key=["visit"],
    metrics={"accuracy": 0.5},
    trusted=[
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    ],
)
'''

ROWS = """
import datetime as dt
import duckdb
import numpy as np
import pandas as pd
from pathlib import Path
random = np.random.default_rng(0)
count = 400
def gaps(values):
    return [None if random.random() < 0.15 else value for value in values]
start = dt.datetime(2026, 3, 29, 0, 30)
at = [start + dt.timedelta(minutes=37 * number) for number in range(count)]
items = random.integers(0, 30, count)
rows = pd.DataFrame({
    "visit": range(count),
    "channel": random.choice(["shop", "web", "a|b <i>"], count),
    "city": gaps(random.choice(["Bern", "Zürich", "Genève"], count)),
    "code": [f"{a}{n}" for a, n in zip(random.choice(["CH", "DE"], count), items)],
    "items": items,
    "age": pd.array(gaps(random.integers(0, 150, count).tolist()), dtype="Int64"),
    "price": gaps((random.random(count) * 400 + 1).tolist()),
    "member": random.random(count) < 0.5,
    "agreed": pd.array(gaps((random.random(count) < 0.5).tolist()), dtype="boolean"),
    "born": gaps([dt.date(1950 + n % 60, 1 + n % 12, 9) for n in range(count)]),
    "at": at,
    "zoned": pd.Series(gaps([it.replace(tzinfo=dt.timezone.utc) for it in at])),
    "bought": items + random.integers(0, 8, count) > 16,
})
ducks = duckdb.connect()
ducks.execute("set timezone = 'UTC'")
for folder in FOLDERS:
    Path(folder).mkdir(parents=True, exist_ok=True)
    ducks.execute(
        f'copy (select * replace (born::date as born, "at"::timestamp as "at", '
        f"zoned::timestamptz as zoned) from rows) to '{folder}/visits.parquet'"
    )
"""


@pytest.fixture(scope="module")
def made(
    models_ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nursery]:
    """The project with a table of all kinds, and a model of it that is promoted."""
    with lend(models_ready):
        package = next(models_ready.glob("src/*/models")).parent
        (package / "tables" / "visits.py").write_text(TABLE, "utf-8")
        (package / "models" / "visit.py").write_text(MODEL, "utf-8")
        page = models_ready / "docs" / "models" / "visit.md"
        page.write_text("# visit\n\n## Intended use\n\nTests.\n", "utf-8")
        folders = [str(package / "tables"), str(models_ready / "data" / "raw")]
        with nursery(models_ready, tmp_path_factory.mktemp("outputs")) as children:
            children.good(ROWS.replace("FOLDERS", repr(folders)))
            commit(models_ready)
            children.good("tasks.train(['visit'])\ntasks.promote('visit', 1)")
            yield children


@pytest.fixture(scope="module")
def served(made: Nursery) -> Iterator[Server]:
    """A server of it."""
    with server(made) as running:
        yield running


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

COMPARE = """
import json
import duckdb
import pandas as pd
from starlette.testclient import TestClient
from pathlib import Path
rows, package = json.loads({rows!r}), Path({package!r})
model = serving.find("visit")

# As a table of a database: what JSON has as texts are dates and times there.
ducks = duckdb.connect()
ducks.execute("set timezone = 'UTC'")
kinds = dict(age="Float64", price="Float64", agreed="boolean")
table = pd.DataFrame(rows).astype(kinds)
ducks.execute('''
    create table visits as select
        (row_number() over ()) + 1000 as visit, channel, city, code,
        items::bigint as items, age::bigint as age, price::double as price,
        member::boolean as member, agreed::boolean as agreed, born::date as born,
        ("at"::timestamptz at time zone 'UTC')::timestamp as "at",
        zoned::timestamptz as zoned, null::boolean as bought
    from "table"
''')
ducks.execute(f"copy visits to '{{package}}/tables/visits.parquet' (format parquet)")
os.environ["DATA_URL"] = "samples"
batch.read = lambda name: training.read(name, check=False)
file = package / "batch.parquet"
tasks.predict("visit", str(file))
written = pd.read_parquet(file)
direct = written.filter(like="probability")

# As training sees rows.
version = registry.fetch("visit", 1)
read = training.read("visits", check=False).to_pandas()
trained = serving.predict(model, version.fitted, read.sample(frac=1, random_state=0))
trained = trained.sort_index().add_prefix("predicted_").filter(like="probability")
pd.testing.assert_frame_equal(trained, direct, check_exact=True)

# As the API sees them: together, alone, and with fields in another order.
client = TestClient(serving.make_app())
def ask(rows):
    answer = client.post("/models/visit/predict", content=json.dumps(dict(rows=rows)))
    assert answer.status_code == 200, answer.text
    return [it["probability"]["True"] for it in answer.json()["predictions"]]
expected = direct.iloc[:, -1].tolist()
assert ask(rows) == expected, (ask(rows), expected)
assert ask([dict(reversed(it.items())) for it in rows]) == expected
assert [ask([it])[0] for it in rows] == expected
print(json.dumps(expected))
"""


def test_training_batch_and_api_predict_the_same_for_odd_values(made: Nursery) -> None:
    package = made.project / "src" / made.package
    rows = json.dumps([ROW | change for change in ODD.values()])
    code = COMPARE.format(rows=rows, package=str(package))
    said = json.loads(made.good(code).splitlines()[-1])
    assert len(said) == len(ODD)
    assert len({*said}) > 3


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
    which: str, served: Server
) -> None:
    ((field, value),) = WRONG[which].items()
    answer = served.post("visit", {"rows": [ROW, ROW | {field: value}]})
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
def test_the_description_shows_every_limit(name: str, served: Server) -> None:
    schemas = served.get("/openapi.json").json()["components"]["schemas"]
    field = schemas["visit_row"]["properties"][name]
    kind, *null = field.get("anyOf", [field])
    assert null == [{"type": "null"}] * (name in NULLABLE)
    assert {key: it for key, it in kind.items() if key != "title"} == SHOWN[name]


def test_schemathesis_finds_nothing_in_any_type(served: Server, tmp_path: Path) -> None:
    result = run(
        *["st", "run", f"{served.url}/openapi.json", "--checks", "all"],
        *["--max-examples", "20", "--seed", "1", "--generation-database", "none"],
        *["--continue-on-failure", "--warnings", "off"],
        *["--include-path", "/models/visit/predict"],
        cwd=tmp_path,
    )
    assert result.code == 0, result.output
