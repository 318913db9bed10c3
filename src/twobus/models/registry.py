"""Keep every version of every model, and say which one serves.

The registry is MLflow's: the folder `registry` of this project, or a server for the
team.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twobus.models import holdout, runs, sealed, store
from twobus.models.anywhere import again
from twobus.models.artifacts import load, save, seal, verify
from twobus.models.declaration import Model, ModelError, find
from twobus.models.gate import objections, prove
from twobus.models.golden import example, repeat
from twobus.models.runs import Finished
from twobus.models.scores import Score
from twobus.models.sentences import sentences


@dataclass(frozen=True)
class Version:
    """A registered version of a model, ready to predict.

    Attributes:
        name: The model's name.
        number: Which version; the first one is 1.
        model: Its declaration: its own, or today's where it was trained before versions
            brought their code along.
        fitted: The fitted estimator.
        facts: What it was made from: see `facts.Facts`.
        scores: What it is worth.
        example: A row of a request, which is nobody's.
        card: Its card, a page of HTML.
    """

    name: str
    number: int
    model: Model
    fitted: Any
    facts: Mapping[str, Any]
    scores: Sequence[Score]
    example: Mapping[str, Any]
    card: str


def register(name: str, made: Finished) -> int:
    """Keep a training as the next version of a model.

    The version appears once all its files are written.

    Args:
        name: The model's name.
        made: The training.

    Returns:
        The number of the version.

    Raises:
        ModelError: If it cannot be written, or could not be read again.
    """
    with tempfile.TemporaryDirectory() as aside, sentences(f"{name} was not kept"):
        files = Path(aside)
        (files / "model").mkdir()
        model = find(name)
        sealed.keep(name, model, files)
        save(name, model, made.fitted, files / "model")
        texts = {
            "facts.json": json.dumps(made.facts, indent=2),
            "scores.json": json.dumps([asdict(it) for it in made.scores], indent=2),
            "golden.json": json.dumps(made.golden, indent=2),
            "card.html": made.card,
            **({"profile.json": json.dumps(made.profile)} if made.profile else {}),
            **({"outputs.json": json.dumps(made.outputs)} if made.outputs else {}),
            holdout.FILE: json.dumps(made.held_out),
        }
        for file, text in texts.items():
            (files / file).write_text(text, "utf-8")
        tags = {"seal": seal(files), "commit": made.facts["commit"]}
        source = runs.write(name, model, made, files)
        again(lambda: _entry(store.title(name)))
        version = store.client().create_model_version(
            store.title(name), source.files, source.run, tags=tags
        )
        _point(name, "challenger", int(version.version))
        return int(version.version)


def versions(name: str) -> list[int]:
    """List the versions of a model, the newest first."""
    if store.embedded() and not (store.folder() / store.DATABASE).exists():
        return []
    with sentences(f"The registry {store.place()} cannot be read"):
        found: list[int] = []
        token = None
        while token is None or token:
            # A server gives some at a time.
            page = store.client().search_model_versions(
                f"name='{store.title(name)}'", page_token=token
            )
            found += (int(version.version) for version in page)
            token = page.token or ""
        return sorted(found, reverse=True)


def champion(name: str, alias: str = "champion") -> int | None:
    """Return the version that serves, if one was promoted; `challenger`: the newest.

    Raises:
        ModelError: If the registry cannot be read, or names no version there.
    """
    model = _registered(name)
    now = model.aliases.get(alias) if model else None
    if now is not None and not str(now).isdecimal():
        again = f"promote {name} NUMBER" if alias == "champion" else f"train {name}"
        raise ModelError(
            f"The alias {alias} of {store.title(name)} in the registry {store.place()} "
            f"is {now!r}, and no version: uv run poe {again} sets it anew."
        )
    return None if now is None else int(now)


def fetch(name: str, number: int) -> Version:
    """Read a version, and see that it still predicts what it did when it was made.

    Args:
        name: The model's name.
        number: Which version.

    Raises:
        ModelError: If there is none, a file is damaged, it holds what is not trusted,
            or it predicts something else today.
    """
    with opened(name, number) as files:
        facts, scores, golden = (
            json.loads((files / f"{file}.json").read_text("utf-8"))
            for file in ("facts", "scores", "golden")
        )
        with _code(name, files, facts["commit"]) as model:
            fitted = load(name, model, files / "model")
            repeat(name, model, fitted, golden, facts)
        card = (files / "card.html").read_text("utf-8")
        judged = [Score(**score) for score in scores]
        row = example(model, golden["rows"])
        return Version(name, number, model, fitted, facts, judged, row, card)


@contextmanager
def _code(name: str, files: Path, commit: str) -> Iterator[Model]:
    """Yield a model as a version declares it: today's where that is the same.

    Raises:
        ModelError: If its code is another, and nothing proves that it was reviewed.
    """
    if not (files / sealed.CODE).is_dir() or not sealed.differs(name, files):
        yield find(name)
        return
    if not (store.embedded() or store.RegistrySettings().trust_registry):
        # Who can write to a server could else run code wherever a model is served.
        prove(files, commit)
    with sealed.declared(name, files) as model:
        yield model


@contextmanager
def opened(name: str, number: int) -> Iterator[Path]:
    """Yield a folder with the files of a version, which are as they were written.

    Args:
        name: The model's name.
        number: Which version.

    Raises:
        ModelError: If there is none, or a file is damaged.
    """
    known = versions(name)
    if number not in known:
        told = ", ".join(map(str, known)) or f"none yet, uv run poe train {name}"
        which = f"version {number} in the registry {store.place()}"
        raise ModelError(f"{name} has no {which}; known versions: {told}.")
    with (
        tempfile.TemporaryDirectory() as place,
        sentences(f"Version {number} of {name} cannot be used"),
    ):
        tags = store.client().get_model_version(store.title(name), str(number)).tags
        files = _download(name, number, place)
        verify(files, tags["seal"])
        yield files


def promote(name: str, number: int) -> None:
    """Let a version serve, from the next start of the server on.

    Raises:
        ModelError: If it cannot be used, was not trained from a clean commit on the
            real data, or a score is below what its model demands.
    """
    if reasons := objections(fetch(name, number)):
        raise ModelError(
            f"Version {number} of {name} cannot be promoted. {' '.join(reasons)}"
        )
    before, now = _history(name)
    history = [*(it for it in [*before, *now] if it != number), number]
    with sentences(f"Version {number} of {name} was not promoted"):
        # In this order a stop in between leaves a history that `rollback` can read.
        _point(name, "champion", number)
        tag = (store.title(name), "champions", json.dumps(history))
        again(lambda: store.client().set_registered_model_tag(*tag))


def rollback(name: str) -> int:
    """Let the version serve again that did so before the present one.

    Returns:
        Its number.

    Raises:
        ModelError: If there is none, or it cannot be used.
    """
    before, _ = _history(name)
    if not before:
        raise ModelError(f"No version of {name} was promoted before the present one.")
    fetch(name, before[-1])
    with sentences(f"{name} was not rolled back"):
        _point(name, "champion", before[-1])
    return before[-1]


def _point(name: str, alias: str, number: int) -> None:
    named = (store.title(name), alias, str(number))
    again(lambda: store.client().set_registered_model_alias(*named))


def _entry(title: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store.client().create_registered_model(title)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _registered(name: str) -> Any:
    """Return what the registry says of a model, if there is a version."""
    if not versions(name):
        return None
    with sentences(f"The registry {store.place()} cannot be read"):
        return store.client().get_registered_model(store.title(name))


def _history(name: str) -> tuple[list[int], list[int]]:
    """Return who served before the present champion, and who that is, if known."""
    if not (model := _registered(name)):
        return [], []
    try:
        past = [int(it) for it in json.loads(model.tags.get("champions", "[]"))]
    except (TypeError, ValueError, RecursionError):
        raise ModelError(
            f"The tag champions of {store.title(name)} in the registry "
            f"{store.place()} is no list of versions: remove it there, then promote "
            "again."
        ) from None
    now = str(model.aliases.get("champion"))
    place = [*map(str, past), now].index(now)
    return past[:place], past[place : place + 1]


def _download(name: str, number: int, place: str) -> Path:
    store.experiment()
    from mlflow.artifacts import download_artifacts

    version = store.client().get_model_version(store.title(name), str(number))
    uri = store.client().tracking_uri
    found = download_artifacts(version.source, dst_path=place, tracking_uri=uri)
    return Path(found)
