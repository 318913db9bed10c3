"""Settings are tried on this machine's cores, or by the workers of a Dask cluster."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from modelled import Nursery, nursery

from template import environment, lend, run

pytestmark = pytest.mark.slow

NAME = "penguin_sex"
TUNE = f"tasks.tune({NAME!r})"
# An estimator that leaves the number of each process in which it learns.
TOLD = """
class Told(LogisticRegression):
    def fit(self, *given, **more):
        import os
        from pathlib import Path

        (Path({folder!r}) / str(os.getpid())).touch()
        return super().fit(*given, **more)


MODEL = Model("""
# A scheduler and two workers, each a process; they end when nobody listens any more.
CLUSTER = """
import json, os, sys
from distributed import Client, LocalCluster
options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
with LocalCluster(**options) as cluster, Client(cluster) as client:
    workers = [*client.run(os.getpid).values()]
    print(json.dumps([cluster.scheduler_address, workers]), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made(
    models_ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nursery]:
    """The project with the packages of Dask, which are taken away again."""
    with lend(models_ready):
        result = run("uv", "sync", "--extra", "dask", cwd=models_ready)
        assert result.code == 0, result.output
        with nursery(models_ready, tmp_path_factory.mktemp("outputs")) as children:
            yield children
    result = run("uv", "sync", cwd=models_ready)
    assert result.code == 0, result.output


@contextmanager
def cluster(project: Path) -> Iterator[tuple[str, set[str]]]:
    """Start a cluster; yield the scheduler's address and the workers' processes."""
    process = subprocess.Popen(
        [project / ".venv" / "bin" / "python", "-c", CLUSTER],
        cwd=project,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout
    address, workers = json.loads(process.stdout.readline())
    try:
        yield address, {str(worker) for worker in workers}
    finally:
        process.stdin.close()
        process.wait()


def test_the_workers_of_a_cluster_do_the_work_and_find_the_same(
    made: Nursery, tmp_path: Path
) -> None:
    here = made.good(TUNE)
    table = here.partition("\n\n")[0]
    assert len(table.splitlines()) == 1 + len([0.1, 1, 10, 100])
    module = next(made.project.glob("src/*/models")) / f"{NAME}.py"
    text = module.read_text("utf-8").replace("LogisticRegression(C", "Told(C")
    text = text.replace("logisticregression__", "told__")
    told = TOLD.replace("{folder!r}", repr(str(tmp_path)))
    module.write_text(text.replace("MODEL = Model(", told), "utf-8")
    with cluster(made.project) as (address, workers):
        there = made.good(f"tasks.tune({NAME!r}, {address!r})")
    assert [line.split() for line in there.splitlines()[1:]] == (
        [line.split() for line in here.splitlines()[1:]]
    )
    processes = {file.name for file in tmp_path.iterdir()}
    assert processes
    assert processes <= workers


def test_a_scheduler_that_does_not_answer_is_named_in_a_sentence(made: Nursery) -> None:
    address = "tcp://127.0.0.1:9"
    # Sooner than a person would like to wait.
    soon = """
import distributed
class Client(distributed.Client):
    def __init__(self, address, timeout):
        super().__init__(address, timeout="1s")
distributed.Client = Client
"""
    said = made.refused(f"{soon}tasks.tune({NAME!r}, {address!r})")
    assert said.startswith(f"No Dask scheduler answers at {address} (")
