"""Compile the packages once, instead of once in each environment of a project.

`poe test` runs this first. It makes a copy of uv's cache, of links, in which packages
have their bytecode: uv puts that into environments with the rest of a package. The
cache of whoever runs the tests is only read.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import cache_from_source
from pathlib import Path

CACHE = Path(sys.prefix) / "cache-of-tests"
# Nobody imports the tests of packages.
UNUSED = re.compile(r"/tests?/")


def copy_cache(source: Path) -> bool:
    """Copy uv's cache as links, which takes no room, where the disk has such."""
    shutil.rmtree(CACHE, ignore_errors=True)
    try:
        shutil.copytree(source, CACHE, copy_function=os.link, symlinks=True)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(CACHE, ignore_errors=True)
        print(f"No links to uv's cache, so tests take longer: {error!s:.300}")
        return False
    return True


def add_bytecode(packages: Path) -> int:
    """Link bytecode of this environment beside the same files in the copy."""
    compileall.compile_dir(packages, rx=UNUSED, quiet=2, workers=0)
    compiled: dict[int, Path] = {}
    for source in packages.rglob("*.py"):
        code = Path(cache_from_source(str(source)))
        if code.exists():
            compiled[source.stat().st_ino] = code
    added = 0
    for source in CACHE.glob("archive-*/**/*.py"):
        target = Path(cache_from_source(str(source)))
        found = compiled.get(source.stat().st_ino)
        if found and not target.exists():
            target.parent.mkdir(exist_ok=True)
            os.link(found, target)
            added += 1
    return added


if __name__ == "__main__":
    words = ["uv", "cache", "dir"]
    asked = subprocess.run(words, capture_output=True, encoding="utf-8", check=True)
    if copy_cache(Path(asked.stdout.strip())):
        added = add_bytecode(Path(sysconfig.get_path("purelib")))
        print(f"{added:,} files of bytecode for the environments of tests")
