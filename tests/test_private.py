"""The template and a team's library may be private: people, CI and images log in."""

import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import yaml
from conftest import Made, Render
from forges import GitHub
from loopback import offered
from served import Server, served

from template import (
    ROOT,
    Result,
    choices,
    clone,
    commit,
    git,
    pythons,
    render,
    run,
    status,
)

# In no file but those that hand it over, so that it can be looked for in all.
SECRET = f"secret-{uuid4().hex}"
# One line without an end, as people paste it.
NETRC = f"machine localhost login x-access-token password {SECRET}"
PRIVATE = "acme-data @ git+https://git.acme.example/data/acme-data@v1.2.0"
MOUNT = "--mount=type=secret,id=netrc,target=/root/.netrc "
# The release of uv that CI, containers and builds use.
PINS = (ROOT / "template" / "_parts" / "pins.jinja").read_text("utf-8")
UV = PINS.rpartition('uv = "')[2].partition('"')[0]
SMALL = {"notebooks": "none", "shared_library": PRIVATE}


@dataclass(frozen=True)
class Computer:
    """A computer that has never seen the library.

    Attributes:
        home: The home folder of whoever works there.
        cache: What uv keeps there; of indexes it has what this machine has.
        settings: The variables that make programs work there.
    """

    home: Path
    cache: Path
    settings: dict[str, str]

    def run(self, *words: str, cwd: Path, **changes: str) -> Result:
        """Run a command there, which never shows the secret."""
        result = run(*words, cwd=cwd, **{**self.settings, **changes})
        assert SECRET not in result.output
        return result

    def log_in(self, text: str = NETRC) -> None:
        """Write down who reads the library."""
        (self.home / ".netrc").write_text(text)


NewComputer = Callable[[], Computer]


@pytest.fixture(scope="module")
def server(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A forge that shows the template, and a library 1.0.0, to those who log in."""
    folder = tmp_path_factory.mktemp("private")
    with served(folder) as server:
        server.fake = GitHub(f"https://{server.host}/api/v3")
        server.fake.token = SECRET
        server.root = folder / "forge"
        library = render(release, folder / "acme-data", kind="library")
        # As it would have been made from there.
        for name in (".copier-answers.yml", "pyproject.toml", "README.md"):
            file = library / name
            text = file.read_text("utf-8").replace(release.as_uri(), template(server))
            text = text.replace(str(release), template(server))
            text = text.replace('version = "0.1.0"', 'version = "1.0.0"')
            file.write_text(text, "utf-8")
        git("tag", "--annotate", "v1.0.0", "--message", "1.0.0", cwd=commit(library))
        for name, source in {"acme-data": library, "twobus": release}.items():
            bare = server.root / "data" / f"{name}.git"
            git("clone", "--quiet", "--bare", str(source), str(bare), cwd=folder)
        yield server


@pytest.fixture(scope="module")
def computer(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewComputer]:
    """Make computers, as many as somebody needs."""
    place = tmp_path_factory.mktemp("computers")
    shared = Path(run("uv", "cache", "dir", cwd=place).output.strip())
    # On the same disk as the cache: uv moves files from the one to the other.
    with TemporaryDirectory(prefix="uv-", dir=shared.parent) as caches:

        def make() -> Computer:
            name = str(len(list(place.iterdir())))
            home, cache = place / name, Path(caches) / name
            home.mkdir()
            cache.mkdir()
            for bucket in shared.iterdir():
                if not bucket.name.startswith((".", "git-", "sdists-")):
                    (cache / bucket.name).symlink_to(bucket)
            settings = {
                "HOME": str(home),
                "UV_CACHE_DIR": str(cache),
                "UV_PYTHON": next(iter(pythons().values())),
                # Nobody types a password, and no helper of this machine knows one.
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ASKPASS": "",
                "GIT_CONFIG_NOSYSTEM": "1",
            }
            return Computer(home, cache, {**settings, **server.trusted_too()})

        yield make


def template(server: Server) -> str:
    """Return where the template is."""
    return f"https://{server.host}/data/twobus.git"


def address(server: Server) -> str:
    """Return what a project asks for."""
    return f"acme-data @ git+https://{server.host}/data/acme-data@v1.0.0"


@pytest.fixture(scope="module")
def project_of(
    server: Server,
    computer: NewComputer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Make a project whose author can read template and library, and has locked it."""

    def make(settings: Mapping[str, str] | None = None, **answers: str) -> Path:
        author = computer()
        author.log_in()
        folder = tmp_path_factory.mktemp("made")
        given = {**SMALL, "shared_library": address(server), **answers}
        data = [f"--data={name}={value}" for name, value in given.items()]
        words = [sys.executable, "-m", "copier", "copy", "--defaults", *data]
        made = author.run(*words, template(server), "study", cwd=folder)
        assert made.code == 0, made.output
        locked = author.run("uv", "lock", cwd=folder / "study", **(settings or {}))
        assert locked.code == 0, locked.output
        assert kept(author.cache, author.home) == [str(author.home / ".netrc")]
        return commit(folder / "study")

    return make


def kept(*folders: Path) -> list[str]:
    """List the files of some folders, however deep, that hold the secret."""
    found = run("grep", "-rlF", SECRET, *map(str, folders), cwd=folders[0])
    return found.output.splitlines()


def not_in_history(project: Path) -> None:
    """Check that the secret is in no object of a repository, which are compressed."""
    words = ["git", "cat-file", "--batch-all-objects", "--batch"]
    assert SECRET not in run(*words, cwd=project).output


def github_steps(project: Path, job: str = "check") -> list[dict[str, Any]]:
    """List the steps of a job that run something."""
    for file in (project / ".github" / "workflows").iterdir():
        jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"]
        if job in jobs:
            return [step for step in jobs[job]["steps"] if "run" in step]
    raise LookupError(job)


def on_github(
    steps: list[dict[str, Any]], runner: Computer, project: Path, secret: str
) -> Result:
    """Run steps as GitHub does, each with its own variables, up to one that fails."""
    output = ""
    for step in steps:
        values = {"${{ secrets.NETRC }}": secret}
        own = {name: values[value] for name, value in step.get("env", {}).items()}
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        result = runner.run(*script, cwd=project, CI="true", **own)
        output += result.output
        if result.code:
            return Result(result.code, output)
    return Result(0, output)


def on_gitlab(
    config: dict[str, Any], runner: Computer, project: Path, **variables: str
) -> Result:
    """Run the job `check` as GitLab does, all in one shell."""
    lines = [*config["default"]["before_script"], *config["check"]["script"]]
    script = ["bash", "-c", "\n".join(["set -eo pipefail", *lines])]
    return runner.run(*script, cwd=project, CI="true", **variables)


def gitlab(project: Path) -> dict[str, Any]:
    """Return what GitLab is to do."""
    text = (project / ".gitlab-ci.yml").read_text("utf-8")
    return dict(yaml.safe_load(text))


def netrc(runner: Computer) -> Path:
    """Return the file that git and uv log in by, which nobody else may read."""
    file = runner.home / ".netrc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file


# Without the secret.


@pytest.mark.slow
@pytest.mark.parametrize("login", ["", f"{NETRC}-wrong"], ids=["none", "wrong"])
def test_nobody_locks_who_may_not_read_the_library(
    login: str, project: Render, server: Server, computer: NewComputer
) -> None:
    made = project(**{**SMALL, "shared_library": address(server)})
    stranger = computer()
    if login:
        stranger.log_in(login)
    result = stranger.run("uv", "lock", cwd=made)
    assert result.code != 0
    assert "data/acme-data" in result.output
    assert not (made / "uv.lock").exists()


# GitHub.


@pytest.mark.whole
@pytest.mark.slow
def test_the_first_push_to_github_passes(
    project_of: Callable[..., Path],
    server: Server,
    computer: NewComputer,
    tmp_path: Path,
) -> None:
    study = project_of()
    runner, checkout = computer(), clone(study, tmp_path / "checkout")
    server.logins.clear()
    result = on_github(github_steps(checkout), runner, checkout, NETRC)
    assert result.code == 0, result.output
    assert result.output.rstrip().endswith("All checks passed.")
    for name in ("data/acme-data", "data/twobus"):
        assert any(name in path and SECRET in who for path, who in server.logins)
    assert netrc(runner).read_text() == f"{NETRC}\n"
    assert status(checkout) == ""
    assert any(runner.cache.glob("git-*/db/*"))
    places = [study, checkout, runner.home, runner.cache]
    assert kept(*places) == [str(runner.home / ".netrc")]
    not_in_history(checkout)


@pytest.mark.whole
@pytest.mark.slow
def test_github_without_the_secret_reads_what_is_public(
    project_of: Callable[..., Path],
    server: Server,
    computer: NewComputer,
    tmp_path: Path,
) -> None:
    study = project_of()
    runner, checkout = computer(), clone(study, tmp_path / "checkout")
    login, check = github_steps(checkout)
    sync = {"run": check["run"].replace("poe check", "python -c 'import acme_data'")}
    assert on_github([login, sync], runner, checkout, "").code != 0
    server.public = True
    try:
        result = on_github([login, sync], runner, checkout, "")
    finally:
        server.public = False
    assert result.code == 0, result.output
    assert not (runner.home / ".netrc").exists()


# Jobs that one kind alone has.
MORE = {"model": ["watch"], "library": ["build"]}


@pytest.mark.parametrize("notebooks", choices("notebooks"))
@pytest.mark.parametrize("kind", choices("kind"))
def test_each_job_on_github_that_runs_uv_logs_in_first(
    kind: str, notebooks: str, rendered: Made
) -> None:
    if kind == "library" and notebooks != "none":
        return
    made = rendered({"kind": kind, "notebooks": notebooks})
    weekly = ("prepare", "propose")
    for job in ("check", "review", *weekly, *MORE.get(kind, ())):
        login, *others = logins_first(github_steps(made, job))
        assert login["env"] == {"NETRC": "${{ secrets.NETRC }}"}
        assert "uv run" in others[0]["run"]
        assert "NETRC" not in str(others)
    for file in (made / ".github" / "workflows").iterdir():
        text = file.read_text("utf-8")
        assert text.count("secrets.NETRC") == text.count('{ NETRC: "${{')


def logins_first(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the step that looks whether the template's folder is there."""
    return steps[1:] if "NETRC" not in steps[0]["run"] else steps


def test_github_writes_the_secret_as_it_is(
    rendered: Made, computer: NewComputer, tmp_path: Path
) -> None:
    login, *_ = logins_first(github_steps(rendered({})))
    text = f"{NETRC}\nmachine b login $(id) password `id`%s\\n'\"; touch pwned"
    runner = computer()
    # Of a job before, on a runner that is used again.
    runner.log_in("machine old")
    result = on_github([login], runner, tmp_path, text)
    assert (result.code, result.output) == (0, "")
    assert netrc(runner).read_text() == f"{text}\n"


def test_github_without_the_secret_leaves_what_is_there(
    rendered: Made, computer: NewComputer, tmp_path: Path
) -> None:
    login, *_ = logins_first(github_steps(rendered({})))
    runner = computer()
    runner.log_in("machine old")
    result = on_github([login], runner, tmp_path, "")
    assert (result.code, result.output) == (0, "")
    assert (runner.home / ".netrc").read_text() == "machine old"


# GitLab.


@pytest.mark.slow
def test_the_first_push_to_gitlab_reads_what_is_private(
    project_of: Callable[..., Path], computer: NewComputer, tmp_path: Path
) -> None:
    study = project_of(forge="gitlab")
    runner, checkout = computer(), clone(study, tmp_path / "checkout")
    # GitLab's runner lets everybody read it.
    (tmp_path / "NETRC").write_text(NETRC)
    (tmp_path / "NETRC").chmod(0o666)
    file = str(tmp_path / "NETRC")
    config = gitlab(checkout)
    # The same as on GitHub, where it is run.
    (line,) = config["check"]["script"]
    config["check"]["script"] = [line.replace("poe check", "poe format")]
    result = on_gitlab(config, runner, checkout, NETRC=file)
    assert result.code == 0, result.output
    assert netrc(runner).read_text() == NETRC
    assert any(runner.cache.glob("git-*/db/*"))
    places = [study, checkout, runner.home, runner.cache]
    assert kept(*places) == [str(runner.home / ".netrc")]
    not_in_history(checkout)


def test_gitlab_without_the_variable_goes_on(
    rendered: Made, computer: NewComputer, tmp_path: Path
) -> None:
    config = gitlab(rendered({"forge": "gitlab"}))
    config["check"]["script"] = ["echo on"]
    runner = computer()
    result = on_gitlab(config, runner, tmp_path)
    assert (result.code, result.output) == (0, "on\n")
    assert not (runner.home / ".netrc").exists()


def test_gitlab_says_that_a_variable_of_text_must_be_a_file(
    rendered: Made, computer: NewComputer, tmp_path: Path
) -> None:
    config = gitlab(rendered({"forge": "gitlab"}))
    config["check"]["script"] = ["echo on"]
    runner = computer()
    result = on_gitlab(config, runner, tmp_path, NETRC=NETRC)
    assert result.output == "The variable NETRC must be of type File.\non\n"
    assert not (runner.home / ".netrc").exists()


# Both.


@pytest.mark.parametrize(
    ("forge", "place"),
    [
        ("github", "secret `NETRC` (Settings, Secrets and variables, Actions)"),
        (
            "gitlab",
            "variable `NETRC` of type File, visible and not protected (Settings, "
            "CI/CD, Variables)",
        ),
    ],
)
def test_the_readme_says_in_two_sentences_how_to_log_in(
    forge: str, place: str, project: Render
) -> None:
    readme = (project(forge=forge, **SMALL) / "README.md").read_text("utf-8")
    (paragraph,) = [line for line in readme.splitlines() if "NETRC" in line]
    assert "`machine git.acme.example login NAME password TOKEN`" in paragraph
    assert "`~/.netrc`" in paragraph
    assert paragraph.endswith(f"{place}.")
    assert len(re.findall(r"\.( |$)", paragraph)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        PRIVATE,
        "acme-data[postgres] @ git+https://git.acme.example:8443/data/acme-data@v1.2.0",
        "acme-data @ git+https://git.acme.example/mono@v1#subdirectory=data",
        "acme-data @ git+ssh://git@git.acme.example:22/data/acme-data@v1.2.0",
        "acme-data @ git+file:///srv/git/acme-data@v1.2.0",
        "acme-data @ https://git.acme.example/acme_data-1.2.0-py3-none-any.whl",
        "acme-data>=1.2,<2",
    ],
)
def test_an_address_without_a_secret_is_taken(answer: str, project: Render) -> None:
    made = project(**{**SMALL, "shared_library": answer})
    assert f'"{answer}"' in (made / "pyproject.toml").read_text("utf-8")


# The image.


def instructions(project: Path) -> list[tuple[str, str]]:
    """List what a Dockerfile says, each with its first word apart."""
    text = (project / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def let_in(project: Path, name: str) -> bool:
    """Tell whether a file at the top reaches the image; the last pattern decides."""
    found = True
    for line in (project / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line[:1] not in ("", "#") and fnmatch(name, pattern):
            found = line.startswith("!")
    return found


def stages(project: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what the stage that builds does, and what the one that runs does."""
    (_, base), *rest = instructions(project)
    assert base.endswith("-slim AS build")
    (split,) = (n for n, (word, _) in enumerate(rest) if word == "FROM")
    return rest[:split], rest[split:]


def test_only_the_steps_of_the_image_that_run_uv_see_the_secret(
    rendered: Made,
) -> None:
    made = rendered({"kind": "model"})
    for word, rest in instructions(made):
        uses = word == "RUN" and "uv sync" in rest
        assert rest.startswith(MOUNT) == uses, rest
        assert rest.lower().count("netrc") == 2 * uses, rest
    assert sum(MOUNT in rest for _, rest in instructions(made)) == 2


def test_a_netrc_beside_the_code_stays_out_of_the_image(rendered: Made) -> None:
    made = rendered({"kind": "model"})
    assert let_in(made, "pyproject.toml")
    assert not let_in(made, ".netrc")


@pytest.mark.parametrize("version", choices("python_version"))
def test_only_the_stage_that_builds_has_uv_and_git(
    version: str, rendered: Made
) -> None:
    made = rendered({"kind": "model", "python_version": version})
    builds, runs = stages(made)
    fetches = [n for n, (_, rest) in enumerate(builds) if "uv sync" in rest]
    installs = [n for n, (_, rest) in enumerate(builds) if rest.endswith(" git")]
    assert len(installs) == 1
    assert installs < fetches
    # The environment of the one finds its Python in the other.
    assert runs[0] == ("FROM", f"python:{version}-slim-trixie")
    assert runs[1] == ("COPY", "--from=build /app /app")
    assert not [
        rest for _, rest in runs[1:] if re.search(r"\b(uv|git|apt-get)\b", rest)
    ]


@pytest.mark.whole
@pytest.mark.slow
def test_the_steps_of_the_image_fetch_what_is_private(
    project_of: Callable[..., Path], computer: NewComputer, tmp_path: Path
) -> None:
    made = project_of(kind="model")
    builder, app = computer(), tmp_path / "app"
    builder.log_in()
    app.mkdir()
    builds, _ = stages(made)
    for word, rest in builds:
        if word == "COPY":
            named = rest.split()[:-1]
            every = [path.name for path in made.iterdir() if let_in(made, path.name)]
            for name in every if named == ["."] else named:
                target = app / name
                copy = shutil.copytree if (made / name).is_dir() else shutil.copy
                copy(made / name, target)
        elif word == "RUN" and "uv sync" in rest:
            words = rest.removeprefix(MOUNT).split()
            result = builder.run(*words, cwd=app)
            assert result.code == 0, result.output
    python = str(app / ".venv" / "bin" / "python")
    code = "import acme_data, twobus.models.serving"
    result = builder.run(python, "-c", code, cwd=app)
    assert result.code == 0, result.output
    assert kept(app) == []


# The dev container.


def opened(project: Path, owner: Computer, **variables: str) -> Result:
    """Run what a dev container runs once it is there, up to uv and pip."""
    file = project / ".devcontainer" / "devcontainer.json"
    command = json.loads(file.read_text("utf-8"))["postCreateCommand"]
    programs = owner.home / "programs"
    programs.mkdir()
    for name in ("pip", "uv"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} $* "<$NETRC>"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return run(
        "/bin/sh",
        "-c",
        command,
        cwd=project,
        HOME=str(owner.home),
        PATH=path,
        **variables,
    )


PLAIN = f"pip install --user uv=={UV} <>\nuv run poe setup <>\n"


def test_a_codespace_logs_in_by_its_secret(
    rendered: Made, computer: NewComputer
) -> None:
    text = f"{NETRC}\nmachine b login $(id) password `id`%s\\n'\"; touch pwned"
    owner = computer()
    result = opened(rendered({}), owner, NETRC=text)
    assert (result.code, result.output) == (0, PLAIN)
    assert netrc(owner).read_text() == f"{text}\n"
    # uv would take the variable for the name of a file.
    words = ["bash", "-c", '. ~/.bashrc; echo "<$NETRC>"']
    later = run(*words, cwd=owner.home, HOME=str(owner.home), NETRC=text)
    assert later.output == "<>\n"


def test_a_dev_container_without_the_secret_leaves_what_is_there(
    rendered: Made, computer: NewComputer
) -> None:
    owner = computer()
    owner.log_in("machine old")
    result = opened(rendered({}), owner)
    assert (result.code, result.output) == (0, PLAIN)
    assert (owner.home / ".netrc").read_text() == "machine old"
    assert not (owner.home / ".bashrc").exists()


# Another computer.


@pytest.mark.slow
def test_a_colleague_sets_up_where_only_a_forge_and_an_index_are_reached(
    project_of: Callable[..., Path],
    server: Server,
    computer: NewComputer,
    tmp_path: Path,
) -> None:
    (tmp_path / "wheels").mkdir()
    with offered(tmp_path / "wheels") as index:
        author = {**index.only(), "UV_CACHE_DIR": str(tmp_path / "cache")}
        study = project_of(author)
        bare = server.root / "data" / "study.git"
        git("clone", "--quiet", "--bare", str(study), str(bare), cwd=tmp_path)
        colleague = computer()
        near = {**index.only(), "UV_CACHE_DIR": str(colleague.home / "cache")}
        url = f"https://{server.host}/data/study.git"
        refused = colleague.run("git", "clone", url, "x", cwd=tmp_path, **near)
        assert refused.code != 0
        colleague.log_in()
        for words, place in (
            (["git", "clone", url, "study"], tmp_path),
            (["uv", "run", "--locked", "poe", "setup"], tmp_path / "study"),
            (["uv", "run", "--locked", "poe", "test"], tmp_path / "study"),
        ):
            result = colleague.run(*words, cwd=place, **near)
            assert result.code == 0, result.output
    assert "Nobody else" not in result.output
    assert status(tmp_path / "study") == ""
