"""Write a model with its test and its page, in the shape of the others."""

import random
from collections.abc import Mapping
from math import exp
from pathlib import Path
from typing import Any

from twobus.data import source
from twobus.models.columns import ModelError, closed_list, contract
from twobus.models.declaration import pages
from twobus.new.files import check_name, fill, tidy, write
from twobus.project import here
from twobus.tasks import task

# What ruff corrects in new code: a project's own room is imported elsewhere.
SORTED = "F401,I"
# What becomes of each group of columns that a model can learn from.
STEPS = {
    "CATEGORIES": 'OneHotEncoder(handle_unknown="ignore")',
    "NUMBERS": "make_pipeline(SimpleImputer(), StandardScaler())",
}
# The columns of the invented table but for its target, the values of one, its rows.
INVENTED = {"KEY": ["offer"], "CATEGORIES": ["channel"], "NUMBERS": ["amount"]}
CHANNELS = ("phone", "shop", "web")
ROWS = 60
CLASSIFIER = {
    "estimator": "LogisticRegression(max_iter=1_000)",
    "setting": "logisticregression__C",
    "metric": "balanced_accuracy",
}
REGRESSOR = {"estimator": "Ridge()", "setting": "ridge__alpha", "metric": "r2"}


@task
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
    files = _files(name, table, target)
    write(files)
    if table and not target:
        print("It predicts the last column: --target names another.")
    sample = here().code / "tables" / f"{name}.csv"
    # Training reads what DATA_URL names, where an invented table is not.
    first = "uv run poe check"
    if sample in files:
        print("The table is invented, to try the model with. Rows of yours replace it.")
        first = f"cp {here().name(sample)} data/raw/"
    print(f"Next:\n  {first}\n  uv run poe train {name}")
    print(
        "What is to be promoted needs a commit before it is trained, and words in "
        f"docs/models/{name}.md on what it is for."
    )


def _files(name: str, table: str, target: str) -> dict[Path, str]:
    """Return what is to be written, file by file.

    Raises:
        ModelError: If a table or column is unknown, or of no use.
        NewFileError: If the name cannot be one.
    """
    module = here().code / "models" / f"{name}.py"
    test, page = here().root / "tests" / f"test_{name}.py", pages() / f"{name}.md"
    check_name(name, "model", "penguin_sex")
    package, owner = here().package, here().source.partition(".")[0]
    own = owner == package
    room = here().room("models")
    said = {"name": name, "package": package, "own": "", "room": room}
    others = [f"from {room}.rows import conform"]
    if own:
        said["own"] = f"from {package}.data import read\n"
    else:
        others.append(f"from {owner} import read")
    said["others"] = "\n".join(sorted(others)) + "\n"
    files = {}
    table = table or (name if name in source().names() else "")
    if table:
        target, classes, groups = _columns(table, target)
    elif not own:
        known = ", ".join(source().names()) or "none yet"
        raise ModelError(f"Name a table of {owner} by --table: {known}.")
    elif target:
        raise ModelError(f"Name the table that has the column {target!r} by --table.")
    else:
        table, target, classes, groups = name, "outcome", 2, INVENTED
        contract_file = here().code / "tables" / f"{name}.py"
        files[contract_file] = fill("invented_table.py", said)
        files[here().code / "tables" / f"{name}.csv"] = _sample()
    said |= {"table": table, "target": target, **_shape(classes, groups)}
    return {
        module: tidy(fill("model.py", said), SORTED),
        test: tidy(fill("test.py", said), SORTED),
        page: fill("page.md", said),
        **files,
    }


def _columns(table: str, target: str) -> tuple[str, int, Mapping[str, list[str]]]:
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
    if _group(columns[target]) not in STEPS:
        raise ModelError(
            f"{target!r} is neither a number nor one of several values: name another "
            f"column of {table!r} by --target."
        )
    groups: dict[str, list[str]] = {}
    for name, column in columns.items():
        if name != target:
            groups.setdefault(_group(column), []).append(name)
    if not STEPS.keys() & groups.keys():
        raise ModelError(f"No column of {table!r} could tell {target!r}.")
    number = _group(columns[target]) == "NUMBERS"
    return target, 0 if number else len(closed_list(columns[target])) or 2, groups


def _group(column: Any) -> str:
    kind = column.dtype.type
    if column.unique:
        return "KEY"
    if kind.is_string() or kind.is_boolean() or closed_list(column):
        return "CATEGORIES"
    return "NUMBERS" if kind.is_numeric() else "OTHERS"


def _shape(classes: int, groups: Mapping[str, list[str]]) -> dict[str, str]:
    """Return those parts of a module that depend on the columns."""
    used = [group for group in STEPS if group in groups]
    others = ", ".join(groups.get("OTHERS", []))
    guess = round(1 / classes, 2) if classes else 0
    return (CLASSIFIER if classes else REGRESSOR) | {
        "columns": "\n".join(f"{group} = {groups[group]!r}" for group in used),
        "not_used": f"# Not used: {others}." if others else "",
        "inputs": ", ".join(f"*{group}" for group in used),
        "steps": ", ".join(f"({STEPS[group]}, {group})" for group in used),
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
