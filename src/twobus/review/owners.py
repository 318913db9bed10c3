"""Whether every path has enough owners."""

from twobus import codeowners
from twobus.project import here
from twobus.review.before import answers, text_of
from twobus.review.table import OK, WARNING, Row
from twobus.tasks import task

NAME_OWNERS = (
    "uvx copier update --vcs-ref :current: --data "
    'code_owners="@you @colleague" (or a team, @group/team)'
)


@task
def name_owners() -> None:
    """Print a line if one person could leave and take the project along."""
    row = owners()
    if row.result != OK:
        print(row.detail)


def owners() -> Row:
    """Say whether every path has two people or one team; three people at `strict`."""
    root = here().root
    level = answers().get("review_level") or answers("HEAD").get("review_level")
    needed = 3 if level == "strict" else 2
    forge = codeowners.forge_of(root)
    file = codeowners.find(root, forge)
    text = text_of(file) if file else ""
    for number, word in codeowners.skipped(text, forge):
        detail = (
            f"line {number} of CODEOWNERS counts for nothing: {word} is no name that"
        )
        return Row("Owners", WARNING, f"One-bus path: {detail} GitHub has. Correct it.")
    # Others are overruled, and nobody waits for the owners of an optional section.
    decide = codeowners.deciding(codeowners.parse(text, forge))
    lines = [line for line in decide if line.needed]
    for line in lines:
        if len({*line.owners}) < needed and not line.has_team:
            return Row(
                "Owners",
                WARNING,
                f"One-bus path: line {line.number} of CODEOWNERS gives {line.pattern} "
                f"to fewer than {'two' if needed == 2 else 'three'} people"
                f"{', and strict needs them' if needed == 3 else ''}. Add one, or "
                "a team.",
            )
    if any(line.pattern in codeowners.EVERYTHING for line in lines):
        return Row("Owners", OK, "every path has enough people, or a team")
    return Row(
        "Owners",
        WARNING,
        f"One-bus project: fewer than two people own it. Name them: {NAME_OWNERS}.",
    )
