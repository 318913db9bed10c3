"""A team's library: tables of files and of a database, read by the same words."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from postgres import PLANTED, POOR, Server, offered, running

from template import Result, lend, run

pytestmark = pytest.mark.slow

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


@pytest.fixture
def library(library_ready: Path) -> Iterator[Path]:
    """The library with a table `customers`, put back as it was after the test."""
    with lend(library_ready) as project:
        tables = project / "src/acme_data/tables"
        (tables / "customers.py").write_text(CONTRACT, "utf-8")
        sample = f"id,name,joined\n1,{PRIVATE},in May\n2,Bob,\n"
        (tables / "customers.csv").write_text(sample, "utf-8")
        yield project


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


@pytest.fixture(params=["samples", "postgres"])
def place(request: pytest.FixtureRequest) -> str:
    """Where tables are read from, each in turn."""
    if request.param == "samples":
        return "samples"
    found: Server = request.getfixturevalue("server")
    return found.url()


def python(project: Path, code: str, url: str) -> Result:
    """Run code that has the library, and show nothing that is secret."""
    text = f"from acme_data import *\n{code}"
    words = ["uv", "run", "--no-sync", "python", "-c", text]
    result = run(*words, cwd=project, DATA_URL=url)
    assert PLANTED not in result.output
    assert PRIVATE not in result.output
    return result


def refused(project: Path, code: str, url: str) -> str:
    """Run code that must end in the library's own sentence, and return that."""
    result = python(project, code, url)
    assert result.code == 1, result.output
    assert "During handling" not in result.output
    kind, _, message = result.output.splitlines()[-1].partition(": ")
    assert kind.endswith(".DataError"), result.output
    return message


def test_a_table_is_read_by_its_name(library: Path, place: str) -> None:
    code = "print(read('customers').id.min().execute())"
    assert python(library, code, place).output.split() == ["1"]


def test_all_rules_of_a_contract_are_one_query(library: Path, place: str) -> None:
    code = """
import ibis
backend, asked = connect(), []
query = backend.to_pyarrow
backend.to_pyarrow = lambda *words, **named: asked.append(1) or query(*words, **named)
read('customers', check=True)
print(len(asked))
"""
    assert python(library, code, place).output.split() == ["1"]


def test_rows_of_a_database_are_not_scanned_unless_asked(
    library: Path, server: Server
) -> None:
    code = """
backend = connect()
def scan(*words, **named): raise SystemExit('scanned')
backend.to_pyarrow = backend.execute = scan
read('customers')
"""
    assert python(library, code, server.url()).code == 0


def test_a_broken_rule_is_named_without_values(library: Path, place: str) -> None:
    module = library / "src/acme_data/tables/customers.py"
    module.write_text(CONTRACT.replace('"max_value": 40', '"max_value": 2'), "utf-8")
    said = refused(library, "read('customers', check=True)", place)
    assert said == (
        "The table 'customers' breaks its contract: name fails str_length(None, 2)."
    )


def test_a_missing_column_is_named(library: Path, place: str) -> None:
    module = library / "src/acme_data/tables/customers.py"
    module.write_text(CONTRACT + "    city: str\n", "utf-8")
    said = refused(library, "read('customers')", place)
    assert "it lacks the column city" in said


def test_a_wrong_password_is_said_and_not_shown(library: Path, server: Server) -> None:
    url = server.url(password=f"{PLANTED}-wrong")
    said = refused(library, "read('customers')", url)
    assert said == (
        "DATA_URL names a database that cannot be opened (user or password is wrong)."
    )


@pytest.mark.parametrize(
    ("url", "words"),
    {
        "host": (
            f"postgres://u:{PLANTED}@no-such-host.invalid/x",
            "its host is unknown",
        ),
        "port": (f"postgres://u:{PLANTED}@127.0.0.1:1/x", "nobody listens"),
    }.values(),
    ids=["host", "port"],
)
def test_a_database_that_is_not_there_is_said(
    library: Path, url: str, words: str
) -> None:
    assert words in refused(library, "read('customers')", url)


def test_a_missing_permission_names_the_table(library: Path, server: Server) -> None:
    code = "read('customers').count().execute()"
    said = refused(library, code, server.url(POOR))
    assert "permission denied for table customers" in said


def test_a_missing_table_is_named(library: Path, server: Server) -> None:
    said = refused(library, "read('penguins')", server.url())
    assert said == "The database has no table 'penguins'."


def test_nothing_is_written_to_a_database(library: Path, server: Server) -> None:
    code = "connect().raw_sql('create table mine (a int)')"
    assert "read-only" in python(library, code, server.url()).output


@pytest.mark.parametrize(
    "name", ['"; drop table customers; --', "customers'--", "名前 😀", "../customers"]
)
def test_a_hostile_name_of_a_table_harms_nothing(
    library: Path, server: Server, name: str
) -> None:
    assert "There is no table" in refused(library, f"read({name!r})", server.url())
    module = library / "src/acme_data/tables/customers.py"
    module.write_text(f"{CONTRACT}\nLOCATION = {name!r}\n", "utf-8")
    said = refused(library, "read('customers')", server.url())
    assert said.startswith("The database has no table")
    server.sql("select * from customers")


SLOW = """
import ibis
@ibis.udf.scalar.builtin
def generate_series(first: int, last: int) -> int: ...
@ibis.udf.scalar.builtin
def md5(text: str) -> str: ...
rows = read('customers').select(k=generate_series(1, 3_000_000))
print(rows.aggregate(last=md5(rows.k.cast(str)).max()).to_pyarrow().to_pylist())
"""


@contextmanager
def killed(flag: Path, server: Server) -> Iterator[None]:
    """Kill the server once a file is there, and start it again."""

    def kill() -> None:
        while not flag.exists():
            time.sleep(0.05)
        server.kill()
        server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        flag.touch()
        thread.join()


def test_a_query_outlives_a_server_that_is_killed_and_started_again(
    library: Path, server: Server
) -> None:
    expected = python(library, SLOW, server.url())
    assert expected.code == 0, expected.output
    code = f"""
import threading, time
def kill():
    time.sleep(1)
    open({str(library / "kill")!r}, "w").close()
threading.Thread(target=kill).start()
{SLOW}"""
    with killed(library / "kill", server):
        found = python(library, code, server.url())
    assert found.output == expected.output
