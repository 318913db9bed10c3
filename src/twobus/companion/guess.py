"""Guess a repository's answers from what stands in it.

A guess is only a default: Copier drops those that the template's own rules refuse.
"""

import configparser
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twobus import codeowners
from twobus.companion.place import RULES, origin
from twobus.project import StopError, ordinary, read_text, read_toml, table

# Folders of Python files that are not the project's package.
OTHER = {"docs", "doc", "examples", "notebooks", "scripts", "src", "test", "tests"}
# Sentences that only one licence has.
LICENSES = {
    "Apache-2.0": r"Apache License,?\s+Version 2\.0",
    "BSD-3-Clause": r"Redistribution and use in source.+Neither the name",
    "MIT": r"Permission is hereby granted, free of charge.+without restriction",
}
# What begins the cells of a notebook that is kept as a script.
SCRIPT = re.compile(r"^(app = marimo\.App\(|# %%)", re.MULTILINE)
# In so much of a file the expressions below find their end, whatever it holds.
START = 16_384
TITLE = re.compile(r"^#[ \t]+(.+?)[ \t#]*$|^(\S.*)\n={3,}[ \t]*$", re.MULTILINE)
CODE = re.compile(r"^(```|~~~).*?^\1|<!--.*?-->", re.MULTILINE | re.DOTALL)
MARKUP = re.compile(r"!\[[^]]*\](\([^)]*\))?|<[^>]*>|[`*]")
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
NO_PROSE = re.compile(r"\s*([#=|>`~<]|[-*+] |\.\. |\d+[.)] |:\w+:|!?\[!?\[|---|===)")
LOWEST = re.compile(r"(?:>=|~=|===?|\^|~|>)?\s*(\d{1,2}\.\d{1,3})(?!\d)")
UNSAID = {"readme", "introduction", "overview", "about"}


def guess(folder: Path, here: Path, names: list[str]) -> dict[str, Any]:
    """Guess answers.

    Args:
        folder: Where the repository's files are, as they are in git.
        here: The repository itself, which knows its remotes.
        names: The files that git knows.

    Returns:
        Answers by question, without those of which nothing is known.
    """
    about = metadata(folder)
    title, lead = _readme(folder, names)
    host, address = "", ""
    try:
        host, path = origin(here)
        address = f"https://{host}/{path}"
    except StopError:
        pass
    forge = next((one for one in RULES if one in host), None) or (
        "gitlab" if ".gitlab-ci.yml" in names else "github"
    )
    found = {
        "project_name": title or about.get("name"),
        "package_name": _package(names, about.get("name", "")),
        "description": about.get("description") or lead,
        "repository_url": address,
        "forge": forge,
        "code_owners": _owners(folder, forge),
        "notebooks": _notebooks(folder, names),
        "python_version": oldest_python(folder),
        "license": _license(folder, names, about),
    }
    return {"worked_example": False} | {k: v for k, v in found.items() if v}


def metadata(folder: Path) -> dict[str, str]:
    """Read name, description, licence and Python of a package, wherever they stand."""
    try:
        loaded = read_toml(text(folder, "pyproject.toml"))
    except StopError:
        loaded = {}
    poetry = table(loaded, "tool", "poetry")
    poetry["requires-python"] = table(poetry, "dependencies").get("python")
    project = table(loaded, "project")
    if isinstance(licence := project.get("license"), dict):
        project["license"] = licence.get("text")
    keys = {key: key for key in ("name", "description", "license", "requires-python")}
    old = keys | {"requires-python": "python_requires"}
    setup = text(folder, "setup.py")[:START]
    called = {
        key: match[2]
        for key, word in old.items()
        if (match := re.search(rf"\b{word}\s*=\s*([\"'])(.*?)\1", setup))
    }
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(text(folder, "setup.cfg")[:START])
    except configparser.Error:
        config.clear()
    stated = {
        key: config.get(section, word)
        for key, word in old.items()
        for section in ("metadata", "options")
        if config.has_option(section, word)
    }
    found: dict[str, str] = {}
    for source in (called, stated, poetry, project):
        said = ((key, source.get(key)) for key in keys)
        found |= {k: " ".join(v.split()) for k, v in said if isinstance(v, str) and v}
    return found


def packages(names: Iterable[str]) -> dict[str, str]:
    """Return the folder of each package, those in `src/` first."""
    inits = [name.split("/")[:-1] for name in names if name.endswith("/__init__.py")]
    # Where src itself is a package, what lies in it is a part of that.
    inside = [] if ["src"] in inits else [p for p in inits if p[0] == "src"]
    found = {parts[1]: f"src/{parts[1]}" for parts in inside if len(parts) == 2}
    for parts in inits:
        if len(parts) == 1 and parts[0] not in OTHER:
            found.setdefault(parts[0], parts[0])
    return found


def oldest_python(folder: Path) -> str:
    """Return the oldest Python that a repository supports, as `3.12`."""
    stated = metadata(folder).get("requires-python") or ""
    for part in [*stated.split(","), text(folder, ".python-version")]:
        if match := LOWEST.match(part.strip()):
            return match[1]
    return ""


def text(folder: Path, name: str) -> str:
    """Return what a file says; nothing where it is missing, elsewhere or no text."""
    file = ordinary(folder, name)
    try:
        return read_text(file) if file else ""
    except StopError:
        return ""


def _readme(folder: Path, names: list[str]) -> tuple[str, str]:
    """Return the title of a README, and its first sentence."""
    known = ("readme.md", "readme.rst", "readme.txt", "readme")
    name = next((name for name in names if name.lower() in known), "")
    words = CODE.sub("", text(folder, name)[:START]) if name else ""
    match = TITLE.search(words)
    title = _plain(match[1] or match[2]) if match else ""
    rest = words[match.end() :] if match else words
    blocks = re.split(r"\n[ \t]*\n", rest.strip())
    lead = next((one for one in blocks if one and not NO_PROSE.match(one)), "")
    sentence = re.split(r"(?<=[.!?])\s", _plain(lead), maxsplit=1)[0]
    return "" if title.lower() in UNSAID else title, sentence


def _plain(markdown: str) -> str:
    return " ".join(LINK.sub(r"\1", MARKUP.sub("", markdown)).split())


def _package(names: list[str], name: str) -> str:
    """Choose the package that is called as the project, or the largest."""
    called = re.sub(r"[-_. ]+", "_", name).lower()
    found = packages(names)
    if called in found or not found:
        return called

    def size(package: str) -> int:
        return sum(one.startswith(f"{found[package]}/") for one in names)

    in_src = [one for one, folder in found.items() if folder.startswith("src/")]
    return max(in_src or found, key=size)


def _owners(folder: Path, forge: str) -> str:
    """Return the owners of all files or, where none is said, everybody named."""
    if (file := codeowners.find(folder, forge)) is None:
        return ""
    written = text(folder, file.relative_to(folder).as_posix())
    names = codeowners.owners_of_all(folder, forge)
    # Names are the same in all spellings, and people like their own.
    spelled = {word.lower(): word for word in written.split()}
    names = names or codeowners.named(codeowners.parse(written, forge))
    return " ".join(spelled.get(name, name) for name in names)


def _notebooks(folder: Path, names: list[str]) -> str:
    found = {
        match[1]
        for name in names
        if name.endswith(".py")
        for match in SCRIPT.finditer(text(folder, name))
    }
    if "app = marimo.App(" in found:
        return "marimo"
    notebook = any(name.endswith(".ipynb") for name in names)
    return "jupyter" if notebook or found else "none"


def _license(folder: Path, names: list[str], about: dict[str, str]) -> str:
    for name in names:
        if re.match(r"(licen[cs]e|copying)\b[^/]*$", name, re.IGNORECASE):
            words = text(folder, name)[:START]
            for licence, sentence in LICENSES.items():
                if re.search(sentence, words, re.IGNORECASE | re.DOTALL):
                    return licence
            return "none"
    return about.get("license") or "none"
