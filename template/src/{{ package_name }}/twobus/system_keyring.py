"""Look settings up in the system's keyring.

Managed by Twobus: change it by a pull request to the template.
"""

from typing import Any

import keyring
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

SERVICE = __name__.partition(".")[0].replace("_", "-")


class KeyringSource(PydanticBaseSettingsSource):
    """Settings that somebody has kept by `keyring set`, under this library's name."""

    def get_field_value(
        self, field: FieldInfo, field_name: str
    ) -> tuple[str | None, str, bool]:
        """Look a setting up; a machine without a keyring has none."""
        try:
            found = keyring.get_password(SERVICE, field_name.upper())
        except Exception:  # What cannot be asked has kept nothing.
            found = None
        return found, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that the keyring holds."""
        # Whoever has set one elsewhere must not be asked to unlock the keyring.
        fields = self.settings_cls.model_fields.items()
        left = [name for name, _ in fields if name not in self.current_state]
        found = {
            name: self.get_field_value(self.settings_cls.model_fields[name], name)[0]
            for name in left
        }
        return {name: value for name, value in found.items() if value}
