"""Measure updates of many projects: `uv run poe bench-updates`.

The same projects, of mixed releases and edits, are updated by `twobus update` and by
a shell loop over `copier update`, with the same lock and format afterwards.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from edits import EDITS

from template import clone, commit, run, snapshot, starts
from twobus.companion.template import fetch, render
from twobus.companion.update import RUFF

PROJECTS = 50
ROUNDS = 3
LOOP = """
for project in "$@"; do
  cd "$project"
  copier update --defaults --quiet
  if [ -z "$(git ls-files --unmerged)" ]; then
    uv lock --quiet
    uv tool run --quiet ruff@{ruff} format --quiet
  fi
done
"""


def make(work: Path) -> list[Path]:
    """Make projects of earlier releases, edited and locked."""
    template = fetch(str(snapshot(work / "twobus")), work / "history.git")
    rows = [(version, name, answers) for version, answers in starts() for name in EDITS]
    projects = []
    for number in range(PROJECTS):
        version, name, answers = rows[number * len(rows) // PROJECTS]
        release = template.find(version)
        known = set(template.questions(release))
        given = {name: value for name, value in answers.items() if name in known}
        project = work / "start" / f"study-{number:02}"
        render(template, release, project, answers=given)
        EDITS[name](commit(project))
        locked = run("uv", "lock", "--quiet", cwd=project)
        assert locked.code == 0, locked.output
        projects.append(commit(project))
    return projects


def main() -> None:
    """Print the medians, and what came of the updates."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        start = make(work)
        lock = next(project / "uv.lock" for project in start)
        found = RUFF.search(lock.read_text("utf-8"))
        assert found
        times: dict[str, list[float]] = {"loop": [], "twobus": []}
        for number in range(ROUNDS):
            for side in times:
                folder = work / f"{side}-{number}"
                folder.mkdir()
                projects = [clone(one, folder / one.name) for one in start]
                paths = [str(project) for project in projects]
                began = time.perf_counter()
                if side == "loop":
                    script = LOOP.format(ruff=found[1])
                    result = run("bash", "-c", script, "loop", *paths, cwd=folder)
                else:
                    words = [sys.executable, "-m", "twobus", "update", "--json"]
                    result = run(*words, *paths, cwd=folder)
                times[side].append(time.perf_counter() - began)
                print(f"{side}: {times[side][-1]:.0f} s", flush=True)
        states = Counter(one["state"] for one in json.loads(result.output))
        print(f"{len(start)} projects, {dict(states)}")
        loop, twobus = median(times["loop"]), median(times["twobus"])
        print(f"copier update in a loop: {loop:.0f} s; twobus update: {twobus:.0f} s")
        print(f"ratio: {loop / twobus:.2f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
