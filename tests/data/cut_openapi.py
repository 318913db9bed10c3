"""Cut what the tests need out of GitHub's description of its API.

    npm pack @octokit/openapi@23.0.2 && tar -xzf octokit-openapi-23.0.2.tgz
    python tests/data/cut_openapi.py package/generated/api.github.com.json

Kept are the requests that `twobus protect` and `propose` send, their bodies, what they
return when all is well, and the schemas of these. Prose and examples are left out.
"""

import json
import sys
from pathlib import Path
from typing import Any

RULESETS = "/repos/{owner}/{repo}/rulesets"
KEPT = {
    "/repos/{owner}/{repo}": ["get", "patch"],
    RULESETS: ["get", "post"],
    f"{RULESETS}/{{ruleset_id}}": ["get", "put"],
    "/repos/{owner}/{repo}/codeowners/errors": ["get"],
    "/repos/{owner}/{repo}/pulls": ["get", "post"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["patch"],
    "/orgs/{org}/teams/{team_slug}/members": ["get"],
}
PROSE = {"description", "example", "examples", "title", "externalDocs"}


def plain(schema: Any) -> Any:
    """Return a schema without its prose."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        # Properties may be called `description`.
        name: {key: plain(value) for key, value in part.items()}
        if name == "properties"
        else plain(part)
        for name, part in schema.items()
        if name not in PROSE and not name.startswith("x-")
    }


def references(schema: Any) -> set[str]:
    """Name the schemas that a schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(references, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rsplit("/", 1)[1]} if "$ref" in schema else set()
    return own.union(*map(references, schema.values()))


def operation(whole: dict[str, Any]) -> dict[str, Any]:
    """Return an operation's body and good answers."""
    kept: dict[str, Any] = {
        "responses": {
            status: {"content": plain(answer["content"])} if "content" in answer else {}
            for status, answer in whole["responses"].items()
            if status.startswith("2")
        }
    }
    if body := whole.get("requestBody"):
        kept["requestBody"] = plain(body)
    return kept


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a description that is kept."""
    paths = {
        path: {method: operation(whole["paths"][path][method]) for method in methods}
        for path, methods in KEPT.items()
    }
    schemas: dict[str, Any] = {}
    missing = references(paths)
    while missing:
        schemas |= {
            name: plain(whole["components"]["schemas"][name]) for name in missing
        }
        missing = references(schemas) - schemas.keys()
    return {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "x-source": "npm package @octokit/openapi, generated/api.github.com.json, by "
        "tests/data/cut_openapi.py",
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    target = Path(__file__).with_name("github-openapi.json")
    target.write_text(
        json.dumps(cut(description), ensure_ascii=False, separators=(",", ":")) + "\n",
        "utf-8",
    )
