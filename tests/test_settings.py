"""Settings: where they are looked for, in which order, and that secrets stay so."""

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.core
import pytest
from conftest import Small
from keyring.backend import KeyringBackend
from postgres import PLANTED
from reading import count
from warehouse import Library

from twobus import settings, system_keyring
from twobus.data import source

WAREHOUSE = f"postgres://user:{PLANTED}@127.0.0.1:1/x"


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def test_folders_are_those_of_the_project(study: Path) -> None:
    assert (study, study / "data") == (settings.ROOT, settings.DATA)
    assert study / "notebooks" == settings.NOTEBOOKS
    assert study / "reports" == settings.REPORTS
    assert not hasattr(settings, "OTHER")


def test_env_file_says_where_tables_are_read_from(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / ".env").write_text("DATA_URL=samples\n")
    monkeypatch.chdir(study / "notebooks")
    assert count() == 38


def test_environment_beats_the_env_file(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / ".env").write_text(f"DATA_URL={WAREHOUSE}\n")
    monkeypatch.setenv("DATA_URL", "samples")
    assert count() == 38


def test_copy_of_the_env_example_means_the_default(study: Path) -> None:
    example = (study / ".env.example").read_text("utf-8")
    assert "\nDATA_URL=\n" in example
    (study / ".env").write_text(example, "utf-8")
    assert count() == 344


def test_settings_do_not_show_the_password(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_URL", WAREHOUSE)
    found = settings.Settings()
    assert found.data_url.get_secret_value() == WAREHOUSE
    assert "data_url" in repr(found)
    assert PLANTED not in f"{found} {found!r}"


# Where the library looks for settings.


class Kept(KeyringBackend):
    """A keyring that holds one address."""

    priority = 1

    def __init__(self) -> None:
        """Need nothing."""

    def get_password(self, service: str, username: str) -> str | None:
        asked = (service, username)
        return "duckdb://from-keyring" if asked == ("acme-data", "DATA_URL") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let what the keyring has said before be forgotten, and afterwards too."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    system_keyring._kept.cache_clear()
    yield
    system_keyring._kept.cache_clear()


@pytest.mark.usefixtures("kept")
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
    library: Library, environment: str, file: str, expected: str
) -> None:
    project = library(environment)
    (project / ".env").write_text(f"DATA_URL={file}\n", "utf-8")
    keyring.set_keyring(Kept())
    found = importlib.import_module("acme_data.settings").Settings()
    assert found.data_url.get_secret_value() == expected
    assert "from" not in f"{found} {found!r}"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "absent.Keyring"])
def test_a_machine_without_a_keyring_reads_the_samples(
    library: Library, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library("")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with pytest.warns(UserWarning, match="These are samples"):
        assert count("customers") == 2


@pytest.mark.usefixtures("kept")
def test_samples_that_nobody_asked_for_are_said(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    project = library("")
    with pytest.warns(UserWarning, match="These are samples: no DATA_URL"):
        source().read("customers")
    (project / ".env").write_text("DATA_URL=samples\n", "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source().read("customers")
