"""MLflow as it works here: quiet, at once with others, and in any folder."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def quieten() -> None:
    """Have MLflow, before it is imported, say only what is wrong, to nobody else."""
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_UV_AUTO_DETECT": "false",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)


def again(write: Callable[[], T]) -> T:
    """Write once more where it failed.

    MLflow looks before it writes: of two at once one fails, and then finds it done.
    """
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException):
        return write()
    return write()


def let_mlflow_be_anywhere() -> None:
    """Let MLflow work where it is installed below a folder with a % in its name.

    It hands the place of its own files to Alembic, whose settings give a % a meaning,
    as it is; only in addresses of databases it doubles each %, as Alembic wants it.
    """
    import mlflow

    if "%" not in mlflow.__file__:
        return
    from alembic import config

    class Config(config.Config):
        def set_main_option(self, name: str, value: str) -> None:
            plain = "%" in value.replace("%%", "")
            super().set_main_option(name, value.replace("%", "%%") if plain else value)

    # Where MLflow looks for it, each time.
    config.Config = Config  # type: ignore[misc]
