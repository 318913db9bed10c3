"""Write a model with its test and its page, in the shape of the others.

Managed by Twobus: change it by a pull request to the template.
"""

import keyword
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from math import exp
from pathlib import Path
from string import Template
from typing import Any

from ... import models, tables
from ...data import names as table_names
from ...settings import ROOT
from .declaration import PAGES, ModelError, contract
from .rows import closed_list

Groups = Mapping[str, list[str]]

NAME = re.compile(r"[a-z](_?[a-z0-9])*")
LONGEST = 40
# What Windows does not let a file be called.
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)\d")
# What becomes of each group of columns that a model can learn from.
STEPS = {
    "CATEGORIES": 'OneHotEncoder(handle_unknown="ignore"), CATEGORIES',
    "NUMBERS": "make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS",
    "FLAGS": '"passthrough", FLAGS',
    "TIMES": "make_pipeline(SimpleImputer(), StandardScaler()), "
    '[f"{time}_{part}" for time in TIMES for part in PARTS]',
}
# The invented table: its columns by group, the values of one, and how many rows.
INVENTED = {"KEY": ["offer"], "CATEGORIES": ["channel"], "NUMBERS": ["amount"]}
CHANNELS = ("phone", "shop", "web")
ROWS = 60

MODULE = Template('''\
"""What is `$target`, told from what else a row of `$table` says?

Write here what the answer is for, and why these inputs should tell.
"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..twobus.modelling import Model

$constants
$parts


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """$does

    Args:
        rows: The inputs, one case a row.

    Returns:
        The same rows.
    """
    return $features


MODEL = Model(
    table="$table",
    target="$target",
    $not_used
    inputs=[$inputs],
    features=features,
    estimator=make_pipeline(
        make_column_transformer($steps),
        $estimator,
    ),
    search={"$setting": [0.1, 1, 10]},
    $key
    # Guessing gives $guess: what must it reach before people rely on it?
    metrics={"$metric": $needed},
    trusted=["numpy.dtype"],
)
''')
CLASSIFIER = {
    "estimator": "LogisticRegression(max_iter=1_000)",
    "setting": "logisticregression__C",
    "metric": "balanced_accuracy",
}
REGRESSOR = {"estimator": "Ridge()", "setting": "ridge__alpha", "metric": "r2"}
UNCHANGED = "Return the inputs: add here what they say together."
FROM_TIMES = "Take from each time what comes again, such as the hour of a rush."
TIMES = """rows.drop(columns=TIMES).assign(
        **{
            f"{time}_{part}": getattr(rows[time].dt, part).astype("float64")
            for time in TIMES
            for part in PARTS
        }
    )"""
TEST = Template('''\
"""The features of a row depend on nothing but that row."""

import pandas as pd

from $package.data import read
from $package.models.$name import MODEL, features
from $package.twobus.modelling.rows import conform


def test_a_row_has_the_same_features_alone_as_among_others() -> None:
    rows = conform(read(MODEL.table).to_pandas().head(10), MODEL)
    alone = [features(rows.iloc[[position]]) for position in range(len(rows))]
    pd.testing.assert_frame_equal(pd.concat(alone), features(rows))
''')
PAGE = Template("""\
# $name

Tells `$target` from what else a row of `$table` says.

## Intended use

<!-- Who decides what by these predictions, about whom or what, and where? -->

## Not for

<!-- For which decisions, people or places are they not meant? -->

## Limits

<!-- What is missing in the data, or wrong with it, and whom does that hurt? -->
""")
TABLE = Template('''\
"""Offers that were invented for a first model: replace them by a table of yours.

Write here where the data comes from, and keep a small sample of it beside this file.
"""

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `$name`: an offer, and what became of it; amounts in euros."""

    offer: str = pa.Field(unique=True)
    channel: str = pa.Field(isin=["phone", "shop", "web"])
    amount: float = pa.Field(ge=0, nullable=True)
    outcome: str = pa.Field(isin=["lost", "won"])

    class Config:
        """A column that is not listed here breaks the contract."""

        strict = True
''')


def new_model(name: str, table: str = "", target: str = "") -> None:
    """Write a model's module, its test and its page: all of them or none.

    Args:
        name: What it will be called.
        table: The table that it learns from; without it, the table of the same name,
            which is invented where there is none.
        target: The column that it predicts; without it, the table's last one.

    Raises:
        SystemExit: With a sentence, if that cannot be done.
    """
    try:
        files = _files(name, table, target)
        _write(files)
    except (ModelError, OSError) as error:
        raise SystemExit(str(error)) from None
    names = [file.relative_to(ROOT).as_posix() for file in files]
    print("Written:", *names, sep="\n  ")
    if Path(tables.__path__[0]) / f"{name}.csv" in files:
        print(f"These rows are invented: put yours there and to data/raw/{name}.csv.")
    print(f"Next:\n  uv run poe check\n  uv run poe train {name}")
    print(f"To promote it, say first in docs/models/{name}.md what it is for.")


def _files(name: str, table: str, target: str) -> dict[Path, str]:
    """Return what is to be written, file by file.

    Raises:
        ModelError: If a name is taken, unknown or none.
    """
    module = Path(models.__path__[0]) / f"{name}.py"
    test, page = ROOT / "tests" / f"test_{name}.py", PAGES / f"{name}.md"
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ModelError(
            "Name it by a-z, 0-9 and single underscores, beginning with a letter, at "
            f"most {LONGEST} of them: penguin_sex, for example."
        )
    python = keyword.iskeyword(name) or name in sys.stdlib_module_names
    if python or DEVICE.fullmatch(name) or name.startswith("test_"):
        raise ModelError(
            f"Choose another name, such as {name.removeprefix('test_')}_model: {name} "
            "means something to Python, pytest or Windows."
        )
    if taken := [file for file in (module, test, page) if file.exists()]:
        there = taken[0].relative_to(ROOT).as_posix()
        raise ModelError(f"Choose another name: {there} is there already.")
    files = {}
    table = table or (name if name in table_names() else "")
    if table:
        target, classes, groups = _columns(table, target)
    elif target:
        raise ModelError(f"Name the table that has the column {target!r} by --table.")
    else:
        table, target, classes, groups = name, "outcome", 2, INVENTED
        place = Path(tables.__path__[0])
        files[place / f"{name}.py"] = TABLE.substitute(name=name)
        files[place / f"{name}.csv"] = _sample()
    said = {"name": name, "package": __package__.split(".")[0]}
    said |= {"table": table, "target": target}
    shape = _shape(classes, groups)
    return {
        module: _tidy(MODULE.substitute(said, **shape)),
        test: _tidy(TEST.substitute(said)),
        page: PAGE.substitute(said),
        **files,
    }


def _columns(table: str, target: str) -> tuple[str, int, Groups]:
    """Return the target of a table, its number of classes, and the other columns.

    Raises:
        ModelError: If there is no such column, or it cannot be predicted.
    """
    columns = contract(table).columns
    target = target or list(columns)[-1]
    if target not in columns:
        raise ModelError(
            f"The table {table!r} has no column {target!r}, only {', '.join(columns)}."
        )
    groups: dict[str, list[str]] = {}
    for column in columns.values():
        if column.name != target:
            groups.setdefault(_group(column), []).append(column.name)
    if _group(columns[target]) not in ("CATEGORIES", "NUMBERS", "FLAGS"):
        raise ModelError(
            f"{target!r} is neither a number nor one of several values: name another "
            f"column of {table!r} by --target."
        )
    if not STEPS.keys() & groups.keys():
        raise ModelError(f"No column of {table!r} could tell {target!r}.")
    kind = columns[target].dtype.type
    listed = len(closed_list(columns[target]))
    number = kind.is_numeric() and not kind.is_boolean() and not listed
    return target, 0 if number else listed or 2, groups


def _group(column: Any) -> str:
    kind = column.dtype.type
    if column.unique:
        return "KEY"
    if kind.is_boolean():
        return "CATEGORIES" if column.nullable else "FLAGS"
    if kind.is_string() or closed_list(column):
        return "CATEGORIES"
    if kind.is_timestamp() or kind.is_date():
        return "TIMES"
    return "NUMBERS" if kind.is_numeric() else "OTHERS"


def _shape(classes: int, groups: Groups) -> dict[str, str]:
    """Return those parts of a module that depend on the columns."""
    used = [group for group in STEPS if group in groups]
    others = ", ".join(groups.get("OTHERS", []))
    guess = round(1 / classes, 2) if classes else 0
    times = "TIMES" in used
    return (CLASSIFIER if classes else REGRESSOR) | {
        "constants": "\n".join(f"{group} = {groups[group]!r}" for group in used),
        "parts": 'PARTS = ["month", "day_of_week", "hour"]' if times else "",
        "does": FROM_TIMES if times else UNCHANGED,
        "features": TIMES if times else "rows",
        "not_used": f"# Not used: {others}." if others else "",
        "inputs": ", ".join(f"*{group}" for group in used),
        "steps": ", ".join(f"({STEPS[group]})" for group in used),
        "key": f"key={groups['KEY']!r}," if "KEY" in groups else "",
        "guess": str(guess),
        "needed": str(round(guess + 0.1, 2)),
    }


def _sample() -> str:
    """Return invented rows, the same ones each time."""
    chance = random.Random(0)
    lines = ["offer,channel,amount,outcome"]
    for number in range(1, ROWS + 1):
        channel, amount = number % len(CHANNELS), round(1_000 * chance.random())
        odds = exp(4 - amount / 100 + 2 * channel)
        outcome = "won" if chance.random() < odds / (1 + odds) else "lost"
        told = "" if number % 20 == 0 else amount
        lines.append(f"offer-{number:02},{CHANNELS[channel]},{told},{outcome}")
    return "\n".join(lines) + "\n"


def _tidy(code: str) -> str:
    """Return code without the imports that it does not need, formatted."""
    fix = ["check", "--quiet", "--fix-only", "--select=F401"]
    for task in (fix, ["format", "--quiet"]):
        code = subprocess.run(
            [sys.executable, "-m", "ruff", *task, "--stdin-filename", "new.py", "-"],
            cwd=ROOT,
            input=code,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
    return code


def _write(files: Mapping[Path, str]) -> None:
    """Write new files; where one fails, none stays.

    Raises:
        OSError: If one cannot be written.
    """
    written = []
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                written.append(file)
                stream.write(text)
    except OSError:
        for file in written:
            file.unlink()
        raise
