"""No secret gets into a commit, none is shown, and nothing harmless is refused."""

import re
from pathlib import Path

import pytest
from canaries import CANARIES, HARMLESS, Samples
from hooked import failed_hooks, without_venv

from template import Result, git, run
from twobus.secret_scan import found

HOOKS = {
    "no secrets",
    "no passwords in addresses",
    "no files that are there for secrets",
}
# Refused by its name, whatever is in it.
BY_NAME = {"env of a place"}


def write(folder: Path, samples: Samples) -> dict[str, str]:
    """Write samples into their files, and return what is in each."""
    texts = {name: make() for name, make in samples.values()}
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return texts


def secrets(text: str) -> set[str]:
    """Return what must not be shown of a text: its long words with a digit."""
    words = re.findall(r"[\w+/=%-]{12,}", text)
    return {it for it in words if re.search(r"\d", it) and re.search("[a-zA-Z]", it)}


def commit(project: Path, samples: Samples) -> tuple[Result, dict[str, str]]:
    """Try to commit samples, as a person does."""
    texts = write(project, samples)
    git("add", "--force", *texts, cwd=project)
    result = run("git", "commit", "-m", "Work", cwd=project, PATH=without_venv())
    return result, texts


def test_there_are_samples_of_both_sorts() -> None:
    assert len(CANARIES) >= 30
    assert len(HARMLESS) >= 20


@pytest.mark.slow
def test_each_canary_is_found_in_its_file(tmp_path: Path) -> None:
    texts = write(tmp_path, CANARIES)
    lines = found([str(tmp_path / name) for name in texts])
    named = {line.removeprefix(f"{tmp_path}/").partition(":")[0] for line in lines}
    missed = {it for it, (name, _) in CANARIES.items() if name not in named}
    assert missed == BY_NAME


@pytest.mark.slow
def test_nothing_that_is_found_is_shown(tmp_path: Path) -> None:
    texts = write(tmp_path, CANARIES)
    lines = "\n".join(found([str(tmp_path / name) for name in texts]))
    assert [it for text in texts.values() for it in secrets(text) if it in lines] == []


def test_nothing_harmless_is_found(tmp_path: Path) -> None:
    texts = write(tmp_path, HARMLESS)
    assert found([str(tmp_path / name) for name in texts]) == []


def test_a_scanner_that_fails_lets_nothing_pass(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="kingfisher has failed"):
        found([str(tmp_path / "gone.txt")])


@pytest.mark.slow
def test_a_commit_with_secrets_names_each_file_and_what_to_do(study: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=study)
    result, texts = commit(study, CANARIES)
    assert result.code == 1
    assert HOOKS.issubset(failed_hooks(result))
    assert [name for name in texts if name not in result.output] == []
    assert "Keep secrets in .env, which git ignores" in result.output
    shown = [it for text in texts.values() for it in secrets(text)]
    assert [it for it in shown if it in result.output] == []
    assert git("rev-parse", "HEAD", cwd=study) == head


@pytest.mark.slow
def test_a_commit_of_what_is_harmless_is_not_refused_for_secrets(study: Path) -> None:
    result, _ = commit(study, HARMLESS)
    assert HOOKS & {*failed_hooks(result)} == set(), result.output
