"""A project's repository on its forge, by way of git and a token."""

import re
from pathlib import Path

from twobus.companion.forge import Client
from twobus.companion.handed import identify
from twobus.companion.token import PROPOSE
from twobus.companion.update import BRANCH
from twobus.git import PATIENCE, configured, git, login
from twobus.project import StopError

REF = f"refs/heads/{BRANCH}"
FETCHED = "refs/twobus/fetched"
# A repository may be large.
LIMIT = 10 * PATIENCE


class Remote:
    """A project's repository on its forge, by way of git.

    Attributes:
        login: What lets git log in there: a helper that hands out the token when that
            host, and no other, asks for it. It is in no address, file or argument.
    """

    def __init__(self, client: Client) -> None:
        """Prepare; nothing is asked yet."""
        self.client = client
        self.url = f"https://{client.host}/{client.path}.git"
        server = f"https://{client.host}"
        variable = PROPOSE.variable
        settings = [
            *login(server, variable),
            # Nor may a header that somebody has set log in as somebody else.
            (f"http.{server}/.extraHeader", ""),
            (f"url.https://x-access-token@{client.host}/.insteadOf", f"{server}/"),
        ]
        self.login = {**configured(*settings), variable: client.token.value}

    def git(self, *words: str | Path, cwd: Path | None = None) -> str:
        """Run a git command that may have to log in.

        Raises:
            StopError: If it fails, with what people can do.
        """
        try:
            given = {"GIT_LFS_SKIP_SMUDGE": "1", **self.login}
            return git(*words, cwd=cwd, limit=LIMIT, environment=given)
        except StopError as error:
            raise self._explain(str(error)) from None

    def clone(self, target: Path, base: str, project: Path) -> Path:
        """Clone a branch, with the identity of the project's folder or one of ours."""
        words = ["clone", "--quiet", "--no-tags", "--single-branch", "--branch", base]
        self.git(*words, "--", self.url, target)
        identify(target, project)
        return target

    def fetch(self, clone: Path) -> str:
        """Fetch the update's branch; return its commit, empty if there is none."""
        sha = self.git("ls-remote", self.url, REF).partition("\t")[0]
        if sha:
            self.git("fetch", "--quiet", self.url, f"+{sha}:{FETCHED}", cwd=clone)
        return sha

    def push(self, clone: Path, new: str, old: str) -> bool:
        """Move the update's branch, if it is still where it was; empty deletes it.

        Returns:
            Whether there was anything to do.
        """
        if new == old:
            return False
        lease = f"--force-with-lease={REF}:{old}"
        self.git("push", "--quiet", lease, self.url, f"{new}:{REF}", cwd=clone)
        return True

    def _explain(self, said: str) -> StopError:
        client = self.client
        token = f"the token from {client.token.source}"
        if re.search("without `workflows?` (permission|scope)", said):
            return StopError(
                f"{client.host} does not let {token} change workflow files, and this "
                "release does: set TWOBUS_TOKEN to a token that may, with "
                f"{client.rights}."
            )
        if re.search("stale info|but expected", said):
            return StopError(f"{BRANCH} has just been pushed to: run this again.")
        refusals = (
            "error: 40[13]|[Dd]enied|not granted|not allowed to push|could not read|"
            "Authentication failed"
        )
        if re.search(refusals, said):
            return StopError(
                f"{client.host} does not let {token} read or push to {client.path}. It "
                f"needs {client.rights}."
            )
        own = re.findall(r"remote: *(.*\w.*)$|! \[.*(\(.*\))$", said, re.MULTILINE)
        words = " ".join(" ".join(one) for one in own) or said.strip().splitlines()[-1]
        return StopError(f"git and {client.host}: {' '.join(words.split())[:500]}")
