"""What is said of a survey, the same in the terminal and on the page."""

from collections.abc import Iterator

from twobus.people.survey import Survey


def files(count: int) -> str:
    """Write a number of files."""
    return f"{count:,} file{'s' * (count != 1)}"


def alone(found: Survey) -> str:
    """Write in a line how much rests on one person, or on nobody."""
    nobody = sum(not it.known_to for it in found.at_risk)
    single = len(found.at_risk) - nobody
    parts = [
        f"{count:,} {kind}{'s' * (count != 1)}"
        for kind in ("table", "model", "notebook")
        if (count := found.alone(kind))
    ]
    among = f" ({', '.join(parts)} among them)" if parts else ""
    if not single:
        return f"Nobody here knows {files(nobody)} of {found.files:,}{among}"
    also = f", and nobody here {nobody:,}" * bool(nobody)
    return f"One person alone knows {files(single)} of {found.files:,}{also}{among}"


def verdict(found: Survey) -> Iterator[str]:
    """Yield the sentences that matter most."""
    nobody = sum(not it.known_to for it in found.at_risk)
    alone = len(found.at_risk) - nobody
    if not found.files:
        yield "People have changed nothing yet of what the template wrote."
        return
    if not found.here:
        yield (
            f"Nobody has worked here for half a year, so that nobody knows the "
            f"{files(found.files)} well any more."
        )
        return
    if len(found.here) == 1:
        yield (
            f"{found.here[0]} is the only one here, so that all of it rests on one "
            "person: ask somebody to review the next change."
        )
        return
    said = f"One person alone knows {files(alone)} of {found.files:,}"
    said += f", and nobody here {nobody:,}." * bool(nobody) or "."
    if found.before is not None:
        said += (
            f" A year ago {found.before:,} were at risk; now {len(found.at_risk):,}."
        )
    yield said
    people = "person" if found.bus_factor == 1 else "people"
    yield (
        f"If {found.bus_factor} {people} left, half of the files would have nobody who "
        f"knows them. {len(found.here)} are here."
    )


def trend(before: int | None, now: int) -> str:
    """Write how the files at risk have changed in a year."""
    if before is None:
        return "new"
    change = now - before
    return f"{change:+d}" if change else "same"
