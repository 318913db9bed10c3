"""The models of docs/shapes.md, from a fresh clone to answers, by what CI runs."""

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd

from template import ROOT, Result, clone, commit, poe, render, run, set_up, snapshot

PACKAGE = "penguin_study"
PAGE = ROOT / "docs" / "shapes.md"
# What stands in a module of a model, and not in one that models share.
DECLARES = "\nMODEL = Model("
ROWS = 300
WORDS = {
    "late": ["late", "waiting", "where", "days"],
    "broken": ["broken", "crack", "pieces", "damaged"],
    "praise": ["thanks", "great", "lovely", "again"],
}
ORDERS = '''"""Orders of a shop, invented."""

import ibis.expr.datatypes as dt
import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `orders`; `spent` in euros."""

    customer: int = pa.Field(ge=1)
    day: dt.Date
    shop: str = pa.Field(isin=["Aachen", "Bonn", "Köln"])
    items: int = pa.Field(in_range={"min_value": 1, "max_value": 12})
    price: float = pa.Field(in_range={"min_value": 0, "max_value": 100})
    note: str = pa.Field(nullable=True, str_length={"min_value": 0, "max_value": 200})
    weight: float = pa.Field(ge=0)
    spent: float
    delivery_days: float
    returned: str = pa.Field(isin=["no", "yes"])
    reason: str = pa.Field(isin=["broken", "late", "praise"])
'''
DEMAND = '''"""Orders a day, invented."""

import ibis.expr.datatypes as dt
import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `demand`."""

    day: dt.Date = pa.Field(unique=True)
    orders: int = pa.Field(ge=0)
'''
SAID = "## Intended use\n\nTests.\n\n## Not for\n\nPeople.\n\n## Limits\n\nInvented.\n"


def modules() -> dict[str, str]:
    """Return the modules that stand in the page, by the names of their files."""
    text = PAGE.read_text("utf-8")
    blocks = r'^```python title="(\w+\.py)"\n(.*?)^```$'
    return dict(re.findall(blocks, text, flags=re.DOTALL | re.MULTILINE))


def names() -> list[str]:
    """List the models of the page."""
    return [file[:-3] for file, text in modules().items() if DECLARES in text]


def orders() -> pd.DataFrame:
    """Return invented orders, several of each customer."""
    rng = np.random.default_rng(7)
    items, price = rng.integers(1, 13, ROWS), rng.uniform(5, 60, ROWS).round(2)
    shops = rng.choice(["Aachen", "Bonn", "Köln"], ROWS)
    reasons = np.where(
        price + rng.normal(0, 8, ROWS) > 40,
        "broken",
        np.where(items + rng.normal(0, 2, ROWS) > 7, "late", "praise"),
    )
    notes = [" ".join([*rng.choice(WORDS[it], 3), "order"]) for it in reasons]
    spent = items * price + 20 * (shops == "Köln") + rng.normal(0, 10, ROWS)
    often = 1 / (1 + np.exp(-(price - 45) / 6))
    table = pd.DataFrame(
        {
            "customer": rng.integers(1, 101, ROWS),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS), "D"),
            "shop": shops,
            "items": items,
            "price": price,
            "note": notes,
            "weight": rng.choice([0.5, 1, 4], ROWS),
            "spent": spent.round(2),
            "delivery_days": (1 + items / 3 + rng.normal(0, 0.5, ROWS)).round(2),
            "returned": np.where(rng.uniform(size=ROWS) < often, "yes", "no"),
            "reason": reasons,
        }
    )
    table.loc[::25, "note"] = None
    return table


def demand() -> pd.DataFrame:
    """Return an invented series that repeats itself each week."""
    rng = np.random.default_rng(7)
    day = pd.date_range("2025-01-01", periods=ROWS)
    level = 80 + 0.1 * np.arange(ROWS) + 25 * (day.day_of_week >= 5)
    orders = (level + rng.normal(0, 6, ROWS)).round().astype(int)
    return pd.DataFrame({"day": day, "orders": orders})


def write(project: Path) -> None:
    """Give a project of models the tables and the models of the page."""
    code = project / "src" / PACKAGE
    for file, text in modules().items():
        folder = code / "models" if DECLARES in text else code
        (folder / file).write_text(text, "utf-8")
    tables = {"orders": (ORDERS, orders()), "demand": (DEMAND, demand())}
    for table, (contract, rows) in tables.items():
        (code / "tables" / f"{table}.py").write_text(contract, "utf-8")
        for folder in (code / "tables", project / "data" / "raw"):
            rows.to_csv(folder / f"{table}.csv", index=False)
    for name in names():
        page = project / "docs" / "models" / f"{name}.md"
        page.write_text(f"# {name}\n\n{SAID}", "utf-8")


def whole(folder: Path) -> str:
    """Take all models from a fresh clone to answers, as people and their CI do.

    Args:
        folder: An empty folder.

    Returns:
        A table in Markdown: what became of each model, and how long each step took.
    """
    # By pytest these would be loaded for each test that needs the examples alone.
    from modelled import PATIENCE, served_by
    from test_checks import run_ci

    start, times = time.monotonic(), []

    def done(step: str, result: Result | None = None) -> None:
        nonlocal start
        assert result is None or result.code == 0, result.output
        times.append(f"{step}: {time.monotonic() - start:.0f} s")
        print(times[-1], file=sys.stderr, flush=True)
        start = time.monotonic()

    place = folder / "penguin-study"
    made = set_up(render(snapshot(folder / "twobus"), place, kind="model"))
    added = run("uv", "add", "--quiet", "lightgbm", cwd=made)
    write(made)
    commit(made)
    done("make the repository", added)
    project = clone(made, folder / "fresh clone é")
    # Which git does not hold: everybody has the files of their own.
    shutil.copytree(made / "data/raw", project / "data/raw", dirs_exist_ok=True)
    done("uv sync --locked", run("uv", "sync", "--quiet", "--locked", cwd=project))
    done("uv run poe setup", poe(project, "setup"))
    checked = run_ci(project, folder / "summary.md")
    done("what CI runs, with uv run poe check", checked)
    trained = poe(project, "train")
    done("train", trained)
    for name in names():
        result = poe(project, "promote", name, "1")
        assert result.code == 0, result.output
    done("promote")
    done("card", poe(project, "card"))
    serve = ["uv", "run", "poe", "serve", "--port", "0"]
    rows = [
        "| Model | Tests | First score, held out | Answer | Card |",
        "|---" * 5 + "|",
    ]
    with served_by(serve, project, folder / "log") as url:
        told = httpx.get(f"{url}/models", timeout=PATIENCE).json()
        known = {model["name"]: model for model in told}
        for name in names():
            sent = {"rows": [known[name]["example"]]}
            path = f"{url}/models/{name}/predict"
            answer = httpx.post(path, json=sent, timeout=PATIENCE)
            assert answer.status_code == 200, answer.text
            card = project / "reports" / "models" / f"{name}.html"
            first = known[name]["scores"][0]
            said = answer.json()["predictions"][0]
            shown = [
                name,
                "green" if f"[{name}]" not in checked.output else "see above",
                f"{first['metric']} {first['value']:.3f}",
                str(said[known[name]["target"]]),
                f"{card.stat().st_size // 1000} kB",
            ]
            rows.append(f"| {' | '.join(shown)} |")
    done("serve and ask")
    return "\n".join([*rows, "", *times])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(whole(Path(folder)))
