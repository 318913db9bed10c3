"""Compare a table with its contract, its limits, and with what it was before.

`look` asks the database what a table looks like, and `profile` keeps that. `compare`
holds a table against an earlier profile, and `chance` tells change from chance.
`fresh` understands when a table should change, and `demands` what else is asked of it.
`verdict` puts all that together, and `page`, `values` and `task` show it.
"""
