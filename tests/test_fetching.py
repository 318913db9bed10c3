"""Raw files: fetching those that are not in git, and naming those that nobody has."""

import contextlib
import fcntl
import hashlib
import http.server
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from conftest import Small
from moto.server import ThreadedMotoServer

from template import git, status
from twobus.data import sources
from twobus.tasks import tasks

SURVEY = b"bird,mass\n1,4000\n" * 100
SHA256 = hashlib.sha256(SURVEY).hexdigest()


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


@dataclass
class Site:
    """A web site on loopback that has one file, `/survey.csv`.

    Attributes:
        url: Where it is.
        requests: The paths that were asked for.
    """

    url: str
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.requests.append(self.path)
            if self.path != "/survey.csv":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(SURVEY)))
            self.end_headers()
            self.wfile.write(SURVEY)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = Site(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield asked
        server.shutdown()


def list_source(
    project: Path, url: str, sha256: str | None = SHA256, name: str = "survey.csv"
) -> None:
    hashed = f"sha256 = '{sha256}'\n" if sha256 is not None else ""
    entry = f"['{name}']\nurl = '{url}'\n{hashed}"
    (project / "data/sources.toml").write_text(entry, "utf-8")


def raw_files(project: Path) -> dict[str, bytes]:
    """Return all that stands in a project's data/raw."""
    raw = project / "data/raw"
    found = (path for path in raw.rglob("*") if path.is_file())
    return {path.relative_to(raw).as_posix(): path.read_bytes() for path in found}


def refusal(project: Path) -> str:
    """Return the sentences by which fetching ends, and see that no file was touched."""
    before = raw_files(project)
    with pytest.raises(SystemExit) as refused:
        sources.fetch()
    assert raw_files(project) == before
    return str(refused.value.code)


def test_there_are_tasks_for_it(study: Path) -> None:
    found = tasks()["tasks"]
    assert found["data"]["script"] == "twobus.data.checks.task:data"
    assert "twobus.data.sources:name_unlisted" in str(found["check"])


def test_listed_file_is_fetched_from_the_web(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", name="2026/survey.csv")
    before = raw_files(study)
    sources.fetch()
    assert raw_files(study) == before | {"2026/survey.csv": SURVEY}


def test_folder_of_raw_files_is_made(small: Small, site: Site) -> None:
    project = small(worked_example=False)
    for file in (project / "data/raw").glob("*"):
        file.unlink()
    (project / "data/raw").rmdir()
    list_source(project, f"{site.url}/survey.csv")
    sources.fetch()
    assert raw_files(project) == {"survey.csv": SURVEY}


@contextlib.contextmanager
def terminal() -> Iterator[list[str]]:
    """Let what is said to people go to a terminal, and yield what it shows then."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        with os.fdopen(theirs, "w", encoding="utf-8") as screen:
            patch.setattr(sys, "stderr", screen)
            yield shown
        with contextlib.suppress(OSError):  # On Linux, how a terminal ends.
            while part := os.read(ours, 4096):
                shown.append(part.decode())
    os.close(ours)


def test_progress_of_a_download_is_shown(
    study: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    list_source(study, f"{site.url}/survey.csv")
    with terminal() as shown:
        sources.fetch()
    assert "100%" in "".join(shown)
    assert "Fetching data/raw/survey.csv" in capsys.readouterr().out


def test_progress_is_not_shown_in_a_log(
    study: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    list_source(study, f"{site.url}/survey.csv")
    sources.fetch()
    assert capsys.readouterr().err == ""


def test_second_run_downloads_nothing(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv")
    sources.fetch()
    sources.fetch()
    assert site.requests == ["/survey.csv"]


@pytest.mark.parametrize(
    "url",
    ["{folder}/team share/survey.csv", "../team share/survey.csv", "{uri}"],
    ids=["absolute", "relative", "file"],
)
def test_listed_file_is_fetched_from_a_shared_path(study: Path, url: str) -> None:
    file = study.parent / "team share" / "survey.csv"
    file.parent.mkdir()
    file.write_bytes(SURVEY)
    list_source(study, url.format(folder=study.parent, uri=file.as_uri()))
    sources.fetch()
    assert raw_files(study)["survey.csv"] == SURVEY


@pytest.fixture
def bucket(study: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 server on loopback with the bucket `team`, which the environment names."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="team")
    s3.put_object(Bucket="team", Key="2026/survey.csv", Body=SURVEY)
    yield
    server.stop()


@pytest.mark.usefixtures("bucket")
def test_listed_file_is_fetched_from_s3(study: Path) -> None:
    list_source(study, "s3://team/2026/survey.csv")
    sources.fetch()
    assert raw_files(study)["survey.csv"] == SURVEY


@pytest.mark.usefixtures("bucket")
def test_file_that_s3_lacks_is_said_in_a_sentence(study: Path) -> None:
    list_source(study, "s3://team/2027/survey.csv")
    said = refusal(study)
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    assert "Not Found" in said


def test_s3_without_its_packages_says_how_to_install_them(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    list_source(study, "s3://team/survey.csv")
    assert refusal(study) == (
        "data/raw/survey.csv cannot be fetched: s3 needs boto3, so run: "
        "uv sync --extra s3"
    )


def test_hash_may_be_in_capitals(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", SHA256.upper())
    sources.fetch()
    assert raw_files(study)["survey.csv"] == SURVEY


def test_wrong_download_is_said_and_removed(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", "0" * 64)
    said = refusal(study)
    assert said.startswith("data/raw/survey.csv cannot be fetched: SHA256 hash of ")
    assert SHA256 in said


def test_every_file_that_is_wrong_is_named_at_once(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", "1" * 64)
    with (study / "data/sources.toml").open("a") as listed:
        listed.write(f'\n["b.csv"]\nurl = "{site.url}/none.csv"\n')
    first, second = refusal(study).splitlines()
    assert first.startswith("data/raw/survey.csv cannot be fetched: SHA256")
    assert second.startswith("data/raw/b.csv cannot be fetched: 404")


def test_missing_hash_is_said_with_the_line_to_add(study: Path, site: Site) -> None:
    list_source(study, f"{site.url}/survey.csv", sha256=None)
    line = f'data/raw/survey.csv has no hash yet: add sha256 = "{SHA256}" to its entry'
    with pytest.raises(SystemExit, match=line):
        sources.fetch()


WEB_PAGE = (
    "the address gave a web page, which may ask to log in: open it in a browser, and "
    "list the address of the file itself"
)
ANOTHER: dict[str, tuple[str, bytes, str]] = {
    "login page": ("x.csv", b"\n<!DOCTYPE html><title>Log in</title>", WEB_PAGE),
    "login page for a packed file": ("x.csv.gz", b"<html><p>Log in</p>", WEB_PAGE),
    "refusal of a store": (
        "x.csv",
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "the address gave a message that says why not: open it in a browser",
    ),
    "note of Git LFS": (
        "x.parquet",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
        "the address gave Git LFS's note of the file: list that of its content",
    ),
    "text for Parquet": (
        "x.parquet",
        b'{"message": "Not Found"}',
        "the address gave no .parquet file: open it in a browser",
    ),
    "nothing": ("x.csv", b"", "the address gave an empty file"),
}


@pytest.mark.parametrize("kind", ANOTHER)
def test_what_is_no_such_file_is_neither_kept_nor_offered_for_its_hash(
    study: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    name, content, why = ANOTHER[kind]
    (study.parent / "shared").write_bytes(content)
    list_source(study, str(study.parent / "shared"), sha256=None, name=name)
    with pytest.raises(SystemExit) as stopped:
        sources.fetch()
    assert str(stopped.value) == f"data/raw/{name} cannot be fetched: {why}"
    assert not (study / "data/raw" / name).exists()


def test_page_is_kept_where_a_page_is_listed(study: Path) -> None:
    page = b"<!DOCTYPE html><title>Log in</title>"
    (study.parent / "page").write_bytes(page)
    hashed = hashlib.sha256(page).hexdigest()
    list_source(study, str(study.parent / "page"), sha256=hashed, name="x.html")
    sources.fetch()
    assert (study / "data/raw/x.html").read_bytes() == page


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{site}/other.csv", "404"),
        ("http://127.0.0.1:1/survey.csv", "Connection refused"),
        ("/no/such/survey.csv", "No such file or directory"),
        ("team:survey.csv", "Unrecognized URL protocol 'team'"),
        ("http://[survey.csv", "Invalid IPv6 URL"),
    ],
)
def test_file_that_cannot_be_fetched_is_said_in_a_sentence(
    study: Path, site: Site, url: str, reason: str
) -> None:
    list_source(study, url.format(site=site.url))
    said = refusal(study)
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    assert reason in said


@pytest.mark.parametrize("place", ["{site}", "127.0.0.1:1"])
def test_secrets_in_an_address_are_not_shown(
    study: Path, site: Site, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    place = place.format(site=site.url.removeprefix("http://"))
    list_source(study, f"http://user:s3cret@{place}/other.csv?token=t0ken")
    said = refusal(study)
    assert said.startswith("data/raw/survey.csv cannot be fetched: ")
    shown = f"{said} {capfd.readouterr()}"
    assert "s3cret" not in shown
    assert "t0ken" not in shown


def test_existing_file_of_other_content_is_named_and_kept(
    study: Path, site: Site
) -> None:
    (study / "data/raw/survey.csv").write_bytes(b"my own work")
    list_source(study, f"{site.url}/survey.csv")
    assert refusal(study).startswith(
        "data/raw/survey.csv is not the file that data/sources.toml lists"
    )
    assert site.requests == []


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ("survey.csv = = 1", "cannot be read: Invalid value (at line 1, column 14)."),
        ('["../survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["/tmp/survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["C:/survey.csv"]\nurl = "/x"', "write a path below data/raw."),
        ('["."]\nurl = "/x"', "write a path below data/raw."),
        ('["survey.csv"]\nsha256 = "0"', "gives no url for 'survey.csv'"),
        ('[survey.csv]\nurl = "/x"', "write the file's whole name in quotes"),
        ('"survey.csv" = "/x"', "gives no url for 'survey.csv'"),
        (f'["{"é" * 300}"]\nurl = "/x"', "parts of at most 255"),
        (f'["a/{"b" * 256}/c.csv"]\nurl = "/x"', "parts of at most 255"),
        ('["a\\u001b[2J.csv"]\nurl = "/x"', "printable characters"),
    ],
)
def test_mistake_in_the_list_is_said_in_a_sentence(
    study: Path, listed: str, says: str
) -> None:
    (study / "data/sources.toml").write_text(listed, "utf-8")
    said = refusal(study)
    assert said.startswith("data/sources.toml ")
    assert says in said


@pytest.mark.parametrize("name", ["link/a.csv", "link/more/a.csv", "loop/a.csv"])
def test_a_linked_folder_that_leads_elsewhere_is_refused(
    study: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").mkdir()
    (study / "data/raw/link").symlink_to(tmp_path / "outside")
    (study / "data/raw/loop").symlink_to("../raw/loop/../../..")
    (tmp_path / "a.csv").write_bytes(SURVEY)
    list_source(study, str(tmp_path / "a.csv"), name=name)
    said = refusal(study)
    assert name in said
    assert not [*(tmp_path / "outside").iterdir()]


def test_the_folder_of_raw_files_may_be_a_link(study: Path, tmp_path: Path) -> None:
    (study / "data/raw").rename(tmp_path / "disk")
    (study / "data/raw").symlink_to(tmp_path / "disk")
    (tmp_path / "a.csv").write_bytes(SURVEY)
    list_source(study, str(tmp_path / "a.csv"))
    sources.fetch()
    assert (tmp_path / "disk/survey.csv").read_bytes() == SURVEY


def test_a_folder_of_the_name_of_a_listed_file_is_said(study: Path) -> None:
    (study / "data/raw/survey.csv").mkdir()
    list_source(study, "/x")
    assert "cannot be read (Is a directory): remove it" in refusal(study)


@pytest.mark.parametrize("password", ["1/s3cret", "1#s3cret", "1?s3cret", "s3cret/1"])
@pytest.mark.parametrize("more", ["", "x@y/"])
def test_half_a_password_is_not_shown(
    study: Path, password: str, more: str, capfd: pytest.CaptureFixture[str]
) -> None:
    list_source(study, f"http://user:{more}{password}@127.0.0.1:1/a.csv")
    assert "s3cret" not in f"{refusal(study)} {capfd.readouterr()}"


def test_list_may_be_removed(study: Path) -> None:
    (study / "data/sources.toml").unlink()
    before = raw_files(study)
    sources.fetch()
    assert raw_files(study) == before


# A raw file that is on one disk only is named; git keeps none by accident.


def test_raw_files_that_nobody_else_has_are_named(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lonely é.csv", "deep/lonely.csv", "listed.csv", "shipped.csv"):
        file = study / "data/raw" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SURVEY)
    list_source(study, "/mnt/team/survey.csv", name="listed.csv")
    git("add", "--force", "data/raw/shipped.csv", cwd=study)
    sources.name_unlisted()
    shown = capsys.readouterr().out
    named = re.findall(r"data/raw/(.+) is on this disk only", shown)
    assert named == ["deep/lonely.csv", "lonely é.csv"]


def test_contents_of_data_folders_are_ignored_by_git(study: Path) -> None:
    for name in ("raw/new.csv", "raw/deep/new.csv", "interim/x.bin", "processed/y"):
        file = study / "data" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SURVEY)
    assert status(study) == ""


def test_change_of_a_shipped_raw_file_is_seen_by_git(study: Path) -> None:
    (study / "data/raw/penguins.csv").write_bytes(SURVEY)
    assert status(study) == " M data/raw/penguins.csv\n"
