"""Who owns a path, by the lines of CODEOWNERS that are about it."""

from pathlib import Path

from pathspec import GitIgnoreSpec

from twobus.codeowners import Line, find, forge_of, parse
from twobus.project import read_text


def owners_of(root: Path, path: str, forge: str = "") -> list[str]:
    """List who owns a path of a project; nobody where no line is about it.

    Args:
        root: The project's folder.
        path: The path within it, with `/` between its parts.
        forge: Its forge, if that is known.
    """
    forge = forge or forge_of(root)
    if (file := find(root, forge)) is None:
        return []
    # The last line decides, in GitLab's sections one by one.
    last: dict[str, Line] = {}
    for line in parse(read_text(file, "replace"), forge):
        if _matches(line.pattern, path):
            last[line.section] = line
    return list(dict.fromkeys(it for line in last.values() for it in line.owners))


def _matches(pattern: str, path: str) -> bool:
    direct = pattern.endswith("/*") and "**" not in pattern
    if direct and path.count("/") != pattern.strip("/").count("/"):
        # Files in that folder itself, unlike in .gitignore.
        return False
    # Here no `#` begins a comment, and no space ends a pattern.
    escaped = pattern.replace("#", r"\#").replace(" ", r"\ ")
    return GitIgnoreSpec.from_lines([escaped]).match_file(path)
