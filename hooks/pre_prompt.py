"""Lets `uvx --with copier cookiecutter <template>` ask what copier.yml asks.

Cookiecutter runs this file in a copy of the template that it throws away: the questions
are written into the copy's cookiecutter.json. Then cookiecutter loads the class below,
which answers and refuses as Copier would. post_gen_project.py hands over to Copier.

The project's folder is called as its package, with hyphens: that is a safe name on
every system, whatever the project is called, and no question more to answer.

Limits: cookiecutter cannot skip a question, nor ask one again, nor let a yes or no
follow from another answer: it offers yes. The questions are those of the commit that it
cloned, while Copier takes the newest release, unless `--checkout` names another.
"""

import json
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

TEMPLATE = Path(__file__).resolve().parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((TEMPLATE / "copier.yml").read_text("utf-8"))
QUESTIONS: dict[str, dict[str, Any]] = {
    name: question for name, question in CONFIG.items() if not name.startswith("_")
}
UNDECIDED = "As the answers above suggest"
# No answer, not even a private one, may name another folder.
FOLDER = "{{folder(cookiecutter.package_name)}}"
HOOK = (TEMPLATE / "hooks/post_gen_project.py").read_text("utf-8")


class Copier(Extension):
    """Brings Copier's defaults and validators to cookiecutter."""

    def __init__(self, environment: Environment) -> None:
        """Add the functions that `questions` calls."""
        super().__init__(environment)
        environment.globals |= {"default": default, "check": check, "here": Path.cwd}
        environment.globals["folder"] = folder

    def preprocess(
        self, source: str, name: str | None, filename: str | None = None
    ) -> str:
        """Keep people's text as it is: cookiecutter would run it as a template."""
        ours = source in [FOLDER, HOOK, *questions().values()]
        return source if ours else f"{{{{ {source!a} }}}}"


@pass_context
def default(context: Context, name: str) -> Any:
    """Return a question's default, which may follow from the answers so far."""
    return answers(context)[name]


@pass_context
def check(context: Context, name: str) -> str:
    """Stop cookiecutter with Copier's sentence if an answer is refused."""
    answer = {name: context["cookiecutter"][name]}
    message = render(QUESTIONS[name].get("validator", ""), answers(context) | answer)
    if message.strip():
        raise FailedHookException(f"{name}: {message.strip()}")
    return ""


def folder(package_name: str) -> str:
    """Return the name of the project's folder, which is in this one."""
    if not re.fullmatch("[a-z][a-z0-9_]*", package_name):
        raise FailedHookException("package_name: use a-z, 0-9 and underscores only.")
    return package_name.replace("_", "-")


def answers(context: Context) -> dict[str, Any]:
    """Complete the answers so far by defaults, those of computed answers too."""
    known: dict[str, Any] = {"_copier_conf": {"dst_path": "new-project"}}
    for name, question in QUESTIONS.items():
        answer = context["cookiecutter"].get(name, "")
        known[name] = render(question["default"], known) if answer == "" else answer
    return known


def render(value: Any, known: Mapping[str, Any]) -> Any:
    """Render a value of copier.yml with Copier's filters, if it is a template."""
    if not isinstance(value, str):
        return value
    filters = "jinja2_ansible_filters.AnsibleCoreFiltersExtension"
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATE),
        extensions=[filters],
        undefined=StrictUndefined,
    )
    return environment.from_string(value).render(known)


def questions() -> dict[str, Any]:
    """Return copier.yml's questions as cookiecutter wants them."""
    prompts: dict[str, Any] = {}
    config: dict[str, Any] = {
        "_extensions": ["hooks.pre_prompt.Copier"],
        "__prompts__": prompts,
        "__here": "{{ here() }}",
    }
    for name, question in QUESTIONS.items():
        if question.get("when") is False:
            continue
        preset, choices = question["default"], question.get("choices")
        prompts[name] = question["help"]
        if example := question.get("placeholder"):
            prompts[name] += f" (like {example})"
        if choices:
            if isinstance(choices, list):
                choices = dict(zip(choices, choices, strict=True))
            # A computed default is left to Copier by an empty answer.
            first = "" if "{" in preset else preset
            labels = {value: label for label, value in choices.items()}
            prompts[name] = {"__prompt__": prompts[name], "": UNDECIDED, **labels}
            config[name] = list(dict.fromkeys([first, *labels]))
        elif question["type"] == "bool":
            config[name] = preset if isinstance(preset, bool) else True
        else:
            config[name] = f"{{{{ default('{name}') }}}}"
            config[f"__{name}"] = f"{{{{ check('{name}') }}}}"
    return config


if __name__ == "__main__":
    if not find_spec("copier"):
        sys.exit(
            "Copier is missing here: run `uvx --with copier cookiecutter …` instead."
        )
    Path("cookiecutter.json").write_text(json.dumps(questions()), "utf-8")
    Path(FOLDER).mkdir()
