"""How old a table's newest row may be, from the words of `UPDATED`."""

import re
from datetime import UTC, date, datetime, time, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}
SHORT = {
    "hourly": "every hour",
    "daily": "every day",
    "nightly": "every night",
    "weekly": "every week",
    "monthly": "every month",
    "on weekdays": "every weekday",
}
# Why it no longer changes may follow, after a mark.
NEVER = re.compile(r"(?:never|no more|no longer|not any ?more)?(?:\s*[^\w\s].*)?")
REGULAR = re.compile(
    rf"every (?P<day>day|night|morning|weekday|working day|{'|'.join(DAYS)})"
    r"(?: by (?P<hour>\d\d?)(?::(?P<minute>\d\d))? ?(?:utc|gmt))?"
)
INTERVAL = re.compile(rf"every (?:(?P<count>\d+) )?(?P<unit>{'|'.join(UNITS)})s?")
# An update takes a while, and what is updated may end some time before.
SLACK = 1.5


def oldest(words: str, now: datetime) -> datetime | None:
    """Return how old the newest row may be.

    Where days are named, the last update that is due must have come, and must have
    brought something newer than the update before it was due. Otherwise, the newest
    row may be one and a half times as old as the time between two updates.

    Args:
        words: What `UPDATED` says.
        now: The present time, in UTC.

    Returns:
        The earliest time that the newest row may have; None if nothing is to come.

    Raises:
        ValueError: If the words are not understood.
    """
    said = " ".join(words.lower().split())
    if NEVER.fullmatch(said):
        return None
    said = said.rstrip(".").replace("each ", "every ")
    for short, long in SHORT.items():
        if re.match(rf"{short}\b", said):
            said = long + said.removeprefix(short)
    found = REGULAR.fullmatch(said)
    if found and int(found["hour"] or 0) <= 24:
        return _before_last(found, now)
    if found := INTERVAL.fullmatch(said):
        return now - SLACK * int(found["count"] or 1) * UNITS[found["unit"]]
    raise ValueError(words)


def moment(value: date | datetime) -> datetime:
    """Return a value of a time column in UTC; a date is over when its day is."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC) + timedelta(days=1)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def ago(age: timedelta) -> str:
    """Say how long something is, in the largest unit that tells it well."""
    hours = age / timedelta(hours=1)
    if abs(hours) >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if abs(hours) >= 2 else f"{hours * 60:.0f} minutes"


def _before_last(found: re.Match[str], now: datetime) -> datetime:
    """Return when the last update but one was due."""
    day = found["day"]
    days = {DAYS.index(day)} if day in DAYS else {*range(7)}
    if day in ("weekday", "working day"):
        days = {*range(5)}
    # Without a time, it is due by the end of the day.
    due = timedelta(days=1)
    if found["hour"]:
        due = timedelta(hours=int(found["hour"]), minutes=int(found["minute"] or 0))
    midnight = datetime.combine(now.date(), time(), UTC)
    dates = (midnight - timedelta(days=back) for back in range(22))
    passed = [it + due for it in dates if it.weekday() in days and it + due <= now]
    return passed[1]
