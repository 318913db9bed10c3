"""`twobus update` and `twobus status` say and keep what Copier does not."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from template import clone, commit, environment, git, render, run, status, whole
from twobus.companion import report
from twobus.companion.branch import Outcome
from twobus.companion.status import status as compare
from twobus.companion.template import Template, fetch
from twobus.companion.update import BRANCH, update
from twobus.project import StopError

Change = Callable[..., Template]
Study = Callable[..., tuple[Path, Template]]
OLD, NEXT = "1000.0.0", "1000.1.0"


@pytest.fixture
def change(release: Path, tmp_path: Path) -> Change:
    """Make a next release, in which files have other contents, or are gone."""

    def make(**contents: str | bytes | None) -> Template:
        place = tmp_path / "template"
        git("clone", "--quiet", str(release), str(place), cwd=tmp_path)
        for name, content in {"AGENTS.md.jinja": "New.\n", **contents}.items():
            file = place / ("" if name == "copier.yml" else "template") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                file.unlink()
            else:
                data = content.encode() if isinstance(content, str) else content
                file.write_bytes(data)
        git("add", "--all", cwd=place)
        git("commit", "--quiet", "--message", "Next", cwd=place)
        git("tag", "--annotate", f"v{NEXT}", "--message", "Next", cwd=place)
        return fetch(str(place), tmp_path / "history.git")

    return make


@pytest.fixture(scope="module")
def made(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the release before."""
    folder = tmp_path_factory.mktemp("made") / "penguin study é"
    return render(release, folder, package_name="penguin_study", notebooks="none")


@pytest.fixture
def study(made: Path, change: Change, release: Path, tmp_path: Path) -> Study:
    """Make a project of the release before, and the template with the next one."""

    def make(**contents: str | bytes | None) -> tuple[Path, Template]:
        template = change(**contents)
        project = tmp_path / made.name
        shutil.copytree(made, project)
        for file in filter(Path.is_file, project.rglob("*")):
            text = file.read_bytes()
            file.write_bytes(
                text.replace(os.fsencode(release), template.address.encode())
            )
        commit(project)
        git("config", "user.name", "Test", cwd=project)
        git("config", "user.email", "test@example.org", cwd=project)
        return project, template

    return make


def merged(project: Path, template: Template, **data: Any) -> Outcome:
    """Update a project and go to the result."""
    outcome = update(project, template, data=data)
    git("switch", "--quiet", BRANCH, cwd=project)
    return outcome


def test_a_moved_file_gets_what_is_new(study: Study, release: Path) -> None:
    page = "docs/CONTRIBUTING.md.jinja"
    text = (release / "template" / page).read_text("utf-8")
    project, template = study(**{page: f"{text}\nNew in this release.\n"})
    git("mv", "docs/CONTRIBUTING.md", "HOWTO.md", cwd=project)
    commit(project)
    outcome = merged(project, template)
    assert outcome.state == "clean", outcome
    assert "New in this release." in (project / "HOWTO.md").read_text("utf-8")
    assert not (project / "docs" / "CONTRIBUTING.md").exists()


def test_a_deleted_file_that_is_new_is_named(study: Study) -> None:
    project, template = study()
    git("rm", "--quiet", "AGENTS.md", cwd=project)
    commit(project)
    outcome = merged(project, template)
    assert outcome.conflicts == []
    assert not (project / "AGENTS.md").exists()
    (note,) = [note for note in outcome.notes if "AGENTS.md" in note]
    assert note.startswith("AGENTS.md stays deleted")


def test_an_edited_file_that_the_template_drops_stays(study: Study) -> None:
    project, template = study(**{"docs/CONTRIBUTING.md.jinja": None})
    page = project / "docs" / "CONTRIBUTING.md"
    page.write_text(page.read_text("utf-8") + "\nOurs.\n", "utf-8")
    commit(project)
    before = page.read_bytes()
    outcome = merged(project, template)
    assert page.read_bytes() == before
    assert any("docs/CONTRIBUTING.md is as you left it" in one for one in outcome.notes)


def test_a_binary_that_people_replaced_stays(study: Study) -> None:
    project, template = study(**{"AGENTS.md.jinja": b"\x00\x01\x02 theirs"})
    (project / "AGENTS.md").write_bytes(b"\x00\xff ours")
    commit(project)
    outcome = merged(project, template)
    assert (project / "AGENTS.md").read_bytes() == b"\x00\xff ours"
    assert outcome.conflicts == []
    assert any("AGENTS.md is as you left it" in note for note in outcome.notes)


def test_a_file_that_both_added_is_a_conflict_whatever_its_name(study: Study) -> None:
    project, template = study(**{"docs/名前 é.md": "Theirs.\n"})
    (project / "docs" / "名前 é.md").write_text("Ours.\n", "utf-8")
    commit(project)
    outcome = merged(project, template)
    assert outcome.conflicts == ["docs/名前 é.md"]
    text = (project / "docs" / "名前 é.md").read_text("utf-8")
    assert text == (
        "<<<<<<< before updating\nOurs.\n=======\nTheirs.\n>>>>>>> after updating\n"
    )


def test_a_conflict_is_committed_and_named(study: Study) -> None:
    project, template = study()
    (project / "AGENTS.md").write_text("Ours.\n", "utf-8")
    commit(project)
    outcome = merged(project, template)
    assert outcome.state == "conflicts"
    assert outcome.conflicts == ["AGENTS.md"]
    message = git("log", "-1", "--format=%B", BRANCH, cwd=project)
    assert message.startswith(f"Update Twobus from {OLD} to {NEXT}\n")
    assert "- AGENTS.md" in message
    assert compare(project, template).conflicts == ["AGENTS.md"]


def test_a_new_question_is_named(study: Study, release: Path) -> None:
    text = (release / "copier.yml").read_text("utf-8")
    question = "news:\n  type: str\n  help: News?\n  default: none\n"
    project, template = study(**{"copier.yml": f"{text}\n{question}"})
    outcome = merged(project, template)
    assert "New question news: answered with 'none'." in outcome.notes
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))
    assert answers["news"] == "none"


def test_a_choice_that_is_gone_is_named(study: Study, release: Path) -> None:
    text = (release / "copier.yml").read_text("utf-8")
    gone = text.replace("    None, only scripts and modules: none\n", "")
    assert gone != text
    project, template = study(**{"copier.yml": gone})
    outcome = merged(project, template)
    assert any("notebooks was 'none', which is not offered" in n for n in outcome.notes)


def test_what_an_answer_leaves_behind_is_named(study: Study) -> None:
    project, template = study()
    outcome = merged(project, template, worked_example=False)
    (note,) = [note for note in outcome.notes if "no answer asks for" in note]
    assert "src/penguin_study/body_mass.py" in note
    assert (project / "src" / "penguin_study" / "body_mass.py").exists()


@pytest.mark.slow
def test_lock_and_format_are_commits_of_their_own(study: Study, release: Path) -> None:
    code = '"""Ours."""\n\nX = {  "a":1 }\n'
    part = "_parts/dependencies.toml.jinja"
    text = (release / "template" / part).read_text("utf-8")
    raised = text.replace('"scipy>=1.16"', '"scipy>=1.16.1"')
    assert raised != text
    new = {
        part: raised,
        "src/{{ package_name }}/more.py": code,
    }
    project, template = study(**new)
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    outcome = merged(project, template)
    assert outcome.state == "clean", outcome
    said = git("log", "--format=%s", f"main..{BRANCH}", cwd=project).splitlines()
    assert said == [
        "Format after the update",
        "Lock dependencies after the update",
        f"Update Twobus from {OLD} to {NEXT}",
    ]
    changed = git("show", "--name-only", "--format=", BRANCH, cwd=project).split()
    assert changed == ["src/penguin_study/more.py"]
    assert run("uv", "lock", "--check", cwd=project).code == 0


@pytest.mark.slow
def test_checks_that_fail_are_said(study: Study) -> None:
    bad = '"""Theirs."""\n\nimport no_such_package\n'
    project, template = study(**{"src/{{ package_name }}/more.py": bad})
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    outcome = update(project, template, check=True)
    assert outcome.state == "unchecked"
    assert outcome.notes[0] == "poe check failed on the branch:"
    assert "no_such_package" in "\n".join(outcome.notes)
    assert status(project) == ""


def test_a_pyproject_that_cannot_be_read_any_more_is_a_conflict(
    study: Study, release: Path
) -> None:
    page = "pyproject.toml.jinja"
    text = (release / "template" / page).read_text("utf-8")
    table = "[tool.coverage.run]\nbranch = true\n"
    project, template = study(
        **{page: text.replace("[build-system]", f"{table}\n[build-system]")}
    )
    file = project / "pyproject.toml"
    file.write_text(f"{file.read_text('utf-8')}\n{table}", "utf-8")
    commit(project)
    outcome = merged(project, template)
    assert (outcome.state, outcome.conflicts) == ("conflicts", ["pyproject.toml"])
    assert any(n.startswith("pyproject.toml cannot be read:") for n in outcome.notes)
    message = git("log", "-1", "--format=%B", BRANCH, cwd=project)
    assert "- pyproject.toml" in message


def source(project: Path) -> str:
    """Return from where a project gets the package."""
    text = (project / "pyproject.toml").read_text("utf-8")
    return str(tomllib.loads(text)["tool"]["uv"]["sources"]["twobus"]["git"])


@pytest.mark.parametrize("wanted", [OLD, whole(NEXT)])
def test_a_template_that_has_moved_is_followed(
    wanted: str, study: Study, tmp_path: Path
) -> None:
    project, template = study()
    file = project / "pyproject.toml"
    text = file.read_text("utf-8")
    own = '[tool.uv.sources]\nours = { git = "https://git.acme.example/ours" }\n'
    text = text.replace("# The common code", f"{own}\n# The common code")
    file.write_text(text.replace(source(project), "file:///gone/twobus"), "utf-8")
    record(project, f"_src_path: {template.address}", "_src_path: /gone/twobus")
    shutil.move(template.address, place := tmp_path / "shared template")
    words = ["update", "--template", str(place), "--to", wanted, str(project)]
    if wanted == OLD:
        # It says what to do before.
        assert "--template ADDRESS" in twobus("status", cwd=project).output
    result = twobus(*words, cwd=tmp_path)
    assert result.code == 0, result.output
    git("switch", "--quiet", BRANCH, cwd=project)
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))
    assert answers["_src_path"] == str(place)
    assert answers["_commit"] == f"v{wanted}"
    assert source(project) == place.as_uri()
    assert "git.acme.example/ours" in file.read_text("utf-8")
    said = git("log", "-1", "--format=%s", cwd=project).strip()
    if wanted == OLD:
        assert said == f"Follow the template to {place}"
    else:
        assert said == f"Update Twobus from {OLD} to {NEXT}"


def test_an_address_with_a_password_is_not_recorded(study: Study) -> None:
    project, _ = study()
    address = "https://ann:secret@git.acme.example/twobus.git"
    result = twobus("update", "--template", address, cwd=project)
    assert result.code == 2
    assert "password out of it" in " ".join(result.output.split())


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("address", ["http://{}/t.git", "git+git://{}/t"])
def test_a_template_that_never_answers_is_given_up(
    address: str, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twobus.companion.template.PATIENCE", 1)
    start = time.monotonic()
    with pytest.raises(StopError, match="stopped after 1 seconds without an answer"):
        fetch(address.format(silent), tmp_path / "history.git")
    assert time.monotonic() - start < 10


def test_what_many_projects_decide_alike_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alike = "New question news: answered with 'none'."
    done = [
        Outcome("a", "clean", OLD, NEXT, notes=[alike, "a.md is as you left it."]),
        Outcome("b", "clean", OLD, NEXT, notes=[alike]),
    ]
    report.outcomes(done)
    said = capsys.readouterr().out
    assert said.count(alike) == 1
    assert "In several projects\n" in said
    assert "a.md is as you left it." in said


def test_no_line_of_the_changelog_is_cut_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [f"word{number}" for number in range(60)]
    text = "What changed:\n\n- " + " ".join(words) + "\n\n```\n" + "x" * 200 + "\n```"
    report.outcomes([Outcome("a", "clean", OLD, NEXT, changes={NEXT: text})])
    said = capsys.readouterr().out
    assert [word for word in words if word not in said.split()] == []
    assert said.count("x") >= 200


def test_the_newest_release_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    done = [
        Outcome("a", "clean", changes={"0.9.0": "Nine."}),
        Outcome("b", "clean", changes={"0.10.0": "Ten.", "0.9.0": "Nine."}),
    ]
    report.outcomes(done)
    said = capsys.readouterr().out
    assert said.index("Ten.") < said.index("Nine.")


@pytest.mark.parametrize("place", ["名前 é", whole("plain")])
def test_a_locale_without_letters_does_not_stop_an_update(
    place: str, study: Study
) -> None:
    project, _ = study(**{"docs/名前.md": "New.\n"})
    folder = project.rename(project.parent / place)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = twobus("update", str(folder), cwd=folder, **ascii_only)
    assert result.code == 0, result.output
    assert "Traceback" not in result.output
    assert place in result.output
    assert "docs/名前.md" in git(
        "-c", "core.quotePath=off", "ls-tree", "-r", "--name-only", BRANCH, cwd=folder
    )


def test_a_second_run_leaves_the_branch_alone(study: Study) -> None:
    project, template = study()
    update(project, template)
    first = git("rev-parse", BRANCH, cwd=project)
    time.sleep(1.1)
    update(project, template)
    assert git("rev-parse", BRANCH, cwd=project) == first


def test_a_branch_that_fell_behind_is_made_anew(study: Study) -> None:
    project, template = study()
    update(project, template)
    (project / "ours.txt").write_text("Ours.\n", "utf-8")
    commit(project)
    update(project, template)
    assert git("merge-base", "main", BRANCH, cwd=project) == git(
        "rev-parse", "main", cwd=project
    )


def test_a_commit_of_an_update_that_people_amended_is_kept(study: Study) -> None:
    project, template = study()
    merged(project, template)
    (project / "AGENTS.md").write_text("Ours.\n", "utf-8")
    git("commit", "--quiet", "--all", "--amend", "--no-edit", cwd=project)
    amended = git("rev-parse", "HEAD", cwd=project)
    git("switch", "--quiet", "main", cwd=project)
    with pytest.raises(StopError, match="Somebody has committed"):
        update(project, template)
    assert git("rev-parse", BRANCH, cwd=project) == amended


def dirty(project: Path) -> None:
    """Leave a change that is not committed."""
    (project / "README.md").write_text("Ours.\n", "utf-8")


def on_the_branch(project: Path) -> None:
    """Stay on an earlier update's branch."""
    git("switch", "--quiet", "-c", BRANCH, cwd=project)


def work_on_the_branch(project: Path) -> None:
    """Commit to an earlier update's branch."""
    git("branch", BRANCH, cwd=project)
    git("switch", "--quiet", BRANCH, cwd=project)
    commit(project)
    git("switch", "--quiet", "main", cwd=project)


def forget_the_commit(project: Path) -> None:
    """Record a commit that the template does not have."""
    record(project, f"_commit: v{OLD}", "_commit: v0.9.0-3-gabcdef1")


def record_a_moving_tag(project: Path) -> None:
    """Record a tag that is no version."""
    record(project, f"_commit: v{OLD}", "_commit: stable")


def record(project: Path, old: str, new: str) -> None:
    """Change what Copier has recorded."""
    file = project / ".copier-answers.yml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    commit(project)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (dirty, r"Commit what has changed first: README\.md"),
        (on_the_branch, "You are on twobus/update"),
        (work_on_the_branch, "Somebody has committed to twobus/update"),
        (forget_the_commit, "has no v0.9.0-3-gabcdef1"),
        (record_a_moving_tag, "records stable, which is no release"),
    ],
)
def test_what_cannot_be_updated_is_refused(
    spoil: Callable[[Path], None], sentence: str, study: Study
) -> None:
    project, template = study()
    git("tag", "stable", f"v{OLD}", cwd=template.history)
    spoil(project)
    before = run("git", "show-ref", "--head", cwd=project).output + status(project)
    with pytest.raises(StopError, match=sentence):
        update(project, template)
    after = run("git", "show-ref", "--head", cwd=project).output + status(project)
    assert after == before


def test_a_file_that_git_ignores_is_not_written_over(study: Study) -> None:
    project, template = study(**{"docs/new.md": "Theirs.\n"})
    with (project / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("/docs/new.md\n")
    commit(project)
    (project / "docs" / "new.md").write_text("Ours.\n", "utf-8")
    with pytest.raises(StopError, match=r"docs/new\.md: this is not in git"):
        update(project, template)


def test_a_folder_of_people_in_the_way_stays(study: Study) -> None:
    project, template = study()
    (project / "AGENTS.md").unlink()
    (project / "AGENTS.md").mkdir()
    (project / "AGENTS.md" / "ours.md").write_text("Ours.\n", "utf-8")
    commit(project)
    merged(project, template)
    assert (project / "AGENTS.md" / "ours.md").read_text("utf-8") == "Ours.\n"


def test_files_that_git_does_not_know_yet_do_not_matter(study: Study) -> None:
    project, template = study()
    (project / "scratch.txt").write_text("Ours.\n", "utf-8")
    assert update(project, template).state == "clean"
    assert (project / "scratch.txt").exists()


def test_work_that_arrives_meanwhile_is_not_overwritten(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project, template = study()
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\ngit -C '{project}' branch {BRANCH} main\n")
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    with pytest.raises(StopError, match="has just been changed by somebody"):
        update(project, template)
    ours = git("rev-parse", "main", BRANCH, cwd=project).split()
    assert ours[0] == ours[1]


def test_marks_that_are_left_are_not_up_to_date(study: Study) -> None:
    project, template = study()
    (project / "AGENTS.md").write_text("Ours.\n", "utf-8")
    commit(project)
    merged(project, template)
    git("switch", "--quiet", "main", cwd=project)
    git("merge", "--quiet", BRANCH, cwd=project)
    again = update(project, template)
    assert (again.state, again.conflicts) == ("conflicts", ["AGENTS.md"])


def test_an_answer_that_is_the_same_makes_no_branch(study: Study) -> None:
    project, template = study()
    outcome = update(project, template, to=OLD, data={"notebooks": "none"})
    assert outcome.state == "current"
    assert git("branch", "--list", BRANCH, cwd=project) == ""


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"to": "9.9.9"}, "There is no release 9.9.9: the template has 0.1.0"),
        ({"to": "0.1.0"}, f"The project is at {OLD}, newer than 0.1.0"),
        ({"data": {"licence": "MIT"}}, "There is no question licence"),
        ({"data": {"license": "GPL"}}, "license"),
        ({"data": {"package_name": "other"}}, "cannot rename the package"),
    ],
)
def test_what_cannot_be_wished_for_is_refused(
    wish: dict[str, Any], sentence: str, study: Study
) -> None:
    project, template = study()
    with pytest.raises(StopError, match=sentence):
        update(project, template, **wish)
    assert git("branch", "--list", BRANCH, cwd=project) == ""


def test_status_tells_what_people_did(study: Study) -> None:
    project, template = study()
    (project / "AGENTS.md").write_text("Ours.\n", "utf-8")
    git("rm", "--quiet", "-r", ".devcontainer", cwd=project)
    git("mv", "docs/CONTRIBUTING.md", "HOWTO.md", cwd=project)
    (project / "docs" / "question.md").write_text("Ours.\n", "utf-8")
    (project / "README.md").write_text("Ours.\n", "utf-8")
    commit(project)
    (project / "data.rej").write_text("Ours.\n", "utf-8")
    found = compare(project, template)
    assert (found.recorded, found.newest) == (OLD, NEXT)
    assert found.edited == ["AGENTS.md"]
    assert found.deleted == [".devcontainer/devcontainer.json"]
    assert found.moved == {"docs/CONTRIBUTING.md": "HOWTO.md"}
    assert found.conflicts == ["data.rej"]
    assert found.uncommitted


def twobus(*words: str, cwd: Path, **changes: str) -> Any:
    """Run the command as people do."""
    return run(sys.executable, "-m", "twobus", *words, cwd=cwd, **changes)


@pytest.mark.slow
def test_many_are_updated_in_one_call(study: Study) -> None:
    project, _ = study()
    other = clone(project, project.parent / "other")
    (other / "AGENTS.md").write_text("Ours.\n", "utf-8")
    commit(other)
    broken = clone(project, project.parent / "broken")
    record(broken, "_commit: ", "_lost: ")
    words = [str(project), str(other), "nowhere", str(broken)]
    behind = twobus("status", *words[:2], "--json", cwd=project.parent)
    assert behind.code == 1
    assert [one["state"] for one in json.loads(behind.output)] == ["behind"] * 2
    result = twobus("update", *words, "--json", cwd=project.parent)
    assert result.code == 2
    states = [one["state"] for one in json.loads(result.output)]
    assert states == ["clean", "conflicts", "failed", "failed"]
    assert twobus("update", *words[:2], cwd=project.parent).code == 1
    assert twobus("update", cwd=project).code == 0


def test_people_read_what_was_done_and_what_is_next(study: Study) -> None:
    project, _ = study()
    (project / "AGENTS.md").write_text("Ours.\n", "utf-8")
    commit(project)
    said = twobus("update", cwd=project).output
    assert "to resolve: AGENTS.md" in said
    assert f"git switch {BRANCH}" in said
    git("switch", "--quiet", BRANCH, cwd=project)
    assert "to resolve: AGENTS.md" in twobus("status", cwd=project).output


@pytest.mark.slow
@pytest.mark.parametrize(
    "deadly", [whole(signal.SIGINT), signal.SIGTERM, signal.SIGKILL]
)
def test_a_killed_update_leaves_the_project_as_it_was(
    deadly: signal.Signals, study: Study
) -> None:
    project, _ = study()
    before = run("git", "show-ref", "--head", cwd=project).output
    for wait in (0.3, 0.9, 1.2, 1.5, 1.8):
        process = subprocess.Popen(
            [sys.executable, "-m", "twobus", "update"],
            cwd=project,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(wait)
        os.killpg(process.pid, deadly)
        process.wait()
        after = run("git", "show-ref", "--head", cwd=project).output
        if BRANCH not in after:
            assert after == before
        assert status(project) == ""
        assert run("git", "fsck", cwd=project).code == 0
    assert twobus("update", cwd=project).code == 0
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=project).strip() == "1"
