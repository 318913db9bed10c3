"""Hands the answers over to Copier, in the folder that cookiecutter has made.

Cookiecutter renders this file. Its answers stand below as JSON, which is ASCII and
never has three quotes in a row: no answer can leave the string.
"""

import json
import os
import sys
from pathlib import Path

from copier import run_copy
from copier.errors import CopierError

context = json.loads(r"""{{ cookiecutter | jsonify }}""")
project, template = Path.cwd(), context["_template"]
if (project / ".copier-answers.yml").exists():
    sys.exit("This project exists already: change its answers with `copier update`.")
# Updates must find the template from wherever they run.
if (path := Path(context["__here"], template)).is_dir():
    template = os.path.normpath(path)
# An empty answer is Copier's to give.
answers = {k: v for k, v in context.items() if not k.startswith("_") and v != ""}
try:
    run_copy(template, project, answers, vcs_ref=context["_checkout"], defaults=True)
except (CopierError, ValueError) as error:
    sys.exit(f"Copier cannot make a project from {template}: {error}")
