"""Where versions are kept: the folder `registry` of this project, or a server."""

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from twobus.models.anywhere import let_mlflow_be_anywhere, quieten
from twobus.models.declaration import ModelError
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


def folder() -> Path:
    """Return the folder that is the registry, where no server is."""
    return here().root / "registry"


def embedded() -> bool:
    """Whether the registry is a folder of this computer."""
    return not RegistrySettings().mlflow_tracking_uri


@cache
def client() -> Any:
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
        ) as aside:
            fresh = Path(aside) / DATABASE
            MlflowClient(f"sqlite:///{fresh.as_posix()}").search_experiments()
            with suppress(FileExistsError):
                (folder() / DATABASE).hardlink_to(fresh)
    return MlflowClient(f"sqlite:///{(folder() / DATABASE).as_posix()}")


def readable() -> None:
    """Refuse a registry that cannot be read at all, whatever is in it.

    Raises:
        ModelError: With the reason.
    """
    if not embedded() or (folder() / DATABASE).exists():
        with sentences(f"The registry {place()} cannot be read"):
            client().get_experiment_by_name(here().package)


def experiment() -> str:
    """Return the experiment of this project's trainings, by MLflow's number of it.

    Raises:
        ModelError: If the folder was made elsewhere, whose paths it keeps.
    """
    known = client().get_experiment_by_name(here().package)
    if known is None:
        files = (folder() / "files").as_uri() if embedded() else None
        return str(client().create_experiment(here().package, artifact_location=files))
    if embedded() and known.artifact_location != (folder() / "files").as_uri():
        raise ModelError(
            f"This registry was made at {known.artifact_location}, and keeps whole "
            "paths: move the project back there, or remove the folder registry and "
            "train again."
        )
    return str(known.experiment_id)


def place() -> str:
    """Return where the registry is, without a password."""
    return bare(RegistrySettings().mlflow_tracking_uri) or str(folder())


def title(name: str) -> str:
    """Return by which name the registry knows a model."""
    # A server may keep models of other projects, too.
    return f"{here().package}.{name}"
