"""Loaded once, by the process from which others begin: see `modelled.start`.

MLflow takes seconds to load, and to make its first registry.
"""

import tempfile
from pathlib import Path
from unittest.mock import patch

import at_work
from inside import close_registries

from twobus.models import store

# What is loaded, for those that begin from here.
__all__ = ["at_work"]

with (
    tempfile.TemporaryDirectory() as place,
    patch.object(store, "embedded", lambda: True),
    patch.object(store, "folder", lambda: Path(place)),
):
    store.client().search_registered_models()
    store.client.cache_clear()
    close_registries()
