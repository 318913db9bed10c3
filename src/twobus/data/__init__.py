"""Read a project's tables, each checked against its contract.

`Tables` connects a project's package of tables; `source` gives those of the project that
one works in, which may be its team's library's.
"""

from twobus.data.access import Source, digest, own_tables, source
from twobus.data.connection import DataError
from twobus.data.tables import Entry, Tables

__all__ = ["DataError", "Entry", "Source", "Tables", "digest", "own_tables", "source"]
