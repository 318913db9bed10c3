"""The project's tables: one module and one sample each.

`tables/orders.py` holds the class `Contract`, a pandera model that says what a
row of the table `orders` looks like. `tables/orders.csv` beside it is a small
sample that anybody may see: tests, checks and CI read it instead of the real
table, with a value in each column at least once. Two constants in the module are
optional: `CSV_OPTIONS`, what DuckDB needs to read the CSV files, such as
`{"nullstr": "NA", "encoding": "latin-1"}`, and `LOCATION`, the table's name in the
database where it is not the module's, such as `"sales.orders"`.
"""
