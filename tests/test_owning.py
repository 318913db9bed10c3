"""Who owns a path: the last line that is about it, as each forge reads it."""

from pathlib import Path

import pytest

from twobus.owning import owners_of


def owners(root: Path, forge: str, text: str, path: str) -> list[str]:
    """Return who owns a path by this file."""
    (root / "CODEOWNERS").write_text(text, "utf-8")
    return owners_of(root, path, forge)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("* @ann", "a/b.py", ["@ann"]),
        ("* @ann\n/notebooks/ @bob @eve", "notebooks/x/a.py", ["@bob", "@eve"]),
        ("/notebooks/ @bob\n* @ann", "notebooks/a.py", ["@ann"]),
        ("* @ann\n/notebooks/", "notebooks/a.py", []),
        ("/docs/* @ann", "docs/a.md", ["@ann"]),
        ("/docs/* @ann", "docs/b/a.md", []),
        ("docs/ @ann", "b/docs/a.md", ["@ann"]),
        ("**/a.py @ann", "b/c/a.py", ["@ann"]),
        (r"my\ notes/ @ann", "my notes/a.md", ["@ann"]),
        ("/名前/ @ann", "名前/a.md", ["@ann"]),
        ("", "a.py", []),
    ],
)
def test_the_last_line_about_a_path_says_who_owns_it(
    tmp_path: Path, text: str, path: str, expected: list[str]
) -> None:
    assert owners(tmp_path, "github", text, path) == expected


def test_sections_of_gitlab_each_name_owners(tmp_path: Path) -> None:
    text = "* @ann\n[Data] @bob\n/data/\n/data/raw/ @eve\n"
    assert owners(tmp_path, "gitlab", text, "data/raw/a.csv") == ["@ann", "@eve"]
    assert owners(tmp_path, "gitlab", text, "data/a.csv") == ["@ann", "@bob"]


def test_nobody_owns_a_path_where_no_file_says_so(tmp_path: Path) -> None:
    assert owners_of(tmp_path, "a.py", "github") == []
