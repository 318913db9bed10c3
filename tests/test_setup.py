"""`poe setup`, the commit hooks that it installs, and private package indexes."""

import base64
import http.server
import os
import random
import re
import shutil
import string
import sys
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Render

from template import ROOT, Result, files, git, poe, run, status

pytestmark = pytest.mark.slow


def without_venv() -> str:
    """Return PATH as in a shell that has not activated any environment."""
    entries = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(e for e in entries if Path(e) != ROOT / ".venv/bin")


def refusal(result: Result) -> str:
    """Return the sentence by which a command of a project refuses its work."""
    assert result.code == 1, result.output
    assert "Traceback" not in result.output
    return result.output.splitlines()[-1]


def written(project: Path) -> dict[Path, bytes]:
    """Return a project's files, but for what `uv run` makes before a task starts."""
    names = [path for path in files(project) if path.parts[0] != ".venv"]
    return {
        name: (project / name).read_bytes()
        for name in names
        if name.name != "uv.lock" and "__pycache__" not in name.parts
    }


# The first run, and the second.


def test_first_run_makes_one_commit_of_everything(ready: Path) -> None:
    assert git("log", "--format=%s", cwd=ready) == "Start from Twobus\n"
    assert status(ready) == ""
    assert "uv.lock" in git("ls-files", cwd=ready).splitlines()


def test_first_run_installs_the_commit_hook(ready: Path) -> None:
    assert os.access(ready / ".git/hooks/pre-commit", os.X_OK)


def test_second_run_changes_nothing(ready: Path) -> None:
    def state() -> object:
        lock, hook = ready / "uv.lock", ready / ".git/hooks/pre-commit"
        head = git("rev-parse", "HEAD", cwd=ready)
        refs = git("for-each-ref", cwd=ready)
        text = hook.read_text("utf-8")
        return head, refs, status(ready), lock.stat().st_mtime_ns, text

    before = state()
    result = poe(ready, "setup")
    assert result.code == 0, result.output
    assert state() == before


def test_clone_gets_its_environment_and_hooks_only(ready: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(ready), str(clone), cwd=tmp_path)
    before = written(clone)
    lock = (clone / "uv.lock").read_bytes()
    result = poe(clone, "setup")
    assert result.code == 0, result.output
    assert git("rev-parse", "HEAD", cwd=clone) == git("rev-parse", "HEAD", cwd=ready)
    assert (clone / "uv.lock").read_bytes() == lock
    assert written(clone) == before
    assert status(clone) == ""
    assert (clone / ".git/hooks/pre-commit").exists()


def test_repository_that_somebody_began_is_used(project: Render) -> None:
    folder = project()
    git("init", "--quiet", "--initial-branch", "trunk", cwd=folder)
    result = poe(folder, "setup")
    assert result.code == 0, result.output
    assert git("log", "--format=%D %s", cwd=folder) == (
        "HEAD -> trunk Start from Twobus\n"
    )
    assert status(folder) == ""


# What setup cannot do is said in a sentence, before anything is changed.


def refused(folder: Path, **changes: str) -> str:
    """Return why setup is refused, having seen that it changed nothing."""
    before = written(folder)
    said = refusal(poe(folder, "setup", **changes))
    assert written(folder) == before
    assert not (folder / ".git").exists()
    return said


def test_setup_inside_another_repository_is_refused(
    project: Render, tmp_path: Path
) -> None:
    folder = project()
    git("init", "--quiet", cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "--message", "Outer", cwd=tmp_path)
    said = refused(folder)
    assert said.startswith("This folder lies inside another git repository, ")
    assert "move it out" in said
    assert git("ls-files", cwd=tmp_path) == ""
    assert git("log", "--format=%s", cwd=tmp_path) == "Outer\n"
    assert not (tmp_path / ".git/hooks/pre-commit").exists()


def test_setup_without_a_git_identity_is_refused(
    project: Render, tmp_path: Path
) -> None:
    folder, home = project(), tmp_path / "home"
    home.mkdir()
    cache = run("uv", "cache", "dir", cwd=tmp_path).output.strip()
    unset = [
        word
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
        for word in ("-u", f"GIT_{role}_{key}")
    ]
    words = ["env", *unset, "uv", "run", "poe", "setup"]
    before = written(folder)
    said = refusal(
        run(
            *words,
            cwd=folder,
            HOME=str(home),
            XDG_CONFIG_HOME=str(home),
            GIT_CONFIG_NOSYSTEM="1",
            UV_CACHE_DIR=cache,
        )
    )
    assert 'git config --global user.name "Your Name"' in said
    assert 'git config --global user.email "you@example.org"' in said
    assert written(folder) == before
    assert not (folder / ".git").exists()


def test_setup_where_hooks_are_sent_elsewhere_is_refused(project: Render) -> None:
    said = refused(
        project(),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="core.hooksPath",
        GIT_CONFIG_VALUE_0="/somewhere",
    )
    assert "git config --unset-all core.hooksPath" in said


def test_commit_that_git_refuses_is_made_by_the_next_run(project: Render) -> None:
    folder = project()
    no_key = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "commit.gpgSign",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_KEY_1": "gpg.program",
        "GIT_CONFIG_VALUE_1": "false",
    }
    said = refusal(poe(folder, "setup", **no_key))
    assert said == "git stopped, as it says above: mend it, then run this again."
    assert poe(folder, "setup").code == 0
    assert git("log", "--format=%s", cwd=folder) == "Start from Twobus\n"


def test_setup_without_git_is_refused(project: Render, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=without_venv())
    assert uv
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(uv)
    said = refused(project(), PATH=str(tools), UV_PYTHON=sys.executable)
    assert said == "git is not installed, and a shared project needs it."


# The commit hooks, in a shell that has not activated the environment.


def commit(project: Path, name: str, content: str) -> Result:
    """Commit a file as a person does."""
    file = project / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, "utf-8")
    git("add", "--force", name, cwd=project)
    return run("git", "commit", "-m", "Work", cwd=project, PATH=without_venv())


def failed_hooks(result: Result) -> list[str]:
    return re.findall(r"^(.+?)\.+Failed$", result.output, re.MULTILINE)


def github_token() -> str:
    """Make a token of the right form, so that none stands in this file."""
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    body = "".join(random.Random(2).choices(letters, k=30))
    rest, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        checksum = letters[digit] + checksum
    return f"ghp_{body}{checksum}"


def database_url(scheme: str = "postgres") -> str:
    word = "".join(random.Random(2).choices(string.ascii_letters, k=12))
    return f"{scheme}://analyst:{word}@db.acme.dev:5432/sales"


def test_harmless_commit_passes_the_hooks(study: Path) -> None:
    result = commit(study, "docs/notes.md", "We met on Monday.\n")
    assert result.code == 0, result.output
    assert git("log", "-1", "--format=%s", cwd=study) == "Work\n"


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (github_token(), "docs/notes.md"),
        (database_url(), "config/access.yaml"),
        (database_url(), "docs/notes.md"),
        (database_url("snowflake"), "config/access.yaml"),
    ],
    ids=["token", "database", "database in docs", "database of another kind"],
)
def test_secret_is_not_committed_nor_shown(study: Path, secret: str, name: str) -> None:
    head = git("rev-parse", "HEAD", cwd=study)
    result = commit(study, name, f"Use {secret} for now.\n")
    assert result.code == 1, result.output
    assert set(failed_hooks(result)) <= {"no secrets", "no passwords in addresses"}
    assert name in result.output
    assert secret.partition("@")[0][-12:] not in result.output
    assert git("rev-parse", "HEAD", cwd=study) == head


@pytest.mark.parametrize(
    ("name", "content", "hook", "message"),
    [
        (
            "docs/big.txt",
            "1234567\n" * 140_000,
            "no large files (list them in data/sources.toml)",
            "docs/big.txt (1094 KB) exceeds 1000 KB.",
        ),
        (
            "docs/notes.md",
            "Notes\n<" + "<<<<<< ours\nA\n=======\nB\n>>>>>>" + "> theirs\n",
            "no merge conflicts",
            "docs/notes.md:2: Merge conflict string '<<<<<<<' found",
        ),
        (
            "README.md.rej",
            "@@ -1 +1 @@\n",
            "no rejected parts of a template update",
            "Merge these parts into their files by hand and remove them",
        ),
        (
            "docs/study.ipynb",
            '{"cells": []}\n',
            "no notebook outputs in git",
            "Notebooks are committed as scripts without outputs",
        ),
        ("docs/tool.py", '"""A tool."""\n\nimport os\n', "lint", "F401"),
        ("docs/tool.py", '"""A tool."""\n\nx = {  }\n', "format", "docs/tool.py"),
    ],
    ids=["large", "conflict", "rejected", "notebook", "lint", "format"],
)
def test_commit_is_stopped_with_a_message(
    study: Path, name: str, content: str, hook: str, message: str
) -> None:
    head = git("rev-parse", "HEAD", cwd=study)
    result = commit(study, name, content)
    assert result.code == 1, result.output
    assert failed_hooks(result) == [hook]
    assert message in result.output
    assert name in result.output
    assert git("rev-parse", "HEAD", cwd=study) == head


def test_hooks_work_without_a_network(study: Path) -> None:
    (study / "docs/notes.md").write_text("We met on Monday.\n", "utf-8")
    git("add", "docs/notes.md", cwd=study)
    nowhere = "http://127.0.0.1:1"
    result = run(
        "git",
        "commit",
        "-m",
        "Work",
        cwd=study,
        PATH=without_venv(),
        HTTP_PROXY=nowhere,
        HTTPS_PROXY=nowhere,
        UV_DEFAULT_INDEX=nowhere,
    )
    assert result.code == 0, result.output


# A package index of one's own, which asks for a password.

USER, PASSWORD = "reader", "s3cret-w0rd"


@pytest.fixture
def index(ready: Path) -> Iterator[str]:
    """An index on loopback, before the usual one, as `host:port/path`."""
    lock = (ready / "uv.lock").read_text("utf-8")
    usual = re.findall(r'registry = "(http.+?)"', lock)[0]
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers["Authorization"] != f"Basic {pair}":
                self.answer(401, b"", "text/plain")
                return
            url = usual + self.path.removeprefix("/simple")
            headers = {"Accept": self.headers["Accept"]}
            request = urllib.request.Request(url, headers=headers)  # noqa: S310
            with urllib.request.urlopen(request) as page:  # noqa: S310
                self.answer(200, page.read(), page.headers["Content-Type"])

        def answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    """A package cache for an index that will never be seen again."""
    folder = tmp_path / "cache"
    yield str(folder)
    shutil.rmtree(folder)


def test_private_index_is_used_and_its_password_kept_out_of_files(
    project: Render, index: str, cache: str
) -> None:
    folder = project(notebooks="none")
    settings = {
        "UV_DEFAULT_INDEX": f"http://{USER}:{PASSWORD}@{index}",
        "UV_CACHE_DIR": cache,
    }
    for task in ("setup", "lint"):
        result = poe(folder, task, **settings)
        assert result.code == 0, result.output
        assert PASSWORD not in result.output
    assert f'registry = "http://{index}"' in (folder / "uv.lock").read_text("utf-8")
    assert status(folder) == ""
    found = run("grep", "-rlF", PASSWORD, ".", cwd=folder)
    assert (found.code, found.output) == (1, "")


def test_private_index_refuses_a_wrong_password(
    project: Render, index: str, cache: str
) -> None:
    folder = project(notebooks="none")
    url = f"http://{USER}:wr0ng-w0rd@{index}"
    result = poe(folder, "setup", UV_DEFAULT_INDEX=url, UV_CACHE_DIR=cache)
    assert result.code != 0
    assert "401 Unauthorized" in result.output
    assert "wr0ng-w0rd" not in result.output
    assert not (folder / "uv.lock").exists()


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (
            "https://git.acme.example/data/twobus",
            "https://git.acme.example/data/twobus",
        ),
        ("git+https://acme.example/twobus.git", "https://acme.example/twobus.git"),
        ("gh:acme/twobus", "https://github.com/acme/twobus"),
        ("gl:acme/data/twobus", "https://gitlab.com/acme/data/twobus"),
        ("git@github.com:acme/twobus.git", "ssh://git@github.com/acme/twobus.git"),
        ("/srv/two bus", "file:///srv/two%20bus"),
    ],
)
def test_companion_comes_from_where_the_template_is(
    source: str, address: str, study: Path
) -> None:
    code = (
        "import sys; from analysis_project.twobus import repository;"
        "print(repository._address(sys.argv[1]))"
    )
    result = run("uv", "run", "python", "-c", code, source, cwd=study)
    assert result.output.strip() == address


def test_branch_rules_are_planned_by_the_release_that_the_project_records(
    study: Path,
) -> None:
    no_token = {"GH_TOKEN": "", "GITHUB_TOKEN": "", "HOME": str(study / "nobody")}
    git("remote", "add", "origin", "https://github.com/acme/study", cwd=study)
    try:
        result = poe(study, "protect", **no_token)
    finally:
        git("remote", "remove", "origin", cwd=study)
    assert result.code == 2, result.output
    assert "GH_TOKEN" in result.output
    assert "Traceback" not in result.output


def test_first_commit_holds_no_secret_that_people_have_added(project: Render) -> None:
    folder = project(notebooks="none")
    (folder / "notes.md").write_text(f"Use {github_token()} for now.\n", "utf-8")
    result = poe(folder, "setup")
    assert result.code == 1
    assert "notes.md" in result.output
    assert git("rev-list", "--all", cwd=folder) == ""
    (folder / "notes.md").unlink()
    git("rm", "--quiet", "--cached", "notes.md", cwd=folder)
    assert poe(folder, "setup").code == 0
    assert status(folder) == ""
