"""A team's library and a PostgreSQL, with the same table: fixtures of the tests."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres import PLANTED, Server, offered, running
from reading import table

# A value of a row, which nobody may see who has not asked for rows.
PRIVATE = "Ann Private"
CONTRACT = '''"""Customers of the shop; one row is one customer."""

import pandera.ibis as pa

OWNER = "@acme/sales"
UPDATED = "every night by 5:00 UTC"


class Contract(pa.DataFrameModel):
    """A row of `customers`."""

    id: int = pa.Field(unique=True, gt=0)
    name: str = pa.Field(str_length={"max_value": 40})
    joined: str = pa.Field(nullable=True)
'''
Library = Callable[[str], Path]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL; a machine that has none skips what needs it."""
    if not offered():
        pytest.skip("PostgreSQL is not installed")
    # A socket's path may have some hundred letters, and pytest's folders have more.
    folder = Path(tempfile.mkdtemp())
    try:
        with running(folder) as found:
            found.sql(
                "create table customers (id bigint not null, name text, joined text)"
            )
            found.sql("insert into customers values (1, 'Ann Private', 'in May')")
            yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def library(
    small: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> Iterator[Library]:
    """Work in a library with a table `customers`; nothing secret may be shown."""

    def make(url: str) -> Path:
        answers = {"kind": "library", "package_name": "acme_data"}
        project = small(env={"DATA_URL": url}, **answers)
        table(project, "customers").write_text(CONTRACT, "utf-8")
        sample = f"id,name,joined\n1,{PRIVATE},in May\n2,Bob,\n"
        table(project, "customers").with_suffix(".csv").write_text(sample, "utf-8")
        return project

    yield make
    shown = str(capfd.readouterr())
    assert PLANTED not in shown
    assert PRIVATE not in shown
