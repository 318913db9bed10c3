"""What stands in a repository of others costs little, and leads nowhere else."""

import os
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import strangers

from template import git, run
from twobus.codeowners import forge_of, owners_of_all
from twobus.companion.adopt import adopt
from twobus.companion.guess import guess
from twobus.companion.imports import defined
from twobus.companion.template import Template
from twobus.imports import rewritten
from twobus.project import ANSWERS, Project, StopError, answers, read_text

Make = Callable[[Path], object]
OUTSIDE = "Confidential: the owls are not what they seem"
# What one file may cost: seconds, of which a busy machine may take many, and bytes.
SECONDS, BYTES = 10, 64 * 2**20


def laughs(levels: int) -> str:
    """Write a YAML whose few lines mean ten to the power of these."""
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for level in range(1, levels):
        parts = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{parts}]")
    return "\n".join(lines)


def socket_at(path: Path) -> None:
    # The name of a socket is short.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def sparse(path: Path) -> None:
    """Make a file that says it has gigabytes."""
    path.touch()
    os.truncate(path, 4 * 2**30)


def piped(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link(to: str) -> Make:
    return lambda path: path.symlink_to(to)


# Answers that a file may hold, or what stands where the file should.
ANSWERED: dict[str, str | bytes | Make] = {
    "aliases": "a: &a 1\nb: *a\n",
    "laughs": laughs(9),
    "laughs among answers": f"_commit: v1\n_src_path: x\n{laughs(9)}\n",
    "an alias for itself": "a: &a [*a]\n",
    "merged keys": "a: &a {x: 1}\nb: {<<: [*a, *a]}\n",
    "an anchor": "a: &a 1\n",
    "deep lists": "a: " + "[" * 50_000,
    "deep lists that end": "a: " + "[" * 5_000 + "]" * 5_000,
    "deep mappings": "a: " + "{a: " * 5_000,
    "deep indents": "\n".join(" " * n + "a:" for n in range(500)),
    "a large text": "a: " + "x" * 300_000,
    "a larger text": "a: " + "x" * 20_000_000,
    "gigabytes": sparse,
    "many questions": "".join(f"q{n}: 1\n" for n in range(2_000)),
    "a large number": "a: " + "9" * 60_000,
    "a number of sixties": "a: " + ":".join(["59"] * 20_000),
    "a large hexadecimal": "a: 0x" + "f" * 60_000,
    "a date that is none": "a: 2024-99-99\n",
    "a python object": "a: !!python/object/apply:os.system [id]\n",
    "a number that is none": 'a: !!int ""\n',
    "a time that is none": "a: !!timestamp x\n",
    "a yes that is none": "a: !!bool maybe\n",
    "a float that is none": "a: !!float ''\n",
    "bytes that are none": "a: !!binary '='\n",
    "a set": "a: !!set {x, y}\n",
    "a tag of one's own": "a: !secret x\n",
    "a list for a key": "? [a, b]\n: 1\n",
    "a number for a key": "1: 2\n",
    "nothing for a key": "~: 2\n",
    "a list": "- a\n",
    "a word": "kind\n",
    "nothing": "",
    "a comment": "# Answers\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "no end": "a: 'x\n",
    "tabs": "a:\n\t- x\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "null bytes": b"a: \0\n",
    "control characters": b"a: \x07\n",
    "another encoding": "a: é\n".encode("utf-16"),
    "no encoding": b"a: \xff\xfe\xfd\n",
    "seeds that are a list": "_commit: v1\nseeded: [kind]\n",
    "seeds that are a word": "_commit: v1\nseeded: kind\n",
    "a conflict": "<<<<<<< before\na: 1\n=======\na: 2\n>>>>>>> after\n",
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": socket_at,
    "a link to no end": link("/dev/zero"),
    "a link to nothing": link("/dev/null"),
    "a link to itself": link(ANSWERS),
    "a link to a pipe": piped,
    "a link out": link("../outside"),
    "a link to all": link("/"),
}

# Files of repositories from which answers are guessed, by what is odd about them.
ODD: dict[str, dict[str, str]] = {
    "a tag that never ends": {"README.md": "<" * 2 * 10**5},
    "a comment that never ends": {"README.md": "<!--" * 60_000},
    "code that never ends": {"README.md": "```\n" * 60_000},
    "a title of spaces": {"README.md": "# a" + " " * 2 * 10**5 + "b"},
    "a title of hashes": {"README.md": "# a" + "#" * 2 * 10**5 + "b"},
    "brackets": {"README.md": "[" * 2 * 10**5},
    "pictures": {"README.md": "![" * 100_000},
    "links": {"README.md": "# [a](" * 60_000},
    "blank lines": {"README.md": "\n \t" * 60_000},
    "a licence that begins often": {
        "LICENSE": "Redistribution and use in source " * 50_000
    },
    "permissions": {
        "LICENSE": "Permission is hereby granted, free of charge " * 50_000
    },
    "a name that never ends": {"setup.py": "name = '" * 60_000},
    "an Apache licence of spaces": {"LICENSE": "Apache License" + " " * 2 * 10**5},
    "deep arrays": {"pyproject.toml": "a = " + "[" * 100_000},
    "deep tables": {"pyproject.toml": "[" + "a." * 50_000 + "a]\n"},
    "deep inline tables": {"pyproject.toml": "a = " + "{a = " * 20_000},
    "a large number in toml": {"pyproject.toml": "a = " + "9" * 100_000},
    "a tool that is a number": {"pyproject.toml": "tool = 3\n"},
    "a project that is a list": {"pyproject.toml": "project = [1]\n"},
    "a name that is a number": {"pyproject.toml": "[project]\nname = 3\n"},
    "a name that is a list": {"pyproject.toml": '[project]\nname = ["a"]\n'},
    "poetry that is a list": {"pyproject.toml": "[tool]\npoetry = [1]\n"},
    "a Python that is a list": {"pyproject.toml": "project.requires-python = [3]\n"},
    "a backend that is a word": {"pyproject.toml": "[tool.uv]\nbuild-backend = 'a'\n"},
    "settings that are a word": {"pyproject.toml": "[tool]\ntwobus = 'a'\n"},
    "ejected that is a number": {"pyproject.toml": "[tool.twobus]\nejected = 3\n"},
    "a broken setup.cfg": {"setup.cfg": "name\n[metadata\n[metadata]\n=\n"},
    "a setup.cfg of one line": {"setup.cfg": "[metadata]\nname=" + "%(name)s" * 10_000},
    "owners without end": {"CODEOWNERS": "".join(f"/{n} @a\n" for n in range(20_000))},
    "one owner without end": {"CODEOWNERS": "* " + "@a" * 2 * 10**5},
    "sections without end": {
        ".gitlab-ci.yml": "",
        "CODEOWNERS": "[" * 10**5 + "\n" + "[a]\n* @a\n" * 10**4,
    },
    "backslashes": {"CODEOWNERS": "\\" * 2 * 10**5},
    "a version without end": {".python-version": "3." + "1" * 2 * 10**5},
    "a version of spaces": {".python-version": " " * 2 * 10**5},
    "aliases in answers": {ANSWERS: laughs(9)},
    "cells without end": {"a.py": "# %%\n" * 60_000},
    "code that is deep": {"a.py": "(" * 10_000},
}


@contextmanager
def costs_little() -> Iterator[None]:
    """Measure what is done, and refuse what takes long or much."""
    start = time.perf_counter()
    tracemalloc.start()
    try:
        yield
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < SECONDS
    assert most < BYTES


def put(path: Path, what: str | bytes | Make) -> None:
    """Write a file, or make what stands in its place."""
    if isinstance(what, str | bytes):
        path.write_bytes(what.encode() if isinstance(what, str) else what)
    else:
        what(path)


@pytest.mark.slow
@pytest.mark.parametrize("which", ANSWERED)
def test_answers_of_any_sort_are_read_or_refused(which: str, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (tmp_path / "outside").write_text(f"a: {OUTSIDE}\n_commit: v1\n", "utf-8")
    put(folder / ANSWERS, ANSWERED[which])
    with costs_little():
        try:
            said = answers(folder)
        except StopError as error:
            said = {"refused": str(error)}
        assert forge_of(folder) == "github"
    assert OUTSIDE not in str(said)
    assert all(isinstance(question, str) for question in said)


@pytest.mark.slow
@pytest.mark.parametrize("which", ODD)
def test_files_of_any_sort_are_guessed_from(which: str, tmp_path: Path) -> None:
    files = ODD[which]
    strangers.write(tmp_path, files)
    with costs_little():
        said = guess(tmp_path, tmp_path, sorted(files))
        forge = forge_of(tmp_path)
        owners_of_all(tmp_path, forge)
        try:
            project = Project(tmp_path)
            assert isinstance(project.package, str)
            assert isinstance(project.ejected, list)
        except StopError:
            assert "pyproject.toml" in files
        for name, text in files.items():
            if name.endswith(".py"):
                defined(tmp_path / name)
                moves: Any = None
                rewritten(moves, name, text.encode())
    assert said["worked_example"] is False


# Files that are read where a repository is adopted, and what would be known by them.
READ = {
    "README.md": f"# {OUTSIDE}\n\n{OUTSIDE}\n",
    "pyproject.toml": f'[project]\nname = "{OUTSIDE}"\ndescription = "{OUTSIDE}"\n',
    "setup.py": f'setup(name="{OUTSIDE}", description="{OUTSIDE}")\n',
    "setup.cfg": f"[metadata]\nname = {OUTSIDE}\ndescription = {OUTSIDE}\n",
    ".python-version": "3.14\n",
    "CODEOWNERS": "* @secret\n",
    ".github/CODEOWNERS": "* @secret\n",
    "LICENSE": strangers.MIT,
    "a.py": "import marimo\n\napp = marimo.App()\n",
}


@pytest.mark.parametrize("name", READ)
def test_nothing_is_guessed_from_where_a_link_leads_out(
    name: str, tmp_path: Path
) -> None:
    theirs, outside = tmp_path / "theirs", tmp_path / "outside"
    strangers.write(outside, {name: READ[name]})
    known = guess(outside, outside, [name])
    theirs.mkdir()
    # For what stands in a folder, the folder is the link.
    first = name.split("/")[0]
    (theirs / first).symlink_to(outside / first)
    found = guess(theirs, theirs, [name])
    (theirs / first).unlink()
    assert found == guess(theirs, theirs, [name]) != known


@pytest.mark.parametrize("to", ["/dev/zero", "/dev/stdin", "pipe", "."])
@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "a.py"])
def test_what_is_no_file_is_not_read(to: str, name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / name).symlink_to(to)
    with costs_little():
        assert guess(tmp_path, tmp_path, [name])["worked_example"] is False


def test_a_text_of_gigabytes_is_refused(tmp_path: Path) -> None:
    sparse(tmp_path / "large")
    with costs_little(), pytest.raises(StopError, match="larger than 10 MB"):
        read_text(tmp_path / "large")


def test_links_stay_links_and_nothing_behind_them_is_committed(
    template: Template, tmp_path: Path
) -> None:
    strangers.write(tmp_path / "outside", READ)
    here = strangers.write(tmp_path / "theirs", {"docs/a.md": "a\n"})
    os.mkfifo(here / "docs" / "pipe")
    names = [name for name in READ if "/" not in name]
    for name in names:
        (here / name).symlink_to(tmp_path / "outside" / name)
    (here / "AGENTS.md").symlink_to("docs/a.md")
    large = b"x" * (10 * 2**20 + 1)
    strangers.write(here, {".gitignore": large})
    strangers.history(here, {})
    for key, value in {"name": "Test", "email": "test@example.org"}.items():
        git("config", f"user.{key}", value, cwd=here)
    done = adopt(here, template.address, data={}, interactive=False)
    listed = git("ls-tree", "-r", "twobus/adopt", cwd=here).splitlines()
    modes = {line.split("\t")[1]: line.split()[0] for line in listed}
    assert {modes[name] for name in [*names, "AGENTS.md"]} == {"120000"}
    assert run("git", "grep", "-e", "owls", "twobus/adopt", cwd=here).code == 1
    assert done.notes[0].startswith(".python-version, CODEOWNERS, LICENSE, README.md")
    assert any(note.startswith(".gitignore is as it was") for note in done.notes)
    both = ["twobus/adopt:.gitignore", "HEAD:.gitignore"]
    assert len(set(git("rev-parse", *both, cwd=here).split())) == 1
