"""What people do to their projects between two updates: one small function each."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from template import git

Edit = Callable[[Path], None]
EDITS: dict[str, Edit] = {}


def edit(act: Edit) -> Edit:
    """List an edit, so that every test of updates makes it."""
    EDITS[act.__name__] = act
    return act


def package(project: Path) -> Path:
    """Return the folder of a project's package."""
    return next((project / "src").iterdir())


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there, once."""
    text = file.read_text("utf-8")
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new, 1), "utf-8")


def append(file: Path, text: str) -> None:
    """Write at the end of a file."""
    file.write_text(file.read_text("utf-8") + text, "utf-8")


@edit
def nothing(project: Path) -> None:
    """Leave all as it was made."""


@edit
def add_a_dependency_at_the_end(project: Path) -> None:
    """Do what `uv add` does."""
    file = project / "pyproject.toml"
    text = file.read_text("utf-8")
    # It takes an empty line out of the list.
    text = text.replace("\n\n  # What yours imports.", "\n  # What yours imports.")
    start = text.index("# What yours imports.")
    end = text.index("\n]", start)
    file.write_text(f'{text[:end]}\n  "tabulate>=0.9",{text[end:]}', "utf-8")


@edit
def add_a_dependency_next_to_ours(project: Path) -> None:
    """Put one first in the list that is theirs, beside a line of the template."""
    line = "  # What yours imports.\n"
    replace(project / "pyproject.toml", line, f'{line}  "cycler>=0.12",\n')


@edit
def raise_a_version(project: Path) -> None:
    """Ask for a newer version of something that the example uses."""
    replace(project / "pyproject.toml", '"pandas>=2.3"', '"pandas>=2.3.3"')


@edit
def add_a_tool(project: Path) -> None:
    """Do what `uv add --dev` does."""
    replace(project / "pyproject.toml", "dev = []", 'dev = [\n  "ipdb>=0.13",\n]')


@edit
def set_up_a_tool(project: Path) -> None:
    """Write at the end of pyproject.toml, as most tools' manuals say."""
    append(project / "pyproject.toml", "\n[tool.coverage.run]\nbranch = true\n")


@edit
def relax_the_linter(project: Path) -> None:
    """Ignore a rule."""
    line = 'pydocstyle.convention = "google"\n'
    replace(project / "pyproject.toml", line, f'{line}ignore = ["B007"]\n')


@edit
def name_a_package_without_types(project: Path) -> None:
    """Add to the list of packages that have none."""
    line = "  # Packages without types; add yours.\n"
    replace(project / "pyproject.toml", line, f'{line}  "statsmodels.*",\n')


@edit
def set_types_of_a_package(project: Path) -> None:
    """Have a package of theirs checked less strictly, in a table of its own."""
    table = '\n[[tool.mypy.overrides]]\nmodule = ["legacy.*"]\nignore_errors = true\n'
    append(project / "pyproject.toml", table)


@edit
def add_a_dependency_from_git(project: Path) -> None:
    """Do what `uv add git+https://…` does."""
    file = project / "pyproject.toml"
    add_a_dependency_next_to_ours(project)
    replace(file, '"cycler>=0.12"', '"cycler"')
    source = '[tool.uv.sources]\ncycler = { git = "https://git.acme.example/cycler" }\n'
    after = "[build-system]"
    if "[tool.uv.sources.twobus]" in file.read_text("utf-8"):
        after = "# The common code, at the release"
    elif "[tool.poe]" in file.read_text("utf-8"):
        after = "[tool.poe]"
    replace(file, f"\n{after}", f"\n{source}\n{after}")


@edit
def add_an_extra(project: Path) -> None:
    """Do what `uv add --optional` does."""
    table = "[project.optional-dependencies]\n"
    extra = f'{table}plots = [\n    "seaborn>=0.13",\n]\n'
    file = project / "pyproject.toml"
    if table in file.read_text("utf-8"):
        replace(file, table, extra)
    else:
        replace(file, "\n[dependency-groups]\n", f"\n{extra}\n[dependency-groups]\n")


@edit
def add_a_task(project: Path) -> None:
    """Add a poe task."""
    task = '[tool.poe.tasks]\nhello = { cmd = "echo hello", help = "Say hello" }\n'
    replace(project / "pyproject.toml", "[tool.poe.tasks]\n", task)


@edit
def add_a_check(project: Path) -> None:
    """Have the project's checks, and so CI, run one thing more."""
    task = '[tool.poe.tasks]\ncheck-own = { cmd = "echo checked by us" }\n'
    replace(project / "pyproject.toml", "[tool.poe.tasks]\n", task)


@edit
def rewrite_the_introduction(project: Path) -> None:
    """Say in the README what the project is about."""
    readme = project / "README.md"
    title = readme.read_text("utf-8").splitlines()[0]
    replace(readme, f"{title}\n", f"{title}\n\nWe weigh penguins, *twice*: 名前.\n")


@edit
def add_a_section_to_the_readme(project: Path) -> None:
    """Write at its end."""
    append(project / "README.md", "\n## Thanks\n\nTo the penguins.\n")


@edit
def add_a_module(project: Path) -> None:
    """Write a module with a test."""
    code = '"""Ours."""\n\n\ndef two() -> int:\n    """Return 2."""\n    return 2\n'
    (package(project) / "ours.py").write_text(code, "utf-8")
    test = f"from {package(project).name}.ours import two\n\n\n"
    test += "def test_two() -> None:\n    assert two() == 2\n"
    (project / "tests" / "test_ours.py").write_text(test, "utf-8")


@edit
def add_a_decision(project: Path) -> None:
    """Write an ADR of their own."""
    page = project / "docs" / "decisions" / "0002-weigh-twice.md"
    page.write_text("# Weigh twice\n\nOnce is not enough.\n", "utf-8")


@edit
def fill_in_a_page(project: Path) -> None:
    """Write a seeded page anew."""
    (project / "docs" / "data.md").write_text("# Ours\n\nWhence?\n", "utf-8")


@edit
def delete_the_example(project: Path) -> None:
    """Do what CONTRIBUTING says."""
    page = (project / "docs" / "CONTRIBUTING.md").read_text("utf-8")
    if command := re.search(r"`git rm ([^`]+)`", page):
        git("rm", "--quiet", *command[1].split(), cwd=project)


@edit
def rename_modules(project: Path) -> None:
    """Give the example's code the names that the team uses."""
    folder = package(project)
    for old, new in (("body_mass", "bird_mass"), ("models.penguin_sex", "models.sex")):
        module = folder.joinpath(*old.split(".")).with_suffix(".py")
        if module.exists():
            module.rename(folder.joinpath(*new.split(".")).with_suffix(".py"))
        for file in [*project.glob("tests/*.py"), *project.glob("notebooks/*.py")]:
            text = file.read_text("utf-8")
            text = text.replace(f"{folder.name}.{old}", f"{folder.name}.{new}")
            file.write_text(text, "utf-8")


@edit
def add_a_step_to_ci(project: Path) -> None:
    """Run one more command where the checks run."""
    line = "uv run --locked poe check\n"
    if (file := project / ".gitlab-ci.yml").exists():
        replace(file, f"    - {line}", f"    - {line}    - echo ours\n")
    else:
        file = project / ".github" / "workflows" / "ci.yml"
        replace(file, f"      - run: {line}", f"      - run: {line}      - run: date\n")


@edit
def add_a_workflow(project: Path) -> None:
    """Add CI in a file of their own."""
    text = "name: ours\non: workflow_dispatch\njobs: {}\n"
    file = project / ".github" / "workflows" / "ours.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


@edit
def add_a_hook(project: Path) -> None:
    """Add a commit hook at the end."""
    hook = "      - id: ours\n        name: ours\n        entry: echo\n"
    file = project / ".pre-commit-config.yaml"
    append(file, f"{hook}        language: system\n")


@edit
def ignore_a_path(project: Path) -> None:
    """Ignore one more folder."""
    append(project / ".gitignore", "/scratch/\n")


@edit
def mark_a_file(project: Path) -> None:
    """Set an attribute of one more kind of file."""
    append(project / ".gitattributes", "*.parquet binary\n")


def common_code(project: Path) -> list[Path]:
    """List the files of common code, which releases before 0.6 put into projects."""
    files = sorted((package(project) / "twobus").rglob("*.py"))
    return [*files, package(project) / "settings.py"] if files else []


@edit
def reformat_common_code(project: Path) -> None:
    """Change lines of it, as another formatter would."""
    # Every kind has one of these, at each release that has any.
    names = ("sources.py", "review.py")
    files = [file for file in common_code(project) if file.name in names]
    for file in files[-1:]:
        file.write_text(file.read_text("utf-8").replace('"', "'"), "utf-8")


@edit
def add_a_setting(project: Path) -> None:
    """Write one into the class that the template gave, and use it."""
    for file in common_code(project)[-1:]:
        append(file, "\n\nOURS = DATA / 'ours'\n")
        use = package(project) / "ours_is_set.py"
        use.write_text("from .settings import OURS, ROOT\n", "utf-8")


@edit
def build_on_common_code(project: Path) -> None:
    """Import what the template gave, from everywhere."""
    name = package(project).name
    places = {
        package(project) / "ours_in_code.py": "from .settings import DATA, ROOT\n",
        project / "tests" / "test_ours_too.py": f"import {name}.settings as places\n",
    }
    for file, text in places.items() if common_code(project) else ():
        file.write_text(text, "utf-8")


@edit
def replace_the_data(project: Path) -> None:
    """Put binary contents into a file that the template has given."""
    for file in project.glob("data/raw/*.csv"):
        file.write_bytes(b"\x1f\x8b\x00\xff" * 64)


@edit
def add_a_picture(project: Path) -> None:
    """Add a binary file with a name in another script."""
    (project / "docs" / "名前 😀.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")


def data_page(project: Path) -> Path:
    """Return the page about the project's data."""
    pages = [project / "docs" / name for name in ("data.md", "tables.md")]
    return next(page for page in pages if page.exists())


@edit
def move_a_page(project: Path) -> None:
    """Move a seeded page."""
    page = data_page(project)
    git("mv", str(page), str(page.with_name("moved.md")), cwd=project)


@edit
def move_a_managed_file(project: Path) -> None:
    """Move a file that the template keeps up to date."""
    git("mv", "docs/CONTRIBUTING.md", "CONTRIBUTING.md", cwd=project)


@edit
def delete_a_managed_file(project: Path) -> None:
    """Do without a file that the template keeps up to date."""
    shutil.rmtree(project / ".devcontainer")
    (project / "AGENTS.md").unlink()


@edit
def write_crlf(project: Path) -> None:
    """Save files as some editors on Windows do."""
    for file in (project / "README.md", project / "pyproject.toml", data_page(project)):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


@edit
def add_what_a_release_brings(project: Path) -> None:
    """Have a file already that a later release will bring."""
    for name in (".github/CODEOWNERS", ".gitlab/CODEOWNERS"):
        file = project / name
        if not file.exists() and file.parent.exists():
            file.write_text("* @ann @bob\n", "utf-8")
