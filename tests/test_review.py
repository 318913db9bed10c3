"""What `poe review` says of changes, on real histories and real events of forges."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Render
from inside import call, inside

from template import (
    Result,
    choices,
    git,
    lend,
    render,
)
from template import commit as commit_all
from twobus.review.description import _unanswered
from twobus.review.owners import name_owners, owners

PAGE = ".github/pull_request_template.md"
GITLAB_PAGE = ".gitlab/merge_request_templates/Default.md"


@pytest.fixture(scope="module")
def owned(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two owners, without notebooks, so that a review takes no time."""
    folder = tmp_path_factory.mktemp("owned") / "owned"
    answers = {"notebooks": "none", "code_owners": "@ann @bob"}
    made = commit_all(render(release, folder, **answers))
    # A render for each large change would take seconds.
    reach_template(made, "/nowhere")
    return made


def reach_template(project: Path, place: str) -> None:
    """Commit another place where the template is said to be."""
    file = project / ".copier-answers.yml"
    text = re.sub(r"(?m)^_src_path: .*", f"_src_path: {place}", file.read_text("utf-8"))
    commit(project, {file.name: text})


@pytest.fixture
def branch(owned: Path) -> Iterator[Path]:
    """That project on a branch, as CI checks it out: the base is on `origin`."""
    with lend(owned):
        git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=owned)
        git("checkout", "--quiet", "-b", "work", cwd=owned)
        yield owned
        git("checkout", "--quiet", "--force", "main", cwd=owned)
        git("branch", "--quiet", "-D", "work", cwd=owned)


def answered(page: str) -> str:
    """Fill in a description, as its author does."""
    return page.replace("…", "Yes, and this is why.")


def commit(project: Path, contents: dict[str, str]) -> None:
    """Commit files, given by name, without the hooks."""
    for name, content in contents.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
        git("add", "--force", name, cwd=project)
    git("commit", "--quiet", "--no-verify", "--message", "Work", cwd=project)


def lines(count: int) -> str:
    """Return that many lines of code."""
    return "".join(f"x{number} = {number}\n" for number in range(count))


@dataclass
class Forge:
    """Events of a forge that labels were set, served on loopback."""

    url: str
    events: list[dict[str, Any]]
    tokens: list[str]
    methods: set[str]


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge that knows who has set a label."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.tokens.append(self.headers["Authorization"])
            first = "page=2" not in self.path
            body = json.dumps(known.events[:1] if first else known.events[1:]).encode()
            self.send_response(200)
            if first:
                link = f'<{known.url}{self.path}&page=2>; rel="next"'
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def parse_request(self) -> bool:
            understood = super().parse_request()
            known.methods.add(self.command)
            return understood

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Forge(f"http://127.0.0.1:{server.server_port}", [], [], set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()


def labelled(by: str, kind: str = "User") -> dict[str, Any]:
    """Return the event that somebody has set the label that waives the limit."""
    actor = {"login": by, "type": kind}
    return {"event": "labeled", "label": {"name": "large-change"}, "actor": actor}


Review = Callable[..., tuple[Result, str]]


@pytest.fixture
def review(branch: Path, tmp_path: Path, forge: Forge) -> Review:
    """Review as the job on GitHub does, on an event as GitHub sends it."""

    def run_job(**changes: Any) -> tuple[Result, str]:
        request = {
            "number": 7,
            "base": {"ref": "main"},
            "body": answered(git("show", f"origin/main:{PAGE}", cwd=branch)),
            "user": {"login": "ann", "type": "User"},
            "draft": False,
            "labels": [],
        } | changes
        event, summary = tmp_path / "event.json", tmp_path / "summary.md"
        event.write_text(json.dumps({"pull_request": request}), "utf-8")
        result = call(
            branch,
            "review",
            CI="true",
            GITHUB_EVENT_PATH=str(event),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_API_URL=forge.url,
            GITHUB_REPOSITORY="acme/study",
            GITHUB_TOKEN="t0ken",  # noqa: S106
        )
        return result, summary.read_text("utf-8") if summary.exists() else ""

    return run_job


def test_a_small_change_is_fine(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(400)})
    result, summary = review()
    assert result.code == 0, result.output
    assert "| Size | ok | 400 added lines |" in summary


def test_more_than_400_lines_are_warned_of(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(401)})
    result, summary = review()
    assert result.code == 0, result.output
    assert "| Size | warning | 401 added lines" in summary
    assert "most of them in src/own.py" in summary


def test_more_than_1000_lines_fail(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Size | fails | 1,001 added lines" in summary


def raised(project: Path) -> dict[str, str]:
    """Return settings with a higher limit."""
    text = (project / "pyproject.toml").read_text("utf-8")
    return {"pyproject.toml": text.replace("fail_added = 1000", "fail_added = 2000")}


def test_the_limits_stand_in_pyproject(branch: Path, review: Review) -> None:
    commit(branch, raised(branch))
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(1001)})
    assert review()[0].code == 0


def test_a_change_is_held_against_the_limits_from_before(
    branch: Path, review: Review
) -> None:
    commit(branch, raised(branch) | {"src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Rules | look | this changes what reviews rest on: the limits" in summary


def test_a_change_is_held_against_the_level_from_before(
    branch: Path, review: Review
) -> None:
    answers = branch / ".copier-answers.yml"
    text = answers.read_text("utf-8").replace("standard", "light")
    commit(branch, {answers.name: text, "src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Rules | look |" in summary


def test_questions_cannot_be_removed_with_their_page(
    branch: Path, review: Review
) -> None:
    git("rm", "--quiet", PAGE, cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "No page", cwd=branch)
    result, summary = review(body="")
    assert result.code == 1
    assert "| Description | fails |" in summary


def test_new_marks_of_generated_files_are_pointed_at(
    branch: Path, review: Review
) -> None:
    commit(branch, {"src/.gitattributes": "* -diff\n", "src/own.py": lines(3000)})
    assert "| Rules | look |" in review()[1]


def test_a_name_cannot_write_a_line_of_its_own(branch: Path, review: Review) -> None:
    commit(branch, {"src/x\n::error ::y": lines(1001)})
    result, _ = review()
    assert not [line for line in result.output.splitlines() if line.startswith("::")]


def test_files_that_git_does_not_know_are_counted_as_such(branch: Path) -> None:
    (branch / "new.py").write_text(lines(700), "utf-8")
    assert "0 added lines; without 1 files that are not in git" in (
        call(branch, "review").output
    )


@pytest.mark.parametrize(
    "name",
    ["uv.lock", "data/raw/new.csv", "src/owned/tables/new.csv", "picture.png"],
)
def test_what_nobody_reads_does_not_count(
    name: str, branch: Path, review: Review
) -> None:
    binary = name.endswith(".png")
    file = branch / name
    before = file.read_text("utf-8") if file.exists() else ""
    commit(branch, {name: "\0" * 9000 if binary else before + "# more\n" * 3000})
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_a_rename_does_not_count(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(2000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("mv", "src/own.py", "src/mine.py", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Rename", cwd=branch)
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_deletions_do_not_count(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(2000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(1)})
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_changes_of_main_since_the_branch_began_do_not_count(
    branch: Path, review: Review
) -> None:
    commit(branch, {"src/own.py": lines(10)})
    git("checkout", "--quiet", "--detach", "origin/main", cwd=branch)
    commit(branch, {"src/other.py": lines(3000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("checkout", "--quiet", "work", cwd=branch)
    git("merge", "--quiet", "--no-verify", "origin/main", cwd=branch)
    assert "| Size | ok | 10 added lines |" in review()[1]


def test_the_first_commit_does_not_count(branch: Path, review: Review) -> None:
    git("checkout", "--quiet", "--orphan", "anew", cwd=branch)
    commit(branch, {"src/own.py": lines(3000)})
    commit(branch, {"src/more.py": lines(5)})
    _, summary = review()
    git("branch", "--force", "work", cwd=branch)
    assert "| Size | ok | 5 added lines |" in summary


def test_files_equal_to_a_fresh_render_do_not_count(
    branch: Path, review: Review, release: Path
) -> None:
    git("checkout", "--quiet", "--detach", cwd=branch)
    reach_template(branch, str(release))
    git("rm", "-rq", "--cached", "src", "tests", "docs", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Without", cwd=branch)
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("add", "--all", cwd=branch)
    commit(branch, {"src/own.py": lines(500)})
    git("branch", "--quiet", "--force", "work", cwd=branch)
    git("checkout", "--quiet", "work", cwd=branch)
    assert (
        "| Size | warning | 500 added lines, most of them in src/own.py"
        in (review()[1])
    )


def test_a_template_out_of_reach_is_said(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(500)})
    _, summary = review()
    assert "| Size | warning | 500 added lines; files of the template count" in summary


def test_at_light_the_size_only_warns(branch: Path, review: Review) -> None:
    answers = branch / ".copier-answers.yml"
    text = answers.read_text("utf-8").replace("standard", "light")
    commit(branch, {answers.name: text})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(2000)})
    result, summary = review()
    assert result.code == 0
    assert "| Size | warning | 2,000 added lines" in summary


LARGE = {"labels": [{"name": "large-change"}]}


def waived(project: Path, reason: str = "Size waiver: it is one table") -> str:
    page = (project / PAGE).read_text("utf-8")
    return f"{answered(page)}\n\n{reason}\n"


def test_a_waiver_needs_a_reason(branch: Path, review: Review, forge: Forge) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    assert review(**LARGE)[0].code == 1


def test_a_waiver_needs_a_label(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    assert review(body=waived(branch))[0].code == 1


def test_a_waiver_of_somebody_else_is_shown(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("ann"), labelled("bob")]
    result, summary = review(body=waived(branch), **LARGE)
    assert result.code == 0, result.output
    assert "| Size | warning |" in summary
    assert "Waived by bob: it is one table" in summary
    assert forge.tokens == ["Bearer t0ken"] * 2


def test_a_request_from_a_fork_needs_no_right_to_write(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    fork = {"repo": {"fork": True, "full_name": "ann/study"}, "ref": "work"}
    result, _ = review(body=waived(branch), head=fork, **LARGE)
    assert result.code == 0, result.output
    assert forge.methods == {"GET"}


@pytest.mark.parametrize(
    "events",
    [
        [labelled("ann")],
        [labelled("Ann")],
        [labelled("robot", "Bot")],
        [labelled("bob"), labelled("robot", "Bot")],
        [labelled("bob"), labelled("bob") | {"event": "unlabeled"}],
        [{"event": "closed"}],
        [{"event": "labeled"}],
    ],
)
def test_nobody_waives_the_limit_alone(
    events: list[dict[str, Any]], branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = events
    assert review(body=waived(branch), **LARGE)[0].code != 0


def test_a_waiver_that_cannot_be_verified_fails(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.url = "http://127.0.0.1:1"
    result, summary = review(body=waived(branch), **LARGE)
    assert result.code != 0
    assert "| Size | not checked |" in summary
    assert "the forge does not tell" in summary


def test_text_of_the_author_stays_text_in_the_summary(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    reason = "Size waiver: x | ok | <img src=http://x> [y](http://x) @acme"
    _, summary = review(body=waived(branch, reason), **LARGE)
    assert "<img" not in summary
    assert not re.search(r"(?<!\\)\]\(", summary)
    assert all(row.count(" | ") == 2 for row in summary.splitlines()[2:])


def test_an_unchanged_description_fails(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1)})
    result, summary = review(body=(branch / PAGE).read_text("utf-8"))
    assert result.code == 1
    assert "| Description | fails | not answered: What changes" in summary


def questions(project: Path) -> list[str]:
    page = (project / PAGE).read_text("utf-8")
    return [line.split("**")[1] for line in page.splitlines() if line.startswith("**")]


Unanswered = Callable[[list[str]], list[list[str]]]


@pytest.fixture(scope="module")
def unanswered(owned: Path) -> Unanswered:
    """Say which questions some descriptions leave open."""

    def ask(descriptions: list[str]) -> list[list[str]]:
        asked = questions(owned)
        return [[*_unanswered(asked, text, whole=True)] for text in descriptions]

    return ask


def test_each_question_needs_an_answer(owned: Path, unanswered: Unanswered) -> None:
    page = answered((owned / PAGE).read_text("utf-8"))
    question = questions(owned)[3]
    line = f"**{question}** Yes, and this is why."
    assert line in page
    empty = ["", "…", "...", "<!-- yes -->", "-", "\u200b", "```\n```", "&nbsp;"]
    empty += [
        "<br>",
        "![](x)",
        "\n[//]: # (x)",
        "____",
        "\u3164",
        "TODO",
        "tbd.",
        question,
    ]
    empty += ["<details></details>", "Size waiver: large", "Closes #12"]
    texts = [page.replace(line, f"**{question}** {answer}") for answer in empty]
    assert unanswered(texts) == [[question]] * len(empty)


def test_a_word_is_an_answer(owned: Path, unanswered: Unanswered) -> None:
    page = (owned / PAGE).read_text("utf-8")
    answers = ["no", "n/a", "`yes`", "[here](http://x)", "是"]
    assert unanswered([page.replace("…", word) for word in answers]) == [[]] * 5


def test_a_footer_does_not_answer_the_last_question(
    owned: Path, unanswered: Unanswered
) -> None:
    page = answered((owned / PAGE).read_text("utf-8"))
    last = questions(owned)[-1]
    text = page.replace(f"**{last}** Yes, and this is why.", f"**{last}** …")
    assert unanswered([f"{text}\n\nCloses #12\nSize waiver: one table\n"]) == [[last]]


def test_a_question_that_was_removed_is_named(branch: Path, review: Review) -> None:
    page = answered((branch / PAGE).read_text("utf-8"))
    _, *rest = page.splitlines()
    result, summary = review(body="\n".join(rest))
    assert result.code == 1
    assert f"not answered: {questions(branch)[0]} Edit" in summary


def test_an_answer_may_take_lines_of_its_own(branch: Path, review: Review) -> None:
    page = (branch / PAGE).read_text("utf-8")
    assert review(body=page.replace("…", "\r\n\r\nYes.\r\n"))[0].code == 0


def test_no_description_at_all_fails(branch: Path, review: Review) -> None:
    assert review(body=None)[0].code == 1


def test_a_program_is_not_asked(branch: Path, review: Review) -> None:
    result, summary = review(body="", user={"login": "bump", "type": "Bot"})
    assert result.code == 0
    assert "| Description | warning | bump is a program" in summary


def test_a_draft_fails_nothing(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result, summary = review(body="", draft=True)
    assert result.code == 0
    assert "| Size | fails |" in summary


@pytest.mark.parametrize("mark", ["<<<<<<< before updating", ">>>>>>> after updating"])
def test_conflicts_of_an_update_fail(mark: str, branch: Path, review: Review) -> None:
    commit(branch, {"README.md": f"Hello\n{mark}\n"})
    result, summary = review()
    assert result.code == 1
    assert "| Conflicts | fails |" in summary


def test_rejected_parts_of_an_update_fail(branch: Path, review: Review) -> None:
    commit(branch, {"README.md.rej": "Hello\n"})
    assert review()[0].code == 1


def test_empty_lines_of_the_take_over_are_named(branch: Path, review: Review) -> None:
    readme = (branch / "README.md").read_text("utf-8")
    before, empty, after = readme.partition("for which decision | |\n")
    assert empty
    filled = f"{before}for which decision | The board, in March |\n{after}"
    commit(branch, {"README.md": filled})
    _, summary = review()
    assert "Who needs the results" not in summary
    assert "Which access is needed, and who grants it" in summary


def test_limits_that_are_missing_are_asked_for(branch: Path) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    commit(branch, {"pyproject.toml": text.replace("notebook_cell = 40\n", "")})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    result = call(branch, "review")
    assert result.code == 1
    assert "pyproject.toml must give warn_added, fail_added" in result.output
    assert "Traceback" not in result.output


def test_bytes_that_are_no_text_are_no_reason_to_stop(
    branch: Path, review: Review
) -> None:
    (branch / ".github" / "CODEOWNERS").write_bytes(b"* @ann # caf\xe9\n")
    (branch / os.fsdecode(b"caf\xe9.txt")).write_text(lines(500), "utf-8")
    git("add", "--all", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Bytes", cwd=branch)
    result, summary = review()
    assert "Traceback" not in result.output
    assert "| Size | warning |" in summary


def test_without_a_request_only_the_change_is_looked_at(branch: Path) -> None:
    commit(branch, {"src/own.py": lines(3)})
    result = call(branch, "review")
    assert result.code == 0
    assert "3 added lines" in result.output
    assert "there is no request yet" in result.output


def test_an_unknown_base_is_said_in_a_sentence(branch: Path) -> None:
    result = call(branch, "review", "--base", "nowhere")
    assert result.code == 1
    assert "There is no commit or branch 'nowhere' here" in result.output
    assert "Traceback" not in result.output


OWNERS = {
    "nobody": ("", "One-bus project"),
    "one": ("* @ann\n", "line 1 of CODEOWNERS gives * to fewer than two"),
    "one, twice": ("* @ann @Ann\n", "gives * to fewer than two"),
    "narrower": (
        "* @ann @bob\n/src @cy # why\n",
        "line 2 of CODEOWNERS gives /src",
    ),
    "cleared": ("* @ann @bob\n/docs/\n", "line 2 of CODEOWNERS gives /docs/"),
    "not everything": ("/src/ @ann @bob\n", "One-bus project"),
    "a comment": ("# * @ann @bob\n", "One-bus project"),
    "two": ("* @ann @bob\n", ""),
    "two by mail": ("* a@x.org b@x.org\n", ""),
    "a team": ("* @acme/data\n", ""),
    "two spellings of everything": ("** @ann @bob\n", ""),
    "no owners": ("* @ann @ /x@y @bob,\n", "line 1 of CODEOWNERS counts for nothing"),
    "a dot in a name": ("* @first.last @bob\n", "@first.last is no name that GitHub"),
    "a dot in a team": ("* @acme/data.team\n", "@acme/data.team is no name"),
    "what GitHub skips": ("* @ann @bob\n!x @cy\n", ""),
}


def ownership(roots: list[Path]) -> list[list[str]]:
    """Return what is said of the owners of projects: the result, and why."""
    found = []
    for root in roots:
        if not (root / "pyproject.toml").exists():
            (root / "src").mkdir()
            (root / "pyproject.toml").write_text("[tool.twobus]\n", "utf-8")
        with inside(root):
            row = owners()
        found.append([row.result, row.detail])
    return found


@pytest.fixture(scope="module")
def owner_rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is said of each case of CODEOWNERS."""
    roots = [tmp_path_factory.mktemp("case") for _ in OWNERS]
    for root, (text, _) in zip(roots, OWNERS.values(), strict=True):
        (root / ".github").mkdir()
        (root / ".github" / "CODEOWNERS").write_text(text, "utf-8")
    return dict(zip(OWNERS, ownership(roots), strict=True))


@pytest.mark.parametrize("case", OWNERS)
def test_a_path_that_one_person_owns_is_named(
    case: str, owner_rows: dict[str, list[str]]
) -> None:
    result, detail = owner_rows[case]
    said = OWNERS[case][1]
    assert result == ("warning" if said else "ok")
    assert said in detail


def test_check_says_it_in_one_line(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (branch / ".github" / "CODEOWNERS").write_text("* @ann\n", "utf-8")
    with inside(branch):
        name_owners()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("One-bus path: line 1 of CODEOWNERS")


def test_sections_of_gitlab_may_have_owners_of_their_own(project: Render) -> None:
    made = project(forge="gitlab", notebooks="none", code_owners="@ann @bob")
    file = made / ".gitlab" / "CODEOWNERS"
    for text, result in (
        ("[All] @ann @bob\n*\n", "ok"),
        ("[All] @ann\n*\n", "warning"),
        ("[All][2]\n* @@maintainer\n", "ok"),
    ):
        file.write_text(text, "utf-8")
        assert ownership([made])[0][0] == result, text


def test_the_file_that_the_forge_reads_first_counts(project: Render) -> None:
    made = project(forge="gitlab", notebooks="none", code_owners="@ann @bob")
    (made / "CODEOWNERS").write_text("* @mallory\n", "utf-8")
    assert ownership([made])[0][0] == "warning"


@pytest.mark.parametrize(
    ("owners", "result"), [("@a @b", "warning"), ("@a @b @c", "ok")]
)
def test_strict_misses_a_third_owner(owners: str, result: str, project: Render) -> None:
    made = project(notebooks="none", code_owners=owners, review_level="strict")
    assert ownership([made])[0][0] == result


@pytest.mark.parametrize("forge_name", choices("forge"))
def test_generated_owners_are_two_or_are_missed(
    forge_name: str, project: Render
) -> None:
    named = ["", "@ann", "@ann @bob", "@ann @bob @cy", "@a/b"]
    roots = [
        project(str(n), forge=forge_name, code_owners=owners, notebooks="none")
        for n, owners in enumerate(named)
    ]
    results = [result for result, _ in ownership(roots)]
    assert results == ["warning", "warning", "ok", "ok", "ok"]


GITLAB = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_TITLE": "Work",
    "CI_MERGE_REQUEST_LABELS": "large-change,other",
    "GITLAB_CI": "true",
}


@pytest.fixture
def gitlab(branch: Path, project: Render) -> Callable[..., Result]:
    """Review as the job on GitLab does, with the variables that it gives."""
    made = project(forge="gitlab", notebooks="none")
    page = (made / GITLAB_PAGE).read_text("utf-8")

    def run_job(**changes: str) -> Result:
        variables = GITLAB | {
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(
                "rev-parse", "origin/main", cwd=branch
            ).strip(),
            "CI_MERGE_REQUEST_DESCRIPTION": answered(page),
        }
        return call(branch, "review", **(variables | changes))

    return run_job


def test_a_merge_request_is_reviewed(branch: Path, gitlab: Any) -> None:
    commit(branch, {"src/own.py": lines(10)})
    result = gitlab()
    assert result.code == 0, result.output
    assert "10 added lines" in result.output


def test_a_truncated_description_is_not_called_checked(
    branch: Path, gitlab: Any
) -> None:
    result = gitlab(CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED="true")
    assert result.code == 78
    assert "Description  not checked" in result.output


@pytest.mark.parametrize("text", ["", "x" * 2700])
def test_an_older_gitlab_that_may_have_cut_the_text_is_not_called_checked(
    text: str, branch: Path, gitlab: Any
) -> None:
    assert gitlab(CI_MERGE_REQUEST_DESCRIPTION=text).code == 78


def test_on_the_result_of_a_merge_only_the_request_counts(
    branch: Path, gitlab: Any
) -> None:
    old = git("rev-parse", "HEAD", cwd=branch).strip()
    commit(branch, {"src/main.py": lines(500)})
    target = git("rev-parse", "HEAD", cwd=branch).strip()
    commit(branch, {"src/own.py": lines(10)})
    result = gitlab(
        CI_MERGE_REQUEST_DIFF_BASE_SHA=old, CI_MERGE_REQUEST_TARGET_BRANCH_SHA=target
    )
    assert "10 added lines" in result.output


def test_a_waiver_that_gitlab_does_not_explain_is_not_called_checked(
    branch: Path, gitlab: Any
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    page = answered((branch / PAGE).read_text("utf-8"))
    result = gitlab(CI_MERGE_REQUEST_DESCRIPTION=f"{page}\nSize waiver: one table\n")
    assert result.code == 78
    assert "who set the label large-change cannot be seen here" in result.output


@pytest.mark.parametrize("title", ["Draft: Work", "[Draft] Work", "(draft) Work"])
def test_a_draft_merge_request_fails_nothing(
    title: str, branch: Path, gitlab: Any
) -> None:
    assert gitlab(CI_MERGE_REQUEST_TITLE=title).code == 0


def test_a_draft_that_would_fail_is_yellow_because_its_result_stays(
    branch: Path, gitlab: Any
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result = gitlab(CI_MERGE_REQUEST_TITLE="Draft: Work", CI_MERGE_REQUEST_LABELS="")
    assert result.code == 78
    assert "Run the pipeline again when it is ready" in result.output


def test_what_is_seen_of_a_truncated_description_counts(
    branch: Path, gitlab: Any
) -> None:
    page = (branch / PAGE).read_text("utf-8")
    result = gitlab(
        CI_MERGE_REQUEST_DESCRIPTION=page,
        CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED="true",
    )
    assert result.code == 1


def test_what_gitlab_does_not_tell_is_yellow(project: Render) -> None:
    jobs = yaml.safe_load((project(forge="gitlab") / ".gitlab-ci.yml").read_text())
    assert jobs["review"]["allow_failure"] == {"exit_codes": 78}


def sourced(project: Path, rev: str) -> dict[str, str]:
    """Return settings in which the common code comes from another revision."""
    text = (project / "pyproject.toml").read_text("utf-8")
    return {"pyproject.toml": re.sub('rev = ".*"', f'rev = "{rev}"', text)}


def test_another_source_of_common_code_is_shown(branch: Path, review: Review) -> None:
    commit(branch, sourced(branch, "main"))
    _, summary = review()
    assert "| Rules | look | pyproject.toml: common code comes from git file" in summary
    assert "rev main now, and came from git file" in summary


@pytest.mark.parametrize(
    "change",
    [
        'override-dependencies = ["twobus @ git+https://evil.example/x"]',
        'constraint-dependencies = ["twobus==9"]',
    ],
)
def test_common_code_that_is_forced_is_shown(
    change: str, branch: Path, review: Review
) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    text = text.replace("[tool.uv]\n", f"[tool.uv]\n{change}\n")
    commit(branch, {"pyproject.toml": text})
    assert "by force twobus" in review()[1]


def test_another_source_in_the_folded_lock_is_shown(
    branch: Path, review: Review
) -> None:
    lock = '[[package]]\nname = "twobus"\nversion = "1"\nsource = {{ git = "{}" }}\n'
    commit(branch, {"uv.lock": lock.format("https://git.acme.example/twobus#1")})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"uv.lock": lock.format("https://evil.example/twobus#1")})
    assert "uv.lock: common code comes from git https://evil" in review()[1]


@pytest.mark.parametrize(
    "setting",
    [
        '[tool.poe.tasks.test]\ncmd = "true"\n',
        '[tool.pytest_env]\nDATA_URL = "duckdb://"\n',
        "[tool.ruff]\nextend-exclude = ['src']\n",
    ],
)
def test_settings_of_checks_are_pointed_at(
    setting: str, branch: Path, review: Review
) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    table = setting.partition("\n")[0]
    text = text.replace(f'{table}\nDATA_URL = "samples"\n', "")
    commit(branch, {"pyproject.toml": f"{text}\n{setting}"})
    name = setting[len("[tool.") :].split(".")[0].partition("]")[0]
    assert f"\\[tool.{name}\\] in pyproject.toml" in review()[1].replace("\\_", "_")


def test_a_dependency_of_ones_own_touches_no_rule(branch: Path, review: Review) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    text = text.replace('  "pandas>=2.3",\n', '  "pandas>=2.3",\n  "polars>=1",\n')
    commit(branch, {"pyproject.toml": text})
    assert "| Rules |" not in review()[1]
