"""A project on a forge of this machine, whose template goes on."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from forges import Forge, GitHub, GitLab
from served import Server, served
from typer.testing import CliRunner

from template import Result, git, render, run
from twobus.companion import fleet
from twobus.companion.cli import app
from twobus.companion.deliver import main as deliver
from twobus.companion.update import BRANCH

OLD, NEXT, LATER = "1000.0.0", "1000.1.0", "1000.2.0"
PATHS = {"github": "acme/study", "gitlab": "acme/data/study"}
VARIABLES = [
    *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
    *("GH_HOST", "GITHUB_SERVER_URL", "GITLAB_HOST", "GITLAB_TOKEN", "CI_SERVER_URL"),
]
WHAT = ("NAME", "EMAIL")
PAGES = (
    "template/.github/pull_request_template",
    "template/.gitlab/merge_request_templates",
)
# In no file, so that it can be looked for in all.
SECRET = f"secret-{uuid4().hex}"
# By these the tests' own commits are somebody's.
NAMES = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in WHAT]
# Stands in for uv: checks pass, unless the file `fails` says otherwise.
UV = """#!/bin/sh
env > "{folder}/environment"
[ "$1" = run ] && [ -e "{folder}/fails" ] && cat "{folder}/fails" && exit 1
exit 0
"""


@dataclass
class Work:
    """A project on a forge, its template, and how to go on with both.

    Attributes:
        server: The forge.
        template: The template's repository.
        bare: The project's repository on the forge.
        project: A clone of it.
        folder: Where the test may keep what it likes.
    """

    server: Server
    template: Path
    bare: Path
    project: Path
    folder: Path

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests that were ever opened, as they are now."""
        fake = self.server.fake
        assert isinstance(fake, GitHub | GitLab)
        found = fake.merges if isinstance(fake, GitLab) else [*fake.pulls.values()]
        return [fake.look(one) for one in found]

    def head(self, branch: str = BRANCH) -> str:
        """Return a branch's commit on the forge, empty if there is none."""
        return self.server.fake.tip(branch)

    def release(self, version: str, text: str = "Theirs.\n") -> None:
        """Release the template anew, with another AGENTS.md."""
        (self.template / "template" / "AGENTS.md.jinja").write_text(text, "utf-8")
        news = f"# Changelog\n\n## {version} (2030-01-01)\n\nNews of {version}.\n"
        (self.template / "CHANGELOG.md").write_text(news, "utf-8")
        git("commit", "--quiet", "--all", "--message", version, cwd=self.template)
        tag = ["tag", "--annotate", f"v{version}", "--message", version]
        git(*tag, cwd=self.template)

    def write(self, name: str, text: str, branch: str = "main") -> None:
        """Commit a file to a branch on the forge, as a person would."""
        git("fetch", "--quiet", "origin", cwd=self.project)
        git("checkout", "--quiet", "--detach", f"origin/{branch}", cwd=self.project)
        (self.project / name).write_text(text, "utf-8")
        git("add", "--all", cwd=self.project)
        git("commit", "--quiet", "--message", name, cwd=self.project)
        git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", cwd=self.project)

    def checkout(self) -> Path:
        """Return what a job of CI checks out."""
        folder = self.folder / "checkout"
        shutil.rmtree(folder, ignore_errors=True)
        git("clone", "--quiet", str(self.bare), str(folder), cwd=self.folder)
        return folder

    def merge(self) -> None:
        """Squash the update into the main branch, as forges do; its branch stays."""
        git("fetch", "--quiet", "origin", cwd=self.project)
        git("checkout", "--quiet", "--detach", "origin/main", cwd=self.project)
        git("merge", "--squash", "--quiet", f"origin/{BRANCH}", cwd=self.project)
        git("commit", "--quiet", "--message", "Merged", cwd=self.project)
        git("push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=self.project)
        for one in self.requests:
            one["state"] = "merged"
            if isinstance(self.server.fake, GitHub):
                one |= {"state": "closed", "merged_at": "2030-01-01T00:00:00Z"}


Study = Callable[..., Work]
Propose = Callable[..., Result]


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A forge on this machine."""
    with served(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="module")
def lean(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with few files: rendering takes long, and is not tested here."""
    place = tmp_path_factory.mktemp("small") / "template"
    git("clone", "--quiet", str(release), str(place), cwd=release)
    kept = ("template/{{ _copier_conf", "template/AGENTS", "template/_parts", *PAGES)
    names = git("ls-files", "-z", "template", cwd=place).split("\0")
    gone = [name for name in filter(None, names) if not name.startswith(kept)]
    git("rm", "--quiet", "--", *gone, cwd=place)
    git("commit", "--quiet", "--message", "Small", cwd=place)
    git("tag", "--annotate", "--force", f"v{OLD}", "--message", OLD, cwd=place)
    return place


@pytest.fixture(scope="module")
def placed(
    lean: Path, hosting: Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A small project of the release before, on each forge."""
    folder = tmp_path_factory.mktemp("made")
    answers = {"notebooks": "none", "worked_example": False}
    return {
        forge: render(
            lean,
            folder / forge,
            repository_url=f"https://{hosting.host}/{path}",
            forge=forge,
            **answers,
        )
        for forge, path in PATHS.items()
    }


@pytest.fixture
def hosted(
    lean: Path, placed: dict[str, Path], hosting: Server, tmp_path: Path
) -> Study:
    """Put a project on a forge, whose template has had one release since."""

    def start(forge: str = "github", lock: bool = True) -> Work:
        path, base = PATHS[forge], f"https://{hosting.host}/api"
        fake: Forge = (
            GitHub(f"{base}/v3", path)
            if forge == "github"
            else GitLab(f"{base}/v4", path)
        )
        hosting.fake, hosting.root = fake, tmp_path / "forge"
        fake.token = SECRET
        hosting.logins.clear()
        hosting.elsewhere = hosting.reader = ""
        template, project = tmp_path / "template", tmp_path / "study"
        git("clone", "--quiet", str(lean), str(template), cwd=tmp_path)
        shutil.copytree(placed[forge], project)
        if lock:
            (project / "uv.lock").write_text("version = 1\n")
        file = project / ".copier-answers.yml"
        text = re.sub("_src_path: .*", f"_src_path: {template}", file.read_text())
        file.write_text(text)
        git("init", "--quiet", "-b", "main", cwd=project)
        git("add", "--all", cwd=project)
        git("commit", "--quiet", "--message", "Start", cwd=project)
        bare = hosting.root / f"{path}.git"
        git("clone", "--quiet", "--bare", str(project), str(bare), cwd=tmp_path)
        git("config", "http.receivepack", "true", cwd=bare)
        git("remote", "add", "origin", str(bare), cwd=project)
        fake.repository = bare
        uv = tmp_path / "uv"
        uv.write_text(UV.format(folder=tmp_path))
        uv.chmod(0o755)
        work = Work(hosting, template, bare, project, tmp_path)
        work.release(NEXT)
        return work

    return start


@pytest.fixture
def propose(
    monkeypatch: pytest.MonkeyPatch, hosting: Server, tmp_path: Path
) -> Propose:
    """Run the commands as CI's two jobs would, with a token that is shown to nobody."""

    def twobus(*words: str) -> Result:
        result = CliRunner().invoke(app, ["propose", *words])
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return Result(result.exit_code, result.output)

    def second(handed: Path, project: Path) -> Result:
        output, code = io.StringIO(), 0
        with redirect_stdout(output), redirect_stderr(output):
            try:
                deliver(str(handed), str(project))
            except SystemExit as error:
                code = int(error.code or 0)
        return Result(code, output.getvalue())

    def both(work: Work, alone: bool = False, by_hand: bool = False) -> Result:
        if not alone:
            # To start a process takes longer than all that it does here.
            processes = partial(ThreadPoolExecutor, 1)
            monkeypatch.setattr(fleet, "processes", lambda *_: processes())
        for name in (*VARIABLES, "TWOBUS_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        name = (
            "GITHUB_SERVER_URL"
            if isinstance(work.server.fake, GitHub)
            else "CI_SERVER_URL"
        )
        monkeypatch.setenv(name, f"https://{hosting.host}")
        monkeypatch.setenv("UV", str(tmp_path / "uv"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name, value in hosting.trusted().items():
            monkeypatch.setenv(name, value)
        work.server.fake.requests.clear()
        if by_hand:
            monkeypatch.setenv("TWOBUS_TOKEN", SECRET)
            result = twobus("--project", str(work.project))
        else:
            handed, checkout = tmp_path / "handed", work.checkout()
            words = ["--prepare", str(handed), "--project", str(checkout)]
            result = twobus(*words)
            if result.code == 0:
                monkeypatch.setenv("TWOBUS_TOKEN", SECRET)
                code, output = vars(second(handed, work.checkout())).values()
                result = Result(code, result.output + output)
        assert SECRET not in result.output
        return result

    return both


def body(request: dict[str, Any]) -> str:
    """Return a request's description."""
    return str(request.get("body") or request.get("description"))


@dataclass(frozen=True)
class Job:
    """A job of CI.

    Attributes:
        scripts: What its shells run, one after the other, with variables of their own.
        text: All that its file says of it.
    """

    scripts: list[tuple[str, dict[str, str]]]
    text: str

    def run(self, checkout: Path, forge: str, host: str, **environment: str) -> str:
        """Run the job in a checkout, as a runner does, and return what it printed."""
        ci = {"CI": "true", "CI_PROJECT_DIR": str(checkout)}
        ci["GITHUB_SERVER_URL" if forge == "github" else "CI_SERVER_URL"] = (
            f"https://{host}"
        )
        said = ""
        for script, own in self.scripts:
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
            settings = {**environment, **ci, **own}
            unset = {"GITHUB_TOKEN", "TWOBUS_TOKEN", *NAMES} - own.keys()
            words = [word for name in unset for word in ("-u", name)]
            result = run("env", *words, *shell, cwd=checkout, **settings)
            said += result.output
            assert result.code == 0, said
        assert SECRET not in said
        return said


def weekly(project: Path) -> list[Job]:
    """Return the two jobs of an update, with the variables that a forge gives each."""
    if (file := project / ".gitlab-ci.yml").exists():
        config = yaml.safe_load(file.read_text("utf-8"))
        found = []
        for name in ("prepare-update", "propose-update"):
            job = {**config["default"], **config[name]}
            lines = "\n".join([*job["before_script"], *job["script"]])
            # The variable's scope is that environment.
            ours = job.get("environment", {}).get("name") == "twobus"
            own = {"TWOBUS_TOKEN": SECRET} if ours else {}
            found.append(Job([(lines, {"NETRC": "", **own})], str(config[name])))
        return found
    file = project / ".github" / "workflows" / "update.yml"
    jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"]

    def named(step: dict[str, Any]) -> dict[str, str]:
        return dict(step.get("env", {}))

    values = {
        "${{ github.token }}": "ghs_of-the-runner",
        "${{ secrets.TWOBUS_TOKEN }}": SECRET,
        "${{ secrets.NETRC }}": "",
    }
    return [
        Job(
            [
                (
                    step["run"],
                    {key: values[v] for key, v in step.get("env", {}).items()},
                )
                for step in jobs[name]["steps"]
                if "run" in step
            ],
            str(jobs[name]),
        )
        for name in ("prepare", "propose")
    ]
