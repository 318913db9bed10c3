"""The command `twobus` gets what the companion needs by itself, and only once."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from template import commit, render, run
from twobus import __main__ as bridge


def as_if_lacking(monkeypatch: pytest.MonkeyPatch, uv: Path) -> None:
    """Let this environment lack the companion's packages, and have another uv."""
    monkeypatch.setattr(bridge, "find_spec", lambda name: None)
    monkeypatch.setenv("UV", str(uv))


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """A uv that says how it was called, and what its caller wants it to know."""
    file = tmp_path / "uv"
    file.write_text('#!/bin/sh\necho "$TWOBUS_AGAIN: $*"\nexit 3\n', "utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("direct_url", "wanted"),
    [
        (None, f"twobus[companion]=={version('twobus')}"),
        (
            {"url": "ssh://git@h/t", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "twobus[companion] @ git+ssh://git@h/t@ab12",
        ),
        (
            {"url": "file:///a%20b", "dir_info": {"editable": True}},
            "twobus[companion] @ file:///a%20b",
        ),
    ],
)
def test_the_companion_comes_from_where_the_package_came(
    direct_url: object,
    wanted: str,
    uv: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    as_if_lacking(monkeypatch, uv)
    text = json.dumps(direct_url) if direct_url else None
    own = SimpleNamespace(read_text=lambda name: text, version=version("twobus"))
    monkeypatch.setattr(bridge, "distribution", lambda name: own)
    monkeypatch.setattr(sys, "argv", ["twobus", "update", "a b"])
    with pytest.raises(SystemExit, match="3"):
        bridge.main()
    words = f"copier: tool run --quiet --from {wanted} twobus update a b\n"
    assert capfd.readouterr().out == words


def test_it_does_not_start_itself_for_ever(
    uv: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    as_if_lacking(monkeypatch, uv)
    monkeypatch.setenv("TWOBUS_AGAIN", "copier")
    with pytest.raises(SystemExit, match=r"twobus lacks copier, .*: is its extra"):
        bridge.main()
    assert capfd.readouterr().out == ""


def test_a_uv_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_lacking(monkeypatch, tmp_path / "nowhere")
    with pytest.raises(SystemExit, match="nowhere is not installed, which this needs"):
        bridge.main()


@pytest.mark.slow
def test_the_call_of_earlier_releases_updates_a_project(
    release: Path, tmp_path: Path
) -> None:
    project = commit(render(release, tmp_path / "study"))
    package = f"twobus @ git+{release.as_uri()}@v1000.0.0"
    words = ["uv", "tool", "run", "--from", package, "twobus", "update", "."]
    result = run(*words, "-d", "description=New.", cwd=project)
    assert result.code == 0, result.output
    assert "git switch twobus/update" in result.output
