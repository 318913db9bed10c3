"""What `uv run poe review` does: look at a change before people do."""

import re
from collections.abc import Iterator

from twobus.project import StopError, here
from twobus.project import answers as recorded
from twobus.review.before import answers, ask, text_of
from twobus.review.description import description
from twobus.review.notebook_code import overgrown
from twobus.review.owners import owners
from twobus.review.readers import readers
from twobus.review.request import read_request, start_of
from twobus.review.rules import rules
from twobus.review.size import added_lines, size
from twobus.review.table import FAILURE, LOOK, OK, UNKNOWN, WARNING, Row, show
from twobus.tasks import task

# What GitLab shows in yellow: see allow_failure in .gitlab-ci.yml.
EXIT_UNKNOWN = 78
LEFT_OVER = r"^(<<<<<<< before updating|>>>>>>> after updating)"


@task
def review(base: str = "") -> None:
    """Print what a reviewer should know of a change.

    Notebooks before and after are shown in reports/review.

    Args:
        base: What the change is compared with, where no forge tells it.

    Raises:
        SystemExit: If something must be corrected before a merge; not for a draft.
    """
    request = read_request(base)
    start = start_of(request.base)
    added = added_lines(start)
    rows = [
        size(added, start, request),
        description(start, request),
        *rules(added, start),
        *_answers_broken(),
        _left_over(),
        owners(),
        *readers(start, request),
        _take_over(),
        *overgrown(added),
        *_changed_notebooks(start),
    ]
    show(rows)
    results = {row.result for row in rows}
    if request.draft:
        print("A draft: nothing here fails it yet.")
        if FAILURE in results and request.lasting:
            print("Run the pipeline again when it is ready: GitLab does not.")
            raise SystemExit(EXIT_UNKNOWN)
    elif FAILURE in results:
        raise SystemExit(1)
    elif UNKNOWN in results and request.description is not None:
        raise SystemExit(EXIT_UNKNOWN)


def _answers_broken() -> Iterator[Row]:
    """Yield a row if nobody can tell any more what the project was made from."""
    try:
        recorded(here().root)
    except StopError as error:
        yield Row("Answers", FAILURE, f"no update is possible: {error}")


def _left_over() -> Row:
    marked = ask("grep", "--name-only", "--extended-regexp", LEFT_OVER).splitlines()
    rejected = ask("ls-files", "*.rej").splitlines()
    if names := [*marked, *rejected]:
        detail = f"a template update left conflicts in {', '.join(names)}"
        return Row("Conflicts", FAILURE, detail)
    return Row("Conflicts", OK, "none are left over")


def _take_over() -> Row:
    """Name what a second person would still have to ask."""
    text = text_of(here().root / "README.md")
    section = text.partition("\n## Take over\n")[2].partition("\n## ")[0]
    empty = re.findall(r"^\| *([^|]*\w[^|]*?) *\| *\|$", section, re.MULTILINE)
    if not section:
        return Row("Take over", WARNING, "README.md has no section of that name")
    if empty:
        detail = f"README.md does not say yet: {'; '.join(empty)}"
        return Row("Take over", WARNING, detail)
    return Row("Take over", OK, "README.md says how")


def _changed_notebooks(start: str) -> Iterator[Row]:
    if (answers() or answers(start)).get("notebooks", "none") == "none":
        return
    # Imported late: who has no notebooks has not what runs them.
    from twobus.review.notebooks import compare

    for line in compare(start, here().reports / "review"):
        result = WARNING if re.search(r"failed after|could not be run", line) else LOOK
        yield Row("Notebooks", result, f"{line.rstrip('.')}. See reports/review")
