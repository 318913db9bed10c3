"""Rewrite import statements of modules that have moved, and nothing else."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
LINE = 88


@dataclass(frozen=True)
class Moved:
    """What a project imports from its own package, and has moved out of it.

    Attributes:
        root: The project's folder.
        package: Its package.
        modules: Where modules of the package are now, by their names below it.
        names: Where names are now that have not moved with their module.
        library: The library that gives the project's tables, empty if there is none.
    """

    root: Path
    package: str
    modules: Mapping[str, str]
    names: Mapping[str, str]
    library: str = ""

    def below(self, module: str) -> str | None:
        """Return a module's name below the package: empty for itself, None if other."""
        own = f"{self.package}."
        if module == self.package:
            return ""
        return module.removeprefix(own) if module.startswith(own) else None

    def file(self, old: str) -> Path | None:
        """Return the file of a module of the package, if it is there."""
        place = self.root.joinpath("src", self.package, *old.split("."))
        found = (place.with_suffix(".py"), place / "__init__.py")
        return next((file for file in found if file.is_file()), None)

    def module(self, old: str) -> str | None:
        """Return where a module is now, None if it is where it was, or nowhere."""
        known = self.modules.get(old)
        return None if known is None or self.file(old) else self._now(known)

    def after(self, old: str) -> str | None:
        """Return where a module, or a name in one, is now; None if it is still there.

        Of what is nowhere, the package is returned.
        """
        above = old.rpartition(".")[0]
        if self.file(old) or (above and self.file(above)):
            return None
        return self.module(old) or self.module(above) or "twobus"

    def name(self, base: str, name: str) -> str | None:
        """Return where a name is now that was in a module.

        Returns:
            The module and the name, None if it is where it was, empty if it is gone.
        """
        if base not in self.modules and base != "twobus":
            return None
        old = f"{base}.{name}"
        here = self.file(base)
        stays = here and ((given := defined(here)) is None or name in {"*", *given})
        if stays or self.file(old):
            return None
        if old in self.names:
            return self._now(self.names[old])
        if old == "settings.Settings" and self.library:
            # It says how the library reads its tables.
            return f"{self.library}.{old}"
        module = self._now(self.modules.get(base, "twobus"))
        if base in self.modules and gives(module, name):
            return f"{module}.{name}"
        return ""

    def _now(self, place: str) -> str:
        return place.format(source=self.library or self.package)


@cache
def defined(file: Path) -> frozenset[str] | None:
    """Return the names that a module gives; None where it cannot be understood."""
    try:
        module = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return None
    found: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Import() | ast.ImportFrom():
                found |= {(one.asname or one.name).split(".")[0] for one in node.names}
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
    return frozenset(found)


def gives(module: str, name: str) -> bool:
    """Tell whether a module gives a name, if it is one of the package `twobus`.

    Its source is read, because most of it cannot be imported beside the companion.
    """
    if module.partition(".")[0] != PACKAGE.name:
        return True
    place = PACKAGE.parent.joinpath(*module.split("."))
    own = place.with_suffix(".py")
    file = own if own.is_file() else place / "__init__.py"
    if not file.is_file():
        return False
    inside = [place / f"{name}.py", place / name / "__init__.py"]
    return name in {"*", *(defined(file) or ())} or any(map(Path.is_file, inside))


def rewritten(moved: Moved, name: str, content: bytes) -> tuple[bytes, list[str]]:
    """Return a file with imports that find what has moved.

    Args:
        moved: What has moved where.
        name: The file's name in the project.
        content: Its text. It is returned as it is where it cannot be understood.

    Returns:
        The text, and what is imported but is nowhere any more: a sentence each.
    """
    # Most files have nothing to do with it, and need no parser.
    if not re.search(rb"twobus|settings|data", content):
        return content, []
    try:
        content.decode("utf-8")
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return content, []
    file = _File(moved, name, content)
    file.visit(tree)
    return file.changed(), file.gone


@dataclass(frozen=True)
class _Name:
    """A name in an import statement: from where, what, and as what."""

    module: str
    name: str
    alias: str | None

    def __str__(self) -> str:
        return f"{self.name} as {self.alias}" if self.alias else self.name


class _File(ast.NodeVisitor):
    """What changes in one file."""

    def __init__(self, moved: Moved, name: str, content: bytes) -> None:
        self.moved = moved
        self.name = name
        self.lines = content.splitlines(keepends=True)
        # What is written instead of which part.
        self.changes: list[tuple[ast.stmt | ast.expr, str]] = []
        # Where modules are now, by the name under which this file uses them.
        self.modules: dict[str, str] = {}
        self.gone: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        """Look at `import package.module`."""
        parts, before = [], len(self.modules)
        for one in node.names:
            target = self.moved.module(self.moved.below(one.name) or "")
            if target:
                self.modules[one.asname or one.name] = target
            parts.append(str(_Name("", target or one.name, one.asname)))
        if len(self.modules) > before:
            self.changes.append((node, f"import {', '.join(parts)}"))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Look at `from package.module import name`."""
        base = self._base(node)
        if base is None:
            return
        stay, went = [], []
        written = "." * node.level + (node.module or "")
        for one in node.names:
            place = self._place(base, one.name, one.asname)
            if place == "":
                self._tell(node, f"{one.name} of {written}")
            if not place:
                stay.append(_Name(written, one.name, one.asname))
                continue
            module, _, name = place.rpartition(".")
            alias = one.asname or (None if name == one.name else one.name)
            went.append(_Name(module, name, alias))
        if not went:
            return
        modules = sorted({one.module for one in went})
        if not stay and len(modules) == 1 and self._names(node) == [*map(str, went)]:
            # Only the module has another name: parentheses and comments stay.
            pattern = r"\Afrom\b[\s\\.\w]*?\bimport\b"
            new = f"from {modules[0]} import"
            self.changes.append((node, re.sub(pattern, new, self._text(node))))
            return
        parts = [_statement(written, stay)] if stay else []
        by_module = sorted(went, key=lambda one: one.module)
        for module, some in groupby(by_module, key=lambda one: one.module):
            parts.append(_statement(module, [*some]))
        self.changes.append((node, self._joined(node, parts)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Look at what is used by the name of a module."""
        written = _dotted(node)
        if "." in written and written in self.modules:
            self.changes.append((node, self.modules[written]))
            return
        module = self.modules.get(_dotted(node.value))
        if module and not gives(module, node.attr):
            self._tell(node, f"{node.attr} of {module}")
        self.generic_visit(node)

    def changed(self) -> bytes:
        """Return the text with all changes."""
        ordered = sorted(
            self.changes, key=lambda it: (it[0].lineno, it[0].col_offset), reverse=True
        )
        for node, text in ordered:
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            start = self.lines[first][: node.col_offset]
            rest = self.lines[last][node.end_col_offset :]
            if rest.endswith(b"\r\n"):
                text = re.sub(r"\r?\n", "\r\n", text)
            self.lines[first : last + 1] = [start + text.encode() + rest]
        return b"".join(self.lines)

    def _base(self, node: ast.ImportFrom) -> str | None:
        """Return from which module of the package names come; None if from others."""
        if not node.level:
            return self.moved.below(node.module or "")
        parts = Path(self.name).with_suffix("").parts
        above = parts[: len(parts) - node.level]
        if above[:2] != ("src", self.moved.package):
            return None
        return ".".join([*above[2:], *([node.module] if node.module else [])])

    def _place(self, base: str, name: str, alias: str | None) -> str | None:
        if target := self.moved.module(f"{base}.{name}".strip(".")):
            self.modules[alias or name] = target
            return target
        return self.moved.name(base, name)

    def _tell(self, node: ast.stmt | ast.expr, what: str) -> None:
        self.gone.append(
            f"{self.name}:{node.lineno} uses {what}, which Twobus does not have any "
            "more: do without it, or write it yourself."
        )

    def _names(self, node: ast.ImportFrom) -> list[str]:
        return [str(_Name("", one.name, one.asname)) for one in node.names]

    def _text(self, node: ast.stmt) -> str:
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"".join(lines).decode("utf-8")

    def _joined(self, node: ast.stmt, parts: list[str]) -> str:
        """Put statements in the place of one, a line each where that is possible."""
        before = self.lines[node.lineno - 1][: node.col_offset]
        after = self.lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
        if before.strip() or after.lstrip().startswith(b";"):
            return "; ".join(parts)
        return f"\n{before.decode('utf-8')}".join(parts)


def _statement(module: str, imported: list[_Name]) -> str:
    words = ", ".join(map(str, imported))
    line = f"from {module} import {words}"
    return line if len(line) <= LINE else f"from {module} import (\n    {words},\n)"


def _dotted(node: ast.expr) -> str:
    """Return a name with dots, as it is written; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (above := _dotted(node.value)):
        return f"{above}.{node.attr}"
    return ""
