"""Read a project's tables, each checked against its contract.

`Tables` connects a project's package of tables. `source` gives the tables of the
project that one works in; they may come from its team's library.
"""

from twobus.data.access import Source, own_tables, source
from twobus.data.errors import DataError
from twobus.data.files import digest
from twobus.data.limits import Limits
from twobus.data.tables import Entry, Tables

__all__ = [
    "DataError",
    "Entry",
    "Limits",
    "Source",
    "Tables",
    "digest",
    "own_tables",
    "source",
]
