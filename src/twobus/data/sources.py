"""Fetch the raw files that `data/sources.toml` lists, and name those it lacks."""

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch
import requests

from twobus import git
from twobus.project import StopError, here
from twobus.tasks import task

# How a page of HTML begins, in small letters.
PAGES = ("<!doctype html", "<html", "<head", "<script", "<meta")
# How each kind of file begins.
MARKS = {
    ".parquet": (b"PAR1",),
    ".xlsx": (b"PK",),
    ".zip": (b"PK",),
    ".gz": (b"\x1f\x8b",),
    ".zst": (b"\x28\xb5\x2f\xfd",),
    ".bz2": (b"BZh",),
}


# So many bytes may the name of a file or folder have, on all systems.
LONG = 255


class DownloadError(StopError):
    """A listed file cannot be had."""


@task
def fetch() -> None:
    """Fetch the listed files that are missing, and verify the hash of each.

    Raises:
        SystemExit: With a sentence for each file that cannot be had or is not
            the one that was listed. A wrong download is removed; a file that was there
            before is never touched.
    """
    sources = _sources()
    wrong = []
    for name, source in sources.items():
        file = _raw() / name
        listed = str(source["sha256"]).lower() if "sha256" in source else None
        try:
            if not file.exists():
                _download(source["url"], file, listed)
            found, why = pooch.file_hash(file), _is_another(file, name)
        except DownloadError as error:
            wrong.append(f"data/raw/{name} cannot be fetched: {error}")
            continue
        except OSError as error:
            # Such as a folder of that name.
            wrong.append(
                f"data/raw/{name} cannot be read ({error.strerror}): remove it, or "
                "list another name in data/sources.toml."
            )
            continue
        if listed is None and why:
            wrong.append(f"data/raw/{name} cannot be used: {why}. Remove it.")
        elif listed is None:
            wrong.append(
                f'data/raw/{name} has no hash yet: add sha256 = "{found}" to its '
                "entry in data/sources.toml, so that everybody gets the same file."
            )
        elif found != listed:
            wrong.append(
                f"data/raw/{name} is not the file that data/sources.toml lists (its "
                f"sha256 is {found}): remove it to fetch it again, or list that hash."
            )
    if wrong:
        raise StopError("\n".join(wrong))
    if not sources:
        print(
            "data/sources.toml lists no files, so there is nothing to fetch. Next: "
            "list there what others must fetch, as its first lines show; a file that "
            "you have becomes a table by uv run poe new-table NAME FILE."
        )
        return
    print(f"Files that data/sources.toml lists: {len(sources)}, all in data/raw.")


@task
def name_unlisted() -> None:
    """Print a line for each raw file that exists on this disk only."""
    if not _raw().is_dir():
        return
    shipped = git.names(git.git("ls-files", "-z", "--", ".", cwd=_raw()))
    known = {*shipped, *_sources()}
    for file in sorted(path for path in _raw().rglob("*") if path.is_file()):
        name = file.relative_to(_raw()).as_posix()
        if name not in known and not re.search(r"(^|/)\.", name):
            print(
                f"data/raw/{name} is on this disk only: list in data/sources.toml "
                "where to fetch it, or, small and public, git add --force it."
            )


def _raw() -> Path:
    return here().data / "raw"


def _sources() -> dict[str, dict[str, str]]:
    listed = here().data / "sources.toml"
    try:
        sources = tomllib.loads(listed.read_text("utf-8")) if listed.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StopError(f"data/sources.toml cannot be read: {error}.") from None
    for name, source in sources.items():
        # As Windows reads it, which also knows drives and backslashes.
        path = PureWindowsPath(name)
        if path.anchor or not path.parts or ".." in path.parts or "\\" in name:
            raise StopError(
                f"data/sources.toml names {name!r}: write a path below data/raw."
            )
        longest = max(len(os.fsencode(part)) for part in path.parts)
        if not name.isprintable() or longest > LONG:
            raise StopError(
                f"data/sources.toml names {name[:40]!r}…, which cannot be a file: "
                f"write parts of at most {LONG} bytes, of printable characters."
            )
        # The folder itself may be a link, to a larger disk; a link below is no place
        # that the list shows.
        folder = os.path.realpath(_raw())
        if not Path(os.path.realpath((_raw() / name).parent)).is_relative_to(folder):
            raise StopError(
                f"data/sources.toml names {name!r}, where a linked folder leads out of "
                "data/raw: remove the link, or list another path."
            )
        if not isinstance(source, dict) or not isinstance(source.get("url"), str):
            raise StopError(
                f"data/sources.toml gives no url for {name!r}: write the file's whole "
                'name in quotes, ["survey.csv"], and below it url = "https://…".'
            )
    return sources


def _download(url: str, file: Path, sha256: str | None) -> None:
    """Download to a hidden folder, verify the file, and only then move it in place."""
    downloaders: dict[str, Any] = {"s3": _from_s3, "file": _from_path, "": _from_path}
    name = file.relative_to(_raw()).as_posix()
    print(f"Fetching data/raw/{name}", flush=True)
    pooch.get_logger().setLevel("WARNING")
    try:
        scheme = _scheme(url)
        # A Windows drive (`Z:/share/file.csv`) looks like a scheme of one letter.
        downloader = _from_path if len(scheme) == 1 else downloaders.get(scheme)
        # Git keeps no empty folder, so that a clone may lack this one.
        _raw().mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".fetching-", dir=_raw()) as folder:
            fetched = pooch.retrieve(
                url,
                known_hash=sha256,
                fname=file.name,
                path=folder,
                downloader=downloader,
                progressbar=downloader is None and sys.stderr.isatty(),
            )
            if wrong := _is_another(Path(fetched), file.name):
                raise ValueError(wrong)
            file.parent.mkdir(parents=True, exist_ok=True)
            Path(fetched).replace(file)
    except (OSError, ValueError, requests.RequestException) as error:
        # Addresses may hold passwords and tokens, which must not reach a log.
        reason = re.sub(r"\S*@|[?#]\S*", "…", " ".join(str(error).split()))
        raise DownloadError(reason) from None


def _scheme(url: str) -> str:
    """Return how an address begins.

    Raises:
        ValueError: If its password may stand where others are shown.
    """
    parts = urlsplit(url)
    # What is taken for a host and its port may be a user and half of the password.
    behind = f"{parts.path}{parts.query}{parts.fragment}"
    if ":" in parts.netloc and "@" not in parts.netloc and "@" in behind:
        raise ValueError(
            "its address cannot be read, and is not shown: in a password, write / as "
            "%2F, # as %23 and ? as %3F"
        )
    return parts.scheme


def _is_another(file: Path, name: str) -> str:
    """Say what a file is, if that cannot be what its name says; else nothing."""
    with file.open("rb") as stream:
        start = stream.read(1_000)
    text = start.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    ending = Path(name).suffix.lower()
    if not start:
        return "the address gave an empty file"
    if text.startswith(PAGES) and ending not in (".html", ".htm", ".xhtml"):
        return (
            "the address gave a web page, which may ask to log in: open it in a "
            "browser, and list the address of the file itself"
        )
    if text.startswith("<?xml") and "<error>" in text:
        return "the address gave a message that says why not: open it in a browser"
    if text.startswith("version https://git-lfs"):
        return "the address gave Git LFS's note of the file: list that of its content"
    if (marks := MARKS.get(ending)) and not start.startswith(marks):
        return f"the address gave no {ending} file: open it in a browser"
    return ""


def _from_path(url: str, output: str, pooch: Any) -> None:
    path = url2pathname(urlsplit(url).path) if url.startswith("file:") else url
    shutil.copyfile(here().root / path, output)


def _from_s3(url: str, output: str, pooch: Any) -> None:
    try:
        import boto3
    except ImportError:
        raise ValueError("s3 needs boto3, so run: uv sync --extra s3") from None
    place = urlsplit(url)
    try:
        boto3.client("s3").download_file(place.netloc, place.path.lstrip("/"), output)
    except Exception as error:  # The errors of boto3 have no class in common.
        raise ValueError(error) from None
