"""Today's table is compared with the rows that a model has learned from."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from inside import call
from reading import edit, table

from twobus.data import source
from twobus.data.checks.look import look
from twobus.data.checks.profile import from_json
from twobus.models import drift, registry, training
from twobus.models.declaration import ModelError, find


def heavier(project: Path) -> None:
    """Let today's penguins weigh more."""
    file = project / "data/raw/penguins.csv"
    rows = pd.read_csv(file, keep_default_na=False)
    known = rows.body_mass_g != "NA"
    rows.loc[known, "body_mass_g"] = [
        str(min(int(mass) + 900, 10_000)) for mass in rows.body_mass_g[known]
    ]
    rows.to_csv(file, index=False)


def without_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train like a release that kept none."""

    def fails(*given: object) -> None:
        raise ValueError("of a kind that is not known")

    monkeypatch.setattr(training, "training_profile", fails)
    training.train("penguin_sex", 0)


def test_a_version_keeps_what_its_training_rows_look_like(models: Path) -> None:
    with registry.opened("penguin_sex", 1) as files:
        profile = from_json((files / "profile.json").read_text("utf-8"))
        facts = json.loads((files / "facts.json").read_text("utf-8"))
    model = find("penguin_sex")
    assert profile.rows == profile.keys == facts["training_rows"]
    assert {*profile.columns} == {*model.inputs, model.target}


def test_a_model_that_knows_whose_rows_they_are_counts_those(models: Path) -> None:
    model, rows = find("penguin_sex"), source().read("penguins")
    keyed = replace(model, key=["island", "year"])
    found = drift.training_profile(keyed, rows.to_pandas(), rows.schema())
    assert (found["rows"], found["keys"]) == (344, 9)


def test_the_profile_of_a_version_is_sealed(models: Path) -> None:
    (file,) = (models / "registry").rglob("profile.json")
    file.write_text(file.read_text("utf-8").replace("training", "tampered"), "utf-8")
    with pytest.raises(ModelError, match=r"profile\.json is missing or is not the one"):
        registry.fetch("penguin_sex", 1)


def test_a_version_without_a_profile_is_used_as_before(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_profile(monkeypatch)
    assert registry.fetch("penguin_sex", 2).number == 2
    registry.promote("penguin_sex", 2)
    drift.data([], check=True)
    said = capsys.readouterr().out
    assert "Version 2 of penguin_sex has no profile: train again to compare." in said


def test_a_table_that_is_the_same_is_as_the_model_has_learned_it(models: Path) -> None:
    (reference,) = drift.references("penguins")
    assert reference.label == "version 1 of penguin_sex learned (champion)"
    result = call(models, "data@model", "--check")
    assert (result.code, "drift of" in result.output) == (0, False)
    # It has columns, and rows, of which the model has learned nothing.
    assert "is new" not in result.output


def test_a_table_that_has_drifted_from_training_is_shown(models: Path) -> None:
    heavier(models)
    result = call(models, "data@model", "--check")
    assert result.code == 0
    assert "since version 1 of penguin_sex learned (champion): 1 of" in result.output


def test_drift_from_training_fails_by_the_limits_of_the_table(models: Path) -> None:
    heavier(models)
    module = table(models)
    edit(module, "pa\n\nOWNER", "pa\nfrom twobus.data import Limits\n\nOWNER")
    edit(module, "CSV_OPTIONS", "LIMITS = Limits(drift=0.5)\nCSV_OPTIONS")
    # What is accepted as the next time's measure is no reason to predict with it.
    result = call(models, "data@model", "--check", "--accept")
    assert result.code == 1
    assert "penguins.body_mass_g has drifted by " in result.output
    assert "or train again by uv run poe train penguin_sex." in result.output


def test_a_table_that_no_model_uses_has_no_such_measure(models: Path) -> None:
    assert [*drift.references("orders")] == []


def test_rows_whose_target_is_unknown_are_no_news(models: Path) -> None:
    (reference,) = drift.references("penguins")
    assert reference.known == "sex"
    assert reference.profile.columns["sex"].missing == 0


def test_training_rows_look_the_same_in_memory_as_in_their_table(
    models: Path,
) -> None:
    model, rows = find("penguin_sex"), source().read("penguins")
    found = drift.training_profile(model, rows.to_pandas(), rows.schema())
    expected = look(rows, source().contract("penguins"), datetime.now(UTC))
    columns = found["columns"]
    for name in columns:
        shown = json.loads(json.dumps(columns[name]))
        assert shown == json.loads(json.dumps(vars(expected.profile.columns[name])))


def test_a_damaged_registry_is_said(models: Path) -> None:
    (file,) = (models / "registry").rglob("profile.json")
    file.unlink()
    result = call(models, "data@model", "--check")
    assert result.code == 1
    assert "profile.json is missing or is not the one that was" in result.output
    # The table itself is checked all the same.
    assert "penguins  344" in result.output
