"""Two models in one server, from an empty folder, by the commands people type."""

import json
import re
from pathlib import Path

import httpx
import pytest
from modelled import PATIENCE, served_by

from template import commit, lend, poe, run

pytestmark = pytest.mark.slow

SERVE = ["uv", "run", "poe", "serve", "--port", "0"]
FIRST, SECOND = "penguin_sex", "won_offers"
SAID = "## Intended use\n\nTests.\n\n## Not for\n\nPeople.\n\n## Limits\n\nNot real.\n"


def good(project: Path, *words: str) -> str:
    """Run a task that must succeed, and return what it printed."""
    result = poe(project, *words)
    assert result.code == 0, result.output
    return result.output


def test_a_second_model_is_served_beside_the_first_from_promoted_versions(
    models_ready: Path, tmp_path: Path
) -> None:
    # This folder was empty: what is in it was rendered, set up, trained and promoted.
    with lend(models_ready) as project:
        good(project, "new-model", SECOND)
        sample = next(project.glob("src/*/tables")) / f"{SECOND}.csv"
        (project / "data" / "raw" / sample.name).write_bytes(sample.read_bytes())
        commit(project)
        # Both: the newest version of the first model is then not the promoted one.
        told = good(project, "train")
        assert f"uv run poe promote {FIRST} 2" in told
        refused = poe(project, "promote", SECOND, "1")
        assert refused.code == 1
        page = f"docs/models/{SECOND}.md"
        assert f"{page} says nothing below 'Intended use'" in refused.output
        (project / page).write_text(f"# {SECOND}\n\n{SAID}", "utf-8")
        good(project, "promote", SECOND, "1")

        with served_by(SERVE, project, tmp_path / "log") as url:
            models = httpx.get(f"{url}/models", timeout=PATIENCE).json()
            known = {model["name"]: model for model in models}
            assert known.keys() == {FIRST, SECOND}
            for name, model in known.items():
                assert model["version"] == 1
                sent = {"rows": [model["example"]] * 3}
                predict = f"{url}/models/{name}/predict"
                answer = httpx.post(predict, json=sent, timeout=PATIENCE)
                assert answer.status_code == 200, answer.text
                told_of = answer.json()
                assert (told_of["model"], told_of["version"]) == (name, 1)
                assert len(told_of["predictions"]) == 3
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health")


@pytest.mark.whole
def test_what_goes_into_the_container_is_enough_to_serve(
    models_ready: Path, tmp_path: Path
) -> None:
    # Without a container: its files, its lines, and a registry that is elsewhere.
    app = tmp_path / "app"
    app.mkdir()
    for line in (models_ready / ".dockerignore").read_text("utf-8").splitlines():
        if line.startswith("!") and (models_ready / line[1:]).exists():
            run("cp", "-r", str(models_ready / line[1:]), str(app), cwd=tmp_path)
    lines = (models_ready / "Dockerfile").read_text("utf-8").splitlines()
    for line in lines:
        # A secret that is mounted is of no use here.
        if command := re.search(r"^RUN (?:--mount=\S+ )?(uv .+)$", line):
            result = run(*command[1].split(), cwd=app)
            assert result.code == 0, result.output
    (serve,) = [json.loads(line[4:]) for line in lines if line.startswith("CMD ")]
    # At any port, as others may serve at this computer.
    serve.append("0")
    registry = f"sqlite:///{models_ready / 'registry' / 'mlflow.db'}"
    changes = {"MLFLOW_TRACKING_URI": registry}
    with served_by(serve, app, tmp_path / "log", **changes) as url:
        assert httpx.get(f"{url}/ready", timeout=PATIENCE).status_code == 200
    assert not (app / "registry").exists()
