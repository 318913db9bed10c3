"""Try settings of an estimator, on this machine's cores or on others'."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pandas as pd
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from twobus.data import source
from twobus.models.declaration import ModelError, find
from twobus.models.facts import seeded
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
        standard deviation over the folds of the model's first metric.

    Raises:
        ModelError: If it declares no search, there is no such scheduler, or no setting
            has a value.
    """
    model = find(name)
    if not model.search:
        raise ModelError(f"models/{name}.py names no settings to try in `search`.")
    metric = next(iter(model.metrics))
    with _workers(scheduler):
        rows = source().read(model.table, check=True).to_pandas()
        training = split(model, rows).training
        check(model, training[model.target])
        grid = GridSearchCV(
            seeded(model, seed),
            dict(model.search),
            scoring=scorer(model, metric, training),
            cv=folds(model, training, seed),
            refit=False,
        )
        grid.fit(features(model, conform(training, model)), training[model.target])
    scores = grid.cv_results_
    found = pd.DataFrame(scores["params"])
    found[metric] = scores["mean_test_score"]
    if found[metric].isna().all():
        # scikit-learn goes on after whatever fails.
        raise ModelError(
            f"{metric} has no value for any setting of {name}: uv run poe train {name} "
            "says why."
        )
    found["standard deviation over folds"] = scores["std_test_score"]
    return found.sort_values(metric, ascending=False, ignore_index=True)


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
