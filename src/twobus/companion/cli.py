"""The command line: `twobus adopt`, `propose`, `protect`, `status` and `update`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeVar

import typer

from twobus import codeowners
from twobus.companion import fleet, github, gitlab, lockouts, report
from twobus.companion.adopt import adopt as take_over
from twobus.companion.adopt import home
from twobus.companion.branch import Outcome
from twobus.companion.fit import Adoption
from twobus.companion.forge import Client
from twobus.companion.handed import prepare as make_ready
from twobus.companion.place import Protected, read
from twobus.companion.propose import propose as carry
from twobus.companion.settings import Live, show
from twobus.companion.status import Status
from twobus.companion.status import status as compare
from twobus.companion.template import absolute
from twobus.companion.update import update as bring
from twobus.project import StopError

CODES = (
    "Exit codes: 0 done, or as wanted; 1 `check` found differences; 2 refused, or "
    "could not be done."
)
FORGES: dict[str, ModuleType] = {"github": github, "gitlab": gitlab}

HELP = {"help_option_names": ["-h", "--help"]}

# Tracebacks of the pretty sort could show what variables hold, tokens too.
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=HELP,
)
protect = typer.Typer(
    help="Carry the branch rules in a project's files to its forge.",
    epilog=CODES,
    no_args_is_help=True,
)
app.add_typer(protect, name="protect")

Paths = Annotated[list[Path], typer.Argument(help="Folders of projects.")]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", "-d", help="An answer: question=answer."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Jobs = Annotated[int, typer.Option(help="How many work at the same time.", min=1)]
JOBS = 2 * (os.cpu_count() or 1)
HERE = [Path()]
Result = TypeVar("Result", Status, Outcome)
Folder = Annotated[Path, typer.Option("--project", help="The project's folder.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"twobus {version('twobus')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it."),
    ] = False,
) -> None:
    """The companion of projects that Twobus made."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that a terminal cannot show must not stop what is being done.
            stream.reconfigure(errors="backslashreplace")


@app.command(
    epilog="Exit codes: 0 all are at the newest release; 1 some are behind, or have "
    "conflicts to resolve; 2 some could not be looked at."
)
def status(paths: Paths = HERE, as_json: Json = False, jobs: Jobs = JOBS) -> None:
    """Say which release projects have, and what people did to the template's files."""
    results = _all(paths, compare, Status, jobs)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in results], indent=2))
    else:
        report.statuses(results)
    raise typer.Exit(_code({one.state for one in results}, {"behind", "conflicts"}))


@app.command(
    epilog="Exit codes: 0 all are up to date, or will be when their branch is merged; "
    "1 some have conflicts to resolve, or checks that fail; 2 some were not updated."
)
def update(
    paths: Paths = HERE,
    data: Data = None,
    to: Annotated[str, typer.Option(help="A release, if not the newest.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Run the project's checks on the result.")
    ] = False,
    template: Annotated[
        str, typer.Option(help="Where the template is, if it has moved.")
    ] = "",
    as_json: Json = False,
    jobs: Jobs = JOBS,
) -> None:
    """Bring projects to a release, each on its branch twobus/update."""
    work = partial(bring, to=to, data=_given(data), check=check)
    tell = None if as_json or len(paths) == 1 else report.progress
    try:
        address = absolute(template) if template else ""
    except StopError as error:
        raise typer.BadParameter(str(error)) from None
    results = _all(paths, work, Outcome, jobs, tell, address)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in results], indent=2))
    else:
        report.outcomes(results)
    raise typer.Exit(
        _code({one.state for one in results}, {"conflicts", "unlocked", "unchecked"})
    )


@app.command(
    epilog="Exit codes: 0 all is merged; 1 there are conflicts to resolve; 2 refused, "
    "or could not be done: then nothing has changed."
)
@fleet.ending_well()
def adopt(
    path: Annotated[Path, typer.Argument(help="The repository's folder.")],
    data: Data = None,
    template: Annotated[
        str, typer.Option(help="Where the template is, if not where this came from.")
    ] = "",
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Take what is guessed; ask nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a repository under Twobus, on its branch twobus/adopt."""
    answers = _given(data)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    ask = terminal and not defaults and not as_json
    if ask:
        typer.echo("The answers are guessed from the repository: Enter takes one.\n")
    try:
        done = take_over(path, template or home(), data=answers, interactive=ask)
    except StopError as error:
        done = Adoption(str(path), "failed", notes=[str(error)])
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=2))
    else:
        report.adoption(done)
    raise typer.Exit(_code({done.state}, {"conflicts"}))


@app.command(
    epilog="Exit codes: 0 the request is as it should be, or there is nothing to "
    "propose; 2 refused, or could not be done."
)
@fleet.ending_well()
def propose(
    project: Folder = Path(),
    prepare: Annotated[
        Path | None,
        typer.Option(help="Only make the update, without a token, into this folder."),
    ] = None,
) -> None:
    """Keep one pull or merge request open that brings the newest release."""
    try:
        if prepare:
            make_ready(project, prepare, report.say)
        else:
            carry(project, report.say)
    except StopError as error:
        report.say(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


@protect.command(epilog=CODES)
def plan(project: Folder = Path()) -> None:
    """Show what `apply` would change, field by field."""
    with _open(project) as (here, client):
        live = FORGES[here.forge].read(client, here)
        count = _differences(live)
        _remarks(live)
        for note in live.notes:
            report.say(f"Note: {note}")
        for sentence in _lockouts(here, live):
            report.say(f"Warning, `apply` will refuse: {sentence}")
        report.say(f"{count} to change by `apply`." if count else _wanted(here, live))


@protect.command(epilog=CODES)
def apply(project: Folder = Path()) -> None:
    """Make it so, unless somebody would be locked out."""
    with _open(project) as (here, client):
        live = FORGES[here.forge].read(client, here)
        if sentences := _lockouts(here, live):
            raise StopError("\n".join(sentences))
        for setting in live.settings:
            if setting.differences():
                setting.make()
                done = "changed" if setting.current else "created"
                report.say(f"{setting.name}: {done}")
        live = FORGES[here.forge].read(client, here)
        if _differences(live):
            raise StopError(f"{here.host} took the changes, and yet these are left.")
        _remarks(live)
        report.say(_wanted(here, live))


@protect.command(epilog=CODES)
def check(project: Folder = Path()) -> None:
    """Say whether the forge still has the rules of the project's files."""
    with _open(project) as (here, client):
        live = FORGES[here.forge].read(client, here)
        count = _differences(live)
        _remarks(live)
        if count:
            report.say(f"{count} not as {here.rules_file} says: `apply` makes it so.")
            raise typer.Exit(1)
        report.say(_wanted(here, live))


@contextmanager
def _open(folder: Path) -> Iterator[tuple[Protected, Client]]:
    try:
        here = read(folder)
        with Client(here) as client:
            yield here, client
    except StopError as error:
        report.say(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


def _differences(live: Live) -> int:
    count = 0
    for setting in live.settings:
        for difference in setting.differences():
            report.say(f"{setting.name}: {difference}")
            count += 1
    return count


def _remarks(live: Live) -> None:
    for setting in live.settings:
        for one in setting.additions():
            report.say(
                f"Not in the file: {setting.name}: {one.path} is {show(one.current)}"
            )
    for remark in live.remarks:
        report.say(remark)


def _lockouts(here: Protected, live: Live) -> list[str]:
    return lockouts.lockouts(
        codeowners.deciding(codeowners.parse(here.owners, here.forge)),
        FORGES[here.forge].approvals(here),
        live.members,
        here.level,
    )


def _wanted(here: Protected, live: Live) -> str:
    rest = any(remark.startswith("Not ") for remark in live.remarks)
    return (
        f"{here.path} on {here.host} is as {here.rules_file} says"
        f"{', but for what is said above' if rest else ''}."
    )


def _given(pairs: list[str] | None) -> dict[str, str]:
    """Read answers from the command line.

    Raises:
        BadParameter: If one is not written as `question=answer`.
    """
    answers = {}
    for pair in pairs or []:
        question, equals, answer = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"write question=answer instead of {pair}.")
        answers[question] = answer
    return answers


@fleet.ending_well()
def _all(
    paths: list[Path],
    work: fleet.Work[Result],
    kind: Callable[..., Result],
    jobs: int,
    tell: Callable[[Result], None] | None = None,
    address: str = "",
) -> list[Result]:
    """Do a piece of work on all projects, and return what came of it in their order."""

    def fail(path: Path, why: str) -> Result:
        return kind(str(path), "failed", notes=[why])

    results = {}
    for result in fleet.over(paths, work, fail, jobs, address):
        results[result.path] = result
        if tell:
            tell(result)
    return [results[str(path)] for path in paths]


def _code(states: set[str], unfinished: set[str]) -> int:
    if "failed" in states:
        return 2
    return 1 if states & unfinished else 0
