"""The code of a version as it was: kept with it, and imported apart from today's.

A version predicts by the feature function that it was trained with, whatever has become
of that since. So it carries the model's module, what that imports of the project, and
the contract of its table.
"""

import ast
import atexit
import builtins
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import resolve_name, spec_from_file_location
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from twobus.models.columns import described, kept, restored
from twobus.models.declaration import Model, ModelError, explain, find
from twobus.project import here

CODE = "code"
CONTRACT = "contract.json"
LARGEST = 10_000_000
# One version is imported at a time, since names of modules are one to a process.
_lock = RLock()


def keep(name: str, model: Model, folder: Path) -> None:
    """Write the code that a model needs into the folder of a version.

    Args:
        name: The model's name.
        model: Its declaration.
        folder: The version's folder.

    Raises:
        ModelError: If that code does not do alone.
    """
    for file in _needed(name):
        target = folder / CODE / file.relative_to(here().code.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    contracts = {model.table: described(model.contract)}
    (folder / CONTRACT).write_text(json.dumps(contracts, indent=2), "utf-8")
    with declared(name, folder):
        # What cannot be imported apart now could not be later, either.
        pass


def differs(name: str, folder: Path) -> bool:
    """Tell whether the code of a version, or its contract, is another than today's."""
    for file, today in _pairs(folder):
        if not today.is_file() or today.read_bytes() != file.read_bytes():
            return True
    try:
        model = find(name)
    except ModelError:
        return True
    contracts = json.loads((folder / CONTRACT).read_text("utf-8"))
    return bool(contracts != {model.table: described(model.contract)})


def sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file of a version's code: its path in the project, and its content."""
    for file, today in _pairs(folder):
        yield here().name(today), file.read_bytes()


@contextmanager
def declared(name: str, folder: Path) -> Iterator[Model]:
    """Yield a model as a version's own code declares it.

    What is imported of the project within the block is of that version, such as the
    classes of its fitted estimator.

    Args:
        name: The model's name.
        folder: The version's folder.

    Raises:
        ModelError: If its code cannot be imported.
    """
    place = folder / CODE
    if any(it.is_file() and it.suffix != ".py" for it in place.rglob("*")):
        # Functions may read files beside them at any time.
        place = Path(tempfile.mkdtemp(prefix="twobus-version-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        shutil.copytree(folder / CODE, place, dirs_exist_ok=True)
    contracts = json.loads((folder / CONTRACT).read_text("utf-8"))
    given = {table: restored(said) for table, said in contracts.items()}
    modules = sorted(
        ".".join(file.relative_to(place).with_suffix("").parts)
        for file in place.rglob("*.py")
    )
    with _Apart(here().package, place) as apart, kept(given):
        try:
            for module in modules:
                apart.load(module.removesuffix(".__init__"))
            model = apart.load(f"{here().package}.models.{name}").MODEL
        except Exception as error:
            raise ModelError(
                f"the code of {name} cannot be imported apart from the project "
                f"({explain(error).removesuffix('.')}): have it import what it needs, "
                "and name files that it reads in full"
            ) from None
        yield model


class _Apart:
    """Modules of a package as they were, which see each other and not today's."""

    def __init__(self, package: str, folder: Path) -> None:
        self.package = package
        self.folder = folder
        self.modules: dict[str, ModuleType] = {}
        self.today: dict[str, ModuleType] = {}
        self.finder = _Finder(self)
        self.active = False

    def __enter__(self) -> "_Apart":
        _lock.acquire()
        self.today = {it: sys.modules.pop(it) for it in [*sys.modules] if self.has(it)}
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self.finder)
        self.active = True
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self.finder)
        for it in [*sys.modules]:
            if self.has(it):
                self.modules[it] = sys.modules.pop(it)
        sys.modules.update(self.today)
        self.active = False
        _lock.release()

    def has(self, module: str) -> bool:
        """Tell whether a module is of the package; common code of its own is not."""
        common = f"{self.package}.twobus"
        ours = module == common or module.startswith(f"{common}.")
        return not ours and (module + ".").startswith(f"{self.package}.")

    def load(self, module: str) -> Any:
        """Import a module within the block."""
        builtins.__import__(module)
        return sys.modules[module]

    def find(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Import as `__import__` does, also once the block has ended."""
        if level:
            package = (globals or {}).get("__package__")
            whole = resolve_name("." * level + name, package)
        else:
            whole = name
        found = self.modules.get(whole)
        if found is None and self.has(whole) and not self.active:
            raise ModuleNotFoundError(f"No module named {whole!r}", name=whole)
        if found is None or not self.has(whole):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        return found if fromlist else self.modules[self.package]


class _Finder(MetaPathFinder):
    """Finds the modules of a version, and no others of that package."""

    def __init__(self, apart: _Apart) -> None:
        self.apart = apart

    def find_spec(
        self, fullname: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.apart.has(fullname):
            return None
        place = self.apart.folder.joinpath(*fullname.split("."))
        if (place / "__init__.py").is_file():
            # Common code of the project's own is today's.
            top = fullname == self.apart.package
            within = [place, here().code] if top else [place]
            return self._spec(fullname, place / "__init__.py", [*map(str, within)])
        if place.with_suffix(".py").is_file():
            return self._spec(fullname, place.with_suffix(".py"), None)
        raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)

    def _spec(
        self, name: str, file: Path, within: list[str] | None
    ) -> ModuleSpec | None:
        loader = _Loader(name, str(file), self.apart)
        return spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=within
        )


class _Loader(SourceFileLoader):
    """Gives modules a way to import that goes on when others are imported again."""

    def __init__(self, name: str, path: str, apart: _Apart) -> None:
        super().__init__(name, path)
        self.apart = apart

    def set_data(self, path: str, data: Any, *, _mode: int = 0) -> None:
        """Write no bytecode: the folder holds what the version holds."""

    def exec_module(self, module: ModuleType) -> None:
        own = {**vars(builtins), "__import__": self.apart.find}
        module.__dict__["__builtins__"] = own
        super().exec_module(module)


def _pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    for file in sorted((folder / CODE).rglob("*")):
        if file.is_file():
            yield file, here().code.parent / file.relative_to(folder / CODE)


def _needed(name: str) -> set[Path]:
    """Return the files of a model's module and of what it imports of the project."""
    found: set[Path] = set()
    left = [f"{here().package}.models.{name}"]
    while left:
        module = left.pop()
        for file in _files(module):
            if file not in found:
                found.add(file)
                text = file.read_text("utf-8")
                left += _imported(ast.parse(text), module, file)
                found.update(_read(ast.parse(text), file))
    return found


def _files(module: str) -> Iterator[Path]:
    """Yield the file of a module, and of each package that it is in."""
    parts = module.split(".")
    if parts[0] != here().package:
        return
    place = here().code.parent
    for part in parts:
        place = place / part
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
    if place.with_suffix(".py").is_file():
        yield place.with_suffix(".py")


def _imported(tree: ast.AST, module: str, file: Path) -> Iterator[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            whole = resolve_name(base, package) if node.level else base
            yield whole
            yield from (f"{whole}.{it.name}" for it in node.names)


def _read(tree: ast.AST, file: Path) -> Iterator[Path]:
    """Yield the files beside a module that it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.rpartition("/")[2]
            beside = file.parent / name if 0 < len(name) < 256 else file.parent
            if beside.is_file() and beside.stat().st_size <= LARGEST:
                yield beside
