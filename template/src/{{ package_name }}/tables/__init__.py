"""The project's tables: one module and one sample each; `poe new-table` writes both.

`tables/orders.py` holds the class `Contract`, a pandera model that says what a
row of the table `orders` looks like; files are read by its types. `tables/orders.csv`
beside it is a small sample that anybody may see: tests, checks and CI read it instead
of the real table. Each column of it needs at least one value. The module's docstring
says what a row is; constants in it say more, where it is needed:

- `OWNER`: who answers questions about it, such as `"@acme/sales"`.
- `UPDATED`: when its rows change, such as `"every night by 5:00 UTC"`.
- `LIMITS`: when `poe data --check` fails for it, a `Limits` of `twobus.data`.
- `DEPRECATED`: what to read instead, once the table is about to go.
- `LOCATION`: its name in the database, such as `"sales.orders"`.
- `FILE`: its files in `data/raw`, such as `"orders-*.csv.gz"`; `SHEET`: one of Excel.
- `CSV_OPTIONS`: how its files are written, such as `{"encoding": "windows-1252"}`.
"""
