"""A reviewer sees what a change does to the scores of the models."""

import json
import re
from pathlib import Path

import pytest
import yaml
from inside import at_hand, call, inside
from modelled import MODELS, NAME, PACKAGE, edit

from template import Result, commit, environment, git, lend, poe, render, run, status
from twobus.new import model as new
from twobus.review import models as comparison

pytestmark = pytest.mark.slow

MODEL = MODELS / f"{NAME}.py"
CONTRACT = MODELS.with_name("tables") / "penguins.py"


@pytest.fixture
def base_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the base in this process, by the code of its worktree."""
    monkeypatch.setattr(comparison, "uv_run", train_here)


def train_here(tree: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Do what `uv run python -m twobus.review.models` does at the base."""
    assert words[:4] == ("--all-extras", "python", "-m", comparison.__name__)
    if not (tree / "uv.lock").exists():
        return 2, "error: Unable to find lockfile at `uv.lock`, but `--locked` is set."
    if not (tree / MODELS).is_dir():
        # As before there was such a package: what Python then says.
        bare = run("python", "-S", *words[2:], cwd=tree, **at_hand())
        return bare.code, bare.output
    with inside(tree, **environment):
        comparison.write_outcomes(*words[4:])
    return 0, ""


def compared(project: Path, *words: str, **changes: str) -> Result:
    """Compare, without what a run leaves of its worktree."""
    result = call(project, "compare", *words, **changes)
    assert "Traceback" not in result.output, result.output
    assert len(git("worktree", "list", cwd=project).splitlines()) == 1
    return result


def cells(result: Result) -> dict[tuple[str, ...], list[str]]:
    """Read the table that was printed: cells by model, metric and rows."""
    lines = re.findall(r"^\| (\w+ \| \w+ \| .*) \|$", result.output, re.MULTILINE)
    split = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return {tuple(row[:3]): row[3:] for row in split if row[0] != "Model"}


def test_what_is_unchanged_is_one_line(models_ready: Path, tmp_path: Path) -> None:
    # In whole environments: the base has one of its own, from its lock.
    summary = tmp_path / "summary.md"
    with lend(models_ready):
        result = poe(models_ready, "compare", GITHUB_STEP_SUMMARY=str(summary))
        assert status(models_ready) == ""
    assert result.code == 0, result.output
    (line,) = re.findall(r"^- .*", result.output, re.MULTILINE)
    assert line == "- `penguin_sex` predicts what it did, on 117 rows."
    assert cells(result) == {}
    assert line in summary.read_text("utf-8")


def test_the_base_is_trained_by_its_own_process(models: Path, tmp_path: Path) -> None:
    # As a module that is run, and with what stands behind its name.
    file = tmp_path / "outcomes.json"
    result = run(
        *("python", "-m", comparison.__name__, str(file), NAME),
        cwd=models,
        **at_hand(),
        PYTHONPATH=str(models / "src"),
    )
    assert result.code == 0, result.output
    (outcome,) = json.loads(file.read_text("utf-8")).values()
    assert outcome["problem"] == ""
    assert outcome["sample"]


@pytest.fixture(scope="module")
def several(promoted: Path) -> Result:
    """What is printed where each of several models was changed in its own way."""
    # What stands in each of them at the base, and here; all begin as penguin_sex.
    edits = {
        "same": ("C=10", "C=10"),
        "noise": ("C=10", "C=3"),
        "worse": ("C=10", "C=0.05"),
        "better": ("C=0.05", "C=10"),
        "below": ("C=10", "C=0.001"),
        "lower": ('"accuracy": 0.8', '"accuracy": 0.7'),
        "wider": ("assign(", 'assign(mass_kg=rows["body_mass_g"] / 1_000, '),
        "broken": ("rows.assign", "rows.no_such_method"),
    }
    with lend(promoted) as project, pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "uv_run", train_here)
        module = project / MODEL
        text = module.read_text("utf-8")
        for side in (0, 1):
            for name, words in edits.items():
                begun = text.replace("C=10", "C=0.05") if name == "better" else text
                new = begun.replace(*words) if side else begun
                module.with_stem(name).write_text(new, "utf-8")
            gone, fresh = module.with_stem("gone"), module.with_stem("fresh")
            (fresh if side else gone).write_text(text, "utf-8")
            if not side:
                commit(project)
        gone.unlink()
        return compared(project, "--base", "HEAD")


def verdicts(result: Result, model: str) -> set[str]:
    """Return what is said of a model's scores."""
    return {row[-1] for (name, *_), row in cells(result).items() if name == model}


def test_a_model_that_predicts_what_it_did_is_not_in_the_table(
    several: Result,
) -> None:
    assert "- `same` predicts what it did, on 117 rows." in several.output
    assert verdicts(several, "same") == set()


def test_a_change_that_chance_explains_is_said_to_be_noise(several: Result) -> None:
    assert "within noise" in verdicts(several, "noise")
    assert verdicts(several, "noise") <= {"within noise", "the same"}


def test_better_and_worse_are_told_by_intervals_of_the_same_rows(
    several: Result,
) -> None:
    table = cells(several)
    for name, sign in (("worse", -1), ("better", 1)):
        row = table[name, "neg_log_loss", "held out"]
        count, base, here, difference, needed, verdict = row
        assert (count, needed, verdict) == ("117", "-0.45", name)
        found = re.findall(r"[+-][\d.]+", difference)
        middle, low, high = map(float, found)
        assert middle == pytest.approx(float(here) - float(base), abs=2e-3)
        assert low < middle < high
        assert min(sign * low, sign * high) > 0


def test_below_what_is_needed_fails_by_a_sentence(several: Result) -> None:
    assert several.code == 1
    row = cells(several)["below", "neg_log_loss", "held out"]
    assert row[-1] == "**below what is needed**"
    sentence = (
        r"^below is not good enough: neg_log_loss \(held out\) is -0\.\d+; at least "
    )
    assert re.search(sentence, several.output, re.MULTILINE)


def test_a_changed_threshold_is_listed(several: Result) -> None:
    assert "- `lower`: least accuracy was 0.8, is 0.7." in several.output


def test_a_changed_feature_is_listed(several: Result) -> None:
    line = "- `wider`: feature mass_kg was not there, is float64."
    assert line in several.output


def test_new_and_gone_models_are_listed(several: Result) -> None:
    assert "- `fresh` is new." in several.output
    assert "- `gone` is gone." in several.output
    row = cells(several)["fresh", "accuracy", "held out"]
    assert (row[1], row[3]) == ("", "")


def test_a_model_that_cannot_be_trained_fails_and_others_are_compared(
    several: Result,
) -> None:
    sentence = (
        r"^broken cannot be trained: src/.*broken\.py, line \d+: AttributeError: "
    )
    assert re.search(sentence, several.output, re.MULTILINE)


@pytest.mark.usefixtures("base_in_process")
def test_a_changed_contract_is_listed(models: Path) -> None:
    old = "bill_depth_mm: float = pa.Field(gt=0"
    edit(models, CONTRACT, old, old.replace("gt=0", "gt=1"))
    result = compared(models)
    assert result.code == 0, result.output
    assert (
        "- `penguin_sex`: column bill_depth_mm was float64, greater_than(0), gaps, is "
        "float64, greater_than(1), gaps."
    ) in result.output


@pytest.mark.usefixtures("base_in_process")
def test_other_rows_are_told_and_not_compared(models: Path) -> None:
    file = models / "data" / "raw" / "penguins.csv"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:-20]), "utf-8")
    result = compared(models)
    assert "so its scores are not compared" in result.output
    row = cells(result)["penguin_sex", "accuracy", "held out"]
    assert (row[1], row[3], row[-1]) == ("", "", "")


@pytest.mark.usefixtures("base_in_process")
def test_data_that_is_not_in_git_is_lent_to_the_base(models: Path) -> None:
    new.new_model("won_offers")
    commit(models)
    sample = models / f"src/{PACKAGE}/tables/won_offers.csv"
    (models / "data" / "raw" / sample.name).write_bytes(sample.read_bytes())
    result = compared(models, "--base", "HEAD")
    assert "- `won_offers` predicts what it did" in result.output
    assert "sample" not in result.output


@pytest.mark.usefixtures("base_in_process")
def test_a_table_that_cannot_be_read_is_told_and_decides_nothing(models: Path) -> None:
    new.new_model("won_offers")
    commit(models)
    module = MODELS / "won_offers.py"
    edit(models, module, '"balanced_accuracy": 0.6', '"balanced_accuracy": 1.1')
    result = compared(models, "--base", "HEAD")
    assert result.code == 0, result.output
    sentence = "`won_offers` on its sample, which decides nothing: The table"
    assert sentence in result.output
    row = cells(result)["won_offers", "balanced_accuracy", "held out"]
    assert (row[1], row[-1]) == (row[2], "**below what is needed**")


@pytest.mark.usefixtures("base_in_process")
def test_a_request_tells_its_base_and_one_without_models_is_a_sentence(
    models: Path, tmp_path: Path
) -> None:
    start = git("rev-parse", "HEAD", cwd=models).strip()
    git("rm", "-rq", str(MODELS), cwd=models)
    commit(models)
    git("update-ref", "refs/remotes/origin/trunk", "HEAD", cwd=models)
    git("checkout", "-q", start, "--", ".", cwd=models)
    commit(models)
    event = tmp_path / "event.json"
    request = {
        "base": {"ref": "trunk"},
        "body": "",
        "user": {"login": "ann", "type": "User"},
        "draft": False,
        "labels": [],
    }
    event.write_text(json.dumps({"pull_request": request}), "utf-8")
    result = compared(models, GITHUB_EVENT_PATH=str(event))
    git("update-ref", "-d", "refs/remotes/origin/trunk", cwd=models)
    assert result.code == 0, result.output
    base = git("rev-parse", "--short", "HEAD~1", cwd=models).strip()
    assert f"Models, compared with {base}:" in result.output
    assert "Nothing to compare with: the base has no models" in result.output
    assert cells(result)["penguin_sex", "accuracy", "held out"][1] == ""


def test_a_base_that_cannot_be_trained_is_one_sentence(models: Path) -> None:
    # By uv itself, which refuses before it installs anything.
    lock = (models / "uv.lock").read_text("utf-8")
    (models / "uv.lock").unlink()
    commit(models)
    (models / "uv.lock").write_text(lock, "utf-8")
    result = compared(models, "--base", "HEAD")
    assert result.code == 0, result.output
    sentence = "Nothing to compare with: the base cannot be trained: "
    assert sentence in result.output, repr(result.output)


@pytest.mark.parametrize("base", ["nowhere", "--help", "0" * 40])
def test_an_unknown_base_is_one_sentence(models: Path, base: str) -> None:
    result = compared(models, "--base", base)
    assert result.code == 1
    assert f"There is no commit '{base}' here" in result.output
    assert "git fetch --unshallow" in result.output


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_ci_compares_models_and_nothing_else(
    release: Path, tmp_path: Path, forge: str
) -> None:
    for kind in ("analysis", "model"):
        made = render(release, tmp_path / kind, kind=kind, forge=forge)
        name = ".gitlab-ci.yml" if forge == "gitlab" else ".github/workflows/ci.yml"
        text = (made / name).read_text("utf-8")
        assert yaml.safe_load(text)
        assert ("poe compare" in text) == (kind == "model")


@pytest.mark.parametrize(
    ("review", "compare", "code"), [(0, 0, 0), (78, 0, 78), (78, 1, 1), (0, 1, 1)]
)
def test_gitlab_compares_also_where_the_review_is_not_sure(
    release: Path, tmp_path: Path, review: int, compare: int, code: int
) -> None:
    made = render(release, tmp_path / "made", kind="model", forge="gitlab")
    job = yaml.safe_load((made / ".gitlab-ci.yml").read_text("utf-8"))["review"]
    (tmp_path / "uv").write_text(
        f"#!/bin/sh\ncase $4 in review) exit {review};; *) exit {compare};; esac\n"
    )
    (tmp_path / "uv").chmod(0o755)
    script = ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])]
    path = f"{tmp_path}:{environment()['PATH']}"
    assert run(*script, cwd=tmp_path, PATH=path).code == code
