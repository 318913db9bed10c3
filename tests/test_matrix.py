"""Updates never hurt: earlier releases, variants and people's edits, crossed.

`poe test` takes each edit once by each engine, from the oldest release and from the
newest in turn and with their variants in turn, so that it does not grow with each
release; `poe matrix` takes all.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, permutations, product
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from conftest import Made
from edits import EDITS, common_code

from template import (
    QUESTIONS,
    choices,
    clone,
    commit,
    earlier,
    files,
    git,
    label,
    offers,
    pairs,
    run,
    starts,
    status,
    whole,
    word,
)
from twobus.companion.template import Release, Template, render
from twobus.companion.update import BRANCH
from twobus.companion.update import update as bring

EARLIER = earlier()
ENDS = [*dict.fromkeys([EARLIER[0], EARLIER[-1]])]
NEWEST = "1000.0.0"
# So many that edits of one group do not meet.
GROUPS = 12
COMMON = re.compile(rb"^(from|import) \S*(twobus|settings)\b")


def by_copier(project: Path, template: Template, **data: Any) -> list[str]:
    """Update as anybody can, and return the files that are in conflict."""
    copier.run_update(
        project, data, defaults=True, quiet=True, overwrite=True, unsafe=False
    )
    unmerged = git("diff", "--name-only", "--diff-filter=U", "-z", cwd=project)
    return [name for name in unmerged.split("\0") if name]


def by_twobus(project: Path, template: Template, **data: Any) -> list[str]:
    """Update with the companion, go to its branch, and return the conflicts."""
    before = git("rev-parse", "HEAD", cwd=project)
    outcome = bring(project, template, data=data)
    assert outcome.state in {"clean", "conflicts"}, outcome
    assert status(project) == ""
    assert git("rev-parse", "HEAD", cwd=project) == before
    git("switch", "--quiet", BRANCH, cwd=project)
    return outcome.conflicts


ENGINES = {"copier": by_copier, "twobus": by_twobus}


def edits(whole: bool) -> list[tuple[str, str, dict[str, Any], tuple[str, ...]]]:
    """List updates: how, from which release, with which answers and edits."""
    if whole:
        every = product(ENGINES, EARLIER, pairs(), ((name,) for name in EDITS))
        return [row for row in every if offers(row[1], row[2])]
    offered: dict[str, list[dict[str, Any]]] = {version: [] for version in ENDS}
    for version, answers in starts():
        if version in offered:
            offered[version].append(answers)
    alone = [(name,) for name in EDITS]
    # What Copier does with each is known: here it does with several at once.
    several = [tuple(EDITS)[start::GROUPS] for start in range(GROUPS)]
    rows = []
    for engine, groups, ends in (
        ("twobus", alone, ENDS),
        # From the other release, since an even number of groups keeps them apart.
        ("copier", several, ENDS[::-1]),
    ):
        for turn, (version, names) in enumerate(zip(cycle(ends), groups, strict=False)):
            answers = offered[version][turn // len(ENDS) % len(offered[version])]
            rows.append((engine, version, answers, names))
    return rows


def unedited(whole: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """List updates: how, from which release and with which answers."""
    every = [(engine, *start) for start, engine in product(starts(), ENGINES)]
    return [row for row in every if whole or row[1] in ENDS]


def changes(whole: bool) -> list[tuple[str, str, str, Any, Any]]:
    """List changes of answers: how, at which release, of what, from and to what."""
    texts = {
        "project_name": ("Penguins", "Larger penguins"),
        "description": ("Old.", "New."),
        "repository_url": ("", "https://github.com/acme/study"),
        "code_owners": ("", "@ann @bob"),
    }
    found = [(name, old, new) for name, (old, new) in texts.items()]
    library = "acme-data @ git+https://git.acme.example/data/acme-data@v1.2.0"
    found += [("shared_library", "", library), ("shared_library", library, "")]
    for name in QUESTIONS:
        offered = choices(name)
        around = zip(offered, [*offered[1:], *offered[:1]], strict=True)
        two = permutations(offered, 2) if whole else around
        found += [(name, old, new) for old, new in two if old != new]
    if not whole:
        return [
            (engine, NEWEST, *one)
            for engine, one in zip(cycle(ENGINES), found, strict=False)
        ]
    return [
        (engine, version, *one)
        for engine, version, one in product(ENGINES, [*EARLIER, NEWEST], found)
        if offers(version, {one[0]: one[1]})
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take all updates, or every pair."""
    whole = metafunc.config.getoption("--whole")
    kinds: dict[str, Callable[[bool], list[Any]]] = {
        "edited": edits,
        "unedited": unedited,
        "changed": changes,
        "busy_one": busy,
    }
    for name, kind in kinds.items():
        if name in metafunc.fixturenames:
            found = kind(whole)
            words = ["-".join(map(word, row)) for row in found]
            metafunc.parametrize(name, found, ids=words)


@pytest.fixture(scope="module", autouse=True)
def _render_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let updates of the same project take what has been rendered for one of them."""
    store = tmp_path_factory.mktemp("rendered")
    known: dict[str, Path] = {}

    def cached(template: Template, release: Release, folder: Path, **how: Any) -> Path:
        given = how.get("recorded")
        text = given.read_text("utf-8") if given else ""
        key = repr((release.ref, folder.name, dict(how, recorded=text)))
        if key not in known:
            place = store / str(len(known)) / folder.name
            known[key] = render(template, release, place, **how)
        return Path(shutil.copytree(known[key], folder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twobus.companion.update.render", cached)
        yield


def contents(folder: Path) -> dict[str, bytes]:
    """Return a project's files, with line ends as git keeps them."""
    return {
        name.as_posix(): (folder / name).read_bytes().replace(b"\r\n", b"\n")
        for name in files(folder)
    }


def lost(
    given: Mapping[str, bytes], own: Mapping[str, bytes], now: Mapping[str, bytes]
) -> list[str]:
    """List what people wrote that is nowhere any more.

    Args:
        given: The project as it was made.
        own: The project as people had it.
        now: The project after the update.
    """
    found = []
    for name, content in own.items():
        if content in given.values():
            continue
        before, here = given.get(name, b""), now.get(name, b"")
        written = Counter(content.splitlines()) - Counter(before.splitlines())
        missing = written - Counter(here.splitlines())
        # Common code is imported from elsewhere now.
        if gone := [line for line in missing if not COMMON.search(line)]:
            found.append(f"{name}: {gone}")
    return found


# What a team does that works: all of it at once, and the checks still pass.
BUSY = [
    "add_a_dependency_next_to_ours",
    "add_a_tool",
    "set_up_a_tool",
    "relax_the_linter",
    "name_a_package_without_types",
    "add_a_task",
    "add_a_check",
    "rewrite_the_introduction",
    "add_a_module",
    "add_a_decision",
    "rename_modules",
    "add_a_workflow",
    "ignore_a_path",
    "add_a_picture",
    "move_a_page",
]


def busy(whole: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """List updates of busy projects: how, from which release, and of which variant."""
    every = [(engine, *one) for engine, one in product(ENGINES, starts())]
    # The newest release: these take half a minute each.
    return every if whole else [every[-1]]


def early_mistakes(
    engine: str, version: str, answers: dict[str, Any], name: str
) -> set[str]:
    """Return conflicts that the layout of earlier releases makes inevitable."""
    # Since 0.6.0 there is no empty line for `uv add` to take out.
    copied = version in EARLIER and not version.startswith(("0.6.", "1000."))
    if engine == "copier" and copied and name == "add_a_dependency_at_the_end":
        return {"pyproject.toml"}
    # Since 0.2.0 no release may write at the end of README.md, where people write.
    if (version, name) == ("0.1.0", "add_a_section_to_the_readme"):
        return {"README.md"}
    # Since 0.3.0 no answer may add to the list of what people import.
    early = version in {"0.1.0", "0.2.0"} and not answers["worked_example"]
    if early and name in {"add_a_dependency_at_the_end", "raise_a_version"}:
        return {"pyproject.toml"}
    return set()


def test_an_update_keeps_what_people_did(
    edited: tuple[str, str, dict[str, Any], tuple[str, ...]],
    template: Template,
    made: Made,
    tmp_path: Path,
) -> None:
    engine, version, answers, edits = edited
    start = made(version, answers)
    project = clone(start, tmp_path / "penguin-study")
    for name in edits:
        EDITS[name](project)
    commit(project)
    given, own = contents(start), contents(project)
    common = {file.relative_to(project).as_posix() for file in common_code(project)}
    conflicts = ENGINES[engine](project, template)
    now = contents(project)
    if engine == "copier":
        # It says so before, and nobody can keep it from doing that.
        own = {file: text for file, text in own.items() if file not in common}
    assert lost(given, own, now) == []
    # People meet a conflict only in what is the template's, and they changed.
    shared = template.shared(template.find(version))
    touched = {file for file in own if own[file] != given.get(file)}
    assert set(conflicts) <= touched
    known = (early_mistakes(engine, version, answers, name) for name in edits)
    assert set(conflicts) & set(shared) == set().union(*known)


def test_an_unedited_project_becomes_a_fresh_one(
    unedited: tuple[str, str, dict[str, Any]],
    template: Template,
    made: Made,
    tmp_path: Path,
) -> None:
    engine, version, answers = unedited
    project = clone(made(version, answers), tmp_path / "penguin-study")
    assert ENGINES[engine](project, template) == []
    fresh = without_seeds(template, project, tmp_path / "fresh")
    now = contents(project)
    assert {name: now.get(name) for name in fresh} == fresh


def without_seeds(template: Template, project: Path, folder: Path) -> dict[str, bytes]:
    """Return the managed and shared files of a fresh project with the same answers."""
    newest = template.newest
    made = render(
        template,
        newest,
        folder / "penguin-study",
        recorded=project / ".copier-answers.yml",
        exclude=template.once(newest),
    )
    return contents(made)


@pytest.mark.slow
def test_a_busy_project_locks_and_passes(
    busy_one: tuple[str, str, dict[str, Any]],
    template: Template,
    made: Made,
    tmp_path: Path,
) -> None:
    engine, version, answers = busy_one
    project = clone(made(version, answers), tmp_path / "penguin-study")
    for name in BUSY:
        EDITS[name](commit(project))
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    assert ENGINES[engine](project, template) == []
    if engine == "copier":
        assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    result = run("uv", "run", "--locked", "poe", "check", cwd=project)
    assert result.code == 0, result.output
    assert "checked by us" in result.output
    assert status(project) == ""


FIRST = [answers for version, answers in starts() if version == EARLIER[0]]


@pytest.mark.parametrize("answers", [FIRST[0], *map(whole, FIRST[1:])], ids=label)
def test_many_releases_at_once_are_the_same_as_one_after_the_other(
    answers: dict[str, Any],
    template: Template,
    made: Made,
    tmp_path: Path,
) -> None:
    start = made(EARLIER[0], answers)
    at_once, stepwise = (clone(start, tmp_path / name / "x") for name in "ab")
    bring(at_once, template)
    git("switch", "--quiet", BRANCH, cwd=at_once)
    for version in [*EARLIER[1:], template.newest.name]:
        bring(stepwise, template, to=version)
        git("merge", "--quiet", "--ff-only", BRANCH, cwd=stepwise)
    assert contents(at_once) == contents(stepwise)


def test_an_answer_can_be_changed_later(
    changed: tuple[str, str, str, Any, Any],
    template: Template,
    made: Made,
    tmp_path: Path,
) -> None:
    engine, version, question, old, new = changed
    start = made(version, {"package_name": "penguin_study", question: old})
    project = clone(start, tmp_path / "penguin-study")
    for name in ["add_a_module", "fill_in_a_page", "add_a_dependency_at_the_end"]:
        EDITS[name](project)
    commit(project)
    given, own = contents(start), contents(project)
    answers = {"worked_example": True, question: old}
    known = early_mistakes(engine, version, answers, "add_a_dependency_at_the_end")
    if question == "kind" and "library" in {old, new}:
        # Of what others import, a library brings less.
        known |= {"pyproject.toml"}
        # That page is not of a library, in which the edit writes it anew.
        known |= {"docs/data.md"} if old == "library" else set()
    assert {*ENGINES[engine](project, template, **{question: new})} == known
    now = contents(project)
    assert lost(given, own, now) == []
    recorded = yaml.safe_load(now[".copier-answers.yml"])
    assert recorded[question] == new
    fresh = contents(
        render(template, template.newest, tmp_path / "f" / "x", answers=recorded)
    )
    # What the new answer brings is there, seeds as well.
    assert fresh.keys() - now.keys() == set()
    managed = without_seeds(template, project, tmp_path / "fresh")
    edited = {name for name in own if own[name] != given.get(name)}
    for name in managed.keys() - edited:
        assert now[name] == managed[name], name


@pytest.mark.whole
@pytest.mark.slow
def test_an_analysis_becomes_a_repository_of_models_that_passes(
    template: Template, made: Made, tmp_path: Path
) -> None:
    start = made(NEWEST, {"package_name": "penguin_study", "kind": "analysis"})
    project = clone(start, tmp_path / "penguin-study")
    for name in BUSY:
        EDITS[name](commit(project))
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    given, own = contents(start), contents(project)
    del own["uv.lock"]  # It is made anew.
    assert by_twobus(project, template, kind="model") == []
    assert lost(given, own, contents(project)) == []
    for task in ("check", "train"):
        result = run("uv", "run", "--locked", "poe", task, cwd=project)
        assert result.code == 0, result.output
    assert "uv run poe promote penguin_sex 1" in result.output
    assert status(project) == ""
