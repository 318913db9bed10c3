"""Measure what training and batches cost beside plain scikit-learn.

Each side is a process of its own, in turns: the same table, features, estimator, folds
and metrics.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_models import row
from inside import inside

from template import commit, environment, render, snapshot

ROUNDS = 3
ROWS = 1_500_000
NAME = "loans"
TABLE = '''"""Loans, invented."""

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `loans`."""

    loan: int
    region: str = pa.Field(isin=["north", "south", "west"])
    income: float = pa.Field(ge=0)
    amount: float = pa.Field(ge=0)
    age: int = pa.Field(in_range={"min_value": 18, "max_value": 99})
    rate: float
    months: int
    debts: float = pa.Field(nullable=True)
    paid: bool
'''
MODEL = '''"""Whether a loan is paid back."""

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from twobus.models import Model

MODEL = Model(
    table="loans",
    target="paid",
    key=["loan"],
    inputs=["region", "income", "amount", "age", "rate", "months", "debts"],
    estimator=make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["region"]), remainder="passthrough"
        ),
        HistGradientBoostingClassifier(random_state=0),
    ),
    metrics={"roc_auc": 0.6, "accuracy": 0.5, "neg_log_loss": -0.7},
    trusted=[
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "numpy.dtype",
    ],
)
'''


def prepare(template: Path, project: Path, rows: int = ROWS) -> Path:
    """Make a project with a table of many rows."""
    render(template, project, kind="model")
    code = next(project.glob("src/*/models"))
    (code / f"{NAME}.py").write_text(MODEL, "utf-8")
    (code.with_name("tables") / f"{NAME}.py").write_text(TABLE, "utf-8")
    page = project / "docs" / "models" / f"{NAME}.md"
    page.write_text("# loans\n\n## Intended use\n\nMeasure.\n", "utf-8")
    table = invented(rows)
    raw = project / "data" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    table.to_parquet(raw / f"{NAME}.parquet")
    table.head(100).to_csv(code.with_name("tables") / f"{NAME}.csv", index=False)
    (project / "uv.lock").touch()
    commit(project)
    return project


def invented(rows: int) -> pd.DataFrame:
    """Return rows that can be learned from, a little."""
    random = np.random.default_rng(0)
    income, amount = random.lognormal(10, 0.5, rows), random.lognormal(8, 1, rows)
    debts = np.where(random.random(rows) < 0.1, np.nan, random.lognormal(7, 1, rows))
    odds = np.log(income / amount) / 2 + random.normal(size=rows)
    return pd.DataFrame(
        {
            "loan": np.arange(rows),
            "region": random.choice(["north", "south", "west"], rows),
            "income": income,
            "amount": amount,
            "age": random.integers(18, 100, rows),
            "rate": random.normal(5, 1, rows),
            "months": random.integers(6, 120, rows),
            "debts": debts,
            "paid": odds > 1,
        }
    )


def train() -> None:
    """Train as `poe train` does."""
    from twobus.models import tasks

    tasks.train([NAME])


def train_plainly() -> None:
    """Fit, cross-validate and judge by scikit-learn alone, and keep the result."""
    import skops.io
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import GroupKFold, GroupShuffleSplit, cross_validate

    model, rows = declared()
    metrics = [*model.metrics]
    part = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    ((learned, judged),) = part.split(rows, groups=rows["loan"])
    training, held_out = rows.iloc[learned], rows.iloc[judged]
    given = training[[*model.inputs]]
    fitted = model.estimator.fit(given, training["paid"])
    folds = GroupKFold(5)
    cross_validate(
        model.estimator,
        given,
        training["paid"],
        groups=training["loan"],
        cv=folds,
        scoring=metrics,
    )
    for metric in metrics:
        get_scorer(metric)(fitted, held_out[[*model.inputs]], held_out["paid"])
    with tempfile.TemporaryDirectory() as place:
        skops.io.dump(fitted, Path(place) / "model.skops")


def predict() -> None:
    """Predict the table as `poe predict` does."""
    from twobus.models import tasks

    tasks.predict(NAME)


def predict_plainly() -> None:
    """Load the same fitted object, predict, and write a file."""
    import skops.io

    model, rows = declared()
    file, *_ = Path().glob("registry/files/*/artifacts/version/model/model.skops")
    fitted = skops.io.load(file, trusted=[*model.trusted])
    given = rows[[*model.inputs]]
    rows["predicted"] = fitted.predict(given)
    rows[["no", "yes"]] = fitted.predict_proba(given)
    rows.to_parquet("data/processed/plain.parquet")


def declared() -> tuple[Any, pd.DataFrame]:
    """Return the model, and its table as pandas reads it."""
    from twobus.models.declaration import find

    return find(NAME), pd.read_parquet(f"data/raw/{NAME}.parquet")


def measured(action: str, project: Path) -> tuple[float, float]:
    """Return seconds and the greatest memory in MB of an action, with its imports."""
    start = time.perf_counter()
    words = [sys.executable, __file__, action, str(project)]
    done = subprocess.run(
        words, env=environment(), cwd=project, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{action} failed:\n{done.stdout}{done.stderr}")
    peak = json.loads(done.stdout.splitlines()[-1])
    return time.perf_counter() - start, peak / 1024


def training(template: Path, work: Path) -> None:
    """Print a table: ours beside plain scikit-learn."""
    project = prepare(template, work / "training")
    lines = []
    for what, ours, plain in (
        ("training", "train", "train_plainly"),
        ("batch", "predict", "predict_plainly"),
    ):
        pairs = [
            (measured(ours, project), measured(plain, project)) for _ in range(ROUNDS)
        ]
        if what == "training":
            _promote(project)
        for place, unit in ((0, "s"), (1, "MB")):
            both = [(one[place], other[place]) for one, other in pairs]
            lines += [
                row(f"{what} of {ROWS:,} rows", [it for it, _ in both], unit, 1),
                row(
                    f"{what} / plain, {'time' if unit == 's' else 'memory'}",
                    [one / other for one, other in both],
                ),
            ]
    print(f"| what | median of {ROUNDS} | from - to |")
    print("|---|---|---|")
    print("\n".join(lines))


def _promote(project: Path) -> None:
    from twobus.models import registry

    with inside(project), redirect_stdout(sys.stderr):
        registry.promote(NAME, registry.versions(NAME)[0])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        action, place = sys.argv[1:]
        with inside(Path(place)), redirect_stdout(sys.stderr):
            globals()[action]()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    else:
        with tempfile.TemporaryDirectory() as name:
            training(snapshot(Path(name) / "twobus"), Path(name))
