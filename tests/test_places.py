"""A template is found wherever it is: by path, file, ssh or http; or it is said."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from template import Result, commit, git, run, whole

OLD, NEXT = "v1000.0.0", "v1000.1.0"
COPIER = [sys.executable, "-m", "copier"]
TWOBUS = [sys.executable, "-m", "twobus"]


@pytest.fixture(scope="module")
def origin(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository of the template, with a next release."""
    folder = tmp_path_factory.mktemp("where it is")
    work = folder / "work"
    git("clone", "--quiet", str(release), str(work), cwd=folder)
    (work / "template" / "AGENTS.md.jinja").write_text("New.\n", "utf-8")
    git("commit", "--quiet", "--all", "--message", "Next", cwd=work)
    git("tag", "--annotate", NEXT, "--message", "Next", cwd=work)
    git("clone", "--quiet", "--bare", str(work), "twobus.git", cwd=folder)
    git("update-server-info", cwd=folder / "twobus.git")
    return folder / "twobus.git"


@pytest.fixture(scope="module")
def http(origin: Path) -> Iterator[str]:
    """Serve the template by git over http, on loopback."""
    backend = Path(git("--exec-path", cwd=origin).strip()) / "git-http-backend"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("Content-Length") or 0)
            answer = subprocess.run(
                [backend],
                input=self.rfile.read(length),
                capture_output=True,
                env={
                    "GIT_PROJECT_ROOT": str(origin.parent),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                },
            ).stdout
            self.wfile.write(b"HTTP/1.0 200 OK\r\n" + answer)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def environment(origin: Path, tmp_path: Path) -> dict[str, str]:
    """An ssh that finds every host on this machine."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nwhile [ "$1" != git@host ]; do shift; done\neval "$2"\n')
    ssh.chmod(0o755)
    return {
        "GIT_SSH": str(ssh),
        "GIT_SSH_VARIANT": "simple",
        "COPIER_CACHE_DIR": str(tmp_path / "cache"),
    }


def made_from(place: str, folder: Path, environment: dict[str, str]) -> Path:
    """Make a project on the command line, from the folder above it."""
    words = ["copy", "--defaults", "--quiet", "--vcs-ref", OLD, place, "penguin study"]
    result = run(*COPIER, *words, cwd=folder, **environment)
    assert result.code == 0, result.output
    project = folder / "penguin study"
    return commit(project)


def update(project: Path, by: list[str], environment: dict[str, str]) -> Result:
    """Update a project on the command line, from within."""
    defaults = ["--defaults", "--quiet"] if by == COPIER else []
    return run(*by, "update", *defaults, cwd=project, **environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "{folder}/where it is/twobus.git",
        whole("file://{folder}/where it is/twobus.git"),
        whole("git+file://{folder}/where it is/twobus.git"),
        whole("git@host:{folder}/where it is/twobus.git"),
        whole("ssh://git@host{folder}/where it is/twobus.git"),
        "{http}/twobus.git",
        whole("git+{http}/twobus.git"),
    ],
)
def test_a_template_is_found(
    place: str, origin: Path, http: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "where it is").symlink_to(origin.parent)
    address = place.format(folder=tmp_path, http=http)
    project = made_from(address, tmp_path, environment)
    result = update(project, TWOBUS, environment)
    assert result.code == 0, result.output
    changed = git("diff", "--name-only", "main", "twobus/update", cwd=project)
    # The source of the common code moves with the release.
    known = [".copier-answers.yml", "AGENTS.md", "pyproject.toml"]
    assert changed.split() == known
    result = update(project, COPIER, environment)
    assert result.code == 0, result.output
    assert git("diff", "twobus/update", cwd=project) == ""


def test_a_relative_path_is_refused_with_what_to_write(
    origin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "twobus.git").symlink_to(origin)
    project = made_from("twobus.git", tmp_path, environment)
    result = update(project, TWOBUS, environment)
    assert result.code == 2
    assert "uv run poe update --template ADDRESS says where it is" in result.output


def test_a_template_that_has_moved_is_refused(
    origin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "twobus.git").symlink_to(origin)
    project = made_from(f"{tmp_path}/twobus.git", tmp_path, environment)
    (tmp_path / "twobus.git").unlink()
    result = update(project, TWOBUS, environment)
    assert result.code == 2
    assert "is not at" in result.output


def test_a_shallow_template_that_lacks_the_release_is_refused(
    origin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "twobus.git"
    place.symlink_to(origin)
    project = made_from(str(place), tmp_path, environment)
    place.unlink()
    words = ["clone", "--quiet", "--depth=1", f"--branch={NEXT}", origin.as_uri()]
    git(*words, str(place), cwd=tmp_path)
    result = update(project, TWOBUS, environment)
    assert result.code == 2
    assert "git fetch --unshallow" in result.output


def test_a_template_without_releases_is_refused(
    origin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "twobus.git"
    git("clone", "--quiet", "--bare", str(origin), str(place), cwd=tmp_path)
    project = made_from(str(place), tmp_path, environment)
    tags = git("tag", "--list", cwd=place).split()
    git("tag", "--delete", *tags, cwd=place)
    result = update(project, TWOBUS, environment)
    assert result.code == 2
    assert "has no releases" in result.output
