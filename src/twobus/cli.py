"""The command line: `twobus protect plan`, `apply` and `check`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from twobus import github, gitlab, owners
from twobus.forge import Client
from twobus.project import Project, StopError, read
from twobus.settings import Live, show

CODES = (
    "Exit codes: 0 done, or as wanted; 1 `check` found differences; 2 refused, or "
    "could not be done."
)
FORGES: dict[str, ModuleType] = {"github": github, "gitlab": gitlab}

# Tracebacks of the pretty sort could show what variables hold, tokens too.
app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
protect = typer.Typer(
    help="Carry the branch rules in a project's files to its forge.",
    epilog=CODES,
    no_args_is_help=True,
)
app.add_typer(protect, name="protect")

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


@protect.command(epilog=CODES)
def plan(project: Folder = Path()) -> None:
    """Show what `apply` would change, field by field."""
    with _open(project) as (here, client):
        live = FORGES[here.forge].read(client, here)
        count = _differences(live)
        _remarks(live)
        for note in live.notes:
            typer.echo(f"Note: {note}")
        for sentence in _lockouts(here, live):
            typer.echo(f"Warning, `apply` will refuse: {sentence}")
        typer.echo(f"{count} to change by `apply`." if count else _wanted(here, live))


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
                typer.echo(f"{setting.name}: {done}")
        live = FORGES[here.forge].read(client, here)
        if _differences(live):
            raise StopError(f"{here.host} took the changes, and yet these are left.")
        _remarks(live)
        typer.echo(_wanted(here, live))


@protect.command(epilog=CODES)
def check(project: Folder = Path()) -> None:
    """Say whether the forge still has the rules of the project's files."""
    with _open(project) as (here, client):
        live = FORGES[here.forge].read(client, here)
        count = _differences(live)
        _remarks(live)
        if count:
            typer.echo(f"{count} not as {here.rules_file} says: `apply` makes it so.")
            raise typer.Exit(1)
        typer.echo(_wanted(here, live))


@contextmanager
def _open(folder: Path) -> Iterator[tuple[Project, Client]]:
    try:
        here = read(folder)
        with Client(here) as client:
            yield here, client
    except StopError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


def _differences(live: Live) -> int:
    count = 0
    for setting in live.settings:
        for difference in setting.differences():
            typer.echo(f"{setting.name}: {difference}")
            count += 1
    return count


def _remarks(live: Live) -> None:
    for setting in live.settings:
        for one in setting.additions():
            typer.echo(
                f"Not in the file: {setting.name}: {one.path} is {show(one.current)}"
            )
    for remark in live.remarks:
        typer.echo(remark)


def _lockouts(here: Project, live: Live) -> list[str]:
    return owners.lockouts(
        owners.parse(here.owners, here.forge),
        FORGES[here.forge].approvals(here),
        live.members,
        here.level,
    )


def _wanted(here: Project, live: Live) -> str:
    rest = any(remark.startswith("Not ") for remark in live.remarks)
    return (
        f"{here.path} on {here.host} is as {here.rules_file} says"
        f"{', but for what is said above' if rest else ''}."
    )
