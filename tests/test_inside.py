"""The package works on a project in this process."""

import pytest
from conftest import Small


def test_a_table_is_read_in_this_process(small: Small) -> None:
    small()
    from penguin_study.data import read  # type: ignore[import-not-found]

    assert read("penguins").count().execute() == 344


def test_samples_are_read_where_data_url_says_so(small: Small) -> None:
    small(env={"DATA_URL": "samples"})
    from twobus.data import source

    assert source().read("penguins").count().execute() == 38


def test_checks_of_notebooks_run(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = small()
    from twobus.notebooks import run

    run.check()
    assert (project / "reports/samples/01_body_mass.html").exists()
