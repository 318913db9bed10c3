"""Settings are tried on this machine's cores, or by the workers of a Dask cluster."""

import os
import sys
from pathlib import Path
from typing import Any

import distributed
import pytest
from modelled import MODELS, NAME, edit, refused

from twobus.models import tasks

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"
# An estimator that leaves the number of each process in which it learns.
TOLD = """
class Told(LogisticRegression):
    def fit(self, *given, **more):
        import os
        from pathlib import Path

        (Path({folder!r}) / str(os.getpid())).touch()
        return super().fit(*given, **more)


MODEL = Model("""


def tuned(capsys: pytest.CaptureFixture[str], dask: str = "") -> list[list[str]]:
    """Tune the model; return the table of what was tried, without its head."""
    tasks.tune(NAME, dask)
    table = capsys.readouterr().out.partition("\n\n")[0]
    return [line.split() for line in table.splitlines()[1:]]


@pytest.mark.whole
def test_the_workers_of_a_cluster_do_the_work_and_find_the_same(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tuned(capsys)
    assert len(here) == len([0.1, 1, 10, 100])
    edit(models, MODULE, "LogisticRegression(C", "Told(C")
    edit(models, MODULE, "logisticregression__", "told__")
    told = TOLD.replace("{folder!r}", repr(str(tmp_path)))
    edit(models, MODULE, "MODEL = Model(", told)
    # Two workers, each a process.
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = {str(number) for number in client.run(os.getpid).values()}
        assert tuned(capsys, cluster.scheduler_address) == here
    processes = {file.name for file in tmp_path.iterdir()}
    assert processes
    assert processes <= workers


def test_a_scheduler_that_does_not_answer_is_named_in_a_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "tcp://127.0.0.1:9"

    real: Any = distributed.Client
    # Sooner than a person would like to wait.
    monkeypatch.setattr(
        distributed, "Client", lambda address, timeout: real(address, timeout="1s")
    )
    said = refused(tasks.tune, NAME, address)
    assert said.startswith(f"No Dask scheduler answers at {address} (")


def test_dask_that_is_not_installed_is_named_in_a_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refused(tasks.tune, NAME, "tcp://127.0.0.1:9")
    assert said == "Dask is not installed: uv sync --extra dask installs it."


def test_a_model_that_names_no_settings_says_so(models: Path) -> None:
    edit(models, MODULE, "    search={", "    # search={")
    assert "names no settings to try" in refused(tasks.tune, NAME)
