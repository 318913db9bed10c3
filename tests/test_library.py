"""A team's library: tables of files and of a database, read by the same words."""

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from postgres import PLANTED, POOR, Server, offered, running

from template import Result, lend, poe, run, status

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


@pytest.mark.parametrize(
    "way", ["execute()", "to_pyarrow()", "to_pyarrow_batches().read_all()"]
)
def test_a_value_that_breaks_a_query_is_not_shown(
    library: Path, server: Server, way: str
) -> None:
    # PRIVATE is looked for in all that is printed.
    code = f"read('customers').name.cast('int64').name('x').as_table().{way}"
    assert "failed at a query" in refused(library, code, server.url())


def test_a_missing_table_is_named(library: Path, server: Server) -> None:
    said = refused(library, "read('penguins')", server.url())
    assert said == (
        "The database has no table 'penguins': LOCATION in tables/penguins.py says "
        "what it is called there."
    )


def test_a_database_that_never_answers_is_left(library: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://u:{PLANTED}@127.0.0.1:{silent.getsockname()[1]}/x"
        said = refused(library, "read('customers')", url)
    assert "it does not answer" in said


def test_a_query_may_take_ten_minutes(library: Path, server: Server) -> None:
    code = "print(connect().raw_sql('show statement_timeout').fetchone()[0])"
    assert python(library, code, server.url()).output.split() == ["10min"]


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


KEYRING = """
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = 1
    def get_password(self, service, name):
        if (service, name) == ("acme-data", "DATA_URL"):
            return "duckdb://from-keyring"
    def set_password(self, *words): ...
    def delete_password(self, *words): ...
"""


@pytest.mark.parametrize(
    ("environment", "file", "expected"),
    [
        (
            "duckdb://from-environment",
            "duckdb://from-file",
            "duckdb://from-environment",
        ),
        ("", "duckdb://from-file", "duckdb://from-file"),
        ("", "", "duckdb://from-keyring"),
    ],
)
def test_the_environment_is_asked_before_the_file_and_the_keyring_last(
    library: Path, tmp_path: Path, environment: str, file: str, expected: str
) -> None:
    (tmp_path / "fake.py").write_text(KEYRING, "utf-8")
    (library / ".env").write_text(f"DATA_URL={file}\n", "utf-8")
    code = (
        "from acme_data.settings import Settings; "
        "print(Settings().data_url.get_secret_value(), Settings())"
    )
    result = run(
        *("uv", "run", "--no-sync", "python", "-c", code),
        cwd=library,
        DATA_URL=environment,
        PYTHONPATH=str(tmp_path),
        PYTHON_KEYRING_BACKEND="fake.Keyring",
    )
    found, shown = result.output.split(maxsplit=1)
    assert found == expected
    assert "from" not in shown


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "absent.Keyring"])
def test_a_machine_without_a_keyring_reads_the_samples(
    library: Path, backend: str
) -> None:
    result = run(
        *("uv", "run", "--no-sync", "python", "-c"),
        "from acme_data import read; print(read('customers').count().execute())",
        cwd=library,
        PYTHON_KEYRING_BACKEND=backend,
    )
    assert result.output.split()[-1] == "2"


@pytest.fixture
def rich(server: Server) -> Iterator[Server]:
    """The server with a table of every type, whose names are awkward."""
    server.sql(
        r'''
        create schema sales;
        create table sales.rich (
            id bigint primary key, small smallint not null, price numeric(10, 2),
            total numeric, share real, rate double precision, paid boolean,
            note varchar(20), day date, at timestamp, seen timestamptz, hour time,
            "2x" int, "class" text, "validate" int, "Straße ""x""" text,
            """; drop table customers; --" int, mail inet, tags int[]
        );
        insert into sales.rich (id, small, note) values (4242, 1, 'Ann Private')
        '''
    )
    yield server
    server.sql("drop schema sales cascade")


def test_a_new_table_has_the_columns_of_the_database_and_none_of_its_values(
    library: Path, rich: Server
) -> None:
    words = ("new-table", "rich", "--location", "sales.rich")
    result = poe(library, *words, DATA_URL=rich.url())
    assert result.code == 0, result.output
    left_out = [line for line in result.output.splitlines() if "Left out" in line]
    assert [line.split(": ")[1].split(",")[0] for line in left_out] == ["mail", "tags"]
    sample = (library / "src/acme_data/tables/rich.csv").read_text("utf-8")
    assert "4242" not in sample
    assert PRIVATE not in sample + result.output
    for place in ("samples", rich.url()):
        code = "table = read('rich', check=True); print(table.count().execute())"
        read = python(library, code, place)
        assert read.code == 0, read.output
    rich.sql("select * from customers")


def test_a_new_table_is_not_done_before_it_says_whose_it_is(library: Path) -> None:
    assert poe(library, "new-table", "orders").code == 0
    result = poe(library, "test")
    for said in ("what a row is", "who answers questions", "rows change", "poe tables"):
        assert said in result.output
    assert run("uv", "run", "ruff", "check", cwd=library).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["customers"], "tables/customers.py is there already"),
        (["class"], "such as class_table"),
        (["../x"], "Name it by a-z"),
        (["x", "--location", "sales.x"], "Set DATA_URL to the database that has it"),
    ],
)
def test_a_new_table_that_cannot_be_is_refused_in_a_sentence(
    library: Path, words: list[str], said: str
) -> None:
    before = status(library)
    result = poe(library, "new-table", *words)
    assert result.code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert status(library) == before


def test_a_new_table_needs_a_table(library: Path, server: Server) -> None:
    result = poe(library, "new-table", "absent", DATA_URL=server.url())
    assert result.output.splitlines()[-1] == (
        "The database has no table 'absent': name it by --location."
    )


def test_a_table_that_will_go_says_what_to_read_instead(library: Path) -> None:
    module = library / "src/acme_data/tables/customers.py"
    module.write_text(CONTRACT + "\nDEPRECATED = 'read clients'\n", "utf-8")
    code = "import warnings; warnings.simplefilter('error'); read('customers')"
    result = python(library, code, "samples")
    assert "DeprecationWarning: The table 'customers' will go: read clients" in (
        result.output
    )
    poe(library, "tables")
    page = (library / "docs/tables.md").read_text("utf-8")
    assert "- **Will go**: read clients" in page


THREADS = """
from concurrent.futures import ThreadPoolExecutor
shared = read('customers').id.min()
def work(number):
    read('customers', check=True)
    return shared.execute(), read('customers').to_pyarrow().num_rows
with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(work, range(40)))))
"""


def test_threads_may_read_at_the_same_time(library: Path, place: str) -> None:
    assert python(library, THREADS, place).output.split() == ["1"]


def test_rows_of_ones_own_may_be_joined(library: Path, place: str) -> None:
    code = """
import ibis
mine = ibis.memtable({"id": [1], "segment": ["new"]})
joined = read("customers").join(mine, "id")
print(joined.segment.execute().to_list(), joined.count().execute())
"""
    assert python(library, code, place).output.split() == ["['new']", "1"]


def test_samples_that_nobody_asked_for_are_said(library: Path, tmp_path: Path) -> None:
    words = ["uv", "run", "--no-sync", "--project", str(library), "python", "-c"]
    code = "from acme_data import read; read('customers')"
    aside = run(*words, code, cwd=tmp_path)
    assert "UserWarning: These are samples: no DATA_URL" in aside.output
    (library / ".env").write_text("DATA_URL=samples\n", "utf-8")
    assert "UserWarning" not in run(*words, code, cwd=library).output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: int", "id: integer", "cannot be imported: NameError: name 'integer'"),
        ("id: int", "id: list", "is none: TypeError: Data type"),
        (
            "pandera.ibis",
            "pandera",
            "is none: TypeError: it must be a class of pandera.ibis",
        ),
    ],
)
def test_a_mistake_in_a_contract_names_its_file(
    library: Path, old: str, new: str, said: str
) -> None:
    module = library / "src/acme_data/tables/customers.py"
    module.write_text(CONTRACT.replace(old, new), "utf-8")
    message = refused(library, "read('customers')", "samples")
    assert "tables/customers.py" in message
    assert said in message
