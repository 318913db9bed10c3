"""Rewrite import statements of modules that are elsewhere now, and nothing else.

An update moves modules out of a project (`companion`), and `eject` moves them in.
"""

import ast
import codecs
import re
from itertools import groupby
from typing import NamedTuple, Protocol

LINE = 88


class Moves(Protocol):
    """What has moved where."""

    def base(self, file: str, module: str, level: int) -> str | None:
        """Return a module's name as the other functions take it; None if not ours.

        Args:
            file: The file that imports, by its name in the project.
            module: The module as it is written there, without dots before it.
            level: How many dots stand before it.
        """

    def module(self, old: str) -> str | None:
        """Return where a module is now, None if it is where it was."""

    def name(self, base: str, name: str) -> str | None:
        """Return where a name is now that was in a module.

        Returns:
            The module and the name, None if it is where it was, empty if it is gone.
        """

    def gives(self, module: str, name: str) -> bool:
        """Tell whether a module gives a name, as it is now."""


def rewritten(moves: Moves, name: str, content: bytes) -> tuple[bytes, list[str]]:
    """Return a file with imports that find what has moved.

    Args:
        moves: What has moved where.
        name: The file's name in the project.
        content: Its text. It is returned as it is where it cannot be understood.

    Returns:
        The text, and what is imported but is nowhere any more: a sentence each.
    """
    # Python counts columns from what comes after it.
    start = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(start)
    try:
        text.decode("utf-8")
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return content, []
    file = _File(moves, name, text)
    file.visit(tree)
    return start + file.changed(), file.gone


class _Name(NamedTuple):
    """A name in an import statement: from where, what, and as what."""

    module: str
    name: str
    alias: str | None

    def __str__(self) -> str:
        return f"{self.name} as {self.alias}" if self.alias else self.name


class _File(ast.NodeVisitor):
    """What changes in one file."""

    def __init__(self, moves: Moves, name: str, content: bytes) -> None:
        self.moves = moves
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
            target = self._target(self.moves.base(self.name, one.name, 0))
            if target:
                self.modules[one.asname or one.name] = target
            parts.append(str(_Name("", target or one.name, one.asname)))
        if len(self.modules) > before:
            self.changes.append((node, f"import {', '.join(parts)}"))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Look at `from package.module import name`."""
        base = self.moves.base(self.name, node.module or "", node.level)
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
        if module and not self.moves.gives(module, node.attr):
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

    def _target(self, base: str | None) -> str | None:
        return self.moves.module(base) if base else None

    def _place(self, base: str, name: str, alias: str | None) -> str | None:
        if target := self._target(f"{base}.{name}".strip(".")):
            self.modules[alias or name] = target
            return target
        return self.moves.name(base, name)

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
