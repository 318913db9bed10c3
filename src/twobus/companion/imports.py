"""Where modules and names are now that a project imports from its own package."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


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

    def base(self, file: str, module: str, level: int) -> str | None:
        """Return a module's name below the package: empty for itself, None if other."""
        parts = module.split(".") if module else []
        if level:
            above = Path(file).with_suffix("").parts
            parts = [*above[: len(above) - level], *parts]
            if parts[:1] != ["src"]:
                return None
            parts = parts[1:]
        return ".".join(parts[1:]) if parts[:1] == [self.package] else None

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

    def gives(self, module: str, name: str) -> bool:
        """Tell whether a module gives a name, as it is now."""
        return gives(module, name)

    def _now(self, place: str) -> str:
        return place.format(source=self.library or self.package)


@cache
def defined(file: Path) -> frozenset[str] | None:
    """Return the names that a module gives; None where it cannot be understood."""
    try:
        module = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
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
