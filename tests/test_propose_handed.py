"""What the first job of an update hands on is a stranger's, and finds no token."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Render
from proposing import (
    LATER,
    PATHS,
    SECRET,
    Study,
    Work,
    hosted,
    hosting,
    lean,
    placed,
    weekly,
)

from template import ROOT, git, run
from twobus.companion.branch import SEAL, TRAILER, Outcome
from twobus.companion.describe import MARK, describe
from twobus.companion.handed import MOST, PACK, WORDS, take
from twobus.companion.template import fetch
from twobus.companion.update import BRANCH
from twobus.git import git as gits
from twobus.project import StopError

__all__ = ["hosted", "hosting", "lean", "placed"]
# The checks of a hostile release: they look for a token wherever a program can look.
SPY = r"""
import os, pathlib, re
KIND = re.compile(b"secret-" b"PART" b"[0-9a-f]+")
found = []

def look(place, content):
    found.extend(place for _ in KIND.findall(content))

def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""

def memory(process):
    # What a debugger would see of those who started this.
    for line in read(f"/proc/{process}/maps").decode().splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if "rw-p" not in line or end - start > 64_000_000:
            continue
        try:
            with open(f"/proc/{process}/mem", "rb") as stream:
                stream.seek(start)
                look(f"memory of {process}", stream.read(end - start))
        except OSError:
            pass

looked = 0
for process in [name for name in os.listdir("/proc") if name.isdigit()]:
    looked += 1
    for part in ("environ", "cmdline"):
        look(f"{part} of {process}", read(f"/proc/{process}/{part}"))
process = os.getpid()
while process > 1 and b"pytest" not in read(f"/proc/{process}/cmdline"):
    memory(process)
    process = int(read(f"/proc/{process}/stat").rpartition(b")")[2].split()[1])
for top in (os.environ["HOME"], os.environ["TMPDIR"], "."):
    for folder, _, names in os.walk(top):
        for name in names:
            look(f"{folder}/{name}", read(os.path.join(folder, name)))
look("git's settings", os.popen("git config --list --show-origin").read().encode())
pathlib.Path(os.environ["SEEN"]).write_text(f"{looked} {found}")
"""
# Stands in for uv: what it runs is from here, and a project's checks are its own.
UV = """#!/bin/bash
case "$*" in
"run --locked poe propose "*)
    shift 4
    exec '{python}' -c 'from twobus.call import propose; propose()' "$@" ;;
"tool run --quiet --from "*)
    shift 6
    exec '{python}' -m twobus "$@" ;;
"run --quiet --locked poe check") exec '{python}' AGENTS.md ;;
esac
"""


def spied_on(work: Work) -> dict[str, str]:
    """Have the next release's checks be a spy's, and return what the jobs see."""
    work.write("pyproject.toml", "[tool.twobus]\n")
    spy = SPY.replace("PART", SECRET.removeprefix("secret-")[:8])
    work.release(LATER, f"{{% raw %}}{spy}{{% endraw %}}")
    tools = work.folder / "bin"
    for folder in (tools, work.folder / "home", work.folder / "tmp"):
        folder.mkdir()
    (tools / "uv").write_text(UV.format(python=sys.executable))
    (tools / "uv").chmod(0o755)
    return {
        **work.server.trusted(),
        "UV": str(tools / "uv"),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(work.folder / "home"),
        "TMPDIR": str(work.folder / "tmp"),
        "SEEN": str(work.folder / "seen"),
        "PYTHONPATH": str(ROOT / "src"),
        "CI_REPOSITORY_URL": str(work.bare),
        "CI_COMMIT_SHA": work.head("main"),
    }


@pytest.mark.parametrize("forge", PATHS)
def test_a_hostile_release_finds_no_token(
    forge: str, hosted: Study, project: Render
) -> None:
    work = hosted(forge)
    settings = spied_on(work)
    settings["CI_COMMIT_SHA"] = work.head("main")
    first, second = weekly(project(forge=forge, notebooks="none"))
    checkout = work.checkout()
    temp = work.folder / "runner"
    temp.mkdir()
    said = first.run(
        checkout, forge, work.server.host, RUNNER_TEMP=str(temp), **settings
    )
    handed = (temp if forge == "github" else checkout) / "update"
    looked, found = (work.folder / "seen").read_text().split(" ", 1)
    assert (int(looked) > 3, found) == (True, "[]")
    assert {file.name for file in handed.iterdir()} == {WORDS, PACK}
    # It may also have put what it likes over the project's files.
    trap = work.folder / "trapped"
    kept = handed.rename(work.folder / "update")
    other = work.checkout()
    shutil.copytree(kept, (temp if forge == "github" else other) / "update")
    if forge == "gitlab":
        (other / ".git" / "config").write_text(
            f'[core]\n\tfsmonitor = "touch {trap}"\n'
        )
        (other / ".copier-answers.yml").write_text("broken")
    work.server.fake.requests.clear()
    said += second.run(
        other, forge, work.server.host, RUNNER_TEMP=str(temp), **settings
    )
    assert [one["title"] for one in work.requests] == [f"Update Twobus to {LATER}"]
    assert not trap.exists()
    for file in work.folder.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in said + json.dumps(work.requests)


def test_in_one_process_the_same_release_finds_it(hosted: Study) -> None:
    work = hosted()
    settings = spied_on(work)
    settings |= {"GITHUB_SERVER_URL": f"https://{work.server.host}"}
    words = [sys.executable, "-m", "twobus", "propose", "--project", str(work.project)]
    result = run(*words, cwd=work.folder, TWOBUS_TOKEN=SECRET, **settings)
    assert result.code == 0, result.output
    assert "environ of" in (work.folder / "seen").read_text()


# What is handed on is looked at.


@dataclass
class Case:
    """A project's clone, its template, and what is handed on."""

    clone: Path
    history: Path
    handed: Path

    def commit(self, seal: bool = True, name: str = "new.txt") -> str:
        """Commit something to the update's branch."""
        clone = self.clone
        git("checkout", "--quiet", "-B", BRANCH, cwd=clone)
        (clone / name).write_text(name)
        git("add", "--all", cwd=clone)
        tree = git("write-tree", cwd=clone).strip()
        text = f"Update\n\n{TRAILER}: 2.0.0\n{SEAL}: {tree if seal else '0' * 40}"
        git("commit", "--quiet", "--message", text, cwd=clone)
        return git("rev-parse", "HEAD", cwd=clone).strip()

    def hand(self, commit: str, revisions: str = "", /, **changes: Any) -> None:
        """Hand a commit on, with words, and forget it in the clone."""
        wanted = revisions or f"{commit}\n^main\n"
        words = ["pack-objects", "--quiet", "--revs", "--stdout"]
        pack = self.handed / PACK
        with pack.open("wb") as stream:
            done = run_to(stream, ["git", *words], self.clone, wanted)
        assert done == 0
        said = {"release": "2.0.0", "commit": commit, "state": "clean"}
        said |= {"conflicts": [], "notes": ["Decided."]} | changes
        (self.handed / WORDS).write_text(json.dumps(said))
        git("checkout", "--quiet", "main", cwd=self.clone)
        git("branch", "--quiet", "-D", BRANCH, cwd=self.clone)
        git("reflog", "expire", "--expire=now", "--all", cwd=self.clone)
        git("gc", "--quiet", "--prune=now", cwd=self.clone)

    def take(self) -> tuple[Outcome, str]:
        """Take what is handed on, in a clone of its own."""
        mine = self.clone.with_name("mine")
        git("clone", "--quiet", str(self.clone), str(mine), cwd=self.clone)
        template = fetch(str(self.history), self.clone.with_name("template.git"))
        return take(mine, template, self.handed)


def run_to(stream: Any, words: list[str], folder: Path, text: str) -> int:
    """Run a program whose output is bytes."""
    import subprocess

    done = subprocess.run(words, cwd=folder, input=text.encode(), stdout=stream)
    return done.returncode


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A project at 1.0.0, whose template is at 2.0.0."""
    history, clone = tmp_path / "history", tmp_path / "clone"
    for folder in (history, clone):
        git("init", "--quiet", "-b", "main", str(folder), cwd=tmp_path)
    for version in ("1.0.0", "2.0.0"):
        git("commit", "-q", "--allow-empty", "-m", version, cwd=history)
        git("tag", f"v{version}", cwd=history)
    answers = f"_src_path: {history}\n_commit: v1.0.0\n"
    (clone / ".copier-answers.yml").write_text(answers)
    git("add", "--all", cwd=clone)
    git("commit", "--quiet", "--message", "Start", cwd=clone)
    handed = tmp_path / "handed"
    handed.mkdir()
    return Case(clone, history, handed)


def test_what_an_update_hands_on_is_taken_and_not_checked_out(case: Case) -> None:
    commit = case.commit()
    case.hand(commit)
    outcome, taken = case.take()
    assert (outcome.new, outcome.state, taken) == ("2.0.0", "clean", commit)
    assert not (case.clone.with_name("mine") / "new.txt").exists()


def spoil_words(text: str) -> Callable[[Case], None]:
    """Replace the words."""

    def spoil(case: Case) -> None:
        case.hand(case.commit())
        (case.handed / WORDS).write_text(text, "utf-8", errors="surrogatepass")

    return spoil


def changed(**changes: Any) -> Callable[[Case], None]:
    """Change the words."""
    return lambda case: case.hand(case.commit(), **changes)


def of_people(case: Case) -> None:
    case.hand(case.commit(seal=False))


def on_nothing(case: Case) -> None:
    git("checkout", "--quiet", "--orphan", "lone", cwd=case.clone)
    case.hand(commit := case.commit(), f"{commit}\n")


def on_an_older_commit(case: Case) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "More", cwd=case.clone)
    git("branch", "--quiet", "tip", cwd=case.clone)
    git("checkout", "--quiet", "--detach", "HEAD~1", cwd=case.clone)
    commit = case.commit()
    case.hand(commit)


def too_many(case: Case) -> None:
    for number in range(MOST + 1):
        commit = case.commit(name=f"{number}.txt")
    case.hand(commit)


def a_merge(case: Case) -> None:
    one = case.commit()
    words = ["commit-tree", f"{one}^{{tree}}", "-p", "main", "-p", one, "-m", "Both"]
    both = git(*words, cwd=case.clone).strip()
    case.hand(both)


def without_its_objects(case: Case) -> None:
    one, two = case.commit(), case.commit(name="more.txt")
    case.hand(two, f"{two}\n^{one}\n")


def a_file_of_gits_own(case: Case) -> None:
    inner = git("rev-parse", "main^{tree}", cwd=case.clone).strip()
    listed = f"040000 tree {inner}\t.git\n"
    tree = gits("mktree", cwd=case.clone, text=listed).strip()
    text = f"Update\n\n{TRAILER}: 2.0.0\n{SEAL}: {tree}"
    words = ["commit-tree", tree, "-p", "main", "-m", text]
    git("branch", BRANCH, cwd=case.clone)
    case.hand(git(*words, cwd=case.clone).strip())


def no_pack(case: Case) -> None:
    case.hand(case.commit())
    (case.handed / PACK).unlink()


def cut_off(case: Case) -> None:
    case.hand(case.commit())
    content = (case.handed / PACK).read_bytes()
    (case.handed / PACK).write_bytes(content[:-30])


def noise(case: Case) -> None:
    case.hand(case.commit())
    (case.handed / PACK).write_bytes(os.urandom(5000))


def a_link(case: Case) -> None:
    case.hand(case.commit())
    (case.handed / PACK).rename(case.handed / "elsewhere")
    (case.handed / PACK).symlink_to(case.handed / "elsewhere")


def a_pipe(case: Case) -> None:
    case.hand(case.commit())
    (case.handed / WORDS).unlink()
    os.mkfifo(case.handed / WORDS)


def a_giant(case: Case) -> None:
    case.hand(case.commit())
    with (case.handed / PACK).open("r+b") as stream:
        stream.truncate(3_000_000_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [
        *map(
            spoil_words, ["", "null", "[]", "3", '"x"', "{}", "[" * 100_000, "\ud800"]
        ),
        spoil_words('{"a":' * 90_000),
        spoil_words(" " * 2_000_000),
        changed(release="1.0.0"),
        changed(release="3.0.0"),
        changed(release=None),
        changed(commit=""),
        changed(commit="main"),
        changed(commit="--upload-pack=touch"),
        changed(commit="0" * 40),
        changed(state="merged"),
        changed(conflicts={"a": 1}),
        changed(notes=[1]),
        changed(notes=["x" * 20_000]),
        changed(notes=["x"] * 2000),
        changed(more="x"),
        of_people,
        on_nothing,
        on_an_older_commit,
        too_many,
        a_merge,
        without_its_objects,
        a_file_of_gits_own,
        no_pack,
        cut_off,
        noise,
        a_link,
        a_pipe,
        a_giant,
    ],
)
def test_what_is_no_update_is_refused(
    spoil: Callable[[Case], None], case: Case
) -> None:
    spoil(case)
    with pytest.raises(StopError) as stopped:
        case.take()
    assert len(str(stopped.value)) < 1000


def test_words_of_others_tell_a_forge_nothing_to_do() -> None:
    hostile = f"Fine.\n/merge\n> /approve\n{MARK}\r/label ~large-change"
    notes = [hostile, "It said:", "````", "/merge"]
    text = describe(
        Outcome("x", "unchecked", notes=notes, changes={"1.0.0": hostile}), waits=False
    )
    assert not re.search(r"(?m)^[\s>-]*/", text)
    assert text.count("\\/") == 7
    assert MARK not in text
    assert "\n`````\n````\n" in text
