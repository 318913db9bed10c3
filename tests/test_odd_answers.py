"""Whatever a forge answers, people read a sentence, soon, and no traceback."""

import gzip
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from committed import ANN, Repository
from forges import GitHub, GitLab
from typer.testing import CliRunner

import twobus.companion.forge
from template import git
from twobus import web
from twobus.companion.cli import app
from twobus.companion.forge import Client
from twobus.companion.place import Place
from twobus.companion.pulls import FORGES
from twobus.people.approvals import refresh
from twobus.project import StopError, plain
from twobus.review.request import who_waived
from twobus.review.waiting import login, waiting

PATHS = {"github": "acme/study", "gitlab": "acme/data/study"}
NEEDS = {
    "allowed_merge_methods": ["squash"],
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": True,
    "require_last_push_approval": True,
    "required_approving_review_count": 1,
    "required_review_thread_resolution": True,
}
RULES: dict[str, Any] = {
    "github": {
        "name": "main",
        "rules": [{"type": "pull_request", "parameters": NEEDS}],
    },
    "gitlab": {
        "project": {"merge_method": "merge"},
        "protected_branch": {"push_access_level": 0, "allow_force_push": False},
        "approvals": {"reset_approvals_on_push": True},
        "approval_rule": {"name": "All", "rule_type": "any_approver"},
        "push_rule": {"reject_unsigned_commits": True},
    },
}
FILES = {"github": "rulesets/main.json", "gitlab": "protection.json"}
# Ends of paths that are asked.
ENDS = {
    "github": ["/acme/study", "/rulesets", "/rulesets/41", "/errors", "/members"],
    "gitlab": ["study", "/approvals", "/approval_rules", "/push_rule", "/main", "/all"],
}
ESCAPES = "\x1b]0;title\x07\x1b[2J\u202eevil\u2066\x9b31m\r\x00"
Change = Callable[[Any], Any]


def each(change: Change) -> Change:
    """Change all that stands in an answer, and leave its lists and objects."""

    def changed(found: Any) -> Any:
        if isinstance(found, dict):
            return {name: changed(one) for name, one in found.items()}
        return (
            [changed(one) for one in found]
            if isinstance(found, list)
            else change(found)
        )

    return changed


def swapped(found: Any) -> Any:
    """Put a number for a text, and a text for a number."""
    return 7 if isinstance(found, str) else "x"


def emptied(found: Any) -> Any:
    """Leave out all fields of what stands in a list, or of the answer itself."""
    return [{}] if isinstance(found, list) else {}


def wrapped(found: Any) -> Any:
    """Put each field's value into a list."""
    return (
        {name: [one] for name, one in found.items()}
        if isinstance(found, dict)
        else [[found]]
    )


CHANGES: dict[str, Change] = {
    "swapped": each(swapped),
    "nulls": each(lambda _: None),
    "lists": each(lambda _: []),
    "objects": each(lambda _: {"a": 1}),
    "escapes": each(lambda one: ESCAPES if isinstance(one, str) else one),
    "emptied": emptied,
    "wrapped": wrapped,
    "negative": each(lambda one: -(10**30) if isinstance(one, int) else one),
    "truth": each(lambda _: True),
}
TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "number": b"3",
    "huge number": b"9" * 5000,
    "text": b'"x"',
    "list of null": b"[null]",
    "list of lists": b"[[]]",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "rather deep": b"[" * 200 + b"]" * 200,
    "not a number": b'{"id": NaN}',
    "infinite": b'[{"id": Infinity}]',
    "broken character": b'{"default_branch": "\\ud800", "name": "\\udfff"}',
    "no UTF-8": b'{"default_branch": "\xff\xfe"}',
    "page": b"<html>Log in</html>",
    "many parts": b"[" + b"{}," * 900_000 + b"{}]",
    "too many parts": b"[" + b"[]," * 3_000_000 + b"[]]",
    "cut off": b'{"default_branch": "ma',
}
ERRORS: dict[str, tuple[int, dict[str, str], Any]] = {
    "moved": (301, {"Location": "https://evil.example/"}, {}),
    "moved nowhere": (302, {}, {}),
    "a number": (400, {}, 7),
    "no text": (403, {}, {"message": {"a": [1]}, "errors": 3}),
    "escapes": (422, {}, {"message": ESCAPES * 99, "errors": [ESCAPES]}),
    "long": (400, {}, {"message": "x" * 1_000_000}),
    "broken": (500, {}, None),
    "teapot": (418, {}, []),
    **{
        f"wait {text[:12]!r}": (429, {"Retry-After": text}, {})
        for text in (
            *("nan", "inf", "-inf", "-5", "1e300", "soon", "", "0x10", "\t", "9" * 400),
            "Wed, 21 Oct 2099 07:28:00 GMT",
            "Wed, 21 Oct 1999 07:28:00 GMT",
            "Wed, 99 Oct 99999 07:28:00 GMT",
        )
    },
    **{
        f"reset {text}": (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": text},
            {},
        )
        for text in ("nan", "inf", "-1e300", "1e300", "x")
    },
}


def streamed(parts: Iterator[bytes]) -> httpx.Response:
    """Answer by and by."""

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from parts

    return httpx.Response(200, stream=Stream())


def endless() -> Iterator[bytes]:
    """Never end."""
    while True:
        yield b" " * 1_000_000


def dripping() -> Iterator[bytes]:
    """End long after anybody waits."""
    for _ in range(100):
        time.sleep(0.1)
        yield b" "


def oddities() -> dict[str, Callable[[httpx.Response], httpx.Response]]:
    """Return what may become of an answer."""

    def change(how: Change) -> Callable[[httpx.Response], httpx.Response]:
        return lambda real: httpx.Response(200, json=how(real.json()))

    def text(content: bytes) -> Callable[[httpx.Response], httpx.Response]:
        return lambda _: httpx.Response(200, content=content)

    def error(
        status: int, headers: dict[str, str], content: Any
    ) -> Callable[[httpx.Response], httpx.Response]:
        return lambda _: httpx.Response(status, headers=headers, json=content)

    packed = gzip.compress(b" " * 30_000_000)
    return {
        **{f"field: {name}": change(how) for name, how in CHANGES.items()},
        **{f"text: {name}": text(content) for name, content in TEXTS.items()},
        **{f"error: {name}": error(*parts) for name, parts in ERRORS.items()},
        "endless": lambda _: streamed(endless()),
        "dripping": lambda _: streamed(dripping()),
        "packed": lambda _: httpx.Response(
            200, stream=httpx.ByteStream(packed), headers={"Content-Encoding": "gzip"}
        ),
    }


ODD = oddities()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody, and have a token."""
    for name, value in (("GH_TOKEN", "secret"), ("GITLAB_TOKEN", "secret")):
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_SERVER_URL", "CI_SERVER_URL", "GITLAB_HOST", "GH_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(web, "LONGEST", 1.0)
    monkeypatch.setattr(twobus.companion.forge, "PATIENCE", 0)
    monkeypatch.setattr(twobus.companion.forge, "ATTEMPTS", 1)


class Odd:
    """A forge that answers oddly at one place, and as it should elsewhere."""

    def __init__(self, forge: str, end: str, oddity: str) -> None:
        """Start."""
        self.fake: GitHub | GitLab = GitHub() if forge == "github" else GitLab()
        self.fake.token = "secret"  # noqa: S105
        if isinstance(self.fake, GitHub):
            self.fake.teams["acme/team"] = ["ann"]
            rules = {**RULES["github"], "target": "branch", "enforcement": "active"}
            self.fake.keep(41, {**json.loads(json.dumps(rules))})
            error = {"line": 1, "column": 1, "kind": "x", "message": "y", "path": "z"}
            self.fake.errors = [{**error, "source": "@ann", "suggestion": None}]
        self.end, self.oddity, self.count = end, oddity, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        real = self.fake(request)
        if not request.url.path.endswith(self.end):
            return real
        self.count += 1
        return ODD[self.oddity](real)


def is_fine(output: str, code: int) -> None:
    """See that people read something that they and their terminal can read."""
    assert code in (0, 1, 2)
    assert output.strip()
    assert "Traceback" not in output
    assert plain(output) == output
    assert len(output) < 20_000
    # Of the whole of all tests, in kilobytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("forge", PATHS)
def test_protect_says_what_is_odd(
    forge: str, oddity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"{forge}.com"
    answers = f"repository_url: https://{host}/{PATHS[forge]}\n"
    (tmp_path / ".copier-answers.yml").write_text(answers)
    rules = tmp_path / f".{forge}" / FILES[forge]
    rules.parent.mkdir(parents=True)
    rules.write_text(json.dumps(RULES[forge]))
    (tmp_path / f".{forge}" / "CODEOWNERS").write_text("* @acme/team @ann\n")
    count = 0
    for end in ENDS[forge]:
        odd = Odd(forge, end, oddity)
        monkeypatch.setattr(
            twobus.companion.forge, "TRANSPORT", httpx.MockTransport(odd)
        )
        start = time.monotonic()
        words = ["protect", "plan", "--project", str(tmp_path)]
        result = CliRunner().invoke(app, words)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        is_fine(result.output, result.exit_code)
        assert time.monotonic() - start < 20
        count += odd.count
    assert count


PULL = {
    "number": 1, "title": "t", "body": "b", "draft": False, "state": "open",
    "merged_at": None, "html_url": "u",
    "base": {"ref": "main", "sha": "0"},
    "head": {"ref": "x", "sha": "0", "repo": {"full_name": "acme/study"}},
}  # fmt: skip
MERGE = {
    "iid": 1, "title": "t", "description": "b", "state": "opened", "sha": "0",
    "target_branch": "main", "web_url": "u", "source_project_id": 1,
    "target_project_id": 1,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("forge", PATHS)
def test_requests_are_read_or_a_sentence_says_why_not(
    forge: str, oddity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = PULL if forge == "github" else MERGE

    def answer(request: httpx.Request) -> httpx.Response:
        lists = request.url.path.endswith(("/pulls", "/merge_requests"))
        posted = request.method == "POST"
        real = known if posted else [known] if lists else {"default_branch": "main"}
        return ODD[oddity](httpx.Response(200, json=real))

    monkeypatch.setattr(
        twobus.companion.forge, "TRANSPORT", httpx.MockTransport(answer)
    )
    with Client(Place(forge, f"{forge}.com", PATHS[forge])) as client:
        requests = FORGES[forge](client, "twobus/update")
        for ask in (
            requests.default,
            requests.all,
            lambda: requests.open("main", "t", "b", draft=True),
        ):
            try:
                ask()
            except StopError as error:
                assert f"{forge}.com" in str(error) or PATHS[forge] in str(error)
                is_fine(plain(str(error)), 2)


CI = {
    "GITHUB_REPOSITORY": "acme/study",
    "GITHUB_API_URL": "https://api.forge.example",
    "GITHUB_TOKEN": "secret",
}


@pytest.mark.slow
@pytest.mark.parametrize("oddity", ODD)
def test_a_review_does_without_what_is_odd(
    oddity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 1}}))
    for name, value in {**CI, "GITHUB_EVENT_PATH": str(event)}.items():
        monkeypatch.setenv(name, value)
    user = {"login": "ann", "type": "User"}
    found = {
        "pulls": [
            {"updated_at": "2099-01-01T00:00:00Z", "requested_reviewers": [user]}
        ],
        "commits": [{"author": user}],
        "events": [
            {"event": "labeled", "actor": user, "label": {"name": "large-change"}}
        ],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        real = found[request.url.path.rpartition("/")[2]]
        return ODD[oddity](httpx.Response(200, json=real))

    monkeypatch.setattr(web, "TRANSPORT", httpx.MockTransport(answer))
    assert plain(login(["a@b.example"])).isprintable()
    for ask in (waiting, who_waived):
        try:
            is_fine(f"{ask()}", 0)
        except LookupError as error:
            is_fine(plain(str(error)), 0)


@pytest.mark.slow
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("forge", PATHS)
def test_who_reviewed_is_kept_or_a_sentence_says_why_not(
    forge: str, oddity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "study")
    repository.commit(ANN, {"a.py": "", ".gitlab-ci.yml": ""}, day=1)
    if forge == "github":
        text = "repository_url: https://github.com/acme/study\n"
        (repository.root / ".copier-answers.yml").write_text(text, "utf-8")
    address = f"git@{forge}.com:acme/study.git"
    git("remote", "add", "origin", address, cwd=repository.root)
    page = {"pageInfo": {"hasNextPage": True, "endCursor": "x"}, "nodes": []}
    merged = {"iid": 7, "updated_at": "2026-01-01", "author": {"username": "ann"}}

    def answer(request: httpx.Request) -> httpx.Response:
        real: Any = [merged]
        if request.method == "POST":
            real = {"data": {"repository": {"pullRequests": page}}}
        elif request.url.path.endswith("/approvals"):
            real = {"approved_by": [{"user": {"username": "bob"}}]}
        elif request.url.path.endswith("/commits"):
            real = [{"id": "0" * 40, "author_email": "ann@acme.example"}]
        return ODD[oddity](httpx.Response(200, json=real))

    monkeypatch.setattr(web, "TRANSPORT", httpx.MockTransport(answer))
    is_fine(plain(refresh(repository.root)), 0)


def test_a_list_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=[{}] * web.PAGE)

    monkeypatch.setattr(
        twobus.companion.forge, "TRANSPORT", httpx.MockTransport(answer)
    )
    place = Place("github", "github.com", "acme/study")
    with Client(place) as client, pytest.raises(StopError, match="more than 100 pages"):
        client.pages("/repos/acme/study/pulls")
    assert len(asked) == web.PAGES


def test_what_terminals_obey_is_shown_by_its_number() -> None:
    assert plain("\x1b[2J\u202e\x07\ud800a\tb\nü 🚌") == (
        "\\x1b[2J\\u202e\\x07\\ud800a\tb\nü 🚌"
    )
