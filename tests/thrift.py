"""What tests would do hundreds of times is done once, or without waiting for disks.

Nothing here changes what comes out: a project is rendered from the same files by the
same code, and git keeps the same history.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, cached_property
from pathlib import Path
from types import CodeType
from typing import Any

import copier._template
import pytest
from copier._main import Worker
from copier._template import Template as Source
from copier._vcs import clone, get_latest_tag
from jinja2 import Environment

from twobus import project
from twobus.companion import template

# No history of a test has to outlive a power cut, or grows so that it needs care.
CARELESS = {"core.fsync": "none", "gc.auto": "0", "maintenance.auto": "false"}
# How an environment of Jinja reads texts.
READING = [
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "line_statement_prefix",
    "line_comment_prefix",
    "trim_blocks",
    "lstrip_blocks",
    "newline_sequence",
    "keep_trailing_newline",
    "optimized",
    "is_async",
    "autoescape",
]


@contextmanager
def thrifty(folder: Path) -> Iterator[None]:
    """Save what can be saved, in this process and in those that it starts.

    Args:
        folder: An empty folder for what is kept.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", str(len(CARELESS)))
        for number, (key, value) in enumerate(CARELESS.items()):
            patch.setenv(f"GIT_CONFIG_KEY_{number}", key)
            patch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
        _compile_once(patch)
        _check_out_once(patch, folder)
        _read_once(patch)
        _ask_once(patch)
        yield


def _compile_once(patch: pytest.MonkeyPatch) -> None:
    """Compile each text of the template once: that is a third of making a project."""
    known: dict[tuple[Any, ...], CodeType] = {}
    anew: Any = Environment.compile

    def compile_once(
        self: Environment, source: Any, name: Any = None, *others: Any, **how: Any
    ) -> Any:
        if not isinstance(source, str) or others[1:] or how.keys() - {"filename"}:
            return anew(self, source, name, *others, **how)
        reading = [getattr(self, setting) for setting in READING]
        knowing = map(tuple, (self.extensions, self.filters, self.tests))
        key = (source, name, type(self), *reading, *knowing)
        if key not in known:
            known[key] = anew(self, source, name, *others, **how)
        return known[key]

    patch.setattr(Environment, "compile", compile_once)


def _check_out_once(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let Copier clone each commit of a template once: it only reads there."""
    known: dict[tuple[Any, ...], Path] = {}
    anew: Any = Source.local_abspath

    def local_abspath(self: Source) -> Path:
        words = ["git", "show-ref", "--head"]
        place = Path(self.url)
        # Copier takes with HEAD what is not committed.
        if self.vcs != "git" or self.ref == "HEAD" or not place.is_dir():
            return Path(anew.func(self))
        refs = subprocess.run(words, cwd=place, capture_output=True).stdout
        key = (self.url, self.ref, self.use_prereleases, refs)
        if key not in known:
            ref = self.ref or get_latest_tag(self.url_expanded, self.use_prereleases)
            location = folder / str(len(list(folder.iterdir())))
            location.mkdir()
            known[key] = Path(clone(self.url_expanded, ref, str(location)))
        return known[key]

    shared = cached_property(local_abspath)
    shared.__set_name__(Source, "local_abspath")
    patch.setattr(Source, "local_abspath", shared)


def _read_once(patch: pytest.MonkeyPatch) -> None:
    """Read each YAML of questions once: PyYAML takes 20 to 40 ms for one."""
    known: dict[bytes, Any] = {}
    by_copier: Any = copier._template.load_template_config

    def load(path: Path, quiet: bool = False) -> Any:
        content = path.read_bytes()
        if b"!include" in content:
            return by_copier(path, quiet)
        if content not in known:
            known[content] = by_copier(path, quiet)
        return deepcopy(known[content])

    patch.setattr(copier._template, "load_template_config", load)
    read = cache(project.read_yaml)
    for module in (project, template):
        patch.setattr(module, "read_yaml", lambda text: deepcopy(read(text)))


def _ask_once(patch: pytest.MonkeyPatch) -> None:
    """Ask git once for a project, and not for each file, whether it knows modes."""
    known: dict[tuple[Path, int], bool] = {}
    anew: Any = Worker._sync_git_index_executable_bit

    def sync(self: Worker, path: Path, mode: int) -> None:
        root = self.subproject.local_abspath
        config = root / ".git" / "config"
        if not config.is_file():
            if any((it / ".git").exists() for it in (root, *root.parents)):
                anew(self, path, mode)
            return
        key = (root, config.stat().st_mtime_ns)
        if key not in known:
            words = ["git", "config", "--type=bool", "--get", "core.fileMode"]
            told = subprocess.run(words, cwd=root, capture_output=True, text=True)
            known[key] = told.stdout.strip() != "false"
        if not known[key]:
            anew(self, path, mode)

    patch.setattr(Worker, "_sync_git_index_executable_bit", sync)
