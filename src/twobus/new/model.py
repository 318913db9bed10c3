"""Write a model with its test and its page, in the shape of the others."""

import os
import random
import sys
import textwrap
from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from unittest.mock import patch

import pandas as pd

from twobus.data import DataError, source
from twobus.models.columns import ModelError, closed_list, contract
from twobus.models.declaration import pages
from twobus.new.files import check_name, fill, tidy, write
from twobus.new.proposal import FEW, Proposal, propose
from twobus.project import here
from twobus.tasks import task

# What ruff corrects in new code: a project's own room is imported elsewhere.
SORTED = "F401,I"
# What becomes of each group of columns that a model can learn from; LAGS are numbers.
FILLED = "SimpleImputer(keep_empty_features=True)"
STEPS = {
    "CATEGORIES": 'OneHotEncoder(handle_unknown="ignore")',
    "NUMBERS": f"make_pipeline({FILLED}, StandardScaler())",
    "LAGS": FILLED,
}
# One of many categories that are rare is one of the others.
MANY = 'OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)'
# The invented table: channels, and how many rows.
CHANNELS = ("phone", "shop", "web")
ROWS = 60
# Of a table, so many rows say what it is.
LOOKED_AT = 100_000
INVENTED = Proposal(
    "outcome",
    classes=["lost", "won"],
    positive="won",
    key=["offer"],
    groups={"CATEGORIES": ["channel"], "NUMBERS": ["amount"]},
)
# By whether it tells classes, and whether it reads texts: a forest needs no scales and
# learns what is not straight; of thousands of words a line is better.
ESTIMATORS = {
    (True, False): "RandomForestClassifier(min_samples_leaf=5)",
    (False, False): "RandomForestRegressor(min_samples_leaf=5)",
    (True, True): "LogisticRegression(C=10, max_iter=1_000)",
    (False, True): "Ridge(alpha=0.1)",
}
SETTINGS = {
    "RandomForestClassifier": ("min_samples_leaf", "[1, 5, 20]"),
    "RandomForestRegressor": ("min_samples_leaf", "[1, 5, 20]"),
    "LogisticRegression": ("C", "[0.1, 1, 10]"),
    "Ridge": ("alpha", "[0.1, 1, 10]"),
}


@task
def new_model(
    name: str,
    table: str = "",
    target: str = "",
    key: str = "",
    time: str = "",
    positive: str = "",
) -> None:
    """Write a model's module, its test and its page: all of them or none.

    What nobody says is proposed from the table's contract and its rows. In a terminal
    it asks where that does not tell; elsewhere it takes what is likely, and says so.

    Args:
        name: What it will be called.
        table: The table that it learns from; without it, the table of the same name,
            which is invented where there is none.
        target: The column that it predicts.
        key: The columns that tell whose a row is, with commas between; `none` for none.
        time: The column of times; `none` for none.
        positive: Of two classes, the one that metrics are about.

    Raises:
        SystemExit: With a sentence, if that cannot be done.
    """
    stated = {"target": target, "key": key, "time": time, "positive": positive}
    chooser = Chooser()
    files, proposal = _files(name, table, stated, chooser)
    write(files)
    if proposal.unread:
        print(f"It goes by the sample of the table: {proposal.unread}")
    for column, why in proposal.left.items():
        print(f"No input: {column} {why}.")
    if chooser.guessed:
        guessed = ", ".join(f"--{it} {value}" for it, value in chooser.guessed.items())
        print(f"It could not know, and has taken {guessed}: name others if need be.")
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


class Chooser:
    """Asks in a terminal; elsewhere it takes what is likely.

    Attributes:
        guessed: What was taken without asking, by the option that says otherwise.
    """

    def __init__(self) -> None:
        """Begin with nothing guessed."""
        self.guessed: dict[str, str] = {}

    def __call__(self, what: str, known: Sequence[str], likely: str) -> str:
        """Return one of several columns or values.

        Args:
            what: What it is for: the option of that name.
            known: Which there are.
            likely: Which one is likely.

        Raises:
            ModelError: If the terminal ends before it has answered.
        """
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            self.guessed[what] = likely
            return likely
        print(f"{what}: {', '.join(known)}")
        while True:
            try:
                said = input(f"Which is the {what}? [{likely}] ").strip() or likely
            except EOFError:
                raise ModelError(f"Nothing was written: no {what} was named.") from None
            if said in known:
                return said
            print(f"There is no {said!r}.")


def _files(
    name: str, table: str, stated: Mapping[str, str], chooser: Chooser
) -> tuple[dict[Path, str], Proposal]:
    """Return what is to be written, file by file, and what it rests on.

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
    others = [f"from {room}.rows import conform", f"from {room}.series import lagged"]
    if own:
        said["own"] = f"from {package}.data import read\n"
    else:
        others.append(f"from {owner} import read")
    said["others"] = "\n".join(sorted(others)) + "\n"
    files = {}
    table = table or (name if name in source().names() else "")
    if table:
        columns = contract(table).columns
        rows, unread = _rows(table, columns)
        found = propose(table, columns, rows, stated, chooser)
        found.unread = unread
    elif not own:
        known = ", ".join(source().names()) or "none yet"
        raise ModelError(f"Name a table of {owner} by --table: {known}.")
    elif named := next(filter(None, stated.values()), ""):
        raise ModelError(f"Name the table that has {named!r} by --table.")
    else:
        table, columns, found = name, {}, INVENTED
        contract_file = here().code / "tables" / f"{name}.py"
        files[contract_file] = fill("invented_table.py", said)
        files[here().code / "tables" / f"{name}.csv"] = _sample()
    said |= {"table": table, **_shape(found, columns)}
    written = {
        module: tidy(fill("model.py", said), SORTED),
        test: tidy(fill("test.py", said), SORTED),
        page: fill("page.md", said),
        **files,
    }
    return written, found


def _rows(table: str, columns: Mapping[str, object]) -> tuple[pd.DataFrame, str]:
    """Return rows of a table, and why they are not its own.

    They are its own, else those of its sample, else none. A sample that was invented
    has the types of the rows, and nothing else of them.
    """
    try:
        return source().read(table).limit(LOOKED_AT).to_pandas(), ""
    except DataError as error:
        unread = str(error)
    try:
        with patch.dict(os.environ, DATA_URL="samples"):
            return source().read(table).to_pandas(), unread
    except DataError as error:
        print(f"Only the contract of {table} is known: {error}", file=sys.stderr)
        return pd.DataFrame({name: [] for name in columns}), ""


def _shape(found: Proposal, columns: Mapping[str, object]) -> dict[str, str]:
    """Return those parts of a module that depend on the columns."""
    groups = {name: found.groups[name] for name in STEPS if name in found.groups}
    if found.step:
        groups["LAGS"] = [f"{found.target}_{found.step}_before"]
    steps = [f"({_step(it, groups[it], columns)}, {it})" for it in groups]
    texts = found.groups.get("TEXTS", [])
    steps += [f"(TfidfVectorizer(), {it!r})" for it in texts]
    inputs = [f"*{it}" for it in groups if it != "LAGS"] + [repr(it) for it in texts]
    estimator = ESTIMATORS[bool(found.classes), bool(texts)]
    kind = estimator.partition("(")[0]
    setting, tried = SETTINGS[kind]
    blank = dict.fromkeys(found.gaps, "")
    left = ", ".join(" ".join(it.split()) for it in found.left)
    wrapped = textwrap.wrap(f"Not used: {left}.", 78, break_on_hyphens=False)
    guess, metrics = _metrics(found)
    return {
        "target": repr(found.target),
        "said": _plain(found.target),
        "columns": "\n".join(f"{it} = {names!r}" for it, names in groups.items()),
        "rows": f"rows.fillna({blank!r})" if blank else "rows",
        "not_used": "\n    ".join(f"# {it}" for it in wrapped) if left else "",
        "inputs": ", ".join(inputs),
        "steps": ", ".join(steps),
        "estimator": estimator,
        "setting": f"{kind.lower()}__{setting}",
        "tried": tried,
        "trusted": "" if texts else "trusted=['sklearn.tree._tree.Tree'],",
        "whose": _named("key", found.key) + _named("series", found.series),
        "in_time": _in_time(found),
        "guess": guess,
        "metrics": metrics,
        "positive": "" if found.positive is None else f"positive={found.positive!r},",
    }


def _step(group: str, names: Sequence[str], columns: Mapping[str, object]) -> str:
    """Return what becomes of a group of columns."""
    listed = [len(closed_list(columns[it])) for it in names if it in columns]
    return (
        MANY if group == "CATEGORIES" and max(listed, default=0) > FEW else STEPS[group]
    )


def _plain(text: str) -> str:
    """Return a column's name for a docstring, short and without what would end it."""
    short = " ".join(text.split())
    short = short if len(short) <= 20 else f"{short[:20]}…"
    return short.replace("\\", "/").replace('"', "'")


def _named(what: str, columns: Sequence[str]) -> str:
    return f"{what}={[*columns]!r}," if columns else ""


def _in_time(found: Proposal) -> str:
    if not found.time:
        return ""
    if not found.step:
        return f"time={found.time!r},"
    return (
        f"time={found.time!r},\n    # How far ahead must it predict?\n"
        f"    gap={found.step!r},\n    lags=[{found.step!r}],"
    )


def _metrics(found: Proposal) -> tuple[str, str]:
    """Return what guessing gives, and the metrics with what is needed of them."""
    if not found.classes:
        return "0", '"r2": 0.1'
    guess = round(1 / len(found.classes), 2)
    metrics = f'"balanced_accuracy": {guess + 0.1:.2f}'
    if len(found.classes) == 2:
        metrics += f', "average_precision": {found.share:.2f}'
    return str(guess), metrics


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
