"""Where code runs for others, nothing is installed or loaded that only people need."""

import json
import re
import sys
from pathlib import Path

import pytest

from template import ROOT, run

# What people work with, by the beginnings of names.
TOOLS = {
    "copier", "griffe", "httpx", "ipykernel", "ipython", "jinja2", "jupyter",
    "jupyterlab", "jupytext", "kingfisher-bin", "marimo", "mypy", "nbclient",
    "nbconvert", "poethepoet", "pooch", "pre-commit", "pre-commit-hooks", "pytest",
    "pytest-env", "ruff", "tqdm", "typer", "uv",
}  # fmt: skip


def resolved(*extras: str) -> set[str]:
    """Return the packages that the lock has for these extras of the package."""
    chosen = [word for extra in extras for word in ("--extra", extra)]
    words = ["uv", "export", "--frozen", "--offline", "--quiet", "--no-dev", *chosen]
    result = run(*words, "--no-emit-project", "--no-hashes", "--no-header", cwd=ROOT)
    assert result.code == 0, result.output
    return {*re.findall(r"^([a-z0-9-]+)(?=[=\\[])", result.output, re.MULTILINE)}


@pytest.mark.parametrize(
    ("extras", "needed"),
    [
        (["models"], {"fastapi", "ibis-framework", "mlflow-skinny", "scikit-learn"}),
        (["data", "keyring"], {"ibis-framework", "keyring", "pandera"}),
        (["data"], {"ibis-framework", "pandera"}),
    ],
    ids=["models", "data,keyring", "data"],
)
def test_no_tool_is_installed_where_code_runs(
    extras: list[str], needed: set[str]
) -> None:
    found = resolved(*extras)
    assert needed <= found
    assert found & TOOLS == set()
    assert not [name for name in found if name.startswith(("jupyter", "nb"))]


def test_the_tools_are_those_of_the_other_extras() -> None:
    # So that a tool that is renamed does not get past the test above.
    people = resolved("dev", "jupyter", "marimo", "companion")
    assert TOOLS - people <= {"jupyter", "uv"}


def test_the_package_by_itself_installs_nothing() -> None:
    assert resolved() == set()


@pytest.mark.slow
@pytest.mark.parametrize("module", ["serving", "batch"])
def test_serving_loads_nothing_that_draws_or_trains(module: str) -> None:
    script = Path(__file__).with_name("importing.py")
    result = run(sys.executable, str(script), f"twobus.models.{module}", cwd=ROOT)
    _, loaded = json.loads(result.output)
    heavy = {"matplotlib", "markdown_it"}
    heavy |= {"twobus.models.card", "twobus.models.training", "twobus.models.search"}
    assert heavy & {*loaded} == set()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [False, True])
def test_tasks_of_notebooks_make_no_parsers_of_addresses_and_kernels_may(
    kernel: bool,
) -> None:
    code = "import ipykernel; " * kernel + "import twobus.notebooks.run, rfc3987_syntax"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert (done.code == 0) == kernel, done.output
