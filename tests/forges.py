"""Forges that are not there: they keep what they are told, and check how it is said.

GitHub's requests and answers are held against its own description. Bodies are held
closely: the published schemas let unknown fields pass, and with them any misspelling.
For GitLab there is no official description in a package; python-gitlab's lists of
attributes are an independent one, of names only.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from gitlab.types import RequiredOptional
from gitlab.v4 import objects
from jsonschema import Draft202012Validator

Json = dict[str, Any]
Route = tuple[str, str, Callable[..., httpx.Response]]

GITHUB: Json = json.loads(
    (Path(__file__).parent / "data" / "github-openapi.json").read_text("utf-8")
)


def schema(part: Any, closed: bool, inside: bool = False) -> Any:
    """Turn a schema of OpenAPI 3.0 into one of JSON Schema, references resolved.

    Args:
        part: The schema.
        closed: Whether fields that it does not name are refused.
        inside: Whether it is one of several that describe the same object; only all of
            them together know every field.
    """
    if isinstance(part, list):
        return [schema(one, closed) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return schema(GITHUB["components"]["schemas"][name], closed, inside)
    result: Json = {}
    for name, value in part.items():
        if name == "properties":
            result[name] = {key: schema(one, closed) for key, one in value.items()}
        elif name in {"allOf", "anyOf", "oneOf"}:
            result[name] = [schema(one, closed, inside=True) for one in value]
        elif name != "nullable":
            result[name] = schema(value, closed)
    is_object = result.keys() & {"properties", "allOf", "anyOf", "oneOf"}
    if closed and is_object and not inside and "additionalProperties" not in result:
        result["unevaluatedProperties"] = False
    return {"anyOf": [result, {"type": "null"}]} if part.get("nullable") else result


@cache
def wrong_in_body(method: str, path: str, text: str) -> list[str]:
    """List what is wrong with what a request sends, closely."""
    body = GITHUB["paths"][path][method.lower()]["requestBody"]
    described = schema(body["content"]["application/json"]["schema"], closed=True)
    return complaints(json.loads(text), described)


@cache
def wrong_in_answer(method: str, path: str, status: int, text: str) -> list[str]:
    """List what is wrong with what a request gets."""
    return complaints(json.loads(text), answer_schema(method, path, status))


@cache
def answer_schema(method: str, path: str, status: int) -> Any:
    """Return the open schema of what a request gets."""
    answer = GITHUB["paths"][path][method.lower()]["responses"][str(status)]
    return schema(answer["content"]["application/json"]["schema"], closed=False)


def complaints(value: Any, against: Any) -> list[str]:
    """List what is wrong with a value."""
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(against).iter_errors(value)
    ]


def sample(part: Any) -> Any:
    """Make up the least that a schema of an answer asks for."""
    if "anyOf" in part:
        return sample(part["anyOf"][-1])
    if "enum" in part:
        return part["enum"][0]
    if part.get("type") == "object":
        return {name: sample(part["properties"][name]) for name in part["required"]}
    empty: Json = {"string": "x", "integer": 1, "boolean": False, "array": []}
    return empty.get(part["type"])


class Forge:
    """What both fakes have: a token, a record of requests, and prepared mishaps.

    Attributes:
        token: The one that is accepted.
        requests: All that was asked.
        repository: Where the branches of requests are, if there are any.
        mishaps: What happens instead of an answer, by method and end of the path; each
            once.
    """

    base = ""

    def __init__(self) -> None:
        """Start with nothing set."""
        self.token = "secret-of-ann"  # noqa: S105
        self.requests: list[httpx.Request] = []
        self.repository: Path | None = None
        self.mishaps: dict[tuple[str, str], list[httpx.Response | Exception]] = {}

    @property
    def writes(self) -> list[str]:
        """What was asked that changes something."""
        return [
            f"{one.method} {one.url.path}"
            for one in self.requests
            if one.method != "GET"
        ]

    def tip(self, branch: str) -> str:
        """Return the commit at the end of a branch, empty if there is none."""
        words = ["git", "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"]
        found = subprocess.run(words, cwd=self.repository, capture_output=True)
        return found.stdout.decode().strip()

    def routes(self) -> list[Route]:
        """List what is understood: method, path and who answers."""
        raise NotImplementedError

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        assert str(request.url).startswith(self.base), request.url
        path = request.url.raw_path.decode().split("?")[0]
        for (method, end), events in self.mishaps.items():
            if events and method == request.method and path.endswith(end):
                event = events.pop(0)
                if isinstance(event, Exception):
                    raise event
                return event
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"message": "Bad credentials"})
        local = path.removeprefix(httpx.URL(self.base).path.rstrip("/"))
        for method, pattern, answer in self.routes():
            shape = re.sub(r"\{\w+\}", r"([^/]+)", pattern)
            match = re.fullmatch(shape, local)
            if match and method == request.method:
                body = json.loads(request.content) if request.content else None
                words = [unquote(word) for word in match.groups()]
                return self.answer(request, pattern, answer, body, words)
        raise AssertionError(f"The fake does not know {request.method} {local}")

    def answer(
        self,
        request: httpx.Request,
        pattern: str,
        answer: Callable[..., httpx.Response],
        body: Any,
        words: list[str],
    ) -> httpx.Response:
        """Let one of the methods answer, and hold both sides to the description."""
        raise NotImplementedError


def page(request: httpx.Request, items: list[Any]) -> httpx.Response:
    """Answer with one page of a list."""
    size = int(request.url.params.get("per_page", 30))
    start = size * (int(request.url.params.get("page", 1)) - 1)
    return httpx.Response(200, json=items[start : start + size])


def gone() -> httpx.Response:
    """Answer that there is no such thing."""
    return httpx.Response(404, json={"message": "Not Found"})


class GitHub(Forge):
    """GitHub, with one repository.

    Attributes:
        rulesets: Those of the repository, by id.
        squash: Whether squash merges are allowed.
        teams: Their people; a team that is not there cannot be seen.
        errors: What GitHub says about CODEOWNERS; None if there is no such file.
        admin: Whether the token may see and change everything.
        plan: Whether the plan has rulesets.
        pulls: The pull requests, by number.
        drafts: Whether the plan has drafts.
    """

    def __init__(self, base: str = "https://api.github.com", path: str = "acme/study"):
        """Start with a fresh repository."""
        super().__init__()
        self.base = base
        self.path = path
        self.rulesets: dict[int, Json] = {}
        self.squash = True
        self.teams: dict[str, list[str]] = {}
        self.errors: list[Json] | None = []
        self.admin = True
        self.plan = True
        self.pulls: dict[int, Json] = {}
        self.drafts = True

    def routes(self) -> list[Route]:
        """List what is understood."""
        repository = "/repos/{owner}/{repo}"
        rulesets = f"{repository}/rulesets"
        one = f"{rulesets}/{{ruleset_id}}"
        return [
            ("GET", repository, self.get_repository),
            ("PATCH", repository, self.patch_repository),
            ("GET", rulesets, self.list_rulesets),
            ("POST", rulesets, self.post_ruleset),
            ("GET", one, self.get_ruleset),
            ("PUT", one, self.put_ruleset),
            ("GET", f"{repository}/codeowners/errors", self.get_errors),
            ("GET", "/orgs/{org}/teams/{team_slug}/members", self.list_members),
            ("GET", f"{repository}/pulls", self.list_pulls),
            ("POST", f"{repository}/pulls", self.post_pull),
            ("PATCH", f"{repository}/pulls/{{pull_number}}", self.patch_pull),
        ]

    def answer(
        self,
        request: httpx.Request,
        pattern: str,
        answer: Callable[..., httpx.Response],
        body: Any,
        words: list[str],
    ) -> httpx.Response:
        """Answer, if both sides speak as described."""
        if pattern.startswith("/repos") and "/".join(words[:2]) != self.path:
            return gone()
        if request.method != "GET":
            text = request.content.decode()
            assert not wrong_in_body(request.method, pattern, text)
            if not self.admin:
                return httpx.Response(403, json={"message": "Must have admin rights"})
        response = answer(request, body, *words)
        if response.is_success:
            status = response.status_code
            assert not wrong_in_answer(request.method, pattern, status, response.text)
        return response

    def get_repository(self, *_: Any) -> httpx.Response:
        """Describe the repository; only some may see how it merges."""
        about = sample(answer_schema("GET", "/repos/{owner}/{repo}", 200))
        about["full_name"] = self.path
        about["default_branch"] = "main"
        if self.admin:
            about["allow_squash_merge"] = self.squash
        return httpx.Response(200, json=about)

    def patch_repository(self, request: Any, body: Json, *_: str) -> httpx.Response:
        """Change how it merges."""
        self.squash = body["allow_squash_merge"]
        return self.get_repository()

    def list_rulesets(self, request: httpx.Request, *_: Any) -> httpx.Response:
        """List rulesets without what is in them."""
        if not self.plan:
            text = "Upgrade to GitHub Pro or make this repository public to enable it."
            return httpx.Response(403, json={"message": text})
        assert request.url.params["includes_parents"] == "false"
        inner = {"rules", "conditions", "bypass_actors"}
        return page(
            request,
            [
                {key: value for key, value in one.items() if key not in inner}
                for one in self.rulesets.values()
            ],
        )

    def get_ruleset(self, _: Any, __: Any, *words: str) -> httpx.Response:
        """Show a ruleset; only some may see who can bypass it."""
        found = self.rulesets.get(int(words[2]))
        if found is None:
            return gone()
        hidden = set() if self.admin else {"bypass_actors"}
        seen = {key: value for key, value in found.items() if key not in hidden}
        return httpx.Response(200, json=seen)

    def post_ruleset(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Create a ruleset."""
        number = max(self.rulesets, default=40) + 1
        return httpx.Response(201, json=self.keep(number, body))

    def put_ruleset(self, _: Any, body: Json, *words: str) -> httpx.Response:
        """Replace a ruleset."""
        return httpx.Response(200, json=self.keep(int(words[2]), body))

    def keep(self, number: int, body: Json) -> Json:
        """Keep a ruleset, with what GitHub adds on its own."""
        kept: Json = json.loads(json.dumps(body))
        for rule in kept["rules"]:
            if rule["type"] == "pull_request":
                rule["parameters"]["required_reviewers"] = []
                rule["parameters"]["dismissal_restriction"] = {"enabled": False}
                rule["parameters"]["allowed_merge_methods"].sort()
            if rule["type"] == "required_status_checks":
                rule["parameters"]["do_not_enforce_on_create"] = False
        own = {"id": number, "source_type": "Repository", "source": self.path}
        self.rulesets[number] = {**own, "bypass_actors": [], **kept, "node_id": "RRS_x"}
        return self.rulesets[number]

    def get_errors(self, *_: Any) -> httpx.Response:
        """Say what is wrong with CODEOWNERS."""
        if self.errors is None:
            return gone()
        return httpx.Response(200, json={"errors": self.errors})

    def list_members(
        self, request: httpx.Request, _: Any, org: str, team: str
    ) -> httpx.Response:
        """List the people of a team."""
        if f"{org}/{team}" not in self.teams:
            return gone()
        person = sample(
            answer_schema("GET", "/orgs/{org}/teams/{team_slug}/members", 200)["items"]
        )
        logins = self.teams[f"{org}/{team}"]
        return page(request, [{**person, "login": login} for login in logins])

    def list_pulls(self, request: httpx.Request, *_: Any) -> httpx.Response:
        """List pull requests, the newest first."""
        for pull in self.pulls.values():
            self.look(pull)
        wanted = request.url.params
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if wanted["state"] in {"all", pull["state"]}
            and wanted["head"] == pull["head"]["label"]
        ]
        return page(request, found)

    def post_pull(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Open a pull request of a branch, which may have one only."""
        if body.get("draft") and not self.drafts:
            text = "Draft pull requests are not supported in this repository."
            return httpx.Response(422, json={"message": text})
        open_ones = [one for one in self.pulls.values() if one["state"] == "open"]
        assert self.tip(body["head"]) and not open_ones
        number = len(self.pulls) + 1
        path = "/repos/{owner}/{repo}/pulls"
        pull: Json = sample(answer_schema("POST", path, 201))
        pull |= {"number": number, "state": "open", "merged_at": None}
        pull |= {key: body[key] for key in ("title", "body", "draft")}
        pull["html_url"] = f"https://github.com/{self.path}/pull/{number}"
        pull["base"]["ref"] = body["base"]
        pull["head"]["ref"] = body["head"]
        pull["head"]["label"] = f"{self.path.split('/')[0]}:{body['head']}"
        pull["head"]["repo"] = {**pull["base"]["repo"], "full_name": self.path}
        self.pulls[number] = self.look(pull)
        return httpx.Response(201, json=pull)

    def look(self, pull: Json) -> Json:
        """See where an open request's branch is: without one it is closed."""
        if pull["state"] == "open":
            tip = self.tip(pull["head"]["ref"])
            pull["head"]["sha"] = tip or pull["head"]["sha"]
            pull["state"] = "open" if tip else "closed"
        return pull

    def patch_pull(self, _: Any, body: Json, *words: str) -> httpx.Response:
        """Change a pull request, but not whether it is a draft."""
        pull = self.pulls[int(words[2])]
        pull |= {key: value for key, value in body.items() if key != "base"}
        pull["base"]["ref"] = body.get("base", pull["base"]["ref"])
        return httpx.Response(200, json=self.look(pull))


def check_names(body: Mapping[str, Any], attributes: RequiredOptional) -> None:
    """Hold a body to the names of fields that python-gitlab knows."""
    known = {*attributes.required, *attributes.optional}
    assert set(attributes.required) <= body.keys(), body
    assert body.keys() <= known, body.keys() - known


class GitLab(Forge):
    """GitLab, with one project.

    Attributes:
        project: How it merges.
        branches: The protected ones.
        approvals: How merge requests are approved.
        rules: How many approvals.
        push_rule: What pushes must be like; None if never set.
        members: The levels of people in the project.
        groups: The levels of people in groups; others cannot be seen.
        paid: Whether the plan has approvals.
        level: The role of the token.
        writable: Whether the token may write.
        merges: The merge requests.
    """

    def __init__(
        self, base: str = "https://gitlab.com/api/v4", path: str = "acme/data/study"
    ):
        """Start with a fresh project, protected as GitLab does it."""
        super().__init__()
        self.base = base
        self.path = path
        self.project: Json = {
            "merge_method": "merge",
            "squash_option": "default_off",
            "only_allow_merge_if_pipeline_succeeds": False,
            "allow_merge_on_skipped_pipeline": None,
            "only_allow_merge_if_all_discussions_are_resolved": False,
        }
        self.branches: dict[str, Json] = {}
        self.protect({"name": "main", "push_access_level": 40})
        self.approvals: Json = {"merge_requests_author_approval": True}
        self.rules: list[Json] = []
        self.push_rule: Json | None = None
        self.members = {"ann": 40, "bob": 30, "cleo": 30}
        self.groups: dict[str, dict[str, int]] = {}
        self.paid = True
        self.level = 40
        self.writable = True
        self.merges: list[Json] = []

    def protect(self, body: Json) -> Json:
        """Keep a protected branch."""

        def levels(name: str) -> list[Json]:
            level = body.get(name, 40)
            described = {0: "No one", 30: "Developers + Maintainers", 40: "Maintainers"}
            return [
                {
                    "id": 1,
                    "access_level": level,
                    "access_level_description": described[level],
                    "user_id": None,
                    "group_id": None,
                }
            ]

        self.branches[body["name"]] = {
            "name": body["name"],
            "push_access_levels": levels("push_access_level"),
            "merge_access_levels": levels("merge_access_level"),
            "allow_force_push": body.get("allow_force_push", False),
            "code_owner_approval_required": body.get(
                "code_owner_approval_required", False
            ),
        }
        return self.branches[body["name"]]

    def routes(self) -> list[Route]:
        """List what is understood."""
        project = "/projects/{id}"
        branches = f"{project}/protected_branches"
        rules = f"{project}/approval_rules"
        return [
            ("GET", project, self.get_project),
            ("PUT", project, self.put_project),
            ("POST", branches, self.post_branch),
            ("GET", f"{branches}/{{name}}", self.get_branch),
            ("PATCH", f"{branches}/{{name}}", self.patch_branch),
            ("DELETE", f"{branches}/{{name}}", self.delete_branch),
            ("GET", f"{project}/approvals", self.get_approvals),
            ("POST", f"{project}/approvals", self.post_approvals),
            ("GET", rules, self.list_rules),
            ("POST", rules, self.post_rule),
            ("PUT", f"{rules}/{{rule}}", self.put_rule),
            ("GET", f"{project}/push_rule", self.get_push_rule),
            ("POST", f"{project}/push_rule", self.set_push_rule),
            ("PUT", f"{project}/push_rule", self.set_push_rule),
            ("GET", f"{project}/members/all", self.list_members),
            ("GET", "/groups/{id}/members/all", self.list_group),
            ("GET", f"{project}/merge_requests", self.list_merges),
            ("POST", f"{project}/merge_requests", self.post_merge),
            ("PUT", f"{project}/merge_requests/{{iid}}", self.put_merge),
        ]

    def answer(
        self,
        request: httpx.Request,
        pattern: str,
        answer: Callable[..., httpx.Response],
        body: Any,
        words: list[str],
    ) -> httpx.Response:
        """Answer, if the token may."""
        if pattern.startswith("/projects") and words[0] != self.path:
            return gone()
        enough = 30 if "merge_requests" in pattern else 40
        if request.method != "GET" and not (self.writable and self.level >= enough):
            return httpx.Response(403, json={"message": "403 Forbidden"})
        if re.search("approval|push_rule", pattern) and not (
            self.paid and self.level >= 40
        ):
            return gone()
        return answer(request, body, *words)

    def get_project(self, *_: Any) -> httpx.Response:
        """Describe the project."""
        access = {"project_access": None, "group_access": {"access_level": self.level}}
        about = {"id": 1, "default_branch": "main", "permissions": access}
        return httpx.Response(200, json={**about, **self.project})

    def put_project(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Change the project."""
        check_names(body, objects.ProjectManager._update_attrs)
        self.project |= body
        return self.get_project()

    def post_branch(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Protect a branch that is not."""
        check_names(body, objects.ProjectProtectedBranchManager._create_attrs)
        assert self.paid or "code_owner_approval_required" not in body
        if body["name"] in self.branches:
            return httpx.Response(409, json={"message": "already exists"})
        return httpx.Response(201, json=self.protect(body))

    def get_branch(self, _: Any, __: Any, project: str, name: str) -> httpx.Response:
        """Show how a branch is protected."""
        found = self.branches.get(name)
        return httpx.Response(200, json=found) if found else gone()

    def patch_branch(
        self, _: Any, body: Json, project: str, name: str
    ) -> httpx.Response:
        """Change what can be; what is left out is forgotten, as GitLab 16 did."""
        assert body.keys() <= {"allow_force_push", "code_owner_approval_required"}
        forgotten = {"code_owner_approval_required": False}
        self.branches[name] |= {**forgotten, **body}
        return httpx.Response(200, json=self.branches[name])

    def delete_branch(self, _: Any, __: Any, project: str, name: str) -> httpx.Response:
        """Protect a branch no more."""
        del self.branches[name]
        return httpx.Response(204)

    def get_approvals(self, *_: Any) -> httpx.Response:
        """Show how merge requests are approved."""
        return httpx.Response(200, json=self.approvals)

    def post_approvals(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Change how they are."""
        check_names(body, objects.ProjectApprovalManager._update_attrs)
        self.approvals |= body
        return httpx.Response(201, json=self.approvals)

    def list_rules(self, request: httpx.Request, *_: Any) -> httpx.Response:
        """List the rules."""
        return page(request, self.rules)

    def post_rule(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Create a rule; python-gitlab does not list `rule_type`, GitLab does."""
        named = {key: value for key, value in body.items() if key != "rule_type"}
        check_names(named, objects.ProjectApprovalRuleManager._create_attrs)
        self.rules.append({"id": 7, **body})
        return httpx.Response(201, json=self.rules[-1])

    def put_rule(self, _: Any, body: Json, project: str, rule: str) -> httpx.Response:
        """Change a rule."""
        check_names(body, objects.ProjectApprovalRuleManager._create_attrs)
        found = next(one for one in self.rules if one["id"] == int(rule))
        found |= body
        return httpx.Response(200, json=found)

    def get_push_rule(self, *_: Any) -> httpx.Response:
        """Show what pushes must be like."""
        return httpx.Response(200, text=json.dumps(self.push_rule))

    def set_push_rule(
        self, request: httpx.Request, body: Json, *_: str
    ) -> httpx.Response:
        """Say what they must be like: create once, then change."""
        assert (request.method == "POST") == (self.push_rule is None)
        check_names(body, objects.ProjectPushRulesManager._create_attrs)
        self.push_rule = {"id": 1, **(self.push_rule or {}), **body}
        return httpx.Response(201, json=self.push_rule)

    def list_members(self, request: httpx.Request, *_: Any) -> httpx.Response:
        """List who is in the project."""
        return self.list_people(request, self.members)

    def list_group(self, request: httpx.Request, _: Any, group: str) -> httpx.Response:
        """List who is in a group."""
        if group not in self.groups:
            return gone()
        return self.list_people(request, self.groups[group])

    def list_people(
        self, request: httpx.Request, people: dict[str, int]
    ) -> httpx.Response:
        """List people with their levels."""
        listed = [
            {"username": name, "access_level": level, "state": "active"}
            for name, level in people.items()
        ]
        return page(request, listed)

    def list_merges(self, request: httpx.Request, *_: Any) -> httpx.Response:
        """List merge requests, the newest first."""
        wanted = request.url.params
        known = {"page", "per_page", *objects.ProjectMergeRequestManager._list_filters}
        assert wanted.keys() <= known
        for merge in self.merges:
            self.look(merge)
        found = [
            merge
            for merge in reversed(self.merges)
            if wanted["state"] in {"all", merge["state"]}
            and wanted["source_branch"] == merge["source_branch"]
        ]
        return page(request, found)

    def post_merge(self, _: Any, body: Json, *__: str) -> httpx.Response:
        """Open a merge request of a branch, which may have one only."""
        check_names(body, objects.ProjectMergeRequestManager._create_attrs)
        open_ones = [one for one in self.merges if one["state"] == "opened"]
        assert self.tip(body["source_branch"]) and not open_ones
        number = len(self.merges) + 1
        own = {"iid": number, "state": "opened", "sha": None}
        projects = {"source_project_id": 1, "target_project_id": 1}
        address = f"https://gitlab.com/{self.path}/-/merge_requests/{number}"
        self.merges.append({**body, **own, **projects, "web_url": address})
        return httpx.Response(201, json=self.look(self.merges[-1]))

    def look(self, merge: Json) -> Json:
        """See where an open request's branch is: without one it is closed."""
        if merge["state"] == "opened":
            tip = self.tip(merge["source_branch"])
            merge["sha"] = tip or merge["sha"]
            merge["state"] = "opened" if tip else "closed"
        return merge

    def put_merge(self, _: Any, body: Json, project: str, iid: str) -> httpx.Response:
        """Change a merge request."""
        check_names(body, objects.ProjectMergeRequestManager._update_attrs)
        merge = self.merges[int(iid) - 1]
        merge |= {key: value for key, value in body.items() if key != "state_event"}
        if body.get("state_event") == "close":
            merge["state"] = "closed"
        return httpx.Response(200, json=self.look(merge))
