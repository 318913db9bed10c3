"""A picture pasted into a notebook reaches git, colleagues and reports."""

import base64
import json
import re
import struct
import zlib
from pathlib import Path

import jupytext
import pytest
from conftest import Small
from inside import at_hand
from pairs import open_all, replace, save

from template import git, run, status
from twobus.notebooks.page import render


def png(red: int, size: int = 1) -> bytes:
    """Make a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = (b"\0" + bytes([red, 0, 0]) * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def paste(
    project: Path, *cells: tuple[str, dict[str, bytes]], name: str = "02 名前 é"
) -> Path:
    """Write a notebook with Markdown cells and their pictures, as JupyterLab does."""
    notebook = project / f"notebooks/{name}.ipynb"
    notebook.parent.mkdir(exist_ok=True)
    content = {
        "cells": [
            {
                "cell_type": "markdown",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "attachments": {
                    name: {"image/png": base64.b64encode(data).decode()}
                    for name, data in pictures.items()
                },
            }
            for number, (source, pictures) in enumerate(cells)
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    notebook.write_text(json.dumps(content), "utf-8")
    return notebook


def shown(notebook: Path) -> list[bytes]:
    """Read the pictures that a script links, as its Markdown says."""
    text = notebook.with_suffix(".py").read_text("utf-8")
    links = re.findall(r"(?:\]\(<?|src=\"|\]: )([^)\">\n]+)", text)
    return [(notebook.parent / link).read_bytes() for link in links]


RED, DARK = png(255), png(100)
ODD = "名前 😀 (1).png"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("![image.png](attachment:image.png)", "image.png"),
        (f"![x](<attachment:{ODD}>)", ODD),
        (
            "![x](attachment:%E5%90%8D%E5%89%8D%20%F0%9F%98%80%20(1).png)",
            ODD,
        ),
        ('<img src="attachment:a%20b.png" width="40">', "a b.png"),
        ('<img src="attachment:a b.png">', "a b.png"),
        ("![x][one]\n\n[one]: attachment:a.png", "a.png"),
        ("![x](attachment:../../evil.png)", "../../evil.png"),
        ('![x](attachment:CON.png "title")', "CON.png"),
        ("![x](attachment:no-suffix)", "no-suffix"),
    ],
)
def test_a_pasted_picture_is_a_file_that_the_script_links(
    source: str, name: str, small: Small
) -> None:
    project = small()
    notebook = paste(project, (source, {name: RED}))
    before = notebook.read_bytes()
    told = save()
    assert "git add it and notebooks/media" in told
    text = notebook.with_suffix(".py").read_text("utf-8").replace(' "title"', "")
    notebook.with_suffix(".py").write_text(text, "utf-8")
    assert shown(notebook) == [RED]
    (picture,) = [it for it in project.glob("notebooks/media/*/*") if it.is_file()]
    assert picture.parent.name == "02-名前-é"
    assert re.fullmatch(r"[\w.-]+-[0-9a-f]{8}\.png", picture.name)
    # It may be open.
    assert notebook.read_bytes() == before
    git("add", "--all", cwd=project)
    assert git("ls-files", "-z", "notebooks/media", cwd=project).count("\0") == 1


def test_pictures_of_one_name_are_told_apart_and_the_same_one_is_kept_once(
    small: Small,
) -> None:
    project = small()
    text = "![image.png](attachment:image.png)"
    two = f"{text} ![b](attachment:b.png)"
    cells = [(text, {"image.png": RED}), (f"{text}.", {"image.png": DARK})]
    notebook = paste(project, *cells, (two, {"image.png": RED, "b.png": DARK}))
    save()
    assert shown(notebook) == [RED, DARK, RED, DARK]
    names = {it.name.partition("-")[0] for it in project.glob("notebooks/media/*/*")}
    assert names == {"image", "b"}
    assert len([*project.glob("notebooks/media/*/*")]) == 3
    assert save() == ""


def test_a_script_that_jupyterlab_wrote_is_linked_again_and_again(small: Small) -> None:
    project = small()
    notebook = paste(project, ("![x](attachment:x.png)", {"x.png": RED}))
    save()
    script = notebook.with_suffix(".py")
    linked = script.read_text("utf-8")
    git("add", "--all", cwd=project)
    git("commit", "--quiet", "--message", "Paste", cwd=project)
    for _ in range(2):
        # What is in its memory is saved again.
        jupytext.write(jupytext.read(notebook), script, fmt="py:percent")
        script.write_text("# %% [markdown]\n# ![x](attachment:x.png)\n", "utf-8")
        assert "git add it and notebooks/media" in save()
        assert script.read_text("utf-8") == linked
        assert status(project) == ""
    assert save() == ""


def test_a_colleague_sees_the_picture_in_notebook_and_report(
    small: Small, tmp_path: Path
) -> None:
    project = small()
    notebook = paste(project, ("![x](attachment:名 前.png)", {"名 前.png": RED}))
    save()
    git("add", "--all", cwd=project)
    git("commit", "--quiet", "--message", "Paste", cwd=project)
    notebook.unlink()
    git("clone", "--quiet", str(project), str(tmp_path / "clone"), cwd=tmp_path)
    script = tmp_path / "clone/notebooks" / notebook.with_suffix(".py").name
    page = render(jupytext.read(script, fmt="py:percent"), script)
    assert base64.b64encode(RED).decode() in page.text.replace("\n", "")
    assert open_all() == save() == ""
    assert "media/" in notebook.read_text("utf-8")


def test_a_notebook_in_a_folder_links_its_pictures(small: Small) -> None:
    project = small()
    cell = ("![x](attachment:x.png)", {"x.png": RED})
    notebook = paste(project, cell, name="deeper folder/03")
    save()
    assert shown(notebook) == [RED]
    assert [*project.glob("notebooks/media/deeper-folder/03/x-*.png")]


def test_a_picture_that_nothing_shows_any_more_is_named(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = small()
    notebook = paste(project, ("![x](attachment:x.png)", {"x.png": RED}))
    save()
    assert "shown by no notebook" not in capsys.readouterr().out
    paste(project, ("Nothing", {"x.png": RED}))
    save()
    assert save() == ""
    (picture,) = project.glob("notebooks/media/*/*")
    name = picture.relative_to(project).as_posix()
    assert f'{name} is shown by no notebook; if nobody needs it: git rm "{name}"' in (
        capsys.readouterr().out
    )
    assert notebook.exists()


def test_a_picture_that_is_too_large_for_git_is_named(small: Small) -> None:
    project = small()
    noise = RED + b"\0" * 1_100_000
    paste(project, ("![x](attachment:x.png)", {"x.png": noise}))
    assert "KB, and a commit takes 1000 KB at most: make the picture smaller" in save()
    attributes = project / ".gitattributes"
    text = attributes.read_text("utf-8")
    attributes.write_text(f"{text}notebooks/media/** filter=lfs\n", "utf-8")
    assert save() == ""


def test_a_picture_that_git_ignores_is_named(small: Small) -> None:
    project = small()
    with (project / ".gitignore").open("a") as ignored:
        ignored.write("*.png\n")
    paste(project, ("![x](attachment:x.png)", {"x.png": RED}))
    told = save()
    assert "is ignored by git: run git add -f" in told
    command = told.rpartition('git add -f "')[2].partition('"')[0]
    git("add", "--force", command, cwd=project)
    assert save() == ""


def test_a_picture_on_another_disk_is_named_with_its_notebook(small: Small) -> None:
    project = small()
    script = project / "notebooks/04.py"
    script.write_text("# %% [markdown]\n# ![x](attachment:x.png)\n", "utf-8")
    assert "notebooks/04.py shows a picture that is on its author's disk only" in save()
    script.write_text("# %% [markdown]\n# ![x](media/04/x-0123abcd.png)\n", "utf-8")
    assert "notebooks/04.py shows notebooks/media/04/x-0123abcd.png, which is not" in (
        save()
    )


@pytest.mark.slow
def test_a_commit_without_the_picture_is_stopped_with_the_command(small: Small) -> None:
    project = small()
    result = run("pre-commit", "install", cwd=project, **at_hand())
    assert result.code == 0, result.output
    notebook = paste(project, ("![x](attachment:x.png)", {"x.png": RED}))
    save()
    script = notebook.with_suffix(".py")
    git("add", str(script), cwd=project)
    words = ["git", "commit", "--all", "--message", "Paste"]
    skip = {"SKIP": "secrets,ruff-check,ruff-format", **at_hand()}
    stopped = run(*words, cwd=project, **skip)
    assert stopped.code == 1
    command = re.search(r"run git add -f \"(.*)\", and commit", stopped.output)
    assert command, stopped.output
    git("add", "-f", command[1], cwd=project)
    passed = run(*words, cwd=project, **skip)
    assert passed.code == 0, passed.output
    replace(notebook, "![x]", "![y]")
    assert "git add it and notebooks/media" in save()
