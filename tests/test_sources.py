"""Where a project gets the package from: the address and the release it records."""

import re
import shutil
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any
from zipfile import ZipFile

import copier
import pytest
import yaml
from conftest import Small
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from loopback import offered

from template import ROOT, choices, clone, commit, git, render, run
from twobus.project import here
from twobus.start import setup

HASH = "0123456789abcdef0123456789abcdef01234567"
# What Copier records, and where git finds that from every folder.
ADDRESSES = {
    "/srv/twobus": "file:///srv/twobus",
    "/srv/our team/tëmplate": "file:///srv/our%20team/t%C3%ABmplate",
    "/srv/50% off": "file:///srv/50%25%20off",
    "~/twobus": "file:///home/ann/twobus",
    "twobus": "file:///work/twobus",
    "../our twobus": "file:///our%20twobus",
    r"C:\Users\Ann Lee\twobus": "file:///C:/Users/Ann%20Lee/twobus",
    "D:/twobus": "file:///D:/twobus",
    "file:///srv/twobus": "file:///srv/twobus",
    "file:///srv/our team/é": "file:///srv/our%20team/%C3%A9",
    "file:///srv/our%20team": "file:///srv/our%20team",
    "git+file:///srv/twobus": "file:///srv/twobus",
    "https://git.acme.example/data/twobus": "https://git.acme.example/data/twobus",
    "https://git.acme.example:8443/a/twobus.git": (
        "https://git.acme.example:8443/a/twobus.git"
    ),
    "https://git.acme.example/our%20team/twobus.git": (
        "https://git.acme.example/our%20team/twobus.git"
    ),
    "git+https://git.acme.example/twobus": "https://git.acme.example/twobus",
    "ssh://git@git.acme.example:22/data/twobus": (
        "ssh://git@git.acme.example:22/data/twobus"
    ),
    "git+ssh://git@git.acme.example/twobus": "ssh://git@git.acme.example/twobus",
    "git@git.acme.example:data/twobus.git": "ssh://git@git.acme.example/data/twobus.git",
    "git@git.acme.example:/srv/twobus.git": "ssh://git@git.acme.example/srv/twobus.git",
    "forge:data/twobus.git": "ssh://forge/data/twobus.git",
    "git+git@git.acme.example:twobus.git": "ssh://git@git.acme.example/twobus.git",
    "git://git.acme.example/twobus": "git://git.acme.example/twobus",
    "gh:acme/twobus": "https://github.com/acme/twobus",
    "gh:/acme/twobus.git": "https://github.com/acme/twobus.git",
    "gl:acme/data/twobus": "https://gitlab.com/acme/data/twobus",
}


def environment() -> SandboxedEnvironment:
    """Return what renders a part of the template."""
    return SandboxedEnvironment(
        loader=FileSystemLoader(ROOT),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        undefined=StrictUndefined,
    )


def ask(macro: str, recorded: str, commit: str = "v0.6.0", **answers: Any) -> str:
    """Let a macro of the template tell where the package comes from."""
    context = {"from_index": False, **answers}
    context["_copier_answers"] = {"_src_path": recorded, "_commit": commit}
    place = '{% from "template/_parts/source.jinja" import ' + macro
    text = place + " with context %}{{ " + macro + "() }}"
    return environment().from_string(text).render(context)


@pytest.mark.parametrize("recorded", ADDRESSES)
def test_an_address_of_each_form_is_one_for_git(
    recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setattr("os.getcwd", lambda: "/work")
    assert ask("address", recorded) == ADDRESSES[recorded]


@pytest.mark.parametrize(
    ("recorded", "revision"),
    [
        ("v0.6.0", "v0.6.0"),
        ("v0.6.0-3-gabc1234", "abc1234"),
        ("v0.6.0-rc1-12-g0123456", "0123456"),
        ("abc1234", "abc1234"),
        (HASH, HASH),
        ("2026-11-good", "2026-11-good"),
    ],
)
def test_a_release_or_a_commit_is_one_for_git(recorded: str, revision: str) -> None:
    assert ask("revision", "gh:acme/twobus", recorded) == revision


@pytest.mark.parametrize("recorded", ADDRESSES)
def test_only_a_folder_is_of_one_computer(recorded: str) -> None:
    folder = ADDRESSES[recorded].startswith("file:")
    assert bool(ask("is_local", recorded)) == folder
    assert not ask("is_local", recorded, from_index=True)


# Copier, git and uv together.

COPIER = """
_subdirectory: template
_envops: { undefined: jinja2.StrictUndefined }
kind:
  type: str
  default: analysis
  validator: "{% include 'template/_parts/refuse_template.jinja' %}"
library: { type: str, when: false, default: "" }
from_index: { type: bool, when: false, default: false }
"""
ANSWERS = "{{ _copier_answers | to_nice_yaml -}}\n"
PACKAGE = """
[project]
name = "twobus"
version = "0.6.0"
requires-python = ">=3.11"
"""
PROJECT = """
[project]
name = "study"
version = "0"
requires-python = ">=3.11"
dependencies = ["twobus"]

{% include "template/_parts/sources.toml.jinja" %}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with `our tëm%plate`: a package as small as it can be, and no tag."""
    home = tmp_path_factory.mktemp("home")
    template = home / "our tëm%plate"
    parts = template / "template" / "_parts"
    parts.mkdir(parents=True)
    for name in ("refuse_template.jinja", "source.jinja", "sources.toml.jinja"):
        shutil.copy(ROOT / "template" / "_parts" / name, parts)
    (template / "copier.yml").write_text(f'{COPIER}_exclude: ["_parts"]\n', "utf-8")
    (template / "pyproject.toml").write_text(PACKAGE, "utf-8")
    made = template / "template"
    (made / "pyproject.toml.jinja").write_text(PROJECT, "utf-8")
    name = "{{ _copier_conf.answers_file }}.jinja"
    (made / name).write_text(ANSWERS, "utf-8")
    commit(template)
    return home


def copy(address: str, folder: Path, **options: Any) -> Path:
    """Make a project as people do, who name an address in some form."""
    copier.run_copy(address, folder, defaults=True, quiet=True, **options)
    return folder


def locked(project: Path) -> str:
    """Lock a project without a network; return where its lock has the package from."""
    result = run("uv", "lock", "--offline", cwd=project)
    assert result.code == 0, result.output
    packages = tomllib.loads((project / "uv.lock").read_text("utf-8"))["package"]
    (source,) = (one["source"] for one in packages if one["name"] == "twobus")
    return str(source["git"])


@pytest.mark.parametrize(
    "form",
    [
        "{home}/our tëm%plate",
        "our tëm%plate",
        "../{name}/our tëm%plate",
        "~/our tëm%plate",
        "git+file://{home}/our t%C3%ABm%25plate",
        "git+file://{home}/our%20t%C3%ABm%25plate",
    ],
)
def test_uv_takes_the_package_from_a_folder_in_each_form(
    form: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.chdir(home)
    made = copy(form.format(home=home, name=home.name), tmp_path / "study")
    head = git("rev-parse", "HEAD", cwd=home / "our tëm%plate").strip()
    assert locked(made).endswith(f"#{head}")


def test_uv_takes_the_release_and_not_what_came_later(
    home: Path, tmp_path: Path
) -> None:
    template = clone(home / "our tëm%plate", tmp_path / "template")
    git("tag", "--annotate", "v0.6.0", "--message", "0.6.0", cwd=template)
    released = git("rev-parse", "HEAD", cwd=template).strip()
    later = git("rev-parse", "HEAD", cwd=commit(template)).strip()
    for number, (ref, expected) in enumerate({"": released, "HEAD": later}.items()):
        made = copy(str(template), tmp_path / str(number), vcs_ref=ref or None)
        assert locked(made).endswith(f"#{expected}")


def refused(template: Path, folder: Path, **options: Any) -> str:
    """Return what is said of a template that cannot be used; nothing is made of it."""
    with pytest.raises(ValueError, match="Validation error for question 'kind'") as it:
        copy(str(template), folder, **options)
    assert not folder.exists()
    return str(it.value).removeprefix("Validation error for question 'kind': ")


@pytest.mark.parametrize("data", [{}, {"kind": "model"}])
def test_a_template_that_is_not_in_git_is_refused(
    data: dict[str, str], home: Path, tmp_path: Path
) -> None:
    template = tmp_path / "unpacked"
    ignored = shutil.ignore_patterns(".git")
    shutil.copytree(home / "our tëm%plate", template, ignore=ignored)
    assert refused(template, tmp_path / "study", data=data) == (
        "This template is no git repository, and projects fetch their code from one: "
        "name the address of the repository instead, or commit this folder to a new "
        "one (git init)."
    )


@pytest.mark.filterwarnings("ignore::copier.errors.DirtyLocalWarning")
def test_changes_that_nobody_could_fetch_are_refused(
    home: Path, tmp_path: Path
) -> None:
    template = clone(home / "our tëm%plate", tmp_path / "template")
    (template / "new").write_text("", "utf-8")
    assert refused(template, tmp_path / "study", vcs_ref="HEAD") == (
        "The template has changes that are not committed, so that no project could "
        "fetch them: commit them in the template, then copy again."
    )
    commit(template)
    assert locked(copy(str(template), tmp_path / "study", vcs_ref="HEAD"))
    # A release is taken as it was released, whatever is being written meanwhile.
    git("tag", "v0.6.0", cwd=template)
    (template / "new").write_text("more", "utf-8")
    assert locked(copy(str(template), tmp_path / "release"))


# An index.

SWITCH = "from_index: { type: bool, when: false, default: false }"
BELOW = "{%- if from_index %}"


def indexed(release: Path, folder: Path, index: str, version: str) -> Path:
    """Return a team's clone of the template, made as docs/index.md says, released."""
    template = clone(release, folder)
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?) *```", page, re.DOTALL)
    named = block.replace("https://packages.acme.example/simple", index)
    for name, old, new in (
        ("copier.yml", SWITCH, SWITCH.replace("false }", "true }")),
        ("template/_parts/sources.toml.jinja", BELOW, f"{BELOW}\n{dedent(named)}"),
        ("pyproject.toml", r'^version = ".*?"', f'version = "{version}"'),
    ):
        file = template / name
        text = file.read_text("utf-8")
        pattern = old if old.startswith("^") else re.escape(old)
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        assert count == 1, name
        file.write_text(text, "utf-8")
    git("tag", f"v{version}", cwd=commit(template))
    return template


@pytest.mark.slow
def test_a_project_takes_the_package_from_an_index_that_is_all_it_reaches(
    release: Path, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with offered(wheels) as index:
        template = indexed(release, tmp_path / "template", index.url, "1001.2.0")
        answers = {"notebooks": "none", "worked_example": False}
        made = render(template, tmp_path / "study", **answers)
        built = run("uv", "build", "--wheel", "-o", str(wheels), cwd=template)
        assert built.code == 0, built.output
        template.rename(tmp_path / "away")
        settings = {**index.only(), "UV_CACHE_DIR": str(tmp_path / "cache")}
        for words in (["uv", "lock"], ["uv", "sync"], ["uv", "run", "poe", "setup"]):
            result = run(*words, cwd=made, **settings)
            assert result.code == 0, result.output
        assert "Nobody else" not in result.output
        result = run("uv", "run", "--locked", "poe", "check", cwd=made, **settings)
    assert result.code == 0, result.output
    project = (made / "pyproject.toml").read_text("utf-8")
    assert '"twobus[data]~=1001.2",' in project
    lock = (made / "uv.lock").read_text("utf-8")
    assert "git+" not in project + lock
    assert index.url in lock


def required(kind: str, release: str) -> str:
    """Return what a project that takes the package from an index asks for."""
    part = environment().get_template("template/_parts/dependencies.toml.jinja")
    nothing = {"library": "", "license": "none", "repository_url": ""}
    text = part.render(
        kind=kind, from_index=True, _copier_answers={"_commit": release}, **nothing
    )
    first, *_ = tomllib.loads(text)["dependencies"]
    return str(first)


@pytest.mark.parametrize(
    ("library", "study", "taken"),
    [
        ("v1001.2.0", "v1001.3.1", "1001.3.1"),
        ("v1001.3.0", "v1001.2.0", "1001.3.1"),
        ("v1001.2.0", "v1002.0.0", "1002.0.0"),
        ("v1001.2.0-3-gabc1234", "v1001.2.0", "1001.3.1"),
        ("abc1234", "v1002.0.0", "1002.0.0"),
    ],
)
def test_a_library_from_an_index_holds_back_no_study(
    library: str, study: str, taken: str, tmp_path: Path
) -> None:
    for version in ("1001.2.0", "1001.3.1", "1002.0.0"):
        info = f"twobus-{version}.dist-info"
        with ZipFile(tmp_path / f"twobus-{version}-py3-none-any.whl", "w") as wheel:
            head = f"Metadata-Version: 2.1\nName: twobus\nVersion: {version}\n"
            wheel.writestr(f"{info}/METADATA", head)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr(f"{info}/RECORD", "")
    wanted = [required("library", library), required("analysis", study)]
    (tmp_path / "wanted.txt").write_text("\n".join(wanted), "utf-8")
    words = ["uv", "pip", "compile", "--quiet", "--no-index", "--no-header"]
    found = run(*words, f"--find-links={tmp_path}", "wanted.txt", cwd=tmp_path)
    assert found.output.splitlines()[0] == f"twobus=={taken}"


# A folder of one computer.

ALONE = re.compile(
    r"Nobody else can install (it|this project), since its template is a folder of "
    r"(this|one)\s+computer: put that where (colleagues reach|CI reaches)\s+it, then "
    r"run uv run poe update --template ADDRESS"
)


def test_a_copy_says_that_nobody_else_can_install_it(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copier.run_copy(str(release), tmp_path / "study", defaults=True)
    said = " ".join(capsys.readouterr().err.split())
    assert ALONE.search(said)


def test_setup_says_that_nobody_else_can_install_it(
    small: Small, capfd: pytest.CaptureFixture[str]
) -> None:
    project = small()
    setup()
    assert ALONE.search(capfd.readouterr().out)
    file = project / "pyproject.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('git = "file://', 'git = "https://'), "utf-8")
    here.cache_clear()
    setup()
    assert not ALONE.search(capfd.readouterr().out)


@pytest.mark.parametrize("forge", choices("forge"))
@pytest.mark.parametrize("kind", choices("kind"))
def test_ci_says_at_once_that_it_cannot_install_it(
    kind: str, forge: str, release: Path, tmp_path: Path
) -> None:
    template = clone(release, tmp_path / "our template é")
    made = render(template, tmp_path / "study", kind=kind, forge=forge)
    lines = ci_lines(made)
    assert [run("bash", "-ec", line, cwd=made).code for line in lines] == [0] * len(
        lines
    )
    template.rename(tmp_path / "away")
    for line in lines:
        result = run("bash", "-ec", line, cwd=made)
        assert result.code == 1
        assert ALONE.search(result.output)


def ci_lines(project: Path) -> list[str]:
    """Return the lines of CI's jobs, but for weekly ones, that look for a folder."""
    if (gitlab := project / ".gitlab-ci.yml").exists():
        jobs = yaml.safe_load(gitlab.read_text("utf-8"))
        *_, line = jobs["default"]["before_script"]
        return [line]
    lines = []
    for file in (project / ".github" / "workflows").iterdir():
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            first = [step["run"] for step in job["steps"] if "run" in step][:1]
            if "uv run" in str(job) and file.name not in ("update.yml", "watch.yml"):
                lines += first
    return lines


def test_the_weekly_job_is_not_red_where_ci_is_already(
    release: Path, tmp_path: Path
) -> None:
    template = clone(release, tmp_path / "template")
    made = render(template, tmp_path / "study")
    file = made / ".github" / "workflows" / "update.yml"
    steps = yaml.safe_load(file.read_text("utf-8"))["jobs"]["prepare"]["steps"]
    *_, last = [step["run"] for step in steps if "run" in step]
    line = last.replace("uv run --locked poe propose", "echo proposed")
    assert "proposed --prepare" in run("bash", "-ec", line, cwd=made).output
    template.rename(tmp_path / "away")
    result = run("bash", "-ec", line, cwd=made)
    assert result.code == 0
    assert "proposed" not in result.output
