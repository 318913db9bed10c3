"""One notebook is run to its end, and what stopped it is named."""

from pathlib import Path

import pytest

from twobus.notebooks.execute import execute

pytestmark = pytest.mark.slow

# Enough loops for a reply to be missed each time, where one can be.
FILLS = """\
# %%
import ipywidgets
shown = ipywidgets.Output()
"""
LOOP = """
# %%
for number in range(20):
    with shown:
        print(number, flush=True)
"""
FAILS = """\
# %%
class Odd:
    def _repr_html_(self):
        raise RuntimeError("cannot be drawn")
Odd()
"""


def _written(text: str, tmp_path: Path) -> Path:
    script = tmp_path / "odd.py"
    script.write_text(text, "utf-8")
    return script


def test_a_widget_that_holds_outputs_leaves_no_cell_waiting(tmp_path: Path) -> None:
    _, failure = execute(_written(FILLS + LOOP * 15, tmp_path), limit=30)
    assert failure is None


def test_an_error_of_what_a_cell_displays_is_named(tmp_path: Path) -> None:
    _, failure = execute(_written(FAILS, tmp_path))
    assert failure is not None
    assert failure.reason == "cell 1 (line 1): RuntimeError: cannot be drawn"
