"""Repositories that Twobus did not make, as tests of `twobus adopt` need them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from template import environment, git

Files = Mapping[str, str | bytes]

MIT = """MIT License

Copyright (c) 2019 Otter Watch

Permission is hereby granted, free of charge, to any person obtaining a copy of this
software, to use it without restriction. Shortened for the test.
"""

NOTEBOOK = """{
 "cells": [
  {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {},
   "outputs": [], "source": ["1 + 1"]}
 ],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 5
}
"""

# The layout of cookiecutter-data-science 2, in words of our own. The engine and what
# its hooks call come from the package.
DATA_SCIENCE: Files = {
    "cookiecutter.json": "{}",
    "ccds.json": """{
  "project_name": "otter census",
  "repo_name": "{{ cookiecutter.project_name.lower().replace(' ', '_') }}",
  "module_name": "{{ cookiecutter.repo_name }}",
  "description": "How many otters live along the river?",
  "python_version_number": "3.12",
  "dataset_storage": [{"none": "none"}, {"s3": {"bucket": "otters"}}],
  "dependency_file": ["requirements.txt", "environment.yml"]
}""",
    "hooks/post_gen_project.py": """
from ccds.hook_utils.dependencies import basic, packages, scaffold, write_dependencies

write_dependencies(
    "{{ cookiecutter.dependency_file }}",
    packages + basic + scaffold,
    ["python-dotenv"],
    repo_name="{{ cookiecutter.repo_name }}",
    module_name="{{ cookiecutter.module_name }}",
    python_version="{{ cookiecutter.python_version_number }}",
)
""",
    **{
        f"{{{{ cookiecutter.repo_name }}}}/{name}": text
        for name, text in {
            ".env": "# Secrets, never to be committed\n",
            ".gitignore": "/data/\n*.log\n.venv\n__pycache__/\n",
            "LICENSE": MIT,
            "Makefile": """PYTHON = python

.PHONY: requirements
requirements:
\t$(PYTHON) -m pip install -r requirements.txt

clean:
\tfind . -name __pycache__ -delete

data: requirements
\t$(PYTHON) {{ cookiecutter.module_name }}/dataset.py
""",
            "README.md": """# {{ cookiecutter.project_name }}

<a href="https://example.org"><img src="https://example.org/badge.svg" /></a>

{{ cookiecutter.description }}

## Project Organization

```
# the folders
├── data
└── notebooks
```
""",
            "data/raw/.gitkeep": "",
            "data/processed/.gitkeep": "",
            "docs/mkdocs.yml": "site_name: {{ cookiecutter.project_name }}\n",
            "models/.gitkeep": "",
            "notebooks/.gitkeep": "",
            "references/.gitkeep": "",
            "reports/figures/.gitkeep": "",
            "pyproject.toml": """[build-system]
requires = ["flit_core >=3.2,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "{{ cookiecutter.module_name }}"
version = "0.0.1"
description = "{{ cookiecutter.description }}"
readme = "README.md"
requires-python = "~={{ cookiecutter.python_version_number }}.0"

[tool.ruff]
line-length = 99
""",
            "tests/test_data.py": "def test_code_is_tested():\n    assert True\n",
            "{{ cookiecutter.module_name }}/__init__.py": "from . import config\n",
            "{{ cookiecutter.module_name }}/config.py": "ROOT = '.'\n",
            "{{ cookiecutter.module_name }}/dataset.py": "import typer\n",
            "{{ cookiecutter.module_name }}/modeling/__init__.py": "",
            "{{ cookiecutter.module_name }}/modeling/train.py": "MODEL = None\n",
        }.items()
    },
}

# A template of the old sort: modules right in src, setup.py, requirements, Makefile.
FLAT: Files = {
    "cookiecutter.json": '{"name": "heron-model", "author": "Ann"}',
    **{
        f"{{{{ cookiecutter.name }}}}/{name}": text
        for name, text in {
            "README.rst": """{{ cookiecutter.name }}
===========

Where do herons nest? A model by {{ cookiecutter.author }}.
""",
            ".gitignore": "*.pyc\n/data/raw/*\n.ipynb_checkpoints/\n",
            ".travis.yml": "language: python\nscript: make test\n",
            "LICENSE.txt": MIT,
            "Makefile": "train:\n\tpython src/train.py\n\ntest:\n\tpytest\n",
            "requirements.txt": "numpy\nscikit-learn>=1\n",
            "setup.py": """from setuptools import setup

setup(
    name="{{ cookiecutter.name }}",
    description='Where herons nest',
    python_requires=">=3.8",
    package_dir={"": "src"},
)
""",
            "setup.cfg": "[flake8]\nmax-line-length = 100\n",
            "src/train.py": "import features\n\nprint(features.ALL)\n",
            "src/features.py": "ALL = []\n",
            "notebooks/explore.ipynb": NOTEBOOK,
        }.items()
    },
}

# One with a package in src, which cruft keeps up to date.
PACKAGED: Files = {
    "cookiecutter.json": '{"project": "Stork Migration", "package": "storks"}',
    **{
        f"{{{{ cookiecutter.package }}}}/{name}": text
        for name, text in {
            "README.md": """Stork Migration
===============

When do storks leave? *Storks* know.
""",
            ".cruft.json": '{"template": "https://example.org/t", "commit": "abc"}\n',
            ".gitignore": "dist/\n.venv/\n",
            ".github/workflows/ci.yml": "name: tests\non: [push]\njobs: {}\n",
            ".github/workflows/docs.yml": "name: docs\non: [push]\njobs: {}\n",
            ".github/CODEOWNERS": "*.md @Writer\n* @ann @acme/birds\n",
            ".pre-commit-config.yaml": "repos: []\n",
            "pyproject.toml": """[project]
name = "storks"
version = "1.4.0"
description = "When storks leave, and why"
requires-python = ">=3.12"
license = "Apache-2.0"
dependencies = ["polars>=1"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
""",
            "src/storks/__init__.py": '"""Storks."""\n',
            "src/storks/data.py": "def load():\n    return []\n",
            "src/storks/cli.py": "def main():\n    pass\n",
            "tests/test_storks.py": "import storks\n",
        }.items()
    },
}

# What somebody made by hand over some years, on three systems.
BY_HAND: Files = {
    "readme.md": "# Bat calls\r\n\r\nWe listen to bats.\r\n",
    ".gitignore": "*.csv\n/tests/\ndata/*\n.env*\n",
    ".gitattributes": "*.bat text eol=crlf\r\n*.png binary\r\n",
    ".copier-answers.yml": "_commit: v3\n_src_path: https://example.org/old.git\n",
    "AGENTS.md": "Speak softly.\r\n<<<<<<< main\r\nAs bats do.\r\n",
    ".env.example": "PORT=1\n",
    "docs/question.md": "Which bats?\n",
    "docs/CONTRIBUTING.md": "Alle dürfen.".encode("utf-16"),
    "analysis Größe.py": "# %%\nprint('bats')\n",
    "Fledermäuse/Zähl ung.txt": "eins\r\nzwei\r\n",
    "名前.py": "x = 1\n",
    "run.bat": "echo bats\r\n",
    "call.png": bytes(range(256)) * 9,
    "latin.txt": "Größe\n".encode("latin-1"),
    "data/sources.toml/note.txt": "A folder where the template has a file.\n",
}


def write(folder: Path, files: Files) -> Path:
    """Write files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def history(folder: Path, edits: Files) -> Path:
    """Put a folder under version control, and edit it afterwards."""
    if not (folder / ".git").exists():
        git("init", "--quiet", "--initial-branch=main", cwd=folder)
    keep(folder, "Start")
    write(folder, edits)
    keep(folder, "Work")
    return folder


def keep(folder: Path, message: str) -> None:
    """Commit all that there is, as it is, also what is ignored."""
    raw = ("-c", "core.autocrlf=false")
    git(*raw, "add", "--all", "--force", cwd=folder)
    words = ["commit", "--quiet", "--no-verify", "--allow-empty", "--message", message]
    git(*words, cwd=folder)


def data_science(folder: Path, template: str = "") -> Path:
    """Make a project by the package cookiecutter-data-science, then work on it.

    Args:
        folder: A folder for this test.
        template: The address of a template, if not the one written here.
    """
    place = template or str(write(folder / "template", DATA_SCIENCE))
    ccds = ["uv", "tool", "run", "--quiet", "--from", "cookiecutter-data-science"]
    bake([*ccds, "ccds", place, "--no-input", "project_name=otter census"], folder)
    made = folder / "otter_census"
    return history(
        made,
        {
            "notebooks/1.0-ann-first look.ipynb": NOTEBOOK,
            "otter_census/dataset.py": "import typer\n\n\ndef fetch():\n    pass\n",
            "otter_census/rivers.py": "RIVERS = ['Aare']\n",
            "data/raw/otters.csv": "river,otters\nAare,3\n",
            "reports/figures/map.png": bytes(range(256)),
            "README.md": (made / "README.md").read_text("utf-8")
            + "\n## Rivers\n\nAare.\n",
        },
    )


def flat(folder: Path) -> Path:
    """Make a project of the old sort, then work on it."""
    cookiecutter(folder, FLAT)
    return history(
        folder / "heron-model",
        {
            "src/nests.py": "NESTS = 3\n",
            "requirements.txt": "numpy\nscikit-learn>=1\npandas\n",
            "data/nests.csv": "x,y\n1,2\n",
            "models/heron.pkl": b"\x80\x04\x00\x95",
        },
    )


def packaged(folder: Path) -> Path:
    """Make a project with a package in src, then work on it."""
    cookiecutter(folder, PACKAGED)
    made = history(folder / "storks", {"src/storks/wind.py": "WIND = 'west'\n"})
    git("remote", "add", "origin", "git@git.acme.io:birds/storks.git", cwd=made)
    return made


def by_hand(folder: Path) -> Path:
    """Write what somebody has made by hand."""
    made = write(folder / "bat study ß", BY_HAND)
    (made / "link").symlink_to("名前.py")
    (made / "tests").symlink_to("Fledermäuse")
    (made / "run.bat").chmod(0o755)
    git("init", "--quiet", "--initial-branch=master", cwd=made)
    return history(made, {"名前.py": "x = 2\n"})


def cookiecutter(folder: Path, files: Files) -> None:
    """Make a project from a cookiecutter template."""
    template = str(write(folder / "template", files))
    command = [sys.executable, "-m", "cookiecutter", template, "--no-input"]
    bake(command, folder)


def bake(command: list[str], folder: Path) -> None:
    """Run a program that makes a project."""
    # A configuration of this person's must not count.
    variables = environment(HOME=str(folder), UV_CACHE_DIR=_cache())
    process = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, encoding="utf-8"
    )
    assert process.returncode == 0, process.stdout + process.stderr


def _cache() -> str:
    words = ["uv", "cache", "dir"]
    said = subprocess.run(words, capture_output=True, encoding="utf-8", env=os.environ)
    return said.stdout.strip()
