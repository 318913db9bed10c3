"""The example of docs/forecasting.md forecasts, from its training to a request."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from inside import at_hand, forget, inside
from modelled import PACKAGE

from template import ROOT, commit, lend, run
from twobus.models import registry, serving, tasks
from twobus.models.declaration import find
from twobus.models.series import lagged

pytestmark = pytest.mark.slow

NAME = "daily_sales"
DOCS = (ROOT / "docs" / "forecasting.md").read_text("utf-8")
BLOCKS = re.findall(r"^`(\w+/\w+\.py)`:\n\n```python\n(.*?)^```$", DOCS, re.S | re.M)
SAID = "## Intended use\n\nTests.\n\n## Not for\n\nPeople.\n\n## Limits\n\nNot real.\n"
KNOWN, AHEAD = 300, 9


def sales() -> pd.DataFrame:
    """Return three shops with weeks and holidays; the last days are still to come."""
    random = np.random.default_rng(0)
    days = pd.date_range("2025-01-01", periods=KNOWN + AHEAD)
    found = []
    for shop, size in {"mill": 20, "port": 60, "yard": 200}.items():
        holiday = random.random(len(days)) < 0.05
        week = 1 + 0.4 * np.sin(days.day_of_week * 2 * np.pi / 7)
        level = 1 + 0.2 * np.sin(np.arange(len(days)) / 60)
        mean = size * week * level * np.where(holiday, 0.3, 1)
        values = pd.array(random.poisson(mean), dtype="Int64")
        values[KNOWN:] = pd.NA
        found.append(
            pd.DataFrame(
                {"shop": shop, "day": days, "holiday": holiday, "sales": values}
            )
        )
    # In no order.
    return pd.concat(found).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def forecasting(promoted: Path) -> Iterator[Path]:
    """A project with the model of the page, trained and promoted."""
    with lend(promoted):
        code = promoted / "src" / PACKAGE
        for name, text in BLOCKS:
            (code / name).write_text(text, "utf-8")
        for folder in (code / "tables", promoted / "data" / "raw"):
            sales().to_csv(folder / f"{NAME}.csv", index=False)
        page = promoted / "docs" / "models" / f"{NAME}.md"
        page.write_text(f"# {NAME}\n\n{SAID}", "utf-8")
        commit(promoted)
        forget(promoted)
        with inside(promoted):
            tasks.train([NAME])
            tasks.promote(NAME, 1)
            yield promoted


def batch(project: Path) -> pd.DataFrame:
    """Return what `poe predict` has written."""
    found = pd.read_parquet(project / "data" / "processed" / f"{NAME}.parquet")
    return found.assign(day=pd.to_datetime(found["day"]))


def test_it_is_better_than_both_baselines(forecasting: Path) -> None:
    scores = {it.rows: it for it in reversed(registry.fetch(NAME, 1).scores)}
    held_out = scores["held out"]
    assert (held_out.metric, held_out.note) == ("neg_mase", "")
    assert held_out.baseline < held_out.low <= held_out.value <= held_out.high
    assert {f"shop={it}" for it in ("mill", "port", "yard")} <= scores.keys()


def test_the_future_is_forecast_as_far_as_the_gap_reaches(
    forecasting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.predict(NAME)
    said = "it is further ahead of the last known value than the gap in 6"
    assert said in "".join(capsys.readouterr())
    found = batch(forecasting)
    future = found[
        found["day"] >= pd.Timestamp("2025-01-01") + pd.Timedelta(KNOWN, "D")
    ]
    assert len(future) == 3 * 7
    assert future[["sales_7D_before", "predicted_sales"]].notna().all(axis=None)
    sizes = future.groupby("shop")["predicted_sales"].mean()
    assert sizes["mill"] < 40 < sizes["port"] < 100 < sizes["yard"]


def test_a_request_with_the_lags_of_a_row_is_answered_as_the_batch(
    forecasting: Path,
) -> None:
    tasks.predict(NAME)
    found = batch(forecasting)
    last = found.sort_values("day").tail(3)
    inputs = [*find(NAME).inputs]
    row = last[inputs].assign(day=last["day"].dt.strftime("%Y-%m-%d"))
    with TestClient(serving.make_app()) as client:
        url = f"/models/{NAME}/predict"
        sent = json.dumps({"rows": row.to_dict("records")})
        answer = client.post(url, content=sent)
        first = {**row.iloc[0].to_dict(), "sales_7D_before": None}
        alone = client.post(url, content=json.dumps({"rows": [first]}, default=str))
        said = client.get("/openapi.json").text
        card = client.get(f"/models/{NAME}/card").text
    assert answer.status_code == 200, answer.text
    predicted = [it["sales"] for it in answer.json()["predictions"]]
    assert predicted == last["predicted_sales"].tolist()
    assert alone.status_code == 200, alone.text
    assert "The newest sales that is at least 7D old" in said
    assert "neg_mase" in card


def test_lags_of_the_last_week_tell_its_own_mean(forecasting: Path) -> None:
    rows = lagged(find(NAME), sales().reset_index(drop=True))
    asked = rows[rows["day"] == pd.Timestamp("2025-06-10")].iloc[0]
    own = rows[rows["shop"] == asked["shop"]].set_index("day")["sales"].sort_index()
    assert asked["sales_7D_before"] == own["2025-06-03"]
    assert asked["sales_7D_to_35D_before"] == pytest.approx(
        own["2025-05-07":"2025-06-03"].mean()
    )


@pytest.mark.whole
def test_it_passes_the_tests_of_every_model(forecasting: Path) -> None:
    paths = {"PYTHONPATH": str(forecasting / "src")}
    words = ["pytest", "-q", "tests/test_models.py", "-k", NAME]
    result = run(*words, cwd=forecasting, **paths, **at_hand())
    assert result.code == 0, result.output
    assert "17 passed" in result.output or "16 passed" in result.output
