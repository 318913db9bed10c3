"""Say what in a repository that was adopted should move, and where: nobody moves it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from twobus.codeowners import FILES as CODEOWNERS
from twobus.companion.guess import oldest_python, packages, text
from twobus.git import git, names, run

# Other tools' settings; those in the first group are read instead of pyproject.toml.
INSTEAD = {"pytest.ini", ".pytest.ini", "mypy.ini", ".mypy.ini", "ruff.toml"}
INSTEAD |= {".ruff.toml"}
UNREAD = {".flake8", ".isort.cfg", ".pylintrc", ".style.yapf", "tox.ini", "setup.cfg"}
CONDA = {"environment.yml", "environment.yaml", "Pipfile", "poetry.lock", "pixi.toml"}
CI = (".travis.yml", ".circleci/", "azure-pipelines.yml", "Jenkinsfile", "appveyor.yml")
TARGET = re.compile(r"^([a-zA-Z][\w-]*)\s*:(?!=)", re.MULTILINE)
# What other advice is about, and what only holds a folder.
SAID = re.compile(r"(^|/)\.env$|\.ipynb$|(^|/)\.git[^/]*$")
LIMIT = re.compile(r"--maxkb=(\d+)")
SHOWN = 5


@dataclass(frozen=True)
class Tree:
    """A repository, and what an adoption brings to it.

    Attributes:
        folder: The repository's files, as they were.
        made: What the template makes of the answers.
        names: The repository's files.
        added: The files that it gets.
        both: The files that both have.
        answers: The answers.
    """

    folder: Path
    made: Path
    names: list[str]
    added: list[str]
    both: list[str]
    answers: dict[str, Any]

    @property
    def home(self) -> str:
        """The folder of the package."""
        return f"src/{self.answers['package_name']}"


def advise(tree: Tree) -> list[str]:
    """List what people should do, a sentence or two each."""
    rules = (_code, _notebooks, _data, _packages, _settings, _forge, _rest)
    return [sentence for rule in rules for sentence in rule(tree)]


def some(files: list[str]) -> str:
    """Name some files, and how many more there are."""
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return ", ".join(files[:SHOWN]) + more


def _code(tree: Tree) -> Iterator[str]:
    found = packages(tree.names)
    flat = [
        name
        for name in tree.names
        if re.fullmatch(r"src/[^/]+\.py|src/[^/]+/.+\.py", name)
    ]
    if "src/__init__.py" in tree.names or any(name.count("/") == 1 for name in flat):
        yield (
            f"src itself holds modules ({some(flat)}): git mv them into {tree.home}/, "
            f"and write {tree.answers['package_name']} for src in imports."
        )
    elif others := [
        one for one in found.values() if one not in (tree.home, *_tops(found))
    ]:
        yield f"{some(others)} will not be built: move what is needed to {tree.home}/."
    if tops := _tops(found):
        yield f"{some(tops)} at the top: git mv what is in there to {tree.home}/."
    loose = [
        name
        for name in tree.names
        if re.fullmatch(r"[^/]+\.py", name) and name not in ("setup.py", "noxfile.py")
    ]
    if loose:
        yield f"{some(loose)} at the top: functions belong in {tree.home}/."
    mine = [name for name in tree.both if name.startswith(f"{tree.home}/")]
    if mine:
        yield (
            f"{some(mine)}: the template has modules of these names, which its others "
            "import. Give yours another name, and keep the template's."
        )
    hidden = [
        name
        for name in tree.added
        if f"{name.removesuffix('.py')}/__init__.py" in tree.names
    ]
    if hidden:
        yield f"Your folders of the same name hide {some(hidden)}: rename the folders."


def _tops(found: dict[str, str]) -> list[str]:
    return [folder for folder in found.values() if "/" not in folder]


def _notebooks(tree: Tree) -> Iterator[str]:
    found = [name for name in tree.names if name.endswith(".ipynb")]
    if not found:
        return
    how = {
        "jupyter": "git mv those that are elsewhere; uv run poe save writes the "
        "scripts; then git rm --cached the notebooks, which stay on your disk",
        "marimo": "uv run marimo convert FILE -o FILE.py, then git rm FILE",
    }.get(tree.answers["notebooks"], "a commit hook refuses them, so git rm --cached")
    yield f"Notebooks are kept as scripts in notebooks/ ({some(found)}): {how}."


def _data(tree: Tree) -> Iterator[str]:
    match = LIMIT.search(text(tree.made, ".pre-commit-config.yaml"))
    limit = int(match[1]) if match else 1000
    large = [name for name in tree.names if _size(tree.folder / name) > 1024 * limit]
    if large:
        yield (
            f"Larger than {limit} kB: {some(large)}. Put them where the team reaches "
            "them, list them in data/sources.toml, then git rm --cached."
        )
    ignored = _ignored(tree)
    left = [name for name in ignored if name not in large and not SAID.search(name)]
    if left:
        yield (
            f"In git, though .gitignore now ignores new files like them: {some(left)}. "
            "Take out what is data or secret, or write an exception at its end."
        )
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    hidden = names(run(command, tree.folder, "\0".join(tree.added)).stdout)
    if hidden:
        yield (
            f"Your .gitignore hides {some(hidden)}, which the template brings: keep "
            "the template's lines there, or new files like them get lost."
        )


def _ignored(tree: Tree) -> list[str]:
    """List what is in git, although the template's .gitignore names it."""
    file = tree.made / ".gitignore"
    if not file.is_file():
        return []
    words = ["ls-files", "-z", "--cached", "--ignored", f"--exclude-from={file}"]
    return names(git(*words, cwd=tree.folder))


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _packages(tree: Tree) -> Iterator[str]:
    for name in tree.names:
        if re.fullmatch(r"(requirements/.|.*requirements)[^/]*\.(txt|in)", name):
            dev = " --dev" if re.search(r"dev|test|lint|doc", name) else ""
            itself = re.search(r"^-e \.", text(tree.folder, name), re.MULTILINE)
            first = "take out the line -e ., " if itself else ""
            yield f"{name}: {first}uv add{dev} -r {name}, then git rm {name}."
    if found := [name for name in tree.names if name in CONDA]:
        yield f"{some(found)}: uv add the packages that you import, then git rm."
    if "setup.py" in tree.names:
        yield (
            "setup.py: uv add what install_requires lists, then git rm setup.py; "
            "pyproject.toml says the rest."
        )
    oldest = oldest_python(tree.folder)
    wanted = str(tree.answers["python_version"])
    if oldest and _number(oldest) < _number(wanted):
        pinned = " and in .python-version" * (".python-version" in tree.names)
        yield f"Python {oldest} is too old: {wanted} in pyproject.toml{pinned}."


def _number(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.split(".")))


def _settings(tree: Tree) -> Iterator[str]:
    if found := [name for name in tree.names if name in INSTEAD]:
        yield (
            f"{some(found)}: read instead of what pyproject.toml says. Move what you "
            "need there, then git rm."
        )
    if found := [name for name in tree.names if name in UNREAD]:
        yield (
            f"{some(found)}: not read, since ruff, mypy and pytest ask pyproject.toml. "
            "Move what you need there, then git rm."
        )
    for name in ("Makefile", "makefile", "GNUmakefile"):
        if targets := TARGET.findall(text(tree.folder, name)):
            yield (
                f"{name}: write {some(list(dict.fromkeys(targets)))} below "
                "[tool.poe.tasks] in pyproject.toml, where Windows runs them as well."
            )


def _forge(tree: Tree) -> Iterator[str]:
    forge = tree.answers.get("forge") or "github"
    places = CODEOWNERS.get(forge, ())
    owners = [name for name in places if name in tree.names]
    brought = [name for name in places if name in tree.added]
    if owners and brought:
        yield (
            f"{owners[0]} and {brought[0]}: only the first of {', '.join(places)} is "
            "read. Move your lines to the template's, and remove yours."
        )
    own = ".github/workflows/" if forge == "github" else ".gitlab/"
    workflows = [
        name
        for name in tree.names
        if name.startswith((*CI, own))
        and name.endswith((".yml", ".yaml", "file"))
        and name not in tree.both
    ]
    if workflows:
        yield f"{some(workflows)}: see which steps uv run poe check makes needless."


def _rest(tree: Tree) -> Iterator[str]:
    for brought in ("LICENSE", "README.md"):
        stem = brought.removesuffix(".md")
        same = [name for name in tree.names if re.match(rf"{stem}\b[^/]*$", name, re.I)]
        if same and brought in tree.added:
            yield f"{some(same)} beside {brought}, which the template brings: keep one."
    if secret := [name for name in tree.names if PurePosixPath(name).name == ".env"]:
        yield f"{some(secret)} is in git: git rm --cached, and change its passwords."
