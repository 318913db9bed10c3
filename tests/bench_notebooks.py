"""Compare a check of many notebooks with a plain pool of nbclient.

    uv run python tests/bench_notebooks.py

Thirty notebooks of two seconds each, a minute in all, run both ways in turns, on as
many cores as there are. Then one of them changes, and the check runs it alone.
"""

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
from inside import inside
from nbclient import NotebookClient

from template import commit, render, snapshot
from twobus.notebooks.run import check

COUNT, ROUNDS = 30, 3
NOTEBOOK = """# %% [markdown]
# # Notebook {number}

# %%
import time

import pandas as pd

table = pd.DataFrame({{"a": range(100)}})
table.describe()

# %%
end = time.process_time() + 2
while time.process_time() < end:
    pass
table.head({number})
"""


def plain(scripts: list[Path]) -> None:
    """Run notebooks as nbclient does, in a pool."""

    def run(script: Path) -> None:
        notebook = jupytext.read(script, fmt="py:percent")
        NotebookClient(notebook, kernel_name="python3").execute()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, scripts))


def main() -> None:
    """Print the ratios."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        project = commit(render(snapshot(place / "template"), place / "study"))
        for script in (project / "notebooks").glob("*.py"):
            script.unlink()
        scripts = [project / f"notebooks/n{number:02}.py" for number in range(COUNT)]
        for number, script in enumerate(scripts):
            script.write_text(NOTEBOOK.format(number=number), "utf-8")
        ratios = []
        with inside(project):
            for number in range(ROUNDS):
                start = time.perf_counter()
                plain(scripts)
                middle = time.perf_counter()
                check(again=True)
                end = time.perf_counter()
                ratios.append((end - middle) / (middle - start))
                print(f"round {number}: {middle - start:.1f} s, {end - middle:.1f} s")
            scripts[3].write_text(NOTEBOOK.format(number=99), "utf-8")
            start = time.perf_counter()
            check()
            alone = time.perf_counter() - start
    print(f"check / plain pool: {statistics.median(ratios):.2f}")
    print(f"check after one has changed: {alone:.1f} s")


if __name__ == "__main__":
    main()
