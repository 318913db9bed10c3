"""What people type ends in a project that says just that, or in a refusal."""

import ast
import json
import re
import sys
import tomllib
from keyword import kwlist, softkwlist
from pathlib import Path
from typing import Any

import mypy
import pytest
import yaml
from conftest import Render
from copier import run_copy
from copier.errors import CopierAnswersInterrupt
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from template import ROOT, files, render, run
from twobus.companion.template import Template
from twobus.companion.template import render as render_release
from twobus.project import StopError

TEXTS = ["project_name", "description"]

BAD = [
    ("project_name", "", "one line of 1 to 100"),
    ("project_name", "   ", "one line of 1 to 100"),
    ("project_name", "two\nlines", "one line of 1 to 100"),
    ("project_name", "bell \x07", "one line of 1 to 100"),
    ("project_name", "x" * 101, "one line of 1 to 100"),
    ("package_name", "", "Use a-z, 0-9 and single"),
    ("package_name", "My Project!!", "Use a-z, 0-9 and single"),
    ("package_name", "123abc", "Use a-z, 0-9 and single"),
    ("package_name", "a b/c", "Use a-z, 0-9 and single"),
    ("package_name", "näme", "Use a-z, 0-9 and single"),
    ("package_name", "../evil", "Use a-z, 0-9 and single"),
    ("package_name", "trailing_", "Use a-z, 0-9 and single"),
    ("package_name", "two__underscores", "Use a-z, 0-9 and single"),
    ("package_name", "with_newline\n", "Use a-z, 0-9 and single"),
    ("package_name", "a" * 41, "Use a-z, 0-9 and single"),
    ("package_name", "class", "Choose another name, such as class_analysis"),
    ("package_name", "import", "Choose another name, such as import_analysis"),
    ("package_name", "json", "Choose another name, such as json_analysis"),
    ("package_name", "pandas", "Choose another name, such as pandas_analysis"),
    ("package_name", "tests", "Choose another name, such as tests_analysis"),
    ("package_name", "con", "Choose another name, such as con_analysis"),
    ("package_name", "site_packages", "Choose another name, such as site_packages_"),
    ("package_name", "htmlcov", "Choose another name, such as htmlcov_analysis"),
    ("description", "", "one line of 1 to 500"),
    ("description", "two\nlines", "one line of 1 to 500"),
    ("description", "next\u2028line", "one line of 1 to 500"),
    ("project_name", "study \u202egnp.exe", "one line of 1 to 100"),
    ("description", "\ufeffmark", "one line of 1 to 500"),
    ("description", "half \ud83d", "one line of 1 to 500"),
    ("description", "x" * 501, "one line of 1 to 500"),
    ("repository_url", "acme/study", "Write it like https"),
    ("repository_url", "http://github.com/acme/study", "Write it like https"),
    ("repository_url", "https://github.com/acme", "Write it like https"),
    ("repository_url", "https://github.com/acme/study/", "Write it like https"),
    ("repository_url", 'https://github.com/acme/st"udy', "Write it like https"),
    ("repository_url", "https://me:secret@github.com/a/b", "Write it like https"),
    ("repository_url", "https://github.com/acme/study\n", "Write it like https"),
    ("repository_url", "https://github.com/../study", "Write it like https"),
    ("code_owners", "ann bob", "Write @name"),
    ("code_owners", "@ann, @bob", "Write @name"),
    ("code_owners", "@ann\n@bob", "Write @name"),
    ("code_owners", "@ann @bob # why", "Write @name"),
    ("code_owners", "@acme/data/team", "Write @name"),
    ("code_owners", "@ann\t@bob", "Write @name"),
    ("code_owners", "!@ann [x]", "Write @name"),
    ("code_owners", "@@maintainer", "Write @name"),
    ("code_owners", "@x " * 200, "Write @name"),
    ("review_level", "none", "review_level"),
    ("kind", "nonsense", "kind"),
    ("worked_example", "maybe", "by yes or no"),
    ("license", "GPL-9", "license"),
    ("python_version", "2.7", "python_version"),
    ("notebooks", "zeppelin", "notebooks"),
    ("shared_library", "acme data", "Write it like acme-data"),
    ("shared_library", "acme-data @ http://h.example/d/a", "Write it like acme-data"),
    ("shared_library", "acme-data @ git+https://${T}.example/", "Write it like acme"),
    ("shared_library", "acme-data @ git+https://h.example/\ud83d", "Write it like"),
    ("shared_library", "acme-data --index-url https://h.example", "Write it like acme"),
    *(
        ("shared_library", f"acme-data @ {address}", "Leave passwords and tokens out")
        for address in [
            "git+https://me:secret@git.acme.example/data/acme-data@v1.2.0",
            "git+https://:secret@git.acme.example/data/acme-data@v1.2.0",
            "git+https://secret@git.acme.example/data/acme-data@v1.2.0",
            "git+https://secret:@git.acme.example/data/acme-data@v1.2.0",
            "git+https://me%3Asecret@git.acme.example/data/acme-data@v1.2.0",
            "git+https://${TOKEN}@git.acme.example/data/acme-data@v1.2.0",
            # Both slips are read as a host by some, and as a password by others.
            "git+https:///secret@git.acme.example/data/acme-data@v1.2.0",
            "git+https://me:se/cret@git.acme.example/data/acme-data@v1.2.0",
            "git+ssh://git:secret@git.acme.example/data/acme-data@v1.2.0",
            "git+ssh://git%3Asecret@git.acme.example/data/acme-data@v1.2.0",
            "https://secret@git.acme.example/acme_data-1.2.0-py3-none-any.whl",
            "https://git.acme.example/acme_data-1.2.0-py3-none-any.whl?token=secret",
            "git+https://git.acme.example/data/acme-data?private_token=secret",
            "git+file://me:secret@host/data/acme-data",
        ]
    ),
]

GOOD = [
    'O\'Brien "x"',
    "名前 😀",
    "näme",
    "../evil",
    "a b/c",
    "My Project!!",
    "{{ 7*7 }}",
    "{% off %}",
    "{# off #}",
    'x" name = "pwned',
    "C:\\new\\temp \\u12 end\\",
    'note: a # b - "c": {d}',
    "'''\"\"\"",
    "$(touch pwned) `id` ${HOME} %PATH% && rm",
    "שלום right to left مرحبا",
    "<!-- <script>alert(1)</script> & amp",
    "true",
    "null",
    "3.10",
    "- [ ] x",
    "!!python/object:os.system x",
    "&anchor *alias",
    " leading and trailing ",
]


@pytest.mark.parametrize(("question", "answer", "sentence"), BAD)
def test_a_bad_answer_is_refused_by_a_sentence_and_leaves_nothing(
    question: str, answer: str, sentence: str, project: Render, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, CopierAnswersInterrupt), match=sentence):
        project(**{question: answer})
    assert not (tmp_path / "penguin-study").exists()


@pytest.mark.parametrize(
    "name", ["library", "taken_names", "shared_files", "unprintable"]
)
def test_an_answer_that_is_computed_cannot_be_given(
    name: str, release: Path, tmp_path: Path
) -> None:
    given = {name: 'x"\nimport os #'}
    with pytest.raises((ValueError, CopierAnswersInterrupt), match="Leave out library"):
        run_copy(str(release), tmp_path / "study", given, defaults=True, quiet=True)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("answer", GOOD)
def test_odd_but_valid_text_arrives_unchanged(answer: str, project: Render) -> None:
    made = project(**dict.fromkeys(TEXTS, answer))
    for question in TEXTS:
        check_text(made, question, answer)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    question=st.sampled_from(TEXTS),
    answer=st.text(max_size=520) | st.text("\\\"'{}%#:\n\t`$<>&[]!*-", max_size=40),
)
@example(question="description", answer="x" * 500)
def test_any_text_arrives_unchanged_or_is_refused(
    question: str,
    answer: str,
    release: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("words") / "study"
    try:
        made = render(release, folder, **{question: answer})
    except ValueError as refusal:
        assert "printable characters" in str(refusal)
        assert not folder.exists()
    else:
        check_text(made, question, answer)


def check_text(made: Path, question: str, answer: str) -> None:
    """Assert that a text stands where it belongs, and broke no file on its way."""
    recorded = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    pyproject = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))
    container = json.loads(
        (made / ".devcontainer" / "devcontainer.json").read_text("utf-8")
    )
    assert recorded[question] == answer
    assert pyproject["project"]["description"] == recorded["description"]
    assert container["name"] == recorded["project_name"]
    for name in files(made):
        if name.suffix in {".yml", ".yaml"}:
            yaml.safe_load((made / name).read_text("utf-8"))
    readme = (made / "README.md").read_text("utf-8")
    shown = recorded["project_name"].replace("&", "&amp;").replace("<", "&lt;")
    assert readme.startswith(f"# {shown}\n")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("penguin-study", "penguin_study"),
        ("My Project!!", "my_project"),
        ("2026 churn", "analysis_2026_churn"),
        ("名前 😀", "analysis_project"),
        ("Ñandú 2024", "analysis_project"),
        ("pandas", "pandas_analysis"),
        ("class", "class_analysis"),
        ("!!!", "analysis_project"),
        ("x" * 100, "x" * 30),
    ],
)
def test_the_package_is_named_after_the_project(
    name: str, package: str, project: Render
) -> None:
    assert (project(project_name=name) / "src" / package / "data.py").exists()


@pytest.mark.parametrize("folder", ["penguin study", "é 😀", "O'Brien", "-dash"])
def test_the_project_is_named_after_its_folder(folder: str, project: Render) -> None:
    readme = (project(folder) / "README.md").read_text("utf-8")
    assert readme.startswith(f"# {folder}\n")


def test_the_project_is_named_after_the_current_folder(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "penguin study"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = render(release, Path())
    assert (made / "README.md").read_text("utf-8").startswith("# penguin study\n")


def test_an_address_as_a_forge_gives_it_to_clone_is_taken(project: Render) -> None:
    made = project(repository_url="https://github.com/acme/study.git")
    pyproject = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))
    assert pyproject["project"]["urls"]["Repository"] == "https://github.com/acme/study"
    assert "\ncd study\n" in (made / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://github.com/acme/study", "github"),
        ("https://github.acme.example/data/study", "github"),
        ("https://gitlab.com/acme/gitlab/study", "gitlab"),
        ("https://gitlab.acme.example/a/b/c", "gitlab"),
    ],
)
def test_the_address_tells_the_forge(url: str, forge: str, project: Render) -> None:
    made = project(repository_url=url)
    assert (made / ".gitlab-ci.yml").exists() == (forge == "gitlab")
    assert (made / ".github").exists() == (forge == "github")


@pytest.mark.parametrize(
    ("forge", "owners", "written"),
    [
        ("github", "@ann @bob", "* @ann @bob"),
        ("github", " @ann  @Ann @bob ", "* @ann @bob"),
        ("github", "@acme/data-team", "* @acme/data-team"),
        (
            "github",
            "ann.b+x@mail.acme.example @bob",
            "* ann.b+x@mail.acme.example @bob",
        ),
        ("gitlab", "@acme/data/team_1 @a.n_n", "* @acme/data/team_1 @a.n_n"),
    ],
)
def test_owners_reach_codeowners_once_each(
    forge: str, owners: str, written: str, project: Render
) -> None:
    made = project(forge=forge, code_owners=owners)
    text = (made / f".{forge}" / "CODEOWNERS").read_text("utf-8")
    assert written in text.splitlines()


def test_the_command_line_refuses_with_the_sentence(
    release: Path, tmp_path: Path
) -> None:
    answer: dict[str, Any] = {"package_name": "My Project"}
    options = [word for key in answer for word in ("--data", f"{key}={answer[key]}")]
    result = run(
        *["copier", "copy", "--defaults", *options, str(release), "study"],
        cwd=tmp_path,
    )
    assert result.code != 0
    assert "Use a-z, 0-9 and single" in result.output
    assert not (tmp_path / "study").exists()


# Folders that ready-made .gitignore files for Python leave out of git.
IGNORED = """
    build cover develop_eggs dist downloads eggs env htmlcov instance lib lib64 parts
    sdist target var venv wheels
"""
# Python imports the first two as it starts, and its own tests instead of the last one.
STARTING = "sitecustomize usercustomize test"


def left_out(pytestconfig: pytest.Config) -> set[str]:
    """Find which folders the tools of a project leave out, by their own lists."""
    words = [sys.executable, "-m", "ruff", "check", "--isolated", "--show-settings"]
    said = run(*words, __file__, cwd=ROOT).output
    listed = re.search(r"^file_resolver\.exclude = \[(.*?)^\]", said, re.S | re.M)
    assert listed, said
    found = re.findall('"(.+?)"', listed[1])
    found += [str(one) for one in pytestconfig.getini("norecursedirs")]
    finding = (Path(mypy.__file__).parent / "find_sources.py").read_text("utf-8")
    (skipped,) = re.findall(r"name in \((.*?)\) or", finding)
    found += re.findall('"(.+?)"', skipped)
    ignored = (ROOT / "template" / ".gitignore.jinja").read_text("utf-8")
    found += [line.strip("/") for line in ignored.splitlines()]
    assert {"buck-out", "CVS", "site-packages", "dist", "registry"} <= {*found}
    # A project's folder may have hyphens where its package has none.
    return {one.replace("-", "_").lower() for one in found}


def needed() -> set[str]:
    """Find what a package must not be called, for the Pythons that projects use."""
    # Python's own modules, of all versions: mypy knows them.
    stdlib = Path(mypy.__file__).parent / "typeshed" / "stdlib" / "VERSIONS"
    modules = set(re.findall(r"^(\w+)", stdlib.read_text("utf-8"), re.MULTILINE))
    words = {*sys.stdlib_module_names, *modules, *kwlist, *softkwlist}
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in pyproject["optional-dependencies"].values():
        words |= {re.split(r"[^\w-]", one)[0].replace("-", "_") for one in extra}
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                words |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                words.add(str(node.module).split(".")[0])
    words |= {path.name for path in (ROOT / "template").iterdir() if path.is_dir()}
    words |= {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
    words |= {"con", "prn", "aux", "nul"}
    words |= {"conftest", "reports", *IGNORED.split(), *STARTING.split()}
    return {word for word in words if re.fullmatch("[a-z][a-z0-9_]*", word)}


def test_names_are_taken_where_they_would_be_in_the_way_and_nowhere_else(
    pytestconfig: pytest.Config,
) -> None:
    names = (ROOT / "template" / "_parts" / "taken_names.txt").read_text("utf-8")
    taken = names.split()
    assert taken == sorted({*taken})
    name = re.compile("[a-z][a-z0-9_]*")
    known = needed() | set(filter(name.fullmatch, left_out(pytestconfig)))
    assert known - {*taken} == set()
    # What people install, or a Python later than 3.11 knows.
    others = {
        "dask",
        "distributed",
        "dotenv",
        "hooks",
        "jinja2",
        "jupyter",
        "pip",
        "public",
    }
    others |= {"pyarrow", "setuptools", "type", "uv", "uv_build"}
    assert {*taken} - known <= others


def test_a_project_keeps_a_name_that_was_not_taken_yet(
    template: Template, tmp_path: Path
) -> None:
    answers: dict[str, Any] = {"package_name": "htmlcov", "notebooks": "none"}
    newest = template.newest
    with pytest.raises(StopError, match="htmlcov_analysis"):
        render_release(template, newest, tmp_path / "new", answers=answers)
    recorded = answers | {"seeded": {"kind": "analysis"}}
    render_release(template, newest, tmp_path / "old", answers=recorded)
    assert (tmp_path / "old" / "src" / "htmlcov").is_dir()
