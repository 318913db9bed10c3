"""Compare a table with its contract: its schema, and its rows in one query."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ibis

# A contract takes its checks along when it is made: they must be known before.
import pandera.backends.ibis.builtin_checks  # noqa: F401
from pandera.api.ibis.types import IbisData
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors
from pandera.ibis import DataFrameModel


def schema(contract: Any) -> Any:
    """Return what a module's `Contract` demands, as a pandera schema.

    Raises:
        TypeError: If it is no contract of an Ibis table.
    """
    if not issubclass(contract, DataFrameModel):
        raise TypeError("it must be a class of pandera.ibis.DataFrameModel")
    return contract.to_schema()


def widened(table: ibis.Table, contract: Any) -> ibis.Table:
    """Return a table whose types are those of its contract where nothing is lost.

    Args:
        table: A table of a database.
        contract: Its contract, a pandera schema.
    """
    specs = contract.columns.items()
    wanted = {name: spec.dtype.type for name, spec in specs if spec.dtype}
    types = table.schema()
    return table.cast(
        {
            name: dtype.copy(nullable=types[name].nullable)
            for name, dtype in wanted.items()
            if name in types and _is_wider(dtype, types[name])
        }
    )


def _is_wider(wanted: Any, found: Any) -> bool:
    """Tell whether each value of a type is one of the other, which is not the same."""
    if found.is_signed_integer() and wanted.is_signed_integer():
        return bool(found.nbytes < wanted.nbytes)
    if found.is_floating() and wanted.is_floating():
        return bool(found.nbytes < wanted.nbytes)
    if found.is_integer() and wanted.is_float64():
        return bool(found.nbytes < wanted.nbytes)
    return bool(found.is_date() and wanted.is_timestamp() and not wanted.timezone)


def schema_breaches(table: ibis.Table, contract: Any) -> list[str]:
    """Say what is wrong with a table's columns and their types, without a scan.

    Args:
        table: The table.
        contract: Its contract, a pandera schema.

    Returns:
        A phrase for each breach, without values of the data.
    """
    specs = contract.columns.items()
    wanted = {name: spec.dtype.type for name, spec in specs if spec.dtype}
    types = {
        name: wanted[name] if _same(dtype, wanted.get(name)) else dtype
        for name, dtype in table.schema().items()
    }
    try:
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            contract.validate(ibis.table(types, name="table"), lazy=True)
    except SchemaErrors as broken:
        return [*dict.fromkeys(_explain(error) for error in broken.schema_errors)]
    return []


def _same(found: Any, wanted: Any) -> bool:
    """Tell whether types differ only in how long a text or how fine a time is."""
    if wanted is None or found.is_string():
        return wanted is not None and bool(wanted.is_string())
    if found.is_decimal() and found.precision is None:
        return bool(wanted.is_decimal())
    both = found.is_timestamp() and wanted.is_timestamp()
    return both and bool(found.timezone == wanted.timezone)


@dataclass(frozen=True)
class Breach:
    """A rule of a contract that some rows break.

    Attributes:
        rule: The rule, as a phrase: `amount fails ge(0)`.
        rows: How many rows break it.
        of: How many rows there are.
    """

    rule: str
    rows: int
    of: int

    def __str__(self) -> str:
        """Return the phrase with the numbers."""
        return f"{self.rule} in {self.rows:,} of {self.of:,} rows"


def row_breaches(table: ibis.Table, contract: Any) -> list[Breach]:
    """Say which rules of a contract some rows break, by one query for all of them.

    Args:
        table: A table whose columns are those of the contract. Each value of it is
            read, so that one which is not of its type is found.
        contract: Its contract, a pandera schema.

    Returns:
        What is broken, without values of the data.
    """
    known = [*rules(table, contract)]
    asked = {f"broken{at}": rule.rows for at, rule in enumerate(known)}
    read = {f"read{at}": table[one].count() for at, one in enumerate(table.columns)}
    (found,) = (
        table.aggregate(rows=table.count(), **asked, **read).to_pyarrow().to_pylist()
    )
    counts = (found[f"broken{at}"] for at in range(len(known)))
    pairs = zip(known, counts, strict=True)
    return [Breach(rule.phrase, count, found["rows"]) for rule, count in pairs if count]


def first_breach(table: ibis.Table, contract: Any, phrase: str, row: str) -> int | None:
    """Return the number of the first row that breaks a rule, if that can be told.

    Args:
        table: A table as for `row_breaches`, with one column more.
        contract: Its contract, a pandera schema.
        phrase: The rule, as its breach says it.
        row: The column that has the number of each row.
    """
    for rule in rules(table, contract):
        if rule.phrase == phrase and rule.broken is not None:
            first: int | None = (
                table.filter(rule.broken)[row].min().to_pyarrow().as_py()
            )
            return first
    return None


@dataclass(frozen=True)
class Rule:
    """A rule of a contract, in terms of a table.

    Attributes:
        phrase: What is demanded.
        column: The column that it is of; None if it is of whole rows.
        broken: Whether a row breaks it; None where that cannot be told of a row.
        rows: How many rows do.
    """

    phrase: str
    column: str | None
    broken: ibis.Value | None
    rows: ibis.Value


def rules(table: ibis.Table, contract: Any) -> Iterator[Rule]:
    """Yield each rule of a contract, but for the types of its columns."""
    for spec in contract.columns.values():
        for name in _columns(table, spec):
            column = table[name]
            # What the database promises needs no scan.
            if not spec.nullable and column.type().nullable:
                missing = column.isnull()
                if column.type().is_floating():
                    missing |= column.isnan()
                yield Rule(f"{name} is missing", name, missing, missing.sum())
            if spec.unique:
                again = column.count() - column.nunique()
                yield Rule(f"{name} is not unique", name, None, again)
            for check in spec.checks:
                yield _rule(check, table, name)
    for check in contract.checks:
        yield _rule(check, table, None)
    if together := contract.unique:
        names = [together] if isinstance(together, str) else list(together)
        distinct = table.select(names).distinct().count()
        again = table.count() - distinct.as_scalar()
        yield Rule(f"{', '.join(names)} are not unique", None, None, again)


def _columns(table: ibis.Table, spec: Any) -> list[str]:
    """Return the columns that a part of the contract speaks of."""
    if spec.regex:
        return [name for name in table.columns if re.match(spec.name, name)]
    return [spec.name] if spec.name in table.columns else []


def _rule(check: Any, table: ibis.Table, name: str | None) -> Rule:
    """Return what a check demands, and which rows fail it."""
    who, what = name or "a row", check.error or check
    try:
        broken = _fails(check, table, name)
        return Rule(f"{who} fails {what}", name, broken, broken.sum())
    except Exception:  # Checks are anybody's code; one that cannot run has not passed.
        every = table.count().cast("int64")
        return Rule(f"{who} cannot be checked by {what}", name, None, every)


def _fails(check: Any, table: ibis.Table, name: str | None) -> Any:
    """Return whether a row fails a check, as a column of the table."""
    function = check.get_backend(table)(check).check_fn
    columns = [name] if name else table.columns
    if check.element_wise:
        kept = [function(table[column]) for column in columns]
    else:
        kept = _values(function(IbisData(table, name)), table)
    if name and check.ignore_na:
        kept = [one | table[name].isnull() for one in kept]
    return ibis.or_(*(~one for one in kept))


def _values(result: Any, table: ibis.Table) -> list[Any]:
    """Return the columns of truth values that a check gives, in terms of the table."""
    if isinstance(result, dict):
        return list(result.values())
    if not isinstance(result, ibis.Table):
        return [result]
    # pandera's own checks select such columns from the table.
    selection = result.op()
    if getattr(selection, "parent", None) != table.op():
        raise TypeError("A check must return columns of the table it is given.")
    return [value.to_expr() for value in selection.values.values()]


def _explain(error: SchemaError) -> str:
    match error.reason_code:
        case SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
            return f"it lacks the column {error.failure_cases!r}"
        case SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
            return f"the column {error.failure_cases!r} is not part of it"
        case SchemaErrorReason.WRONG_DATATYPE:
            column = error.schema
            # Ibis writes ! where nothing may be missing.
            found = str(error.failure_cases).removeprefix("!")
            return f"{column.name} is {found}, not {column.dtype}"
        case SchemaErrorReason.CHECK_ERROR:
            return f"{error.schema.name} cannot be checked"
    check = getattr(error.check, "error", None) or error.check
    return f"{error.schema.name} fails {check}"
