"""Compare a table's contract with its file or database, and propose what to change."""

import ast
import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import ibis

from twobus.data import DataError, own_tables
from twobus.data.contracts import row_breaches, schema_breaches, widened
from twobus.data.files import table_files
from twobus.new.columns import Column, demanding
from twobus.new.files import tidy
from twobus.new.looking import Looking
from twobus.new.module import annotation, fields_of, options_line
from twobus.new.places import place, raw
from twobus.project import here, read_text

# What a proposed line may need at the top of the module.
IMPORTS = {
    "datetime.": "import datetime",
    "Annotated[": "from typing import Annotated",
    "dt.": "import ibis.expr.datatypes as dt",
}


@dataclass
class Difference:
    """In what a contract and its rows differ.

    Attributes:
        said: A phrase for each difference.
        gone: Columns that are no more.
        new: Columns that the contract does not know.
        types: Columns that have another type now.
        missing: Columns in which values are missing now.
        options: How the files are written now, if that is something else.
    """

    said: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[Column] = field(default_factory=list)
    types: list[Column] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def show(name: str, file: str = "", location: str = "", sheet: str = "") -> None:
    """Print in what a contract and its rows differ, and the lines to change.

    Args:
        name: The table.
        file: The file to compare with; else the one that reading takes.
        location: What the database calls the table; else what the module says.
        sheet: The sheet of an Excel file; else what the module says.

    Raises:
        DataError: If the table or its rows cannot be read.
        SystemExit: If they differ.
    """
    tables = own_tables()
    contract = tables.contract(name)
    module = import_module(f"{tables.package.__name__}.{name}")
    sheet = sheet or getattr(module, "SHEET", "")
    if file:
        files = place(name, file, sheet, copying=False).files
    else:
        files = (
            [] if location else table_files(raw(), name, getattr(module, "FILE", ""))
        )
    if files:
        looking = Looking(files, getattr(module, "CSV_OPTIONS", {}), sheet)
        found = _of_files(looking, contract)
        compared = ", ".join(here().name(one) for one in files[:3])
    else:
        place_of = location or getattr(module, "LOCATION", name)
        types = tables.columns(place_of)
        if types is None:
            raise DataError(
                f"The table {name!r} has no file in data/raw, and DATA_URL names no "
                "database: name a FILE to compare with."
            )
        found = _of_database(types, contract)
        compared = f"{place_of} of the database"
    code = here().code / "tables" / f"{name}.py"
    if not found.said:
        print(f"{here().name(code)} says what {compared} is now.")
        return
    print(f"{here().name(code)} differs from {compared}:", *found.said, sep="\n  ")
    before = tidy(read_text(code))
    after = tidy(_changed(before, found), "F401,I001")
    shown = here().name(code)
    names = f"a/{shown}", f"b/{shown}", "", ""
    # As `git apply` takes it.
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), *names, n=1, lineterm=""
    )
    if proposed := [*lines]:
        print("Proposed, and not written:", *proposed, sep="\n")
    raise SystemExit(1)


def _of_files(looking: Looking, contract: Any) -> Difference:
    parts = looking.parts(demanding())
    names = [*dict.fromkeys(one.name for part in parts for one in part.columns)]
    before = dict(looking.options)
    columns = {one.name: one for one in looking.found().columns}
    found = _compared(names, columns, contract)
    if looking.options != before:
        found.options = looking.options
        # Compared with what it says now, its values would not be of their types.
        words = ", ".join(f"{it!r}" for it in looking.options)
        found.said.append(f"its file is written in another way: {words}")
    kept = _without(contract, found.gone)
    wrong = []
    for fault, part in looking.faults(kept):
        wrong.append(fault.column)
        found.said.append(fault.said(part))
    kept = _without(kept, wrong)
    table = looking.table(kept)
    for phrase in schema_breaches(table, kept):
        found.said.append(phrase)
        wrong += [name for name in kept.columns if phrase.startswith(f"{name} is ")]
    kept = _without(kept, wrong)
    for breach in row_breaches(table, kept):
        found.said.append(str(breach))
        found.missing += [one for one in names if breach.rule == f"{one} is missing"]
    for name in dict.fromkeys(wrong):
        found.types.append(columns[name])
        if columns[name].dtype.nullable and not contract.columns[name].nullable:
            found.missing.append(name)
    return found


def _of_database(types: Mapping[str, Any], contract: Any) -> Difference:
    columns = {name: Column(name, dtype) for name, dtype in types.items()}
    found = _compared([*types], columns, contract)
    kept = _without(contract, found.gone)
    table = widened(ibis.table(dict(types), name="table"), kept)
    for phrase in schema_breaches(table, kept):
        found.said.append(phrase)
        found.types += [
            columns[name] for name in kept.columns if phrase.startswith(f"{name} is ")
        ]
    return found


def _compared(
    names: Iterable[str], columns: Mapping[str, Column], contract: Any
) -> Difference:
    """Return which columns are new, and which are gone."""
    found, there = Difference(), [*names]
    for name, spec in contract.columns.items():
        if not any(re.match(name, one) if spec.regex else name == one for one in there):
            found.gone.append(name)
            found.said.append(f"the column {name!r} is no more")
    for name in there:
        known = any(
            re.match(one, name) if spec.regex else one == name
            for one, spec in contract.columns.items()
        )
        # Of columns that it has no type for, a contract can know nothing.
        if not known and annotation(columns[name].dtype):
            found.said.append(f"the column {name!r} is new")
            found.new.append(columns[name])
    return found


def _without(contract: Any, names: Iterable[str]) -> Any:
    """Return a contract without some columns, and without a rule on others."""
    kept = copy.copy(contract)
    left = {*names}
    kept.columns = {it: one for it, one in kept.columns.items() if it not in left}
    kept.strict = False
    return kept


def _changed(code: str, found: Difference) -> str:
    """Return a module with the lines that are proposed."""
    (contract,) = (
        one
        for one in ast.parse(code).body
        if isinstance(one, ast.ClassDef) and one.name == "Contract"
    )
    fields = {
        _column(one): one for one in contract.body if isinstance(one, ast.AnnAssign)
    }
    lines = code.encode().splitlines()
    types = {one.name: annotation(one.dtype) for one in found.types}
    taken = [ast.unparse(one.target) for one in fields.values()]
    added = [line for them in fields_of(found.new, taken).values() for line in them]
    last = max((one.end_lineno or 0 for one in fields.values()), default=0)
    last = last or contract.body[-1].end_lineno or 0
    lines[last:last] = [line.encode() for line in added]
    # From the last one on, so that the places of those before stay.
    for name, one in sorted(fields.items(), key=lambda it: -it[1].lineno):
        first, end = one.lineno - 1, one.end_lineno or one.lineno
        if name in found.gone:
            del lines[first:end]
        elif name in types or name in found.missing:
            text = _field(one, types.get(name, ""), name in found.missing)
            lines[first:end] = [f"    {text}".encode()]
    text = b"\n".join(lines).decode() + "\n"
    if found.options:
        text = _with_options(text, found.options)
    for sign, line in IMPORTS.items():
        if sign in "\n".join(added) + " ".join(types.values()) and line not in text:
            text = text.replace("import pandera", f"{line}\nimport pandera", 1)
    return text


def _with_options(text: str, options: Mapping[str, Any]) -> str:
    for one in ast.parse(text).body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "CSV_OPTIONS":
            lines = text.splitlines()
            lines[one.lineno - 1 : one.end_lineno] = [options_line(options)]
            return "\n".join(lines) + "\n"
    head, start, tail = text.partition("class Contract(")
    return f"{head.rstrip()}\n{options_line(options)}\n\n\n{start}{tail}"


def _column(one: ast.AnnAssign) -> str:
    """Return the column that a field speaks of."""
    for keyword in one.value.keywords if isinstance(one.value, ast.Call) else []:
        if keyword.arg == "alias":
            return str(ast.literal_eval(keyword.value))
    return ast.unparse(one.target)


def _field(one: ast.AnnAssign, kind: str, missing: bool) -> str:
    """Return a field with another type, or as one whose values may be missing."""
    changed = copy.deepcopy(one)
    if kind:
        changed.annotation = ast.parse(kind, mode="eval").body
    if missing:
        if not isinstance(changed.value, ast.Call):
            changed.value = ast.parse("pa.Field()", mode="eval").body
        call = changed.value
        assert isinstance(call, ast.Call)
        call.keywords = [it for it in call.keywords if it.arg != "nullable"]
        call.keywords.append(ast.keyword("nullable", ast.Constant(True)))
    return ast.unparse(changed)
