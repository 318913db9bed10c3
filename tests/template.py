"""What tests need of the template: its questions, copies of it, and projects."""

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import copier
import pytest
import yaml
from allpairspy import AllPairs

ROOT = Path(__file__).resolve().parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
QUESTIONS: dict[str, dict[str, Any]] = {
    name: question
    for name, question in CONFIG.items()
    if not name.startswith("_") and question.get("when") is not False
}

# Answers that decide which files there are, and what is installed or run.
TELLING = ["kind", "forge", "notebooks", "worked_example"]

# What belongs to this machine and not to a project under test.
FOREIGN = (
    "VIRTUAL_ENV",
    "UV_",
    "POE_",
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
    "DATA_URL",
    "NETRC",
    "MLFLOW_",
)


@dataclass(frozen=True)
class Result:
    """What a command did.

    Attributes:
        code: Its exit code.
        output: What it printed, to both streams.
    """

    code: int
    output: str


def choices(
    name: str, questions: Mapping[str, dict[str, Any]] = QUESTIONS
) -> list[Any]:
    """List the values that a question with a fixed set of answers accepts."""
    question = questions[name]
    if question["type"] == "bool":
        return [True, False]
    offered = question.get("choices", [])
    return list(offered.values()) if isinstance(offered, dict) else list(offered)


def pairs() -> Iterator[dict[str, Any]]:
    """Yield answers in which every pair of choices of two questions occurs.

    An address on a known host decides `forge`, so both kinds of hosts take part.
    """
    options = {name: choices(name) for name in QUESTIONS if choices(name)}
    options["repository_url"] = [
        "",
        "https://github.com/acme/study",
        "https://gitlab.com/acme/data/study",
        "https://git.acme.example:8443/data/study",
    ]
    options["code_owners"] = ["", "@ann @bob", "@acme/data"]
    options["shared_library"] = ["", "acme-data[postgres]>=1.2,<2"]
    # AllPairs refuses lists of one value only where all are: it needs two at least.
    for values in AllPairs(list(options.values()), filter_func=_possible(options)):
        answers = dict(zip(options, values, strict=True))
        url = answers["repository_url"]
        if "github" in url or "gitlab" in url:
            del answers["forge"]
        yield answers


def each_choice(rows: Iterable[dict[str, Any]]) -> list[Any]:
    """List rows as parameters; one without a choice that is new is for `--whole`."""
    found = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        new = {(name, str(value)) for name, value in row.items()} - seen
        seen |= new
        marks = [] if new else [pytest.mark.whole]
        found.append(pytest.param(row, marks=marks, id=label(row)))
    return found


def whole(value: Any) -> Any:
    """Return a parameter that only `--whole` runs."""
    return pytest.param(value, marks=pytest.mark.whole)


def variants() -> Iterator[dict[str, Any]]:
    """Yield answers in which every pair of choices that decide on files occurs."""
    options = [choices(name) for name in TELLING]
    for values in AllPairs(options, filter_func=_possible(TELLING)):
        yield dict(zip(TELLING, values, strict=True))


def _possible(names: Iterable[str]) -> Callable[[list[Any]], bool]:
    """Return what tells whether the first answers to questions go together."""

    def possible(values: list[Any]) -> bool:
        answers = dict(zip(names, values, strict=False))
        # What a library is not asked.
        others = (answers.get("notebooks", "none"), answers.get("shared_library", ""))
        return answers.get("kind") != "library" or others == ("none", "")

    return possible


def starts() -> list[tuple[str, dict[str, Any]]]:
    """List each earlier release with each variant that it offers."""
    rows = product(earlier(), variants())
    return [(version, answers) for version, answers in rows if offers(version, answers)]


def label(answers: Mapping[str, Any]) -> str:
    """Name a set of answers in test reports."""
    words = (str(value).removeprefix("https://")[:20] for value in answers.values())
    return "-".join(words)


def word(value: Any) -> str:
    """Name a part of a row in test reports."""
    return label(value) if isinstance(value, dict) else str(value)


@cache
def releases() -> dict[str, str]:
    """Return the commit of each release: the one that changed the version.

    A clone may have no tags, so that the history tells. The oldest comes first.
    """
    words = ["log", "--format=%H", "--reverse", "-G^version = ", "--", "pyproject.toml"]
    found = {}
    for commit in git(*words, cwd=ROOT).split():
        text = git("show", f"{commit}:pyproject.toml", cwd=ROOT)
        found[tomllib.loads(text)["project"]["version"]] = commit
    return found


@cache
def config(version: str) -> dict[str, Any]:
    """Return the copier.yml of an earlier release."""
    text = git("show", f"{releases()[version]}:copier.yml", cwd=ROOT)
    return dict(yaml.safe_load(text))


def offers(version: str, answers: Mapping[str, Any]) -> bool:
    """Tell whether a release knows these answers, as far as it asks for them."""
    asked = config(version) if version in releases() else CONFIG
    return all(
        value in (choices(name, asked) or [value])
        for name, value in answers.items()
        if name in asked
    )


def earlier() -> list[str]:
    """List the releases before the working tree, the oldest first."""
    head = git("rev-parse", "HEAD", cwd=ROOT).strip()
    return [version for version, commit in releases().items() if commit != head]


def snapshot(folder: Path) -> Path:
    """Make a copy of this repository in which its working tree is a release.

    Earlier releases are tagged as they are on the forge.
    """
    git("clone", "--quiet", "--no-local", "--no-tags", str(ROOT), str(folder), cwd=ROOT)
    for version, commit in releases().items():
        tag = ["tag", "--annotate", f"v{version}", "--message", version, commit]
        git(*tag, cwd=folder)
    listed = git("ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    tracked = git("ls-files", "-z", cwd=folder).split("\0")
    for name in filter(None, {*listed, *tracked}):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", "--message", "Snapshot", cwd=folder)
    git("tag", "--annotate", "v1000.0.0", "--message", "Snapshot", cwd=folder)
    return folder


def render(template: Path, folder: Path, **answers: Any) -> Path:
    """Make a project from a template, never trusted, with defaults otherwise.

    Raises:
        ValueError: If an answer is not one of the questions, which Copier would
            ignore without a word; or, from Copier, if it is refused.
    """
    if unknown := answers.keys() - QUESTIONS.keys():
        raise ValueError(f"No such question: {', '.join(sorted(unknown))}")
    copier.run_copy(
        str(template), folder, data=answers, defaults=True, quiet=True, unsafe=False
    )
    return folder


def files(folder: Path) -> list[Path]:
    """List a project's files, relative to it, without those of git."""
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".git"
    )


def git(*words: str, cwd: Path) -> str:
    """Run a git command that must succeed, as somebody with a name."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    process = subprocess.run(
        ["git", *identity, *words], cwd=cwd, capture_output=True, encoding="utf-8"
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def commit(project: Path) -> Path:
    """Commit all that is in a folder; the first time makes it a repository."""
    if not (project / ".git").exists():
        git("init", "--quiet", "-b", "main", cwd=project)
    git("add", "--all", cwd=project)
    words = ["commit", "--quiet", "--no-verify", "--allow-empty", "--message", "Work"]
    git(*words, cwd=project)
    return project


def clone(project: Path, folder: Path) -> Path:
    """Clone a project, with somebody who commits."""
    git("clone", "--quiet", str(project), str(folder), cwd=project)
    git("config", "user.name", "Test", cwd=folder)
    git("config", "user.email", "test@example.org", cwd=folder)
    return folder


def interpreter(version: str) -> str | None:
    """Find a Python of a minor version, also where pyenv hides it from PATH."""
    found = subprocess.run(
        ["uv", "python", "find", "--no-python-downloads", "--system", version],
        capture_output=True,
        encoding="utf-8",
    )
    if found.returncode == 0:
        return found.stdout.strip()
    hidden = sorted(
        (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")
    )
    return str(hidden[-1]) if hidden else None


@cache
def pythons() -> dict[str, str]:
    """Find those Pythons of the question that this machine has."""
    found = {version: interpreter(version) for version in choices("python_version")}
    return {version: path for version, path in found.items() if path}


def environment(**changes: str) -> dict[str, str]:
    """Return the environment that a person would have, with a git identity."""
    person = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
    }
    own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    kept = {"UV_CACHE_DIR", "UV_DEFAULT_INDEX", "UV_PYTHON_DOWNLOADS"}
    settings = {k: v for k, v in os.environ.items() if k in kept}
    return {**own, **settings, **person, **changes}


def run(*words: str, cwd: Path, **changes: str) -> Result:
    """Run a command as a person would, with changes to the environment."""
    process = subprocess.run(
        words,
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return Result(process.returncode, process.stdout)


def poe(project: Path, *words: str, **changes: str) -> Result:
    """Run a task of a project."""
    return run("uv", "run", "poe", *words, cwd=project, **changes)


def set_up(project: Path) -> Path:
    """Give a project its environment and history."""
    result = poe(project, "setup")
    assert result.code == 0, result.output
    return project


BRANCHES = ("branch", "--format=%(refname:short)")


@contextmanager
def lend(project: Path) -> Iterator[Path]:
    """Yield a project, then take back what was done to it; its environment stays."""
    start = git("rev-parse", "HEAD", cwd=project).strip()
    branch = git("branch", "--show-current", cwd=project).strip()
    before = git(*BRANCHES, cwd=project).split()
    with TemporaryDirectory() as folder:
        registry, aside = project / "registry", Path(folder) / "registry"
        if registry.exists():
            shutil.copytree(registry, aside)
        try:
            yield project
        finally:
            git("reset", "--quiet", "--hard", cwd=project)
            git("checkout", "--quiet", branch or start, cwd=project)
            git("reset", "--quiet", "--hard", start, cwd=project)
            for name in {*git(*BRANCHES, cwd=project).split()} - {*before}:
                git("branch", "--quiet", "--delete", "--force", name, cwd=project)
            names = (".venv", "__pycache__", ".*_cache")
            kept = (f"--exclude={name}" for name in names)
            git("clean", "-ffdxq", *kept, cwd=project)
            if aside.exists():
                shutil.copytree(aside, registry)


def status(project: Path) -> str:
    """Return what git says has changed in a project."""
    return git("status", "--porcelain", cwd=project)
