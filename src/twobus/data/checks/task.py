"""What `uv run poe data` does: fetch files, or check tables."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from twobus.data.access import source
from twobus.data.checks import page, values
from twobus.data.checks.profile import Profile, from_json, write
from twobus.data.checks.verdict import Place, Reference, Verdict, judge, place
from twobus.project import StopError, here
from twobus.tasks import task

# Gives what a table is compared with besides last time.
References = Callable[[str], Sequence[Reference]]


@task
def data(
    names: list[str] | None = None,
    check: bool = False,
    show_values: bool = False,
    accept: bool = False,
) -> None:
    """Fetch the files that are listed; or check tables, see `check_tables`."""
    run(names or [], check, show_values, accept, lambda name: [])


def run(
    names: Sequence[str],
    check: bool,
    show_values: bool,
    accept: bool,
    references: References,
) -> None:
    """Do what the task was asked for.

    Raises:
        StopError: If options do not go together, or a table is not as it must be.
    """
    if check:
        check_tables(names, references, show_values=show_values, accept=accept)
        return
    if names or show_values or accept:
        raise StopError("Names and options are for uv run poe data --check.")
    if not (here().data / "sources.toml").exists():
        print("There is no data/sources.toml, so nothing to fetch; --check checks.")
        return
    # What fetches is installed where people work, and not where code runs.
    from twobus.data.sources import fetch

    fetch()


def check_tables(
    names: Sequence[str],
    references: References,
    *,
    show_values: bool = False,
    accept: bool = False,
) -> None:
    """Compare tables with their contracts, their limits, and what they were before.

    What a table looks like is kept for the next time, once this has been shown; not
    where it fails, unless people accept that.

    Args:
        names: Which tables; all if it is empty.
        references: Gives what a table is compared with besides last time.
        show_values: Whether to print values that break rules.
        accept: Whether to compare with today from now on, whatever was found.

    Raises:
        StopError: If a table is not as it must be, with a sentence for each reason.
    """
    if show_values:
        values.refuse_others()
    tables, now = source(), datetime.now(UTC)
    read_from = place(tables)
    verdicts = []
    for name in names or tables.names():
        known, note = last_time(name, read_from)
        failures = []
        try:
            known += references(name)
        except StopError as error:
            failures.append(str(error))
        verdict = judge(name, tables, read_from, now, known)
        verdict.failures += failures
        verdict.notes += [note] * bool(note and not read_from.samples)
        verdicts.append(verdict)
    print(*page.lines(verdicts), sep="\n")
    if show_values:
        print()
        for verdict in (it for it in verdicts if it.table is not None):
            print(*values.values(verdict, tables.contract(verdict.name)), sep="\n")
    file = here().reports / "data.html"
    file.parent.mkdir(exist_ok=True)
    title = f"Is the data of {here().root.name} still the same?"
    file.write_text(page.page(verdicts, title, read_from.name, now), "utf-8")
    print(f"\nPage: {here().name(file)}")
    for verdict in verdicts:
        good = not verdict.failures and not verdict.drifted
        if verdict.today and not read_from.samples and (good or accept):
            write(verdict.today.profile, kept(verdict.name))
    _stop(verdicts, accept)


def kept(name: str) -> Path:
    """Return the file of what a table looked like last; git ignores it."""
    return here().data / "profiles" / f"{name}.json"


def last_time(name: str, read_from: Place) -> tuple[list[Reference], str]:
    """Return what a table looked like last time, and what people should know of it."""
    file = kept(name)
    first = "first look, nothing to compare with yet"
    if not file.is_file():
        return [], first
    try:
        profile: Profile = from_json(file.read_text("utf-8"))
    except (OSError, ValueError):
        return [], f"{here().name(file)} cannot be read; {first}"
    if profile.place != read_from.name:
        return [], f"last time it was read from {profile.place}; {first}"
    label = f"last time ({profile.taken[:16].replace('T', ' ')} UTC)"
    remedy = f"accept it by uv run poe data --check {name} --accept"
    return [Reference(label, profile, remedy)], ""


def _stop(verdicts: Sequence[Verdict], accept: bool) -> None:
    """End with what must not be.

    Raises:
        StopError: If there is any of that.
    """
    drifted = [] if accept else [it for one in verdicts for it in one.drifted]
    failures = [it for one in verdicts for it in one.failures] + drifted
    if failures:
        raise StopError("\n".join(["", *dict.fromkeys(failures)]))
