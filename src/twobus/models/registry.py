"""Keep every version of every model, and say which one serves.

The registry is MLflow's: the folder `registry` of this project, or a server for the
team.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from twobus.models import holdout, sealed
from twobus.models.anywhere import again, let_mlflow_be_anywhere, quieten
from twobus.models.artifacts import load, save, seal, verify
from twobus.models.declaration import Model, ModelError, find
from twobus.models.gate import objections, prove
from twobus.models.golden import example, repeat
from twobus.models.scores import Score
from twobus.models.sentences import bare, sentences
from twobus.project import here
from twobus.settings import Settings

DATABASE = "mlflow.db"


class RegistrySettings(Settings):
    """What differs between machines, besides where tables are read from.

    Attributes:
        mlflow_tracking_uri: The MLflow server that keeps the versions; empty for the
            folder `registry`.
        trust_registry: Whether code that a version brings along runs even where no git
            tells that it was on the main branch.
    """

    mlflow_tracking_uri: str = ""
    trust_registry: bool = False


@dataclass(frozen=True)
class Version:
    """A registered version of a model, ready to predict.

    Attributes:
        name: The model's name.
        number: Which version; the first one is 1.
        model: Its declaration: its own, or today's where it was trained before versions
            brought their code along.
        fitted: The fitted estimator.
        facts: What it was made from: see `training.Facts`.
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


def folder() -> Path:
    """Return the folder that is the registry, where no server is."""
    return here().root / "registry"


def embedded() -> bool:
    """Whether the registry is a folder of this computer."""
    return not RegistrySettings().mlflow_tracking_uri


@cache
def store() -> Any:
    """Connect to the registry, once a process; MLflow takes seconds to load."""
    quieten()
    from mlflow import MlflowClient

    let_mlflow_be_anywhere()
    if not embedded():
        return MlflowClient(RegistrySettings().mlflow_tracking_uri)
    folder().mkdir(exist_ok=True)
    if not (folder() / DATABASE).exists():
        # Made aside, so that it appears whole and only once, whoever else makes it.
        with tempfile.TemporaryDirectory(
            dir=folder(), ignore_cleanup_errors=True
        ) as place:
            fresh = Path(place) / DATABASE
            MlflowClient(f"sqlite:///{fresh.as_posix()}").search_experiments()
            with suppress(FileExistsError):
                (folder() / DATABASE).hardlink_to(fresh)
    return MlflowClient(f"sqlite:///{(folder() / DATABASE).as_posix()}")


def register(
    name: str,
    fitted: Any,
    facts: Mapping[str, Any],
    scores: Sequence[Score],
    golden: Mapping[str, Any],
    card: str,
    profile: Mapping[str, Any] | None = None,
    held_out: Mapping[str, Any] | None = None,
) -> int:
    """Keep a fitted estimator as the next version of a model.

    The version appears once all its files are written.

    Args:
        name: The model's name.
        fitted: The fitted estimator.
        facts: What it was made from.
        scores: What it is worth.
        golden: Rows as in a request, and what was predicted for them.
        card: Its card, a page of HTML.
        profile: What the rows look like that it has learned from, if that is known.
        held_out: Which keys it was judged by: see `holdout.described`.

    Returns:
        The number of the version.

    Raises:
        ModelError: If it cannot be written, or could not be read again.
    """
    with tempfile.TemporaryDirectory() as place, sentences(f"{name} was not kept"):
        files = Path(place)
        (files / "model").mkdir()
        model = find(name)
        sealed.keep(name, model, files)
        save(name, model, fitted, files / "model")
        texts = {
            "facts.json": json.dumps(facts, indent=2),
            "scores.json": json.dumps([asdict(score) for score in scores], indent=2),
            "golden.json": json.dumps(golden, indent=2),
            "card.html": card,
            **({"profile.json": json.dumps(profile)} if profile else {}),
            holdout.FILE: json.dumps(held_out or {}),
        }
        for file, text in texts.items():
            (files / file).write_text(text, "utf-8")
        tags = {"seal": seal(files), "commit": facts["commit"]}
        kept = store()
        run = kept.create_run(again(_experiment), run_name=name).info
        kept.log_artifacts(run.run_id, place, "version")
        for score in scores:
            # MLflow's own pages show these; it allows few characters in their names.
            rows = re.sub(r"[^\w .-]", ":", score.rows)
            kept.log_metric(run.run_id, f"{score.metric}: {rows}", score.value)
        for fact, value in facts.items():
            kept.set_tag(run.run_id, fact, value)
        kept.set_terminated(run.run_id)
        title = _title(name)
        again(lambda: _entry(title))
        source = f"{run.artifact_uri}/version"
        made = kept.create_model_version(title, source, run.run_id, tags=tags)
        _point(name, "challenger", int(made.version))
        return int(made.version)


def versions(name: str) -> list[int]:
    """List the versions of a model, the newest first."""
    if embedded() and not (folder() / DATABASE).exists():
        return []
    with sentences(f"The registry {_place()} cannot be read"):
        found: list[int] = []
        token = None
        while token is None or token:
            # A server gives some at a time.
            page = store().search_model_versions(
                f"name='{_title(name)}'", page_token=token
            )
            found += (int(version.version) for version in page)
            token = page.token or ""
        return sorted(found, reverse=True)


def champion(name: str) -> int | None:
    """Return the version of a model that serves, if one was promoted.

    Raises:
        ModelError: If the registry cannot be read, or names no version there.
    """
    model = _registered(name)
    now = model.aliases.get("champion") if model else None
    if now is not None and not str(now).isdecimal():
        raise ModelError(
            f"The alias champion of {_title(name)} in the registry {_place()} is "
            f"{now!r}, and no version: uv run poe promote {name} NUMBER sets it anew."
        )
    return None if now is None else int(now)


def readable() -> None:
    """Refuse a registry that cannot be read at all, whatever is in it.

    Raises:
        ModelError: With the reason.
    """
    if not embedded() or (folder() / DATABASE).exists():
        with sentences(f"The registry {_place()} cannot be read"):
            store().get_experiment_by_name(here().package)


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
    if not (_of_this_computer() or RegistrySettings().trust_registry):
        # Who can write to a server could else run code wherever a model is served.
        prove(files, commit)
    with sealed.declared(name, files) as model:
        yield model


def _of_this_computer() -> bool:
    """Tell whether only who can change the project's code can write versions."""
    return embedded()


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
        which = f"version {number} in the registry {_place()}"
        raise ModelError(f"{name} has no {which}; known versions: {told}.")
    with (
        tempfile.TemporaryDirectory() as place,
        sentences(f"Version {number} of {name} cannot be used"),
    ):
        tags = store().get_model_version(_title(name), str(number)).tags
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
        tag = (_title(name), "champions", json.dumps(history))
        again(lambda: store().set_registered_model_tag(*tag))


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
    named = (_title(name), alias, str(number))
    again(lambda: store().set_registered_model_alias(*named))


def _entry(title: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store().create_registered_model(title)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _experiment() -> str:
    known = store().get_experiment_by_name(here().package)
    if known is None:
        place = (folder() / "files").as_uri() if embedded() else None
        return str(store().create_experiment(here().package, artifact_location=place))
    if embedded() and known.artifact_location != (folder() / "files").as_uri():
        raise ModelError(
            f"This registry was made at {known.artifact_location}, and keeps whole "
            "paths: move the project back there, or remove the folder registry and "
            "train again."
        )
    return str(known.experiment_id)


def _place() -> str:
    return bare(RegistrySettings().mlflow_tracking_uri) or str(folder())


def _title(name: str) -> str:
    # A server may keep models of other projects, too.
    return f"{here().package}.{name}"


def _registered(name: str) -> Any:
    """Return what the registry says of a model, if there is a version."""
    if not versions(name):
        return None
    with sentences(f"The registry {_place()} cannot be read"):
        return store().get_registered_model(_title(name))


def _history(name: str) -> tuple[list[int], list[int]]:
    """Return who served before the present champion, and who that is, if known."""
    if not (model := _registered(name)):
        return [], []
    try:
        past = [int(it) for it in json.loads(model.tags.get("champions", "[]"))]
    except (TypeError, ValueError, RecursionError):
        raise ModelError(
            f"The tag champions of {_title(name)} in the registry {_place()} is no "
            "list of versions: remove it there, then promote again."
        ) from None
    now = str(model.aliases.get("champion"))
    place = [*map(str, past), now].index(now)
    return past[:place], past[place : place + 1]


def _download(name: str, number: int, place: str) -> Path:
    _experiment()
    from mlflow.artifacts import download_artifacts

    version = store().get_model_version(_title(name), str(number))
    uri = store().tracking_uri
    found = download_artifacts(version.source, dst_path=place, tracking_uri=uri)
    return Path(found)
