"""What differs between machines, and where things are in the project.

A project's own settings extend `Settings`:

    class MySettings(Settings):
        api_token: SecretStr
"""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from twobus.project import here

ROOT: Path
DATA: Path
NOTEBOOKS: Path
REPORTS: Path


def __getattr__(name: str) -> Path:
    """Say where a folder is, in the project that people work in by then."""
    if name not in ("ROOT", "DATA", "NOTEBOOKS", "REPORTS"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    folder: Path = getattr(here(), name.lower())
    return folder


class Settings(BaseSettings):
    """Settings from the environment or, where it says nothing, from `.env`.

    Attributes:
        keyring: The name under which the system's keyring is asked last, by those that
            want that.
        data_url: Where tables are read from: `duckdb://` for the files in
            `data/raw`, `samples` for the samples beside the contracts, or a
            database in Ibis's form, such as `postgres://user:password@host/name`.
            Kept secret because it may hold a password.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    keyring: ClassVar[str] = ""

    data_url: SecretStr = SecretStr("duckdb://")

    def __init__(self, **values: Any) -> None:
        """Read the settings, those given here first."""
        super().__init__(_env_file=here().root / ".env", **values)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *given: Any, **named: Any
    ) -> tuple[Any, ...]:
        """Ask the keyring last, after the environment and `.env`."""
        sources = super().settings_customise_sources(settings_cls, *given, **named)
        if not cls.keyring:
            return sources
        from twobus.system_keyring import KeyringSource

        return *sources, KeyringSource(settings_cls, cls.keyring)
