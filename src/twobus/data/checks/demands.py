"""What people demand of a table beyond its contract: is it kept?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twobus.data.checks.fresh import ago, moment, oldest
from twobus.data.checks.profile import Profile, Today
from twobus.data.limits import Limits, duration, limit


def beyond(name: str, profile: Profile, limits: Limits) -> Iterator[str]:
    """Say which limits a table passes that ask for no earlier profile."""
    least, most = limits.rows
    if least is not None and profile.rows < least:
        yield f"{name} has {profile.rows:,} rows, and LIMITS want {least:,} at least"
    if most is not None and profile.rows > most:
        yield f"{name} has {profile.rows:,} rows, and LIMITS allow {most:,} at most"
    for column, it in profile.columns.items():
        allowed = limit(limits.missing, column)
        share = it.missing / max(profile.rows, 1)
        if allowed is not None and share > allowed:
            yield (
                f"{name}.{column} lacks {share:.1%} of its values, and LIMITS allow "
                f"{allowed:.1%}"
            )


@dataclass(frozen=True)
class Age:
    """How old a table is.

    Attributes:
        words: That, in words; empty where nobody can tell.
        failure: Why it must not be, in a sentence; else empty.
        note: What people should know of that; else empty.
    """

    words: str = ""
    failure: str = ""
    note: str = ""


def age(
    name: str,
    today: Today,
    limits: Limits,
    updated: str,
    written: datetime | None,
    now: datetime,
    todo: str,
) -> Age:
    """Find out how old the newest row of a table is, and whether it may be.

    Args:
        name: The table.
        today: What it looks like.
        limits: Its limits.
        updated: What its module says of updates, in words.
        written: When its file was written, if it is one.
        now: The present time, in UTC.
        todo: What one can do, to end a sentence.
    """
    times = [one for one, it in today.profile.columns.items() if it.kind == "time"]
    by = limits.by or (times[0] if len(times) == 1 else "")
    found: Any = today.newest.get(by)
    newest = moment(found) if found else None if by else written
    what = f"the newest {by} of {name}" if by else f"the file of {name}"
    words = ago(max(now - newest, timedelta())) if newest else ""
    try:
        since = now - duration(limits.fresh) if limits.fresh else oldest(updated, now)
    except ValueError:
        note = (
            f'UPDATED says "{updated}", which is not understood: write, for example, '
            '"every night by 5:00 UTC", or give LIMITS fresh="26h"'
        )
        return Age(words, note=note)
    if since is None:
        return Age(words)
    if by and by not in times:
        return Age(
            failure=f"{name}.{by} is no column of times or dates: name another one as "
            f"`by` of LIMITS in tables/{name}.py."
        )
    if newest is None and by:
        return Age(failure=f"{name} has no row with a value of {by}: {todo}.")
    if newest is None:
        note = (
            f"it has {len(times) or 'no'} columns of times, so that nobody can tell "
            "how new it is: LIMITS may name one, as `by`"
        )
        return Age(note=note)
    if newest < since:
        failure = (
            f"{name} is stale: {what} is {ago(now - newest)} old, and "
            f"{ago(now - since)} are allowed: {todo}."
        )
        return Age(words, failure)
    if newest - now > timedelta(days=1):
        failure = (
            f"{what} is {ago(newest - now)} ahead, so that nobody can tell how new "
            f"{name} is: {todo}."
        )
        return Age(words, failure)
    return Age(words)
