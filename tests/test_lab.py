"""JupyterLab saves a notebook and its script together, and shows what git brings."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Made
from inside import at_hand, inside
from pairs import (
    NOTEBOOK,
    RECORDS,
    SCRIPT,
    SOURCE,
    add_script,
    open_all,
    replace,
    save,
    write_notebook,
)

from template import environment, git, lend, run

pytestmark = pytest.mark.slow


class Lab:
    """JupyterLab on loopback, as `poe lab` starts it."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Start it, and wait until it answers."""
        self.project = project
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api/"
        settings = {
            **{"allow_root": True, "open_browser": False},
            **{"ip": "127.0.0.1", "port": port, "port_retries": 0},
        }
        (folder / "jupyter_server_config.json").write_text(
            json.dumps({"ServerApp": settings})
        )
        self.token = secrets.token_hex()
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["poe", "lab"],
                cwd=project,
                env=environment(JUPYTER_TOKEN=self.token, **at_hand())
                | {f"JUPYTER_{key}_DIR": str(folder) for key in ("CONFIG", "RUNTIME")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in range(600):
            try:
                listing = self.ask("GET", "contents/notebooks")["content"]
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.1)
            else:
                self.listed = {file["name"] for file in listing}
                return
        self.stop()
        pytest.fail(self.log.read_text())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the interface that JupyterLab's pages call."""
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def stop(self) -> None:
        """End the server and what it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="module")
def lab(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab of this environment on the default project and a script of ours."""
    project = tmp_path_factory.mktemp("project") / "penguin study é"
    shutil.copytree(rendered({}), project)
    add_script(project)
    server = Lab(project, tmp_path_factory.mktemp("lab"))
    # Tests put the project back as it is now.
    git("add", "--force", NOTEBOOK, RECORDS, cwd=project)
    git("commit", "--quiet", "--no-verify", "--message", "Pair", cwd=project)
    yield server
    server.stop()


@pytest.fixture
def paired(lab: Lab) -> Iterator[Path]:
    """The project, where somebody has opened the scripts as notebooks."""
    with lend(lab.project), inside(lab.project):
        yield lab.project


def test_lab_gives_every_script_its_notebook(lab: Lab) -> None:
    scripts = {Path(name).stem for name in lab.listed if name.endswith(".py")}
    notebooks = {Path(name).stem for name in lab.listed if name.endswith(".ipynb")}
    assert scripts == notebooks != set()


def test_saving_in_lab_changes_the_script_and_nothing_else(
    paired: Path, lab: Lab
) -> None:
    model = lab.ask("GET", f"contents/{NOTEBOOK}")
    two = model["content"]["cells"][2]
    two["source"], two["metadata"]["tags"] = "two = 22\ntwo", ["slow"]
    lab.ask("PUT", f"contents/{NOTEBOOK}", model)
    expected = SOURCE.replace("# %%\ntwo = 2", '# %% tags=["slow"]\ntwo = 22')
    assert (paired / SCRIPT).read_text("utf-8") == expected
    assert save() == ""


def test_a_notebook_made_in_lab_gets_a_script_without_header(
    paired: Path, lab: Lab
) -> None:
    write_notebook(paired / "new.ipynb", ("code", "1 + 1", ["slow"]))
    content = json.loads((paired / "new.ipynb").read_text("utf-8"))
    content["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    model = {"type": "notebook", "format": "json", "content": content}
    lab.ask("PUT", "contents/notebooks/new.ipynb", model)
    script = (paired / "notebooks/new.py").read_text("utf-8")
    assert script == '# %% tags=["slow"]\n1 + 1\n'
    assert save() == ""


def test_lab_shows_a_script_that_was_pulled_while_it_was_open(
    paired: Path, lab: Lab
) -> None:
    replace(paired / SCRIPT, "three = 3", "three = 33")
    model = lab.ask("GET", f"contents/{NOTEBOOK}")
    assert model["content"]["cells"][3]["source"] == "three = 33\nthree"


def test_lab_opens_a_notebook_run_elsewhere_after_its_script_was_formatted(
    paired: Path, lab: Lab
) -> None:
    replace(paired / NOTEBOOK, "two = 2", "two=2")
    hour_ago = time.time() - 3600
    os.utime(paired / SCRIPT, (hour_ago, hour_ago))
    assert open_all() == ""
    lab.ask("GET", f"contents/{NOTEBOOK}")


HABITS = """import pandas as pd
import os
x = 1; x"""


def save_and_commit(project: Path, lab: Lab, model: Any) -> list[str]:
    """Save what is in JupyterLab's memory, and commit until that passes.

    Returns:
        What each commit that was stopped said.
    """
    lab.ask("PUT", f"contents/{NOTEBOOK}", model)
    told: list[str] = []
    for _ in range(3):
        git("add", "--all", cwd=project)
        words = ["git", "commit", "--allow-empty", "--message", "Work"]
        result = run(*words, cwd=project, SKIP="secrets", **at_hand())
        if result.code == 0:
            return told
        told.append(result.output)
    return told


@pytest.mark.whole
def test_a_notebook_in_memory_is_saved_and_committed_again_and_again(
    paired: Path, lab: Lab
) -> None:
    assert run("pre-commit", "install", cwd=paired, **at_hand()).code == 0
    git("rm", "--quiet", "--cached", NOTEBOOK, RECORDS, cwd=paired)
    model = lab.ask("GET", f"contents/{NOTEBOOK}")
    text, two = model["content"]["cells"][0], model["content"]["cells"][2]
    two["source"] = HABITS
    text["source"] = "# 名前\n\n![image.png](attachment:image.png)"
    text["attachments"] = {"image.png": {"image/png": "iVBORw0KGgo="}}
    # Once, to look at how the picture is linked.
    assert len(save_and_commit(paired, lab, model)) == 1
    assert (paired / SCRIPT).read_text("utf-8").count("](media/02_pair/image-") == 1
    for source in (HABITS, f"{HABITS}\nx == 2", "import pandas as pd\nx = (\n"):
        two["source"] = source
        told = save_and_commit(paired, lab, model)
        # One that is no Python is a mistake that people must correct.
        assert len(told) == (3 if source.endswith("(\n") else 1), "\n".join(told)
        assert "import pandas as pd" in (paired / SCRIPT).read_text("utf-8")
        again = lab.ask("GET", f"contents/{NOTEBOOK}")["content"]["cells"]
        assert "import pandas as pd" in again[2]["source"]
        assert "image" in again[0]["source"]
    assert "invalid-syntax" in told[-1]
