"""Where things are, and what differs between machines.

Managed by Twobus: change it by a pull request to the template.
"""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
REPORTS = ROOT / "reports"


class Settings(BaseSettings):
    """Settings from the environment or, where it says nothing, from `.env`.

    Attributes:
        data_url: Where tables are read from: `duckdb://` for the files in
            `data/raw`, `samples` for the samples beside the contracts, or a
            database in Ibis's form, such as `postgres://user:password@host/name`.
            Kept secret because it may hold a password.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore"
    )

    data_url: SecretStr = SecretStr("duckdb://")
