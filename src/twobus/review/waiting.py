"""Which open requests wait for whom, as the forge tells a job of its CI."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import requests

# Older ones wait for somebody else, or for nobody.
DAYS = 7


def waiting() -> Counter[str]:
    """Count the open requests of a week that wait for each login.

    A token that may only read is enough. Outside of CI there is nobody to ask.

    Raises:
        LookupError: If the forge does not tell.
    """
    env = os.environ
    since = datetime.now(UTC) - timedelta(days=DAYS)
    if env.get("GITHUB_EVENT_PATH") and env.get("GITHUB_REPOSITORY"):
        url = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/pulls"
        words = {"state": "open", "sort": "updated", "direction": "desc"}
        headers = {"Authorization": f"Bearer {env.get('GITHUB_TOKEN', '')}"}
        people, name = "requested_reviewers", "login"
    elif env.get("CI_MERGE_REQUEST_IID") and env.get("CI_API_V4_URL"):
        url = f"{env['CI_API_V4_URL']}/projects/{env['CI_PROJECT_ID']}/merge_requests"
        words = {"state": "opened", "order_by": "updated_at", "sort": "desc"}
        # The job's own token may not ask that; public projects tell everybody.
        token = env.get("GITLAB_TOKEN", "")
        headers = {"PRIVATE-TOKEN": token} if token else {}
        people, name = "reviewers", "username"
    else:
        return Counter()
    words["per_page"] = "100"
    try:
        answer = requests.get(url, params=words, headers=headers, timeout=30)
        answer.raise_for_status()
        return Counter(
            person[name].lower()
            for request in answer.json()
            if datetime.fromisoformat(request["updated_at"]) >= since
            for person in request[people]
        )
    except (requests.RequestException, LookupError, TypeError, ValueError) as error:
        raise LookupError(type(error).__name__) from None
