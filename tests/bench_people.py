"""Measure what it takes to know who knows what: `python tests/bench_people.py`.

Prints the seconds of a first and of a second reading, each in a process of its own, and
the memory that they take, on a history of 10,000 commits by twelve people.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator

COMMITS = 10_000
READ = r"""
import json, re, sys, time
start = time.perf_counter()
from pathlib import Path
from twobus.people.history import history
from twobus.people.knowledge import Knowledge
knowledge = Knowledge()
found = history(Path(sys.argv[1]))
for change in found.changes:
    knowledge.learn(change)
seconds = time.perf_counter() - start
# What getrusage says holds what the process was started from.
peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
memory = int(peak[1]) // 1024
print(json.dumps([len(found.changes), len(found.paths), round(seconds, 2), memory]))
"""


def stream(commits: int) -> Iterator[str]:
    """Yield a history as `git fast-import` reads it."""
    chance = random.Random(0)
    files: dict[str, list[str]] = {}
    for number in range(commits):
        author, reader = (
            f"Person {it} <p{it}@x.example>" for it in chance.sample(range(12), 2)
        )
        message = f"Change {number}\n\nReviewed-by: {reader}\n"
        time = f"{1_500_000_000 + number * 20_000} +0000"
        yield f"commit refs/heads/main\nmark :{number + 1}\nauthor {author} {time}\n"
        yield f"committer {author} {time}\ndata {len(message)}\n{message}"
        yield f"from :{number}\n" if number else ""
        for _ in range(chance.randrange(1, 6)):
            draw = chance.random()
            if not files or draw < 0.1:
                path = f"area{chance.randrange(20)}/file{len(files)}_{number}.py"
                files[path] = [str(chance.random()) for _ in range(80)]
            else:
                path = chance.choice(list(files))
                if draw < 0.13:
                    old, path = path, f"{path}_"
                    yield f"R {old} {path}\n"
                    files[path] = files.pop(old)
                files[path][chance.randrange(80)] = str(chance.random())
            text = "\n".join(files[path])
            yield f"M 644 inline {path}\ndata {len(text)}\n{text}\n"


def main() -> None:
    """Write the history, and read it twice."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
        words = ["git", "-C", folder, "fast-import", "--quiet"]
        subprocess.run(words, input="".join(stream(COMMITS)).encode(), check=True)
        for name in ("first", "again"):
            words = [sys.executable, "-c", READ, folder]
            printed = subprocess.check_output(words, text=True)
            commits, files, seconds, memory = json.loads(printed)
            print(
                f"{name}: {commits:,} commits, {files:,} files: {seconds} s, "
                f"{memory} MB"
            )


if __name__ == "__main__":
    main()
