"""Keep one request open that brings a project to its template's newest release.

The project's folder only says where the project is hosted: what is proposed comes from
the forge's own default branch, so that it does not matter how deep a checkout of CI is,
or what somebody has not pushed yet.
"""

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twobus.companion.branch import Outcome, touched
from twobus.companion.describe import CLOSED, body, comparable, describe
from twobus.companion.forge import Client
from twobus.companion.handed import Tell, bring, is_current, take, way
from twobus.companion.place import Place, locate
from twobus.companion.pulls import FORGES, Request, Requests
from twobus.companion.remote import FETCHED, Remote
from twobus.companion.template import Template, fetch, is_away
from twobus.companion.token import PROPOSE, VARIABLES
from twobus.companion.update import BRANCH
from twobus.git import git
from twobus.project import ANSWERS, StopError, answers, ordinary, read_text

# What people are asked in a request, on each forge.
PAGES = {
    "github": ".github/pull_request_template.md",
    "gitlab": ".gitlab/merge_request_templates/Default.md",
}

# Makes the update in a clone, or takes it from where it was made: by the template and a
# folder for more. Returns how it went, and the last commit.
Make = Callable[[Path, Template, Path], tuple[Outcome, str]]


def propose(folder: Path, tell: Tell) -> None:
    """Open, refresh or close the request of a project: all in this process.

    Args:
        folder: The project's folder.
        tell: Gets a sentence for everything that was done, or why nothing was.

    Raises:
        StopError: If it cannot be done.
    """

    def make(clone: Path, template: Template, work: Path) -> tuple[Outcome, str]:
        outcome = bring(clone, template, work, tell)
        return outcome, git("rev-parse", BRANCH, cwd=clone).strip()

    _carry(folder, make, tell)


def deliver(folder: Path, handed: Path, tell: Tell) -> None:
    """Open, refresh or close the request by what `prepare` has put into a folder.

    No code of the new release runs.

    Args:
        folder: The project's folder.
        handed: The folder of `prepare`.
        tell: Gets a sentence for everything that was done, or why nothing was.

    Raises:
        StopError: If it cannot be done.
    """
    _carry(folder, lambda clone, template, _: take(clone, template, handed), tell)


def _carry(folder: Path, make: Make, tell: Tell) -> None:
    address = str(answers(folder).get("_src_path", ""))
    if is_away(address):
        tell(
            f"Nothing to propose: the project records its template as {address}, a "
            "folder that is not on this computer. uv run poe update --template URL "
            "says where it is."
        )
        return
    place = locate(folder)
    with (
        Client(place, PROPOSE) as client,
        tempfile.TemporaryDirectory(prefix="twobus-") as name,
    ):
        # Programs that are started get no token without need.
        for variable in (*VARIABLES, PROPOSE.variable):
            os.environ.pop(variable, None)
        requests = FORGES[place.forge](client, BRANCH)
        base, known = requests.default(), requests.all()
        remote = Remote(client)
        clone = Path(name, place.path.split("/")[-1])
        remote.clone(clone, base, folder)
        sha = remote.fetch(clone)
        waits = client.token.source == "GITHUB_TOKEN"
        work = Path(name)
        _Work(
            tell, place, requests, known, remote, base, sha, clone, work, make, waits
        ).do()


@dataclass(frozen=True)
class _Work:
    """What is known of a project and its request.

    Attributes:
        tell: Gets sentences.
        place: Where the project is hosted.
        requests: The requests there.
        known: Those from the update's branch, closed ones too.
        remote: The repository there.
        base: Its default branch.
        sha: The commit of the update's branch there, empty if there is none.
        clone: A clone of the default branch, which may be written to.
        folder: A folder for more.
        make: Makes the update.
        waits: Whether checks on the forge wait for people.
    """

    tell: Tell
    place: Place
    requests: Requests
    known: list[Request]
    remote: Remote
    base: str
    sha: str
    clone: Path
    folder: Path
    make: Make
    waits: bool

    @property
    def opened(self) -> Request | None:
        """The open request, if there is one."""
        return next((one for one in self.known if one.state == "open"), None)

    def do(self) -> None:
        """Do what there is to do."""
        merged = {one.sha for one in self.known if one.state == "merged"}
        if self.sha and self.sha not in merged:
            if touched(self.clone, FETCHED):
                where = self.opened.url if self.opened else self.place.path
                self.tell(f"{where}: people have committed to {BRANCH}; it is theirs.")
                return
            # So the update sees what it would only repeat.
            git("branch", BRANCH, FETCHED, cwd=self.clone)
        if not ordinary(self.clone, ANSWERS):
            raise StopError(
                f"{self.place.path} has no {ANSWERS} on its branch {self.base}: push "
                "the project there first."
            )
        address = str(answers(self.clone).get("_src_path", ""))
        history = self.folder / "template.git"
        template = fetch(address, history, self.remote.login)
        old, new = way(self.clone, template)
        if is_current(template, old, new):
            self._clean_up()
            self.tell(f"Nothing to propose: {self.place.path} is at {old.name}.")
            return
        title = f"Update Twobus to {new.name}"
        if not self.opened and (refused := self._refused(title)):
            self.tell(
                f"Nothing to propose: people closed {refused.url}. Reopen it to get "
                f"{new.name}, or wait for the release after it."
            )
            return
        self._bring_up(template, title)

    def _clean_up(self) -> None:
        """Close what is not needed any more, and delete its branch."""
        if self.opened:
            self.requests.close(self.opened, body(CLOSED, self.opened))
            self.tell(f"{self.opened.url}: closed")
        if self.remote.push(self.clone, "", self.sha):
            self.tell(f"{BRANCH}: deleted")

    def _refused(self, title: str) -> Request | None:
        """Return the request for a release that people closed, if there is one."""
        for one in self.known:
            ours = CLOSED in one.body
            if one.state == "closed" and _is_for(one, title) and not ours:
                return one
        return None

    def _bring_up(self, template: Template, title: str) -> None:
        """Update the branch, and open the request or refresh it if there is news."""
        outcome, new = self.make(self.clone, template, self.folder)
        moved = self.remote.push(self.clone, new, self.sha)
        page = ordinary(self.clone, PAGES[self.place.forge])
        asked = read_text(page) if page else ""
        text = body(describe(outcome, self.waits), self.opened, asked)
        draft = outcome.state != "clean"
        if not self.opened:
            request = self.requests.open(self.base, title, text, draft)
            self.tell(f"{request.url}: opened")
        else:
            is_for = _is_for(self.opened, title)
            title = self.opened.title if is_for else title
            there = (self.opened.title, self.opened.base, comparable(self.opened.body))
            if not moved and there == (title, self.base, comparable(text)):
                self.tell(f"{self.opened.url}: nothing new")
                return
            wanted = (self.base, title, text, draft)
            request = self.requests.change(self.opened, *wanted)
            self.tell(f"{request.url}: refreshed")
        if draft != request.draft:
            what = "convert it to a draft" if draft else "mark it as ready for review"
            self.tell(f"{request.url}: {what}, which a program cannot do here.")


def _is_for(request: Request, title: str) -> bool:
    """Tell whether a request is for a release; people may have put words around it."""
    return re.search(rf"{re.escape(title)}(?![\w.])", request.title) is not None
