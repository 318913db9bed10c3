"""Look settings up in the system's keyring."""

from functools import cache
from typing import Any

import keyring
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class KeyringSource(PydanticBaseSettingsSource):
    """Settings that somebody has kept by `keyring set`, under a library's name."""

    def __init__(self, settings_cls: type[BaseSettings], service: str) -> None:
        """Name the library as `keyring set` does."""
        super().__init__(settings_cls)
        self.service = service

    def get_field_value(
        self, field: FieldInfo, field_name: str
    ) -> tuple[str | None, str, bool]:
        """Look a setting up; a machine without a keyring has none."""
        return _kept(self.service, field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that the keyring holds, if nothing else does."""
        fields = self.settings_cls.model_fields.items()
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in fields
            # Whoever has set one elsewhere must not be asked to unlock the keyring.
            if name not in self.current_state
        }
        return {name: value for name, value in found.items() if value}


@cache
def _kept(service: str, name: str) -> str | None:
    try:
        return keyring.get_password(service, name)
    except Exception:  # What cannot be asked has kept nothing.
        return None
