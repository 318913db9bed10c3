"""What every table of a library must keep, so that others can rely on it.

A library's `tests/test_data.py` imports `TestTables`, and pytest runs it.
"""

import pytest

from twobus.data import DataError, own_tables
from twobus.library import tables_page


class TestTables:
    """The tables of the project's own package, on their samples."""

    def test_every_sample_keeps_its_contract(self, subtests: pytest.Subtests) -> None:
        tables = own_tables()
        for name in tables.names():
            with subtests.test(table=name):
                assert tables.read(name, check=True).count().execute() > 0

    def test_every_column_has_a_value_in_the_sample(
        self, subtests: pytest.Subtests
    ) -> None:
        tables = own_tables()
        for name in tables.names():
            table = tables.read(name)
            values = table.aggregate(**{it: table[it].count() for it in table.columns})
            (found,) = values.to_pyarrow().to_pylist()
            for column, count in found.items():
                with subtests.test(table=name, column=column):
                    assert count > 0

    def test_every_table_is_described(self, subtests: pytest.Subtests) -> None:
        for entry in own_tables().catalogue():
            file = f"tables/{entry.name}.py"
            lacks = {
                f"Say in {file} what a row is.": "…" in (entry.description or "…"),
                f"Name in OWNER of {file} who answers questions.": not entry.owner,
                f"Say in UPDATED of {file} when its rows change.": not entry.updated,
            }
            with subtests.test(table=entry.name):
                if words := [sentence for sentence in lacks if lacks[sentence]]:
                    pytest.fail("\n".join(words), pytrace=False)

    def test_the_page_of_tables_is_what_their_modules_say(self) -> None:
        file = tables_page.file()
        page = file.read_text("utf-8") if file.exists() else ""
        if page != tables_page.page():
            pytest.fail("Write docs/tables.md anew: uv run poe tables", pytrace=False)

    def test_an_unknown_table_is_refused_by_its_name(self) -> None:
        with pytest.raises(DataError, match="There is no table 'no_such_table'"):
            own_tables().read("no_such_table")
