"""Repositories whose own settings, hooks and files run programs, or hold people up."""

from pathlib import Path

from template import git

HOOKS = """
    applypatch-msg commit-msg fsmonitor-watchman post-applypatch post-checkout
    post-commit post-index-change post-merge post-receive post-rewrite post-update
    pre-applypatch pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase
    pre-receive prepare-commit-msg proc-receive push-to-checkout
    reference-transaction sendemail-validate update
"""
# Settings of git whose value is a command. `trap` is a name that people choose.
COMMANDS = """
    alias.status core.alternateRefsCommand core.askPass core.editor core.fsmonitor
    core.gitProxy core.pager core.sshCommand credential.helper diff.external
    diff.trap.command diff.trap.textconv filter.trap.clean filter.trap.process
    filter.trap.smudge gpg.openpgp.program gpg.program gpg.ssh.defaultKeyCommand
    gpg.ssh.program gpg.x509.program hook.trap.command interactive.diffFilter
    merge.trap.driver pager.diff pager.log pager.status receive.procReceiveRefs
    remote.origin.receivepack remote.origin.uploadpack
    sequence.editor trailer.trap.cmd trailer.trap.command uploadpack.packObjectsHook
"""
# Settings that let others run, and do more often what may run them.
OPEN = {
    "commit.verbose": "true",
    "filter.trap.required": "true",
    "gc.auto": "1",
    "log.showSignature": "true",
    "merge.verifySignatures": "true",
    "pager.branch": "true",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "remote.trap.promisor": "true",
    "submodule.recurse": "true",
    "tag.gpgSign": "true",
}


def trapped(here: Path, folder: Path) -> Path:
    """Let all that a repository can run write its name into a file.

    Args:
        here: A repository, whose last commit is changed.
        folder: Where the programs are put.

    Returns:
        The file.
    """
    folder.mkdir()
    marks = folder / "marks"
    _lose(here)
    # A filter passes on what it reads.
    script = f'#!/bin/sh\necho "${{0##*/}}" >> "{marks}"\ncat\n'
    hooks, away = folder / "hooks", folder / "away"
    hooks.mkdir()
    away.write_text(script.replace("cat\n", ""), "utf-8")
    away.chmod(0o755)
    for name in [*HOOKS.split(), *COMMANDS.split()]:
        place = (hooks if name in HOOKS.split() else folder) / name
        place.write_text(script, "utf-8")
        place.chmod(0o755)
    (here / ".gitattributes").open("a").write("* filter=trap diff=trap merge=trap\n")
    git("add", ".gitattributes", cwd=here)
    git("commit", "--quiet", "--amend", "--no-edit", cwd=here)
    inner = here / "inner"
    git("clone", "--quiet", str(here), str(inner), cwd=here)
    git("submodule", "--quiet", "add", "./inner", cwd=here)
    git("commit", "--quiet", "--message", "A submodule", cwd=here)
    said = {name: f"'{folder / name}'" for name in COMMANDS.split()}
    said |= {"core.hooksPath": str(hooks), "remote.trap.url": f"ext::{away}", **OPEN}
    pairs = [*said.items(), *[("hook.trap.event", hook) for hook in HOOKS.split()]]
    text = "".join(_setting(*pair) for pair in pairs)
    for repository in (here, inner):
        found = git("rev-parse", "--absolute-git-dir", cwd=repository).strip()
        Path(found, "more").write_text(text, "utf-8")
        git("config", "include.path", "more", cwd=repository)
    for file in here.rglob("*.toml"):
        # git must look into it again.
        file.touch()
    return marks


def _lose(here: Path) -> None:
    """Take away the former contents of a file that has moved, which git may fetch."""
    name = "AGENTS.md"
    lost = git("rev-parse", f"HEAD:{name}", cwd=here).strip()
    (here / name).write_text((here / name).read_text("utf-8") + "More.\n", "utf-8")
    git("mv", name, "MOVED.md", cwd=here)
    git("commit", "--quiet", "--all", "--message", "Move", cwd=here)
    (here / ".git" / "objects" / lost[:2] / lost[2:]).unlink()


def _setting(name: str, value: str) -> str:
    """Write a setting as git reads it from a file."""
    section, *middle, key = name.split(".")
    title = " ".join([section, *[f'"{one}"' for one in middle]])
    return f'[{title}]\n\t{key} = "{value}"\n'
