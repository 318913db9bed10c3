"""Work on many projects that is asked to end does so at once, and takes all away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from template import environment

# As Copier does: one git after the other fills folders.
WORK = """
import subprocess, sys, tempfile, time
from pathlib import Path
from twobus.companion import fleet

def fill(folder):
    for number in range(10_000):
        subprocess.run(["git", "init", "--quiet", f"{folder}/{number}"], check=True)

if __name__ == "__main__":
    with fleet.ending_well(), tempfile.TemporaryDirectory() as name:
        with fleet.processes(Path(name), [], 2) as pool:
            folders = [f"{name}/{number}" for number in range(2)]
            work = [pool.submit(fill, folder) for folder in folders]
            while not all(Path(folder, "1").exists() for folder in folders):
                time.sleep(0.01)
            print("begun", flush=True)
            work[0].result()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "ask", [os.kill, os.killpg], ids=["alone", "with all it began"]
)
@pytest.mark.parametrize("wait", [0, 0.3])
def test_who_is_asked_to_end_leaves_no_folder_and_no_process(
    ask: Callable[[int, int], None], wait: float, tmp_path: Path
) -> None:
    script, temporary = tmp_path / "work.py", tmp_path / "temporary"
    script.write_text(WORK, "utf-8")
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(wait)
    ask(process.pid, signal.SIGTERM)
    # All that holds the pipe has ended as well.
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 143, said
    assert said == ""
    assert [*temporary.iterdir()] == []
