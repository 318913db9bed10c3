"""A project's data: reading tables, keeping contracts, fetching raw files."""

import contextlib
import csv
import fcntl
import hashlib
import http.server
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest
from conftest import Render
from moto.server import ThreadedMotoServer

from template import Result, environment, git, poe, run, status

slow = pytest.mark.slow

# Of data/penguins.csv in palmerpenguins-0.1.6-py3-none-any.whl, as on PyPI.
PENGUINS = "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93"
WAREHOUSE = "postgres://user:s3cret@127.0.0.1:1/x"
COUNT = "from {package}.data import read; print(read('penguins').count().execute())"
HEADER = (
    "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
)


def python(project: Path, code: str, cwd: Path | None = None, **changes: str) -> Result:
    """Run Python code in a project's environment; `{package}` is its package."""
    code = code.format(package=package(project).name)
    words = ["uv", "run", "--project", str(project), "python", "-c", code]
    return run(*words, cwd=cwd or project, **changes)


def package(project: Path) -> Path:
    (folder,) = (project / "src").iterdir()
    return folder


def refusal(result: Result) -> str:
    """Return the sentence by which a command of a project refuses its work."""
    assert result.code == 1, result.output
    assert "Traceback" not in result.output
    return result.output.splitlines()[-1]


def error(result: Result) -> str:
    """Return the last line of an uncaught error, which says what is wrong."""
    assert result.code == 1, result.output
    assert "During handling" not in result.output
    kind, _, message = result.output.splitlines()[-1].partition(": ")
    assert kind.endswith(".DataError"), result.output
    return message


# What the worked example ships.


def test_raw_file_is_that_of_the_registry_package(project: Render) -> None:
    raw = (project() / "data/raw/penguins.csv").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == PENGUINS


def test_sample_is_every_ninth_row_from_the_fourth(project: Render) -> None:
    folder = project()
    header, *rows = (folder / "data/raw/penguins.csv").read_text("utf-8").splitlines()
    sample = (package(folder) / "tables/penguins.csv").read_text("utf-8").splitlines()
    assert sample == [header, *rows[3::9]]


def test_every_column_is_explained_with_its_unit_in_docs(project: Render) -> None:
    folder = project()
    contract = (package(folder) / "tables/penguins.py").read_text("utf-8")
    columns = re.findall(r"^    (\w+): \w+ = pa\.Field", contract, re.MULTILINE)
    explained = (folder / "docs/data.md").read_text("utf-8")
    assert ",".join(columns) == HEADER
    assert re.findall(r"^\| `(\w+)` \| \w", explained, re.MULTILINE) == columns


# Where tables are read from.


@slow
def test_tables_are_read_from_raw_files_by_default(study: Path) -> None:
    assert python(study, COUNT).output.split() == ["344"]


@slow
def test_every_table_is_read_from_samples(study: Path) -> None:
    tables = package(study) / "tables"
    (tables / "islands.csv").write_text("island\nBiscoe\nDream\n")
    (tables / "islands.py").write_text(
        "import pandera.ibis as pa\nclass Contract(pa.DataFrameModel): island: str\n"
    )
    code = """if True:
        from {package}.data import names, read
        for name in names():
            print(name, read(name).count().execute())
    """
    result = python(study, code, DATA_URL="samples")
    assert result.output.splitlines() == ["islands 2", "penguins 38"]


@slow
def test_tables_are_read_from_any_working_folder(study: Path, tmp_path: Path) -> None:
    assert python(study, COUNT, cwd=tmp_path).output.split() == ["344"]


@slow
def test_raw_file_may_be_parquet(study: Path) -> None:
    raw = study / "data/raw"
    code = """if True:
        from {package}.data import read
        read("penguins").limit(7).to_parquet("data/raw/penguins.parquet")
    """
    assert python(study, code).code == 0
    (raw / "penguins.csv").unlink()
    assert python(study, COUNT).output.split() == ["7"]


@pytest.fixture
def database(study: Path, tmp_path: Path) -> str:
    """The URL of a database with seven penguins, and five in a schema."""
    file = tmp_path / "ware house é.duckdb"
    code = """if True:
        import duckdb
        base = duckdb.connect({file!r})
        base.read_csv("data/raw/penguins.csv", na_values="NA").create("penguins")
        base.execute("DELETE FROM penguins WHERE rowid >= 7")
        base.execute("CREATE SCHEMA field")
        base.execute("CREATE TABLE field.birds AS FROM penguins LIMIT 5")
    """
    result = python(study, code.replace("{file!r}", repr(str(file))))
    assert result.code == 0, result.output
    return f"duckdb://{file}"


@slow
def test_tables_are_read_from_a_database(study: Path, database: str) -> None:
    assert python(study, COUNT, DATA_URL=database).output.split() == ["7"]


def locate(project: Path, location: str) -> None:
    with (package(project) / "tables/penguins.py").open("a") as module:
        module.write(f'\nLOCATION = "{location}"\n')


@slow
def test_path_of_a_database_begins_at_the_project(
    study: Path, database: str, tmp_path: Path
) -> None:
    shutil.copy(database.removeprefix("duckdb://"), study / "data/interim/x.duckdb")
    url = "duckdb://data/interim/x.duckdb"
    assert python(study, COUNT, cwd=tmp_path, DATA_URL=url).output.split() == ["7"]


@slow
def test_several_can_read_a_database_at_once(study: Path, database: str) -> None:
    code = f"""if True:
        import subprocess, sys
        from {{package}}.data import connect
        connect()
        subprocess.run([sys.executable, "-c", "{COUNT}"], check=True)
    """
    assert python(study, code, DATA_URL=database).output.split() == ["7"]


@slow
def test_location_names_a_table_in_the_database(study: Path, database: str) -> None:
    locate(study, "field.birds")
    assert python(study, COUNT, DATA_URL=database).output.split() == ["5"]


@slow
def test_env_file_says_where_tables_are_read_from(study: Path, tmp_path: Path) -> None:
    (study / ".env").write_text("DATA_URL=samples\n")
    assert python(study, COUNT, cwd=tmp_path).output.split() == ["38"]


@slow
def test_environment_beats_the_env_file(study: Path) -> None:
    (study / ".env").write_text(f"DATA_URL={WAREHOUSE}\n")
    assert python(study, COUNT, DATA_URL="samples").output.split() == ["38"]


@slow
def test_copy_of_the_env_example_means_the_default(study: Path) -> None:
    example = (study / ".env.example").read_text("utf-8")
    assert "\nDATA_URL=\n" in example
    (study / ".env").write_text(example, "utf-8")
    assert python(study, COUNT).output.split() == ["344"]


# What breaks a contract is named, and no value of the data is shown.

CANARY = "4242.4242"


def with_row(raw: str, **values: str) -> str:
    """Return a raw file in which one row has other values, and a canary."""
    rows = list(csv.DictReader(io.StringIO(raw)))
    rows[5] |= {"bill_length_mm": CANARY, **values}
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def without_column(raw: str) -> str:
    return re.sub(r",\w+$", "", raw, flags=re.MULTILINE)


def with_column(raw: str) -> str:
    header, rows = raw.split("\n", 1)
    return f"{header},note\n" + rows.replace("\n", f",{CANARY}\n")


def after_many_rows(raw: str, **values: str) -> str:
    """Put a row behind those by which DuckDB tells the types of columns."""
    _, rows = raw.split("\n", 1)
    return raw + rows * 60 + with_row(raw, **values).split("\n", 1)[1]


BREACHES: dict[str, tuple[Callable[[str], str], str]] = {
    "missing column": (without_column, "it lacks the column year."),
    "extra column": (with_column, "the column note is not part of it."),
    "wrong type": (
        lambda raw: with_row(raw, year=f"in {CANARY}"),
        "year is string, not int64.",
    ),
    "wrong type far down": (
        lambda raw: after_many_rows(raw, year=f"in {CANARY}"),
        "cannot be read (ConversionException, year).",
    ),
    "wrong type far down, nulls allowed": (
        lambda raw: after_many_rows(raw, body_mass_g=f"heavy: {CANARY}"),
        "cannot be read (ConversionException, body_mass_g).",
    ),
    "null": (lambda raw: with_row(raw, year="NA"), "year fails not_nullable."),
    "out of range": (
        lambda raw: with_row(raw, body_mass_g="42424242"),
        "body_mass_g fails in_range(1000, 10000).",
    ),
    "unknown word": (
        lambda raw: with_row(raw, island=f"Isle {CANARY}"),
        "island fails isin(['Biscoe', 'Dream', 'Torgersen']).",
    ),
    "not UTF-8": (
        lambda raw: with_row(raw, island=f"{CANARY} \udcff"),
        "is not UTF-8: name its encoding in CSV_OPTIONS of its module.",
    ),
}


def spoil(project: Path, breach: str) -> None:
    """Break a contract by what stands in the raw file."""
    file = project / "data/raw/penguins.csv"
    raw = file.read_text("utf-8")
    spoilt = BREACHES[breach][0](raw)
    assert spoilt != raw
    file.write_text(spoilt, "utf-8", "surrogateescape")


@slow
@pytest.mark.parametrize("breach", BREACHES)
def test_breach_of_a_contract_is_named_without_values(study: Path, breach: str) -> None:
    spoil(study, breach)
    result = python(study, COUNT)
    message = error(result)
    assert message.startswith("The table 'penguins' ")
    assert message.endswith(BREACHES[breach][1])
    assert "4242" not in result.output


@slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The table 'penguins' has an empty file, penguins.csv."),
        (
            f"{HEADER}\nAdelie,Dream,1.0,2.0,3,4,male,2007,{CANARY}\nAdelie\n",
            "penguins.csv does not split into columns: look for a row that has more or "
            "fewer fields than the header.",
        ),
    ],
    ids=["empty", "ragged"],
)
def test_file_that_is_no_table_is_said(study: Path, text: str, said: str) -> None:
    (study / "data/raw/penguins.csv").write_text(text, "utf-8")
    assert error(python(study, COUNT)) == said


def make_unique(project: Path, column: str) -> None:
    """Demand by the contract that no value of a column stands there twice."""
    module = package(project) / "tables/penguins.py"
    code, count = re.subn(
        rf"({column}: \w+ = pa.Field\()", r"\1unique=True, ", module.read_text("utf-8")
    )
    assert count == 1
    module.write_text(code, "utf-8")


@slow
def test_values_that_stand_there_twice_are_named_by_column(study: Path) -> None:
    make_unique(study, "flipper_length_mm")
    assert error(python(study, COUNT)) == (
        "The table 'penguins' breaks its contract: flipper_length_mm is not unique."
    )


@slow
def test_values_that_stand_there_once_are_unique(study: Path) -> None:
    make_unique(study, "flipper_length_mm")
    file = study / "data/raw/penguins.csv"
    header, *rows = file.read_text("utf-8").splitlines()
    once = {row.split(",")[4]: row for row in rows}
    file.write_text("\n".join([header, *once.values()]), "utf-8")
    assert python(study, COUNT).output.split() == [str(len(once))]


@slow
def test_whole_numbers_keep_a_contract_of_floats(study: Path) -> None:
    file = study / "data/raw/penguins.csv"
    header, *rows = file.read_text("utf-8").splitlines()
    whole = [re.sub(r"\.\d", "", row) for row in rows]
    file.write_text("\n".join([header, *whole]), "utf-8")
    assert python(study, COUNT).output.split() == ["344"]


@slow
@pytest.mark.parametrize("breach", ["null", "out of range", "unknown word"])
def test_rows_are_not_checked_on_request(study: Path, breach: str) -> None:
    spoil(study, breach)
    result = python(study, COUNT.replace("'penguins'", "'penguins', check=False"))
    assert result.output.split() == ["344"]


@slow
@pytest.mark.parametrize("breach", ["missing column", "extra column", "wrong type"])
def test_names_and_types_are_always_checked(study: Path, breach: str) -> None:
    spoil(study, breach)
    result = python(study, COUNT.replace("'penguins'", "'penguins', check=False"))
    assert BREACHES[breach][1].split(";")[0] in error(result)


# What cannot be read is said in a sentence, and no password is shown.


@slow
def test_unknown_table_is_named_with_the_known_ones(study: Path) -> None:
    result = python(study, COUNT.replace("penguins", "pinguins"))
    assert error(result) == "There is no table 'pinguins'; known tables: penguins."


@slow
def test_missing_raw_file_is_named_with_its_place(study: Path) -> None:
    (study / "data/raw/penguins.csv").unlink()
    assert error(python(study, COUNT)) == (
        "The table 'penguins' has no file: expected penguins.csv or penguins.parquet "
        "in data/raw; `uv run poe data` may fetch it."
    )


@slow
def test_table_that_the_database_lacks_is_named(study: Path, database: str) -> None:
    locate(study, "field.fish")
    result = python(study, COUNT, DATA_URL=database)
    assert error(result).startswith("The database has no table 'field.fish': LOCATION")


@slow
def test_missing_database_file_is_said_and_not_made(
    study: Path, tmp_path: Path
) -> None:
    result = python(study, COUNT, DATA_URL=f"duckdb://{tmp_path}/none.duckdb")
    assert error(result) == (
        "DATA_URL names a database that cannot be opened (IOException)."
    )
    assert list(tmp_path.iterdir()) == []


@slow
def test_missing_driver_is_said_without_the_password(study: Path) -> None:
    result = python(study, COUNT, DATA_URL=WAREHOUSE)
    assert error(result) == (
        "DATA_URL names a database that needs a driver that is not installed: see "
        ".env.example."
    )
    assert "s3cret" not in result.output


@slow
def test_unreachable_database_is_said_without_the_password(study: Path) -> None:
    code = COUNT.format(package=package(study).name)
    driver = ["--with", "ibis-framework[postgres]"]
    result = run(
        "uv", "run", *driver, "python", "-c", code, cwd=study, DATA_URL=WAREHOUSE
    )
    assert error(result) == (
        "DATA_URL names a database that cannot be opened (nobody listens at its host "
        "and port)."
    )
    assert "s3cret" not in result.output


@slow
@pytest.mark.parametrize(
    "url",
    [
        "s3cret",
        "orakel://user:s3cret@host/x",
        "http://[s3cret",
        "s3cret.duckdb",
        "sqlite:///s3cret.db",
    ],
)
def test_url_that_means_nothing_is_said_without_its_text(study: Path, url: str) -> None:
    result = python(study, COUNT, DATA_URL=url)
    assert "names a database that cannot be opened" in error(result)
    assert "s3cret" not in result.output
    assert not [*study.glob("s3cret*")]


@slow
def test_settings_do_not_show_the_password(study: Path) -> None:
    code = "from {package}.settings import Settings; s = Settings(); print(s, repr(s))"
    result = python(study, code, DATA_URL=WAREHOUSE)
    assert "data_url" in result.output
    assert "s3cret" not in result.output


@slow
def test_checks_are_green_without_the_warehouse(study: Path) -> None:
    (study / ".env").write_text(f"DATA_URL={WAREHOUSE}\n")
    (study / "data/raw/penguins.csv").unlink()
    git("commit", "-aqm", "The warehouse has it", "--no-verify", cwd=study)
    result = poe(study, "check")
    assert result.code == 0, result.output
    assert "s3cret" not in result.output


# The example's tests tell a wrong analysis from a right one.

MUTATIONS = {
    "filter dropped, sex": ("penguins.sex.notnull(), ", ""),
    "filter dropped, mass": (", penguins.body_mass_g.notnull()", ""),
    "groups swapped": (
        'group["male"].mean_kg - group["female"].mean_kg',
        'group["female"].mean_kg - group["male"].mean_kg',
    ),
    "sign": ("kg - margin, kg + margin", "kg + margin, kg - margin"),
    "unit": ("GRAMS_PER_KILOGRAM = 1_000", "GRAMS_PER_KILOGRAM = 1"),
    "wrong interval, one-sided": ("(1 + confidence) / 2", "confidence"),
    "wrong interval, of the birds": ("variance_kg2 / b.birds", "variance_kg2"),
}


@slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutation_of_the_analysis_fails_its_tests(study: Path, mutation: str) -> None:
    module = package(study) / "body_mass.py"
    before, after = MUTATIONS[mutation]
    code = module.read_text("utf-8")
    assert code.count(before) == 1
    module.write_text(code.replace(before, after), "utf-8")
    result = poe(study, "test")
    assert result.code == 1, result.output
    assert re.search(r"= \d failed", result.output), result.output


# Raw files that are not in git are fetched.

SURVEY = b"bird,mass\n1,4000\n" * 100
SHA256 = hashlib.sha256(SURVEY).hexdigest()


@dataclass
class Site:
    """A web site on loopback that has one file, `/survey.csv`.

    Attributes:
        url: Where it is.
        requests: The paths that were asked for.
    """

    url: str
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.requests.append(self.path)
            if self.path != "/survey.csv":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(SURVEY)))
            self.end_headers()
            self.wfile.write(SURVEY)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = Site(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield asked
        server.shutdown()


def list_source(
    project: Path, url: str, sha256: str | None = SHA256, name: str = "survey.csv"
) -> None:
    hashed = f"sha256 = '{sha256}'\n" if sha256 is not None else ""
    entry = f"['{name}']\nurl = '{url}'\n{hashed}"
    (project / "data/sources.toml").write_text(entry, "utf-8")


def raw_files(project: Path) -> dict[str, bytes]:
    """Return all that stands in a project's data/raw."""
    raw = project / "data/raw"
    found = (path for path in raw.rglob("*") if path.is_file())
    return {path.relative_to(raw).as_posix(): path.read_bytes() for path in found}


@slow
def test_listed_file_is_fetched_from_the_web(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", name="2026/survey.csv")
    before = raw_files(study)
    result = poe(study, "data")
    assert result.code == 0, result.output
    assert raw_files(study) == before | {"2026/survey.csv": SURVEY}


def on_terminal(*words: str, cwd: Path) -> str:
    """Return what a command shows on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with subprocess.Popen(
        words,
        cwd=cwd,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # On Linux, how a terminal ends.
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    return shown.decode()


@slow
def test_progress_of_a_download_is_shown(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv")
    output = on_terminal("uv", "run", "poe", "data", cwd=study)
    assert "Fetching data/raw/survey.csv" in output
    assert "100%" in output


@slow
def test_second_run_downloads_nothing(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv")
    assert [poe(study, "data").code for _ in range(2)] == [0, 0]
    assert site.requests == ["/survey.csv"]


@slow
@pytest.mark.parametrize(
    "url",
    ["{folder}/team share/survey.csv", "../team share/survey.csv", "{uri}"],
    ids=["absolute", "relative", "file"],
)
def test_listed_file_is_fetched_from_a_shared_path(study: Path, url: str) -> None:
    share = study.parent / "team share"
    share.mkdir(exist_ok=True)
    file = share / "survey.csv"
    file.write_bytes(SURVEY)
    list_source(study, url.format(folder=study.parent, uri=file.as_uri()))
    result = poe(study, "data")
    assert result.code == 0, result.output
    assert raw_files(study)["survey.csv"] == SURVEY


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """An S3 server on loopback with the bucket `team`, as environment variables."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="team")
        s3.put_object(Bucket="team", Key="2026/survey.csv", Body=SURVEY)
    yield settings
    server.stop()


@pytest.fixture
def s3_study(study: Path) -> Iterator[Path]:
    """The project with the packages that s3 needs."""
    assert run("uv", "sync", "--extra", "s3", cwd=study).code == 0
    yield study
    assert run("uv", "sync", cwd=study).code == 0


@slow
def test_listed_file_is_fetched_from_s3(s3_study: Path, bucket: dict[str, str]) -> None:
    list_source(s3_study, "s3://team/2026/survey.csv")
    result = poe(s3_study, "data", **bucket)
    assert result.code == 0, result.output
    assert raw_files(s3_study)["survey.csv"] == SURVEY


@slow
def test_file_that_s3_lacks_is_said_in_a_sentence(
    s3_study: Path, bucket: dict[str, str]
) -> None:
    list_source(s3_study, "s3://team/2027/survey.csv")
    before = raw_files(s3_study)
    said = refusal(poe(s3_study, "data", **bucket))
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    assert "Not Found" in said
    assert raw_files(s3_study) == before


@slow
def test_s3_without_its_packages_says_how_to_install_them(study: Path) -> None:
    list_source(study, "s3://team/survey.csv")
    assert refusal(poe(study, "data")) == (
        "data/raw/survey.csv cannot be fetched: s3 needs boto3, so run: "
        "uv sync --extra s3"
    )


@slow
def test_hash_may_be_in_capitals(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", SHA256.upper())
    assert poe(study, "data").code == 0


@slow
def test_wrong_download_is_said_and_removed(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", "0" * 64)
    before = raw_files(study)
    said = refusal(poe(study, "data"))
    assert said.startswith("data/raw/survey.csv cannot be fetched: SHA256 hash of ")
    assert SHA256 in said
    assert raw_files(study) == before


@slow
def test_every_file_that_is_wrong_is_named_at_once(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", sha256=None)
    sources = study / "data/sources.toml"
    sources.write_text(
        sources.read_text("utf-8") + f'\n["b.csv"]\nurl = "{site.url}/none.csv"\n',
        "utf-8",
    )
    result = poe(study, "data")
    assert refusal(result).startswith("data/raw/b.csv cannot be fetched: 404")
    assert "data/raw/survey.csv has no hash yet" in result.output


@slow
def test_missing_hash_is_said_with_the_line_to_add(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", sha256=None)
    said = refusal(poe(study, "data"))
    assert f'data/raw/survey.csv has no hash yet: add sha256 = "{SHA256}"' in said


@slow
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{site}/other.csv", "404"),
        ("http://127.0.0.1:1/survey.csv", "Connection refused"),
        ("/no/such/survey.csv", "No such file or directory"),
        ("team:survey.csv", "Unrecognized URL protocol 'team'"),
        ("http://[survey.csv", "Invalid IPv6 URL"),
    ],
)
def test_file_that_cannot_be_fetched_is_said_in_a_sentence(
    study: Path, site: Site, url: str, reason: str
) -> None:
    list_source(study, url.format(site=site.url))
    before = raw_files(study)
    said = refusal(poe(study, "data"))
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    assert reason in said
    assert raw_files(study) == before


@slow
@pytest.mark.parametrize("place", ["{site}", "127.0.0.1:1"])
def test_secrets_in_an_address_are_not_shown(
    study: Path, site: Site, place: str
) -> None:
    place = place.format(site=site.url.removeprefix("http://"))
    list_source(study, f"http://user:s3cret@{place}/other.csv?token=t0ken")
    said = refusal(result := poe(study, "data"))
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    assert "s3cret" not in result.output
    assert "t0ken" not in result.output


@slow
def test_existing_file_of_other_content_is_named_and_kept(
    study: Path, site: Site
) -> None:
    (study / "data/raw/survey.csv").write_bytes(b"my own work")
    list_source(study, f"{site.url}/survey.csv")
    said = refusal(poe(study, "data"))
    assert said.startswith(
        "data/raw/survey.csv is not the file that data/sources.toml lists"
    )
    assert raw_files(study)["survey.csv"] == b"my own work"
    assert site.requests == []


@slow
@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ("survey.csv = = 1", "cannot be read: Invalid value (at line 1, column 14)."),
        ('["../survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["/tmp/survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["C:/survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["."]\nurl = "/x"', "write a path below data/raw."),
        ('["survey.csv"]\nsha256 = "0"', "gives no url for 'survey.csv'"),
        ('[survey.csv]\nurl = "/x"', "write the file's whole name in quotes"),
        ('"survey.csv" = "/x"', "gives no url for 'survey.csv'"),
    ],
)
def test_mistake_in_the_list_is_said_in_a_sentence(
    study: Path, listed: str, says: str
) -> None:
    (study / "data/sources.toml").write_text(listed, "utf-8")
    before = raw_files(study)
    said = refusal(poe(study, "data"))
    assert said.startswith("data/sources.toml ")
    assert says in said
    assert raw_files(study) == before


@slow
def test_list_may_be_removed(study: Path) -> None:
    (study / "data/sources.toml").unlink()
    result = poe(study, "data")
    assert result.code == 0, result.output


# A raw file that is on one disk only is named; git keeps none by accident.


@slow
def test_check_names_raw_files_that_nobody_else_has(study: Path) -> None:
    for name in ("lonely é.csv", "deep/lonely.csv", "listed.csv", "shipped.csv"):
        file = study / "data/raw" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SURVEY)
    list_source(study, "/mnt/team/survey.csv", name="listed.csv")
    git("add", "--force", "data/raw/shipped.csv", cwd=study)
    result = poe(study, "check")
    assert result.code == 0, result.output
    named = re.findall(r"data/raw/(.+) is on this disk only", result.output)
    assert named == ["deep/lonely.csv", "lonely é.csv"]


@slow
@pytest.mark.parametrize("folder", ["raw", "interim", "processed"])
def test_data_folder_survives_a_clone_and_says_what_it_is_for(
    study: Path, tmp_path: Path, folder: str
) -> None:
    git("clone", "--quiet", str(study), str(tmp_path / "clone"), cwd=tmp_path)
    readme = (tmp_path / "clone/data" / folder / "README.md").read_text("utf-8")
    assert readme.startswith(f"# {folder.title()} data\n")


@slow
def test_contents_of_data_folders_are_ignored_by_git(study: Path) -> None:
    for name in ("raw/new.csv", "raw/deep/new.csv", "interim/x.bin", "processed/y"):
        file = study / "data" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SURVEY)
    assert status(study) == ""


@slow
def test_change_of_a_shipped_raw_file_is_seen_by_git(study: Path) -> None:
    (study / "data/raw/penguins.csv").write_bytes(SURVEY)
    assert status(study) == " M data/raw/penguins.csv\n"


# What else people run into.


def add_table(project: Path, fields: str, sample: str) -> None:
    """Give a project a table `orders`, as a person would."""
    tables = package(project) / "tables"
    (tables / "orders.py").write_text(
        "import pandera.ibis as pa\n\n\nclass Contract(pa.DataFrameModel):\n" + fields
    )
    (tables / "orders.csv").write_text(sample)


ORDERS = "from {package}.data import read; print(read('orders').execute().dtypes)"


@slow
def test_column_that_must_be_unique_is_looked_at(study: Path) -> None:
    add_table(study, "    id: int = pa.Field(unique=True)\n", "id\n1\n1\n")
    message = error(python(study, ORDERS, DATA_URL="samples"))
    assert message == "The table 'orders' breaks its contract: id is not unique."


@slow
def test_whole_numbers_may_stand_in_a_column_of_floats(study: Path) -> None:
    add_table(study, "    price: float\n", "price\n1\n2\n")
    result = python(study, ORDERS, DATA_URL="samples")
    assert result.code == 0, result.output
    assert "float64" in result.output


@slow
def test_module_without_contract_is_named(study: Path) -> None:
    (package(study) / "tables/orders.py").write_text('"""Nothing yet."""\n')
    message = error(python(study, ORDERS, DATA_URL="samples"))
    assert message == "The table 'orders' has no contract: tables/orders.py lacks it."


@slow
def test_database_is_found_from_any_folder_and_shared_with_others(
    study: Path, database: str, tmp_path: Path
) -> None:
    (study / "data/interim/own.duckdb").write_bytes(
        Path(database.removeprefix("duckdb://")).read_bytes()
    )
    code = """if True:
        import subprocess, sys
        from {package}.data import read
        read("penguins")
        if len(sys.argv) == 1:
            again = subprocess.run([sys.executable, "-c", sys.orig_argv[2], "again"])
            sys.exit(again.returncode)
        print(read("penguins").count().execute())
    """
    result = python(study, code, tmp_path, DATA_URL="duckdb://data/interim/own.duckdb")
    assert result.output.split() == ["7"]


@slow
def test_database_file_that_is_not_there_is_not_made(study: Path) -> None:
    message = error(python(study, COUNT, DATA_URL="duckdb://data/interim/no.duckdb"))
    assert message == "DATA_URL names a database that cannot be opened (IOException)."
    assert not (study / "data/interim/no.duckdb").exists()
