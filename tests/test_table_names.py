"""Whatever columns are called, a contract has a name of Python for each."""

import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twobus.new.columns import Column
from twobus.new.module import fields_of
from twobus.new.table import INVENTED

START = (
    "import datetime\nimport pandera.ibis as pa\n\n\n"
    "class Contract(pa.DataFrameModel):\n"
)
# What people and programs call columns, besides anything at all.
USUAL = [
    "class",
    "Config",
    "schema",
    "validate",
    "int",
    "l",
    "a b",
    "a_b",
    "a b_2",
    "pa",
]
NAMES = st.lists(
    st.one_of(st.sampled_from(USUAL), st.text(min_size=1, max_size=300)),
    unique=True,
    min_size=1,
    max_size=30,
)


def columns(code: str) -> list[str]:
    """Return what a contract calls its columns."""
    made = sys.modules["made"] = ModuleType("made")
    try:
        exec(compile(code, "made.py", "exec"), vars(made))  # noqa: S102
        return [*made.Contract.to_schema().columns]
    finally:
        del sys.modules["made"]


@pytest.mark.slow
@given(NAMES)
@settings(deadline=None, max_examples=200)
def test_each_column_has_a_field_and_keeps_its_name(names: list[str]) -> None:
    dtypes = [*INVENTED.values()]
    fields = fields_of(
        Column(name, dtypes[at % len(dtypes)]) for at, name in enumerate(names)
    )
    for plain in (False, True):
        lines = [line for them in fields.values() for line in them]
        assert columns(START + "\n".join(lines)) == names, plain
