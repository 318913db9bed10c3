"""GitHub: a ruleset, how pull requests are merged, and who owns what."""

from typing import Any

from pydantic import BaseModel

from twobus import codeowners
from twobus.companion.forge import Client, RefusedError
from twobus.companion.lockouts import Approvals
from twobus.companion.place import Protected
from twobus.companion.settings import Live, Setting
from twobus.project import StopError
from twobus.web import Items, Login


class _Listed(BaseModel):
    """A ruleset in the list."""

    id: int
    name: str
    target: str | None = None


class _Error(BaseModel):
    """What is wrong in CODEOWNERS."""

    message: str
    path: str
    line: int
    column: int
    source: str | None = None


class _Errors(BaseModel):
    errors: Items[_Error]


class _Person(BaseModel):
    login: Login


def approvals(project: Protected) -> Approvals:
    """Return what the project's ruleset demands of a pull request."""
    needs = _parameters(project.rules, "pull_request")
    return Approvals(
        count=needs.get("required_approving_review_count", 0),
        by_owner=needs.get("require_code_owner_review", False),
        after_last_push=needs.get("require_last_push_approval", False),
    )


def read(client: Client, project: Protected) -> Live:
    """Ask GitHub how things are."""
    repository = f"/repos/{project.path}"
    about = client.get(repository, dict[str, Any])
    live = Live([])
    methods = _parameters(project.rules, "pull_request").get("allowed_merge_methods")
    if methods == ["squash"]:
        # A ruleset that allows only what the repository forbids would allow nothing.
        live.settings += _merging(client, repository, about, live.remarks)
    live.settings.append(_ruleset(client, repository, project, live.remarks))
    if any(rule["type"] == "required_signatures" for rule in project.rules["rules"]):
        live.notes.append(
            "with signed commits GitHub squashes a pull request only by its author's "
            "own hand, so that an owner must take over what a fork or a bot brings."
        )
    _owners(client, repository, project, live)
    return live


def _parameters(ruleset: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in ruleset["rules"]:
        if rule["type"] == kind:
            found = rule.get("parameters", {})
    return found


def _merging(
    client: Client, repository: str, about: dict[str, Any], remarks: list[str]
) -> list[Setting]:
    name = "allow_squash_merge"
    if name not in about:
        remarks.append(f"Not checked: {name} (this token cannot see it)")
        return []
    wanted = {name: True}
    return [
        Setting(
            "repository",
            {name: about[name]},
            wanted,
            lambda: client.send("PATCH", repository, wanted),
        )
    ]


def _ruleset(
    client: Client, repository: str, project: Protected, remarks: list[str]
) -> Setting:
    wanted = project.rules
    name = wanted["name"]
    address = f"{repository}/rulesets"
    try:
        every = client.pages(address, _Listed, includes_parents="false")
    except RefusedError as error:
        if error.status == 403 and "upgrade" in error.message.lower():
            raise StopError(
                f"The plan of {project.path} has no rulesets: make the repository "
                f"public, or move it to a plan that has them. {project.host} says: "
                f"{error.message}."
            ) from None
        raise
    target = wanted.get("target", "branch")
    found = [
        one["id"]
        for one in every
        if one["name"] == name and one.get("target", "branch") == target
    ]
    if len(found) > 1:
        raise StopError(
            f"{len(found)} rulesets of {project.path} are called '{name}': delete or "
            f"rename all but one, on https://{project.host}/{project.path}/settings/rules"
        )
    if not found:
        return Setting(
            f"ruleset {name}",
            None,
            wanted,
            lambda: client.send("POST", address, wanted),
        )
    current = client.get(f"{address}/{found[0]}", dict[str, Any])
    compared = wanted
    if "bypass_actors" not in current:
        remarks.append("Not checked: bypass_actors (this token cannot see them)")
        compared = {key: wanted[key] for key in wanted if key != "bypass_actors"}
    return Setting(
        f"ruleset {name}",
        current,
        compared,
        lambda: client.send("PUT", f"{address}/{found[0]}", wanted),
    )


def _owners(client: Client, repository: str, project: Protected, live: Live) -> None:
    answer = client.find(f"{repository}/codeowners/errors", _Errors)
    if answer is None:
        live.remarks.append(
            "Not checked: CODEOWNERS (the default branch has none yet, or this token "
            "cannot see it)"
        )
    for error in (answer or {}).get("errors", []):
        message = error["message"].partition("\n")[0]
        live.remarks.append(f"{error['path']}:{error['line']}: {message}")
        # Somebody whom GitHub does not know, or who may not write.
        if words := (error.get("source") or "")[max(error["column"] - 1, 0) :].split():
            live.members[words[0].lower()] = set()
    for name in codeowners.named(
        codeowners.deciding(codeowners.parse(project.owners, "github"))
    ):
        if "/" not in name or name in live.members:
            continue
        organisation, team = name.removeprefix("@").split("/", 1)
        try:
            address = f"/orgs/{organisation}/teams/{team}/members"
            people = client.pages(address, _Person)
        except RefusedError as error:
            if error.status not in {403, 404}:
                raise
            live.hide(name)
        else:
            live.members[name] = {f"@{one['login'].lower()}" for one in people}
