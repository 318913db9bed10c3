"""A library and a study of different releases: up to 0.5, each had copied code."""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Made, Small
from inside import inside
from reading import count, refusal

from twobus.data import DataError, digest, source
from twobus.data.checks.task import check_tables
from twobus.project import here

LIBRARY = {"kind": "library", "package_name": "acme_data"}
STUDY = {"shared_library": "acme-data @ git+https://git.acme.example/data@v1"}


def install(library: Path, patch: pytest.MonkeyPatch) -> None:
    """Let the project that the test works in import a library."""
    patch.syspath_prepend(str(library / "src"))
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "acme_data"]:
        del sys.modules[name]


@pytest.fixture
def old_library(
    small: Small, made: Made, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A new study, in which the test works, on a library of release 0.5."""
    project = small(env={"DATA_URL": "samples"}, **STUDY)
    install(made("0.5.0", LIBRARY), monkeypatch)
    yield project
    forget()


def sample_of(package: str) -> Path:
    tables = importlib.import_module(f"{package}.tables")
    return Path(tables.__path__[0]) / "penguins.csv"


def test_a_new_study_reads_by_an_old_library(old_library: Path) -> None:
    assert source().names() == ["penguins"]
    assert count(check=True) == 38
    assert "body_mass_g" in source().contract("penguins").columns
    (line,) = source().provenance()
    assert line.endswith(f"penguins.csv {digest(sample_of('acme_data'))}")


def test_where_an_old_library_reads_from_is_known(
    old_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source().on_samples()
    with duckdb.connect(str(old_library / "few.duckdb")) as base:
        base.sql("create table penguins as select 1 as few")
    (old_library / ".env").write_text("DATA_URL=duckdb://few.duckdb\n")
    monkeypatch.delenv("DATA_URL")
    assert not source().on_samples()
    assert "it lacks the column species" in refusal(count)


def test_tables_of_an_old_library_are_checked(
    old_library: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with duckdb.connect(str(old_library / "birds.duckdb")) as base:
        sample = str(sample_of("acme_data"))
        base.read_csv(sample, na_values="NA").to_table("penguins")
    (old_library / ".env").write_text("DATA_URL=duckdb://birds.duckdb\n")
    monkeypatch.delenv("DATA_URL")
    check_tables([], lambda name: [])
    check_tables([], lambda name: [])
    assert capsys.readouterr().out.count("as before") == 1


def test_errors_of_an_old_library_are_sentences(old_library: Path) -> None:
    theirs = importlib.import_module("acme_data.data").DataError
    assert not issubclass(theirs, DataError)
    assert refusal(lambda: count("pinguins")) == (
        "There is no table 'pinguins'; known tables: penguins."
    )
    assert refusal(lambda: source().contract("pinguins")).startswith("There is no")


def test_a_library_that_is_not_there_is_said(small: Small) -> None:
    small(**STUDY)
    assert refusal(source) == (
        "acme_data.data cannot be imported: ModuleNotFoundError: No module named "
        "'acme_data'"
    )


@pytest.fixture(params=["analysis", "model"])
def old_study(
    request: pytest.FixtureRequest,
    made: Made,
    rendered: Made,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """The common code of a study of release 0.5, on a new library."""
    project = made("0.5.0", {**STUDY, "kind": request.param})
    with inside(project, DATA_URL="samples"):
        with pytest.MonkeyPatch.context() as patch:
            # An installed library knows the study by the environment in which it runs.
            patch.setattr(sys, "prefix", str(project / ".venv"))
            assert here().root == project
        install(rendered(LIBRARY), monkeypatch)
        yield importlib.import_module("penguin_study.twobus")
        forget()


def test_an_old_study_reads_by_a_new_library(old_study: Any) -> None:
    access = importlib.import_module("penguin_study.twobus.access")
    assert access.names() == ["penguins"]
    assert access.read("penguins", check=True).count().execute() == 38
    assert "body_mass_g" in access.contract("penguins").columns
    (line,) = access.provenance()
    assert access.tables.__name__ == "acme_data.tables"
    sample = sample_of("acme_data")
    assert line.endswith(f"penguins.csv {access.digest(sample)}")
    with pytest.raises(access.DataError, match="There is no table 'pinguins'"):
        access.read("pinguins")


def test_an_old_study_has_the_settings_of_a_new_library(
    old_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = importlib.import_module("penguin_study.settings")
    assert settings.Settings().data_url.get_secret_value() == "samples"
    monkeypatch.delenv("DATA_URL")
    (settings.ROOT / ".env").write_text("DATA_URL=duckdb://from-file\n")
    assert settings.Settings().data_url.get_secret_value() == "duckdb://from-file"
    (settings.ROOT / ".env").unlink()


def test_all_common_code_of_an_old_study_can_be_imported(old_study: Any) -> None:
    found = pkgutil.walk_packages(old_study.__path__, f"{old_study.__name__}.")
    names = [module.name for module in found]
    assert "penguin_study.twobus.review" in names
    for name in names:
        importlib.import_module(name)
