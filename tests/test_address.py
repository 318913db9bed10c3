"""The address of a database: read as it is meant, and shown without a password."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import ibis
import pytest
from reading import refusal

from twobus.data import own_tables
from twobus.data.address import shown
from twobus.notebooks.run import _made_from

PLANTED = "pl4nted"
Small = Callable[..., Path]
# A password with what means something in an address, and addresses that are none.
MALFORMED = [
    *(
        f"postgres://user:{password}@host/shop"
        for sign in "/#?"
        for password in (f"{PLANTED}{sign}x", f"x{sign}{PLANTED}", f"1{sign}{PLANTED}")
    ),
    f"postgres://user:x@y/{PLANTED}@host/shop",
    f"postgres://user:x@{PLANTED}#y@host/shop",
    f"postgres://user:x[{PLANTED}@host/shop",
    f"postgres://user:\N{CARE OF}{PLANTED}@host/shop",
    f"postgres://user:x\t{PLANTED}@host/shop",
    f"postgres://user:{PLANTED}",
    f"postgres://user:{PLANTED}/shop",
    f"postgres:///user:{PLANTED}/shop",
    f"postgres//user:{PLANTED}@host/shop",
    f"postgres:user:{PLANTED}@host/shop",
    f"postgres:/user:{PLANTED}@host/shop",
    f"user:{PLANTED}@host/shop",
    f"{PLANTED}://host/shop",
    PLANTED,
]
SOUND = {
    f"postgres://user:{PLANTED}@host:5432/shop": "postgres://host/shop, read live",
    f"postgres://user:%2F%23{PLANTED}@host/shop": "postgres://host/shop, read live",
    f"postgres://user:@:{PLANTED}@host/shop": "postgres://host/shop, read live",
    f"postgres://user:100%{PLANTED}@host/shop": "postgres://host/shop, read live",
    f"postgres://host/shop?password={PLANTED}": "postgres://host/shop, read live",
    f"duckdb://md:shop?motherduck_token={PLANTED}": "duckdb://md, read live",
    f"duckdb://user:{PLANTED}@host/shop": "a file of DuckDB that is not there",
    "bigquery://project/shop": "bigquery://project/shop, read live",
}


@pytest.fixture
def database(small: Small, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a file of DuckDB, beside another; tables are read from it."""
    project = small()
    for name in ("shop", "other"):
        with duckdb.connect(str(project / f"{name}.duckdb")) as made:
            made.execute("create table orders as select 7 as amount")
    monkeypatch.chdir(project)
    return "duckdb://shop.duckdb"


@pytest.fixture
def connect(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Connect to the database, or to another address."""

    def connect(url: str = database) -> object:
        monkeypatch.setenv("DATA_URL", url)
        return own_tables().connect()

    return connect


@pytest.mark.parametrize("url", MALFORMED)
def test_nothing_is_shown_of_an_address_that_cannot_be_read(
    connect: Callable[..., object], url: str
) -> None:
    said = refusal(lambda: connect(url), PLANTED)
    assert "Write duckdb://" in said
    assert shown(url) == (
        "a database whose address is not shown, since it cannot be read"
    )


@pytest.mark.parametrize("url", SOUND)
def test_type_host_and_name_of_a_database_are_shown(small: Small, url: str) -> None:
    small()
    assert shown(url) == SOUND[url]


def test_a_file_is_shown_with_its_hash(database: str) -> None:
    name, digest = shown(database).split()
    assert name == "shop.duckdb"
    assert len(digest) == 12


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("duckdb://shop.duckdb?read_only=false", "'read_only'"),
        ("duckdb://shop.duckdb?enable_external_access=yes", "must be true or false"),
        ("postgres://host/shop?options=-c%20x", "'options'"),
        ("postgres://host/shop?connect_timeout=1", "'connect_timeout'"),
        ("postgres://127.0.0.1/shop?mode=x", "'mode'"),
        ("postgres://host/shop?sslmode=a&sslmode=b", "write each once"),
        ("postgres://host/shop?sslmode", "write each once"),
    ],
)
def test_an_option_without_effect_is_refused_by_name(
    connect: Callable[..., object], url: str, said: str
) -> None:
    assert said in refusal(lambda: connect(url))


@pytest.mark.parametrize(
    "statement",
    [
        "attach 'other.duckdb' as other (read_write)",
        "attach 'new.duckdb' as new",
        "copy orders to 'new.csv'",
        "export database 'new'",
        "install httpfs",
    ],
)
def test_a_query_reaches_no_file_but_the_database(
    connect: Callable[..., object], statement: str
) -> None:
    con: ibis.BaseBackend = connect()
    assert "is only read" in refusal(lambda: con.raw_sql(statement))
    with pytest.raises(duckdb.Error, match="is running"):
        con.raw_sql("set enable_external_access = true")
    assert not [*Path().glob("new*")]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_of_a_file_may_be_kept_in_another(
    connect: Callable[..., object], ending: str
) -> None:
    con: ibis.BaseBackend = connect()
    mine = ibis.memtable({"amount": [7], "name": ["seven"]})
    joined = con.table("orders").join(mine, "amount")
    getattr(joined, f"to_{ending}")(f"kept.{ending}")
    kept = getattr(duckdb, f"read_{ending}")(f"kept.{ending}")
    assert kept.fetchall() == [(7, "seven")]


def test_views_of_other_files_are_read_where_that_is_asked_for(
    connect: Callable[..., object], database: str
) -> None:
    Path("more.csv").write_text("a\n1\n", "utf-8")
    with duckdb.connect("shop.duckdb") as made:
        made.execute("create view more as from 'more.csv'")
    con: ibis.BaseBackend = connect()
    said = refusal(lambda: con.table("more").count().execute())
    assert "?enable_external_access=true" in said
    con.disconnect()
    con = connect(f"{database}?enable_external_access=true")
    assert con.table("more").count().execute() == 1


def test_the_foot_of_a_report_hides_an_address_that_cannot_be_read(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small()
    monkeypatch.setenv("DATA_URL", MALFORMED[0])
    assert PLANTED not in "".join(_made_from())
    assert "whose address is not shown" in _made_from()[-1]
