"""Training gives the same each time, and a whole version or none."""

import json
import shutil
import signal
import time
from pathlib import Path

import at_work
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from modelled import (
    MODELS,
    NAME,
    edit,
    is_step,
    ran,
    refused,
    start,
    version_files,
)

from template import clone, poe, pythons, whole
from twobus.models import registry, store, tasks

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"


# By how much scores and predictions may differ on another Python, for which the
# packages of the lock were built once more.
TOLERANCE = 1e-6


@pytest.mark.parametrize("moment", at_work.MOMENTS)
def test_training_that_is_killed_leaves_no_version(
    moment: str, models: Path, tmp_path: Path
) -> None:
    killed = ran(models, tmp_path, at_work.train_until, moment, NAME)
    assert killed.code == -signal.SIGKILL, killed.output
    assert registry.versions(NAME) == [1]
    assert registry.champion(NAME) == 1


def test_training_works_again_after_it_was_killed(quick: Path, tmp_path: Path) -> None:
    for wait in (0.2, 0.9):
        task = start(quick, tmp_path, at_work.train, NAME)
        task.wait_for("registering")
        time.sleep(wait)
        task.stop(signal.SIGKILL)
    known = registry.versions(NAME)
    # Whatever it had come to: what counts as a version can be used.
    for number in known:
        registry.fetch(NAME, number)
    tasks.train([NAME])
    assert registry.versions(NAME)[0] == known[0] + 1
    tasks.promote(NAME, known[0] + 1)


def test_a_full_disk_leaves_no_version_and_one_sentence(
    models: Path, tmp_path: Path
) -> None:
    result = ran(models, tmp_path, at_work.train_on_a_full_disk, NAME)
    assert result.code == 1
    *steps, said = result.output.splitlines()
    assert all(is_step(line) for line in steps), result.output
    assert said.startswith(f"{NAME} was not kept")
    assert "File too large" in said
    assert registry.versions(NAME) == [1]


# What somebody gets wrong in a module, and words of what is said of it.
FEATURES = "return rows.assign("


MISTAKES = {
    "no Python": (
        "MODEL = Model(",
        "MODEL = Model((",
        "wrong.py, line 32: SyntaxError",
    ),
    "fails": ("import pandas as pd", "1 / 0", "wrong.py, line 7: ZeroDivisionError"),
    "no package": ("import pandas as pd", "import nowhere", "needs nowhere, which is"),
    "no model": ("MODEL = Model(", "OTHER = Model(", "declares no MODEL"),
    "returns nothing": (FEATURES, "rows.assign(", "must return a table"),
    "raises": (
        FEATURES,
        "raise OSError('no')\n    return rows.assign(",
        "wrong.py, line 29: OSError: no",
    ),
    "sorts": (FEATURES, "rows = rows[::-1]\n    return rows.assign(", "same order"),
    "drops": (
        FEATURES,
        "rows = rows[1:]\n    return rows.assign(",
        "that it was given",
    ),
    "learns": ("bill_shape=length /", "bill_shape=length.mean() /", "rows alone"),
    "no probabilities": (
        "LogisticRegression(C=10)",
        "__import__('sklearn.svm').svm.LinearSVC(max_iter=100_000)",
        "predict_proba",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_module_is_a_sentence_and_nothing_is_kept(
    mistake: str, quick: Path
) -> None:
    old, new, words = MISTAKES[mistake]
    shutil.copy(quick / MODULE, quick / MODELS / "wrong.py")
    edit(quick, MODELS / "wrong.py", old, new)
    assert words in refused(tasks.train, ["wrong"])
    assert registry.versions("wrong") == []


def test_a_training_that_is_stopped_says_so(models: Path, tmp_path: Path) -> None:
    task = start(models, tmp_path, at_work.train_slowly, NAME)
    task.wait_for("for ever")
    result = task.stop(signal.SIGINT)
    assert result.code == 130, result.output
    assert result.output.splitlines()[-1] == "Stopped."
    assert registry.versions(NAME) == [1]


@pytest.mark.parametrize("first", [whole(True), False], ids=["the first", "later"])
def test_two_trainings_at_once_both_give_a_version(
    first: bool, models: Path, tmp_path: Path
) -> None:
    if first:
        shutil.rmtree(models / "registry")
    both = [start(models, tmp_path, at_work.train, NAME) for _ in range(2)]
    for task in both:
        result = task.wait()
        assert result.code == 0, result.output
    assert registry.versions(NAME) == ([2, 1] if first else [3, 2, 1])


@pytest.mark.parametrize(
    "write",
    ["create_experiment", "create_registered_model", "set_registered_model_alias"],
)
def test_a_write_that_another_training_was_first_with_is_done_again(
    write: str, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(quick / "registry")
    store.client.cache_clear()
    kept, calls = store.client(), []
    real = getattr(kept, write)

    def second(*given: object, **named: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise MlflowException("UNIQUE constraint failed")
        return real(*given, **named)

    monkeypatch.setattr(kept, write, second)
    tasks.train([NAME])
    assert len(calls) == 2
    assert registry.versions(NAME) == [1]


def test_training_twice_gives_the_same_scores_and_predictions(quick: Path) -> None:
    tasks.train([NAME])
    first, second = version_files(1), version_files(2)
    for name in ("scores.json", "golden.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    # The batch, through the table, is the same as well.
    batches = []
    for number in (1, 2):
        file = quick / "data" / f"{number}.parquet"
        tasks.promote(NAME, number)
        tasks.predict(NAME, output=str(file))
        batches.append(pd.read_parquet(file))
        assert list(batches[-1].pop("version").unique()) == [number]
    pd.testing.assert_frame_equal(*batches, check_exact=True)


@pytest.mark.whole
def test_another_python_gives_the_same_scores_and_predictions(
    models_ready: Path, tmp_path: Path
) -> None:
    usual = next(models_ready.glob("registry/files/*/artifacts/version"))
    facts = json.loads((usual / "facts.json").read_text("utf-8"))
    minor = facts["python"].rpartition(".")[0]
    others = [path for version, path in pythons().items() if version != minor]
    if not others:
        pytest.skip(f"no Python but {minor} on this machine, and none can be fetched")
    other = clone(models_ready, tmp_path / "other")
    batches = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    steps = [
        (models_ready, ["predict", NAME, "--output", str(batches[0])], {}),
        *(
            (other, words, {"UV_PYTHON": others[0]})
            for words in (
                ["train", NAME],
                ["promote", NAME, "1"],
                ["predict", NAME, "--output", str(batches[1])],
            )
        ),
    ]
    for project, words, changes in steps:
        result = poe(project, *words, **changes)
        assert result.code == 0, result.output

    found = next(other.glob("registry/files/*/artifacts/version"))
    told = json.loads((found / "facts.json").read_text("utf-8"))
    assert told["python"].rpartition(".")[0] != minor
    for same in ("fingerprint", "lock", "training_rows", "held_out_rows"):
        assert told[same] == facts[same]
    before, after = (
        json.loads((it / "scores.json").read_text("utf-8")) for it in (usual, found)
    )
    for score, again in zip(before, after, strict=True):
        numbers = {key: it for key, it in score.items() if isinstance(it, float)}
        assert {key: again[key] for key in numbers} == pytest.approx(
            numbers, rel=TOLERANCE, abs=0, nan_ok=True
        )
        assert again | numbers == score
    one, two = (pd.read_parquet(file) for file in batches)
    assert len(one) > 300
    pd.testing.assert_frame_equal(one, two, rtol=TOLERANCE, atol=TOLERANCE)


def test_training_says_its_steps_and_its_scores_and_nothing_else(
    models: Path, tmp_path: Path
) -> None:
    # All that comes from a process, from whatever package.
    result = ran(models, tmp_path, tasks.train, [NAME])
    assert result.code == 0, result.output
    lines = result.output.splitlines()
    rest = [line for line in lines if line and not is_step(line)]
    table = [line for line in rest if line.startswith("|")]
    assert rest == [f"{NAME}, version 2", *table, f"uv run poe promote {NAME} 2"]


def test_nobody_else_is_told_of_a_training(models: Path, tmp_path: Path) -> None:
    result = ran(models, tmp_path, at_work.train_and_tell_of_connections, NAME, 2)
    assert result.code == 0, result.output
    assert "told" not in result.output
