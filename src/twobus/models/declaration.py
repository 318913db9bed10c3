"""What a model is: the little that differs from one to the next."""

import pkgutil
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from twobus.models import series
from twobus.models.columns import ModelError, contract, dtype
from twobus.project import here

__all__ = ["Estimator", "Model", "ModelError"]


class Estimator(Protocol):
    """What learns: any estimator that follows scikit-learn's conventions."""

    def fit(self, X: pd.DataFrame, y: pd.Series, /) -> Any:
        """Learn from features, one row a case, and the target of each."""

    def predict(self, X: pd.DataFrame, /) -> Any:
        """Return one prediction a row."""


def unchanged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the inputs as they are: the features of a model that needs no others."""
    return rows


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model, declared as `MODEL` in a module of `models` that has its name.

    Attributes:
        table: The table that it learns from; its contract is that of requests, too.
        target: The column that it predicts.
        inputs: The columns that it may know when it predicts.
        estimator: A scikit-learn estimator, not fitted. Whatever is learned from
            data, such as a mean that fills gaps, belongs in it, as a pipeline.
        features: Turns inputs into features, row by row: training, batches and the
            API call this one function. Rows come in the types of the contract:
            numbers (missing ones as NaN), times in UTC, texts, and as categories
            where the contract lists all values.
        metrics: The least value for promotion by the name of a metric of
            `sklearn.metrics.get_scorer_names()`, or `neg_mase` of series; more is
            always better. The first one decides where a single one is needed.
        scorers: Metrics of your own, by the name that `metrics` gives them: each made
            by `sklearn.metrics.make_scorer`, which says whether less is better. Then
            its values are negative, so that more is better here, too. With `positive`
            it gets true for that class, and false for the other.
        positive: Of two classes the one that metrics such as `f1`, `precision` and
            `average_precision` are about.
        slices: The least value of the first metric within every group of rows that
            has the same value in this column.
        key: The columns that tell whose row it is, such as a customer: all rows of
            one are on the same side of the hold-out, so that it is judged by new ones.
            Without it, equal rows are.
        series: In place of `key`, the columns that tell which series a row is of, such
            as a shop: each is learned from first, and judged by what follows.
        weight: The column that says how much a row counts, in learning and in scores:
            a number, 0 or more. It is no input.
        time: The column whose newest fifth of values is held out; without it, a
            fifth of the keys is.
        gap: How far ahead it predicts: nothing is learned for so long before the times
            that are judged, since it is not known in time: `"7D"`, or a number where
            `time` is one.
        lags: Inputs that are the target of the same series before, in the same words:
            `"7D"` gives `sales_7D_before`, and `("7D", "35D")` the mean of what was
            between, `sales_7D_to_35D_before`; see `series.lagged`. None is shorter than
            the gap. Batches compute them of the table, and requests send them.
        season: After how long a series repeats itself, in the same words: the value
            of then is a baseline, beside the last one that is known.
        search: Settings of the estimator to try by `poe tune`: lists of values by
            scikit-learn's name of the setting.
        invariant: Inputs that must not change a prediction, such as a name; a test
            swaps their values between rows.
        rising: Inputs that, where they grow by a tenth, must on average not lower the
            prediction (of a class: the probability of the last of `classes_`).
        trusted: Types beyond scikit-learn's own that are loaded from a file. A file
            can name any type, and loading it may run it: read what they do first.
        untested: Tests of `tests/test_models.py` that do not fit this model, by name,
            each with the reason; card and score show it.
        save: Writes a fitted estimator into a folder; skops does, without it.
        load: Reads what `save` wrote.
        refit: Whether a version learns from all rows, once it is judged by those held
            out. Its scores and its card are of the fit before.
        contract: The contract of the table: today's, or for a version that is loaded
            the one that it was trained by.
    """

    table: str
    target: str
    inputs: Sequence[str]
    estimator: Estimator
    metrics: Mapping[str, float]
    features: Callable[[pd.DataFrame], pd.DataFrame] = unchanged
    scorers: Mapping[str, Callable[..., float]] = field(default_factory=dict)
    positive: Any = None
    slices: Mapping[str, float] = field(default_factory=dict)
    key: Sequence[str] = ()
    weight: str | None = None
    time: str | None = None
    series: Sequence[str] = ()
    gap: Any = None
    lags: Sequence[Any] = ()
    season: Any = None
    search: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    invariant: Sequence[str] = ()
    rising: Sequence[str] = ()
    trusted: Sequence[str] = ()
    untested: Mapping[str, str] = field(default_factory=dict)
    save: Callable[[Any, Path], None] | None = None
    load: Callable[[Path], Any] | None = None
    refit: bool = False
    contract: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what can be seen to be wrong without data.

        Raises:
            ModelError: With a sentence for the first mistake.
        """
        if not isinstance(self.target, str):
            raise ModelError(
                "A model has one target: declare one for each, which may share their "
                "features."
            )
        for name in ("inputs", "key", "series", "invariant", "rising", "trusted"):
            # A text is the name of one, not of its letters.
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, (value,))
        object.__setattr__(self, "contract", contract(self.table))
        columns = self.contract.columns
        lags = series.names(self)
        own = [name for name in self.inputs if name not in lags]
        object.__setattr__(self, "inputs", (*own, *lags))
        for name, wanted in self._columns(own).items():
            if unknown := [column for column in wanted if column not in columns]:
                raise ModelError(
                    f"{name} names {unknown[0]!r}, which the table {self.table!r} "
                    f"lacks; it has {', '.join(columns)}."
                )
        for what, column in (("target", self.target), ("weight", self.weight)):
            if column in self.inputs:
                raise ModelError(f"The {what} {column!r} cannot be an input as well.")
        if self.weight and not columns[self.weight].dtype.type.is_numeric():
            raise ModelError(f"The weight {self.weight!r} is no number.")
        if foreign := {*self.invariant, *self.rising} - {*self.inputs}:
            raise ModelError(f"{min(foreign)!r} is no input, so nothing follows of it.")
        if not self.inputs or not self.metrics:
            raise ModelError("A model needs at least one input and one metric.")
        series.check(self)
        for test, reason in self.untested.items():
            if not reason.strip():
                raise ModelError(f"untested gives no reason for {test}: write one.")
        if (self.save is None) != (self.load is None):
            raise ModelError("Give both `save` and `load`, or neither.")

    @cached_property
    def dtypes(self) -> Mapping[str, Any]:
        """The type of pandas in which features see each column."""
        return {name: dtype(it) for name, it in self.columns.items()}

    @cached_property
    def columns(self) -> Mapping[str, Any]:
        """The columns of the contract, and those that lags are."""
        return {**self.contract.columns, **series.columns(self)}

    def _columns(self, own: Sequence[str]) -> dict[str, Sequence[str]]:
        return {
            "target": [self.target],
            "inputs": own,
            "slices": [*self.slices],
            "key": self.key,
            "series": self.series,
            "weight": [self.weight] if self.weight else [],
            "time": [self.time] if self.time else [],
        }


def names() -> list[str]:
    """List the declared models: the modules of `models`."""
    modules = pkgutil.iter_modules([str(here().code / "models")])
    return [module.name for module in modules if not module.name.startswith("_")]


def pages() -> Path:
    """Return the folder of what people have written of models."""
    return here().root / "docs" / "models"


def find(name: str) -> Model:
    """Return a declared model.

    Raises:
        ModelError: If there is none of this name, or its module declares none.
    """
    known(name)
    try:
        module = import_module(f"{here().package}.models.{name}")
        model = getattr(module, "MODEL", None)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"models/{name}.py needs {error.name}, which is not installed: uv add "
            f"{str(error.name).partition('.')[0]} has it installed here, in CI and in "
            "the container."
        ) from None
    except ModelError as error:
        raise ModelError(f"models/{name}.py: {error}") from None
    except Exception as error:
        raise ModelError(
            f"The model {name!r} is not declared: {explain(error)}"
        ) from None
    if not isinstance(model, Model):
        raise ModelError(f"models/{name}.py declares no MODEL that is a Model.")
    return model


def known(name: str) -> None:
    """Refuse a name that no model has.

    Raises:
        ModelError: If there is none.
    """
    if name not in names():
        told = ", ".join(names()) or "none yet, uv run poe new-model NAME makes one"
        raise ModelError(f"There is no model {name!r}; known models: {told}.")


def explain(error: BaseException) -> str:
    """Say where an error in what people write is, and what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    theirs = [
        f"{here().name(Path(file))}, line {line}: "
        for file, line in places
        if here().code in Path(file).parents
    ]
    reason = " ".join(str(error).split())[:300].removesuffix(".")
    return f"{theirs[-1] if theirs else ''}{type(error).__name__}: {reason}."


def written(name: str) -> str:
    """Return what people have written of a model, without the hints in comments."""
    file = pages() / f"{name}.md"
    text = file.read_text("utf-8") if file.exists() else ""
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def unanswered(name: str) -> list[str]:
    """List the sections of a model's page that still say nothing.

    Args:
        name: The model's name.

    Returns:
        Their titles; an empty one if the page has no sections.
    """
    sections = re.split(r"^## +", written(name), flags=re.MULTILINE)[1:]
    parts = [section.partition("\n") for section in sections]
    return [title for title, _, text in parts if not text.strip()] if parts else [""]
