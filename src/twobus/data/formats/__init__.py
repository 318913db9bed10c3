"""Each kind of file that may hold a table, and how its values are written."""
