"""The template: its releases, what changed between them, and projects rendered."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from twobus.git import PATIENCE, ask, git
from twobus.project import ANSWERS, StopError, read_yaml

# Renders what an update would: without the files that are given only once.
AS_UPDATE = "{% set _copier_operation = 'update' -%}\n"
SHORT = {"gh": "https://github.com/", "gl": "https://gitlab.com/"}
SSH = re.compile(r"[\w.-]+@[\w.-]+:")
# Stands in patterns of files that are given only once.
GIVEN = "_copier_operation"
MOVE = "uv run poe update --template ADDRESS says where it is."
# What the first releases shared, before they said so.
SHARED = "README.md pyproject.toml"
HEADING = re.compile(r"^## (\d\S*).*$", re.MULTILINE)


@dataclass(frozen=True)
class Release:
    """A release of the template, or a commit between two.

    Attributes:
        name: What people call it: `0.2.0`.
        version: The version, without what came after it.
        ref: What git calls it: a tag or a commit.
    """

    name: str
    version: Version
    ref: str


@dataclass(frozen=True)
class Template:
    """A template whose history has been fetched.

    Attributes:
        address: Where it is, as projects record it.
        history: A bare clone on this machine.
        releases: Its releases, the oldest first.
    """

    address: str
    history: Path
    releases: tuple[Release, ...]

    @property
    def newest(self) -> Release:
        """The newest release."""
        return self.releases[-1]

    def release(self, recorded: str) -> Release:
        """Find the release that a project records.

        Raises:
            StopError: If the template does not have it.
        """
        if known := next((one for one in self.releases if one.ref == recorded), None):
            return known
        here = self.history
        commit = ask("rev-parse", "--verify", f"{recorded}^{{commit}}", cwd=here)
        if commit is None:
            raise StopError(
                f"The template at {self.address} has no {recorded}, from which this "
                "project was made: that clone is shallow (git fetch --unshallow), or "
                "the commit was never pushed."
            )
        if not re.fullmatch(r"(.*-g)?[0-9a-f]{7,64}", recorded):
            raise StopError(
                f"The project records {recorded}, which is no release and may have "
                f"moved: write the release that it was made from after _commit in "
                f"{ANSWERS}, and commit that."
            )
        words = ["describe", "--tags", "--abbrev=0", "--match=v[0-9]*", commit]
        version = _version(ask(*words, cwd=here) or "") or Version("0")
        return Release(f"{version} and {commit[:7]}", version, commit)

    def is_newer(self, one: Release, other: Release) -> bool:
        """Tell whether a release comes after another in the history."""
        words = ["merge-base", "--is-ancestor", other.ref, one.ref]
        same = one.ref == other.ref
        return not same and ask(*words, cwd=self.history) is not None

    def find(self, wanted: str) -> Release:
        """Find a release by its version, with or without the v.

        Raises:
            StopError: If there is none.
        """
        version = _version(wanted)
        for release in self.releases:
            if release.version == version:
                return release
        known = ", ".join(release.name for release in self.releases)
        raise StopError(f"There is no release {wanted}: the template has {known}.")

    def changes(self, old: Release, new: Release) -> dict[str, str]:
        """Return what the changelog says after one release, up to another.

        Returns:
            The text of each release by its version, the newest first.
        """
        text = ask("show", f"{new.ref}:CHANGELOG.md", cwd=self.history) or ""
        _, *parts = HEADING.split(text)
        return {
            name: body.strip()
            for name, body in zip(parts[::2], parts[1::2], strict=True)
            if old.version < (_version(name) or old.version) <= new.version
        }

    def config(self, release: Release) -> dict[str, Any]:
        """Return the questions and settings of a release."""
        text = git("show", f"{release.ref}:copier.yml", cwd=self.history)
        if not (said := read_yaml(text)):
            raise StopError(f"{self.address} {release.name} has no copier.yml to read.")
        return said

    def questions(self, release: Release) -> list[str]:
        """List the names of the questions that a release asks."""
        return [
            name
            for name, question in self.config(release).items()
            if not name.startswith("_") and question.get("when") is not False
        ]

    def shared(self, release: Release) -> list[str]:
        """List the files that a release and its projects write together."""
        stated = self.config(release).get("shared_files", {"default": SHARED})
        return [*stated["default"].split(), ANSWERS]

    def once(self, release: Release, *, only_given: bool = False) -> list[str]:
        """Return patterns that leave out what an update would not bring.

        Args:
            release: The release that says so.
            only_given: Leave out what is given once, and not what answers do not need.
        """
        return [
            AS_UPDATE + part
            for part in self.config(release).get("_exclude", [])
            if not only_given or GIVEN in part
        ]


def fetch(
    address: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Template:
    """Fetch the history of a template.

    Args:
        address: Where the template is, in any form that Copier takes.
        folder: Where the history is put.
        environment: Variables that git gets as well.

    Raises:
        StopError: If that cannot be done, or it has no releases.
    """
    place = expand(address)
    try:
        words = ["clone", "--quiet", "--bare", "--", place, str(folder)]
        git(*words, cwd=folder.parent, limit=PATIENCE, environment=environment)
    except StopError as error:
        raise StopError(f"The template cannot be fetched: {error}") from None
    found = {
        version: tag
        for tag in git("tag", "--list", cwd=folder).split()
        if (version := _version(tag)) and not version.is_prerelease
    }
    if not found:
        raise StopError(
            f"The template at {address} has no releases: git fetch --tags there."
        )
    releases = [Release(str(one), one, found[one]) for one in sorted(found)]
    return Template(address, folder, tuple(releases))


def is_away(address: str) -> bool:
    """Tell whether an address is a folder that this computer does not have."""
    address = address.removeprefix("git+").removeprefix("file://")
    if "://" in address or SSH.match(address) or address.startswith(("gh:", "gl:")):
        return False
    return not Path(address).expanduser().exists()


def absolute(address: str) -> str:
    """Return an address that leads to the template from everywhere.

    Raises:
        StopError: If it leads nowhere, or holds a password, which would be recorded.
    """
    if re.match(r"(git\+)?https?://[^/]*@", address):
        raise StopError(
            "The template's address is recorded in the project: leave name and "
            "password out of it; git takes them from its credential helper."
        )
    path = Path(address).expanduser()
    if path.is_dir():
        return str(path.resolve())
    if ":" not in address:
        raise StopError(f"There is no folder {address}: --template names the template.")
    # Copier knows by these that an address is one of git.
    marked = address.startswith("git+") or address.endswith(".git")
    return address if marked or "://" not in address else f"git+{address}"


def expand(address: str) -> str:
    """Return a template's address as Copier hands it to git.

    Raises:
        StopError: If it is a path that only means something in one folder, or leads
            nowhere.
    """
    short, _, rest = address.partition(":")
    if short in SHORT:
        return SHORT[short] + rest.removesuffix(".git") + ".git"
    if address.startswith("git+"):
        return address.removeprefix("git+")
    if address.startswith(tuple(SHORT.values())):
        return address.removesuffix(".git") + ".git"
    if "://" in address or SSH.match(address):
        return address
    path = Path(address).expanduser()
    if not path.is_absolute():
        raise StopError(
            f"The project records its template as {address}, which depends on the "
            f"folder: {MOVE}"
        )
    if not path.exists():
        raise StopError(f"The template is not at {address} any more: {MOVE}")
    return str(path)


def render(
    template: Template,
    release: Release,
    folder: Path,
    *,
    answers: dict[str, Any] | None = None,
    recorded: Path | None = None,
    exclude: list[str] | None = None,
    interactive: bool = False,
) -> Path:
    """Render a project.

    Args:
        template: The template.
        release: The release to render.
        folder: Where the project is put, by the name of the project's own folder.
        answers: Answers to give.
        recorded: Where the answers stand that count for the questions left.
        exclude: Patterns of files to leave out.
        interactive: Whether to ask the person at the terminal.

    Returns:
        The folder.

    Raises:
        StopError: If an answer is refused.
    """
    # Importing Copier takes as long as all else that a small command does.
    import copier
    from copier.errors import CopierError

    folder.mkdir(parents=True)
    if recorded:
        shutil.copy(recorded, folder / ANSWERS)
    try:
        copier.run_copy(
            template.address,
            folder,
            answers or {},
            vcs_ref=release.ref,
            settings=copier.Settings(),
            exclude=exclude or [],
            defaults=not interactive,
            overwrite=True,
            quiet=True,
        )
    except KeyboardInterrupt:
        raise StopError("You left a question open.") from None
    except (CopierError, ValueError) as error:
        raise StopError(" ".join(str(error).split())) from None
    return folder


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
