"""The project's tables: one module and one sample each.

`tables/orders.py` holds the class `Contract`, a pandera model that says what a
row of the table `orders` looks like. `tables/orders.csv` beside it is a small
sample that anybody may see: tests, checks and CI read it instead of the real
table, with a value in each column at least once. The module's docstring says what a
row is; constants in it say more, where it is needed:

- `OWNER`: who answers questions about it, such as `"@acme/sales"`.
- `UPDATED`: when its rows change, such as `"every night by 5:00 UTC"`.
- `LIMITS`: when `poe data --check` fails for it, a `Limits` of `twobus.data`.
- `DEPRECATED`: what to read instead, once the table is about to go.
- `LOCATION`: its name in the database where that differs, such as `"sales.orders"`.
- `CSV_OPTIONS`: what DuckDB needs to read the CSV files, such as
  `{"nullstr": "NA", "encoding": "latin-1"}`.
"""
