"""GitLab: how merge requests are merged and approved, who may push, who owns what."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from twobus import codeowners
from twobus.companion.forge import Client, RefusedError
from twobus.companion.lockouts import Approvals
from twobus.companion.place import Protected
from twobus.companion.settings import Live, Setting
from twobus.project import StopError
from twobus.web import Items, Login

DEVELOPER, MAINTAINER = 30, 40
# All that can be changed while a branch stays protected.
CHANGEABLE = {"allow_force_push", "code_owner_approval_required"}
BY_OWNER = "code_owner_approval_required"


class _Access(BaseModel):
    access_level: int


class _Project(BaseModel):
    """What is asked of a project."""

    default_branch: str | None = None
    permissions: dict[str, _Access | None] | None = None


class _Rule(BaseModel):
    """A rule of approvals."""

    id: int
    name: str
    rule_type: str | None = None


class _Level(BaseModel):
    access_level: int | None = None


class _Branch(BaseModel):
    """A protected branch."""

    push_access_levels: Items[_Level]
    merge_access_levels: Items[_Level]


class _Member(BaseModel):
    username: Login
    access_level: int
    state: str | None = None


def approvals(project: Protected) -> Approvals:
    """Return what the project's rules demand of a merge request."""
    rules = project.rules
    return Approvals(
        count=rules["approval_rule"].get("approvals_required", 0),
        by_owner=rules["protected_branch"].get(BY_OWNER, False),
        after_last_push=False,
    )


def read(client: Client, project: Protected) -> Live:
    """Ask GitLab how things are."""
    address = f"/projects/{quote(project.path, safe='')}"
    about = client.get(address, _Project)
    branch = about.get("default_branch")
    if not branch:
        raise StopError(f"{project.path} on {project.host} is empty: push to it first.")
    live = Live([])
    live.settings.append(_merging(client, address, project, about, live.remarks))
    wanted = dict(project.rules["protected_branch"])
    paid = _paid(client, address, project)
    if paid is None:
        live.remarks += _missing(project.rules, _level(about) >= MAINTAINER)
        wanted.pop(BY_OWNER, None)
    live.settings.append(_branch(client, address, branch, wanted))
    live.settings += paid or []
    _members(client, address, project, live)
    return live


def _level(about: dict[str, Any]) -> int:
    access = (about.get("permissions") or {}).values()
    return max((one["access_level"] for one in access if one), default=0)


def _merging(
    client: Client,
    address: str,
    project: Protected,
    about: dict[str, Any],
    remarks: list[str],
) -> Setting:
    wanted = project.rules["project"]
    seen = {name: value for name, value in wanted.items() if name in about}
    remarks += [
        f"Not checked: {name} (this token cannot see it)"
        for name in wanted
        if name not in seen
    ]
    return Setting(
        "project",
        {name: about[name] for name in seen},
        seen,
        lambda: client.send("PUT", address, wanted),
    )


def _paid(client: Client, address: str, project: Protected) -> list[Setting] | None:
    """Return what only paid plans have, or None if there is none of it to see."""
    rules = project.rules
    approvals, pushes = f"{address}/approvals", f"{address}/push_rule"
    listed = f"{address}/approval_rules"
    try:
        current = client.get(approvals, dict[str, Any])
        named = client.pages(listed, _Rule)
    except RefusedError as error:
        if error.status not in {403, 404}:
            raise
        return None
    # GitLab has at most one rule for any approver, and names it itself.
    wanted = rules["approval_rule"]
    count = {name: wanted[name] for name in wanted if name not in {"name", "rule_type"}}
    kind = wanted.get("rule_type")
    rule = next((rule for rule in named if rule.get("rule_type") == kind), None)
    write: tuple[str, str, dict[str, Any]] = ("POST", listed, wanted)
    if rule:
        write = ("PUT", f"{listed}/{rule['id']}", {"name": rule["name"], **count})
    settings = [
        Setting(
            "approvals",
            current,
            rules["approvals"],
            lambda: client.send("POST", approvals, rules["approvals"]),
        ),
        Setting("approval_rule", rule, count, lambda: client.send(*write)),
    ]
    push_rule = client.find(pushes, dict[str, Any] | None)
    # No rule is as good as one that asks for nothing.
    if push_rule or any(rules["push_rule"].values()):
        method = "PUT" if push_rule else "POST"
        settings.append(
            Setting(
                "push_rule",
                push_rule,
                rules["push_rule"],
                lambda: client.send(method, pushes, rules["push_rule"]),
            )
        )
    return settings


def _missing(rules: dict[str, Any], maintains: bool) -> list[str]:
    count = rules["approval_rule"].get("approvals_required", 0)
    parts = {
        "approvals (who may approve, and whether a push takes approvals back)": True,
        f"approval_rule (approvals before a merge: {count})": count,
        f"{BY_OWNER} (approval by an owner)": rules["protected_branch"].get(BY_OWNER),
        "push_rule (signed commits)": any(rules["push_rule"].values()),
    }
    wanted = [part for part, on in parts.items() if on]
    if maintains:
        return [f"Not enforced on this plan: {part}" for part in wanted]
    why = "this token has not the role Maintainer, or the plan lacks it"
    return [f"Not checked: {part}; {why}" for part in wanted]


def _branch(
    client: Client, address: str, branch: str, wanted: dict[str, Any]
) -> Setting:
    listed = f"{address}/protected_branches"
    own = f"{listed}/{quote(branch, safe='')}"
    found = client.find(own, _Branch)
    current = found and {
        **{name: found.get(name, False) for name in CHANGEABLE},
        "push_access_level": _access(found["push_access_levels"]),
        "merge_access_level": _access(found["merge_access_levels"]),
    }

    def make() -> None:
        if current is None:
            client.send("POST", listed, {"name": branch, **wanted})
        elif all(current[name] == wanted[name] for name in wanted.keys() - CHANGEABLE):
            # All of them: GitLab has forgotten those that a request left out.
            body = {name: wanted[name] for name in wanted if name in CHANGEABLE}
            client.send("PATCH", own, body)
        else:
            _protect_anew(client, listed, branch, current, wanted)

    return Setting(f"protected_branch {branch}", current, wanted, make)


def _access(levels: list[dict[str, Any]]) -> int | str:
    """Return who may: a role's level, or a description of a longer list."""
    people = ("user_id", "group_id", "deploy_key_id")
    level = levels[0].get("access_level") if len(levels) == 1 else None
    if level is not None and not any(levels[0].get(name) for name in people):
        return int(level)
    return (
        ", ".join(str(one.get("access_level_description")) for one in levels)
        or "nobody"
    )


def _protect_anew(
    client: Client,
    listed: str,
    branch: str,
    former: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> None:
    """Replace what cannot be changed, and never leave a branch open without a word."""
    own = f"{listed}/{quote(branch, safe='')}"
    # A role's level can be put back; a list of people cannot.
    back = {
        name: value if isinstance(former[name], str) else former[name]
        for name, value in wanted.items()
    }
    try:
        client.send("DELETE", own)
        client.send("POST", listed, {"name": branch, **wanted})
    except (StopError, KeyboardInterrupt) as error:
        why = str(error) or "it was interrupted."
        try:
            if client.find(own) is None:
                client.send("POST", listed, {"name": branch, **back})
        except StopError:
            raise StopError(
                f"THE BRANCH {branch} MAY BE UNPROTECTED NOW: protect it by hand, or "
                f"run this again. {why}"
            ) from None
        raise StopError(
            f"The branch {branch} is still protected, but not as wanted: {why}"
        ) from None


def _members(client: Client, address: str, project: Protected, live: Live) -> None:
    lines = codeowners.deciding(codeowners.parse(project.owners, "gitlab"))
    names = [name for name in codeowners.named(lines) if name.startswith("@")]
    try:
        able = _able(client, f"{address}/members/all") if names else set()
    except RefusedError as error:
        if error.status not in {403, 404}:
            raise
        for name in names:
            live.hide(name)
        return
    for name in names:
        if name in able:
            continue
        if name.startswith("@@"):
            # A role, such as @@maintainer.
            live.hide(name)
            continue
        group = quote(name.removeprefix("@"), safe="")
        found: set[str] | None
        try:
            found = _able(client, f"/groups/{group}/members/all")
        except RefusedError as error:
            if error.status not in {403, 404}:
                raise
            # A group may be hidden; a single word is more likely a misspelt person.
            found = None if "/" in name else set()
        if found is None:
            live.hide(name)
            continue
        live.members[name] = found
        if not found:
            live.remarks.append(
                f"{project.owners_file}: {name} is nobody who may approve here"
            )


def _able(client: Client, path: str) -> set[str]:
    """Return the members of a project or group who may approve."""
    return {
        f"@{one['username'].lower()}"
        for one in client.pages(path, _Member)
        if one["access_level"] >= DEVELOPER and one.get("state", "active") == "active"
    }
