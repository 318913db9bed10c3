"""What a request and its answer look like, made from a model's contract."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    create_model,
)
from sklearn.base import is_classifier

from twobus.models.answers import Problem
from twobus.models.columns import closed_list, identifiers
from twobus.models.declaration import Model
from twobus.models.rows import QUANTILE, SHARE

MOST_ROWS = 10_000
WHOSE = "Whose row it is: only logged, to be compared with what becomes of it."
# Pandera's checks and what they compare with, by the names that pydantic gives them.
LIMITS = {
    "greater_than": {"gt": "min_value"},
    "greater_than_or_equal_to": {"ge": "min_value"},
    "less_than": {"lt": "max_value"},
    "less_than_or_equal_to": {"le": "max_value"},
    "str_length": {"min_length": "min_value", "max_length": "max_value"},
    "str_matches": {"pattern": "pattern"},
}


def row_type(name: str, model: Model, example: Mapping[str, Any]) -> type[BaseModel]:
    """Make the type of a row that a request sends.

    Args:
        name: The model's name.
        model: The declaration.
        example: A row that the description shows.
    """
    columns = model.columns
    fields = {column: _field(columns[column]) for column in model.inputs}
    fields |= {it: _optional(columns[it]) for it in identifiers(model)}
    config = ConfigDict(extra="forbid", json_schema_extra={"example": dict(example)})
    made: type[BaseModel] = _row(f"{name}_row", fields, config)
    return made


def request_type(name: str, row: type[BaseModel]) -> type[BaseModel]:
    """Make the type that describes a request's body, `{"rows": [{…}, …]}`.

    Args:
        name: The model's name.
        row: The type of its rows; `requests.read` reads them.
    """
    kind: Any = row
    rows = Annotated[list[kind], Field(min_length=1, max_length=MOST_ROWS)]
    config = ConfigDict(extra="forbid")
    return create_model(f"{name}_request", __config__=config, rows=(rows, ...))


def answer_type(name: str, model: Model) -> Any:
    """Make the type of an answer: which version predicts, and a prediction a row.

    An answer to a request that wants a part of it, too, may lack some, and says why.
    """
    column = model.contract.columns[model.target]
    # A regression may tell more than whole numbers, and other ones than were seen.
    kind = _plain(column) if is_classifier(model.estimator) else float
    fields: dict[str, Any] = {model.target: (kind, ...)}
    if hasattr(model.estimator, "predict_proba"):
        fields["probability"] = (dict[str, float], ...)
    if hasattr(model.estimator, "predict_quantiles"):
        fields["quantile"] = (dict[str, float], ...)
    row: Any = _row(f"{name}_prediction", fields, None)
    facts: dict[str, Any] = {"model": (str, ...), "version": (int, ...)}
    whole = create_model(f"{name}_answer", **facts, predictions=(list[row], ...))
    part = create_model(
        f"{name}_partial_answer",
        **facts,
        predictions=(list[row | None], ...),
        problems=(list[Problem], ...),
        problem_count=(int, Field(description="of all; few are listed")),
    )
    return whole | part


def to_frame(rows: Sequence[BaseModel], model: Model) -> pd.DataFrame:
    """Return the rows of a request as a table of the model's inputs."""
    return pd.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in model.inputs}
    )


def to_answer(model: Model, predicted: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions, as `predict` gives them, in the form of an answer."""
    rows: list[dict[str, Any]] = [
        {model.target: value} for value in predicted[model.target].tolist()
    ]
    for start in (SHARE, QUANTILE):
        found = {
            column.removeprefix(start): predicted[column].tolist()
            for column in predicted
            if column != model.target and column.startswith(start)
        }
        if found:
            for row, values in zip(
                rows, zip(*found.values(), strict=True), strict=True
            ):
                row[start.strip("_")] = dict(zip(found, values, strict=True))
    return rows


def _row(name: str, fields: dict[str, Any], config: ConfigDict | None) -> Any:
    with warnings.catch_warnings():
        # A column may be called like a method of pydantic's, such as `copy`.
        warnings.simplefilter("ignore")
        return create_model(name, __config__=config, **fields)


def _field(column: Any) -> Any:
    """Return a column's type and what is shown of it, as `create_model` takes them."""
    plain = _plain(column)
    shown = Field(title=column.title, description=column.description)
    return (plain | None if column.nullable else plain, shown)


def _optional(column: Any) -> Any:
    """Return the same of a column that a row may have and nothing is predicted by."""
    told = " ".join(filter(None, [column.description, WHOSE]))
    return (_plain(column) | None, Field(None, title=column.title, description=told))


def _plain(column: Any) -> Any:
    kind = column.dtype.type
    if listed := closed_list(column):
        return Literal[tuple(listed)]
    limits = Field(**_limits(column))
    if kind.is_string():
        return Annotated[str, limits]
    if kind.is_boolean():
        return StrictBool
    if kind.is_timestamp():
        return Annotated[datetime, BeforeValidator(_is_text), AfterValidator(_in_utc)]
    if kind.is_date():
        return Annotated[date, BeforeValidator(_is_text)]
    number = int if kind.is_integer() else float
    return Annotated[number, limits, BeforeValidator(_is_number)]


def _limits(column: Any) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if column.dtype.type.is_integer():
        # About what 64 bits hold, in digits that a description has as floats, too.
        limits |= {"ge": -92 * 10**17, "le": 92 * 10**17}
    if column.dtype.type.is_floating():
        limits["allow_inf_nan"] = False
    for check in column.checks:
        said = check.statistics
        for limit, statistic in LIMITS.get(check.name, {}).items():
            if said.get(statistic) is not None:
                limits[limit] = said[statistic]
        if check.name == "in_range":
            limits["ge" if said["include_min"] else "gt"] = said["min_value"]
            limits["le" if said["include_max"] else "lt"] = said["max_value"]
    return limits


def _is_number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("must be a number")
    return value


def _is_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    """Read a time without a zone as UTC, as training does."""
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None
