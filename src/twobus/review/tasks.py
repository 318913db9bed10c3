"""What `uv run poe review` does."""

from twobus.project import answers, here
from twobus.review import review as change
from twobus.tasks import task


@task
def review(base: str = "") -> None:
    """Review a change, with its notebooks before and after in reports/review.

    Args:
        base: What the change is compared with, where no forge tells it.

    Raises:
        SystemExit: If something must be corrected before a merge; not for a draft.
    """
    if answers(here().root).get("notebooks", "none") == "none":
        change.review(base)
        return
    # Imported late: who has no notebooks has not what runs them.
    from twobus.review.notebooks import compare

    change.review(base, lambda start: compare(start, here().reports / "review"))
