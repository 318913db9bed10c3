"""What `uv run poe train`, `evaluate`, `promote` and the others do."""

import sys
from collections.abc import Callable
from pathlib import Path

from twobus import git
from twobus.data import source
from twobus.models import declaration
from twobus.models.declaration import ModelError, find
from twobus.project import here
from twobus.tasks import task


@task
def train(names: list[str] | None = None, seed: int = 0) -> None:
    """Train models, each as its next version, and say how to promote it.

    Args:
        names: Which; all if it is empty.
        seed: What every random choice follows from.

    Raises:
        SystemExit: With a sentence, if one cannot be trained.
    """
    # What git refuses to say is asked before hours of training, not after them.
    git.head(here().root)
    from twobus.models import registry, training
    from twobus.models.card import table
    from twobus.models.gate import objections

    for name in _chosen(names):
        number = training.train(name, seed, _say(name))
        version = registry.fetch(name, number)
        print(f"\n{name}, version {number}\n\n{table(version.scores)}\n")
        if reasons := objections(version):
            print("\n- ".join(["It cannot be promoted:", *reasons]))
        else:
            print(f"uv run poe promote {name} {number}")


@task
def evaluate(names: list[str] | None = None) -> None:
    """Judge the versions that serve by what is held out of the table as it is now.

    Where none was promoted, it is the newest one.

    Args:
        names: Which models; all if it is empty.

    Raises:
        SystemExit: With a sentence, if one cannot be judged or is not good enough.
    """
    from twobus.models import registry, scores
    from twobus.models.card import table
    from twobus.models.split import split

    low = []
    for name in _chosen(names):
        champion = registry.champion(name)
        version = registry.fetch(name, champion or _newest(name))
        which = f"{name}, version {version.number}"
        role = "which serves" if champion else "the newest: none was promoted"
        if version.facts.get("refitted"):
            # It has learned from what is held out.
            found = list(version.scores)
            role += "; it was judged before it learned from all rows (refit)"
        else:
            rows = source().read(version.model.table, check=True).to_pandas()
            parts = split(version.model, rows)
            found = scores.evaluate(version.model, version.fitted, parts)
        print(f"\n{which}, {role}\n\n{table(found)}")
        low += [f"{which}: {it.missed}." for it in found if it.missed]
    if low:
        raise ModelError("\n".join(low))


@task
def tune(name: str, dask: str = "") -> None:
    """Try a model's `search` on the training part, and print the best settings.

    Args:
        name: The model.
        dask: The address of a Dask scheduler that lends its machines; else the
            cores of this one are used.

    Raises:
        SystemExit: With a sentence, if there is nothing to try.
    """
    from twobus.models.search import search

    print(search(name, dask).to_string(index=False))
    print(f"\nWrite what you choose into models/{name}.py.")


@task
def predict(
    name: str, table: str = "", output: str = "", most_aside: float = 0.05
) -> None:
    """Predict every row of a table by a model's promoted version.

    Rows that cannot be predicted are set aside in a file beside, with the reasons.

    Args:
        name: The model.
        table: A table that has the model's inputs; the model's own by default.
        output: The Parquet file to write; data/processed/NAME.parquet by default, or
            NAME-TABLE.parquet for another table.
        most_aside: What share of the rows may be set aside.

    Raises:
        SystemExit: With a sentence, if no version is promoted, or too many rows cannot
            be predicted.
    """
    from twobus.models import batch

    called = f"{name}-{table}" if table else name
    file = Path(output or here().data / "processed" / f"{called}.parquet")
    done = batch.predict_table(name, file, table, most_aside)
    print(f"{done.rows - done.aside:,} predictions in {here().name(file)}")
    if done.aside:
        print(
            f"{done.aside:,} rows are set aside in {here().name(batch.beside(file))}: "
            f"{done.reasons}",
            file=sys.stderr,
        )


@task
def promote(name: str, version: int) -> None:
    """Let a version serve.

    Raises:
        SystemExit: With a sentence, if it must not.
    """
    from twobus.models import registry, store

    declaration.known(name)
    registry.promote(name, version)
    print(f"{name} is served by version {version} from the next start on.")
    if store.embedded():
        print(
            "This registry is a folder of this computer, which nobody else can "
            "use: docs/MODELS.md tells how to move to a server."
        )


@task
def rollback(name: str) -> None:
    """Let the version serve again that did so before.

    Raises:
        SystemExit: With a sentence, if there is none.
    """
    from twobus.models import registry

    declaration.known(name)
    print(f"{name} is served by version {registry.rollback(name)} again.")


@task
def card(names: list[str] | None = None) -> None:
    """Write the cards of the promoted, else of the newest versions to reports/models.

    Raises:
        SystemExit: With a sentence for each model that was never trained, once all
            other cards are written.
    """
    from twobus.models import registry

    chosen = _chosen(names)
    untrained = [name for name in chosen if not registry.versions(name)]
    for name in chosen:
        if name in untrained:
            continue
        version = registry.fetch(name, registry.champion(name) or _newest(name))
        file = here().reports / "models" / f"{name}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(version.card, "utf-8")
        print(f"{name}, version {version.number}: {here().name(file)}")
    if untrained:
        raise ModelError("\n".join(map(_never_trained, untrained)))


def _chosen(names: list[str] | None) -> list[str]:
    chosen = names or declaration.names()
    if not chosen:
        raise ModelError("There is no model yet: uv run poe new-model NAME makes one.")
    for name in chosen:
        find(name)
    return chosen


def _newest(name: str) -> int:
    from twobus.models import registry

    if not (known := registry.versions(name)):
        raise ModelError(_never_trained(name))
    return known[0]


def _never_trained(name: str) -> str:
    return f"{name} was never trained: uv run poe train {name}"


def _say(name: str) -> Callable[[str], None]:
    """Return what shows each step as it begins."""
    return lambda step: print(f"{name}: {step}", file=sys.stderr, flush=True)
