"""Compare a table with its contract, its limits, and with what it was before.

`profile` asks the database what a table looks like, `compare` holds two profiles
against each other, `fresh` understands when a table should change, `rules` finds what
breaks a contract, `verdict` judges a table, `page` and `task` show that.
"""
