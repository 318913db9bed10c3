"""Try settings of an estimator, on this machine's cores or on others'."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pandas as pd
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from twobus.data import source
from twobus.models.declaration import Model, ModelError, explain, find
from twobus.models.fitting import learn, routed, seeded, weighted
from twobus.models.metrics import check, scorer
from twobus.models.rows import conform, features
from twobus.models.split import folds, split


def search(name: str, scheduler: str = "", seed: int = 0) -> pd.DataFrame:
    """Cross-validate each combination of a model's `search` on its training part.

    Args:
        name: The model's name.
        scheduler: The address of a Dask scheduler; empty for this machine.
        seed: What every random choice follows from.

    Returns:
        One row a combination, the best first: its settings, and the mean and the
        standard deviation over the folds of the model's first metric; where one has
        no value, a column says why.

    Raises:
        ModelError: If it declares no search, there is no such scheduler, or no setting
            has a value.
    """
    model = find(name)
    if not model.search:
        raise ModelError(f"models/{name}.py names no settings to try in `search`.")
    metric = next(iter(model.metrics))
    with _workers(scheduler), routed(model):
        rows = source().read(model.table, check=True).to_pandas()
        training = split(model, rows).training
        check(model, training[model.target])
        grid = GridSearchCV(
            seeded(model, seed, training),
            dict(model.search),
            scoring=scorer(model, metric, training),
            cv=folds(model, training, seed),
            refit=False,
        )
        given = features(model, conform(training, model))
        grid.fit(given, training[model.target], **weighted(model, training))
        scores = pd.DataFrame(grid.cv_results_)
        # scikit-learn goes on after whatever fails.
        failed = scores[scores["mean_test_score"].isna()]
        whys = {at: _why(model, grid, failed.loc[at], training) for at in failed.index}
    found = pd.DataFrame(scores["params"].tolist())
    found[metric] = scores["mean_test_score"]
    if len(failed) == len(found):
        raise ModelError(f"{metric} has no value for any setting of {name}: {whys[0]}")
    found["standard deviation over folds"] = scores["std_test_score"]
    if whys:
        found["why not"] = pd.Series(whys).reindex(found.index, fill_value="")
    return found.sort_values(metric, ascending=False, ignore_index=True)


def _why(model: Model, grid: Any, tried: pd.Series, training: pd.DataFrame) -> str:
    """Return why settings have no value, by the first fold that has none, once more.

    What happens in a worker is known there alone.
    """
    names = [f"split{number}_test_score" for number in range(len(grid.cv))]
    learned, judged = grid.cv[int(tried[names].isna().to_numpy().argmax())]
    reasons: list[str] = []
    judge = scorer(model, next(iter(model.metrics)), training, reasons)
    rows, others = training.iloc[learned], training.iloc[judged]
    try:
        estimator = clone(grid.estimator).set_params(**tried["params"])
        fitted = learn(model, estimator, rows)
        given = features(model, conform(others, model))
        judge(fitted, given, others[model.target])
    except ModelError as error:
        return str(error)
    except Exception as error:
        # What people write can fail in any way.
        return explain(error)
    return " ".join(reasons) or "it failed once, and not again"


@contextmanager
def _workers(scheduler: str) -> Iterator[None]:
    if not scheduler:
        with parallel_config("loky", n_jobs=-1):
            yield
        return
    try:
        # Not installed, nor known to a checker of types, but with the extra `dask`.
        client = import_module("distributed").Client(scheduler, timeout="10s")
    except ImportError:
        reason = "Dask is not installed: uv sync --extra dask installs it."
        raise ModelError(reason) from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No Dask scheduler answers at {scheduler} ({error})."
        ) from None
    with client, parallel_config("dask"):
        yield
