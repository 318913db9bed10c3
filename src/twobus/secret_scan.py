"""Find secrets in files, for a commit hook: name where they are, and show none."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

RULES = Path(__file__).with_name("secret_rules.yaml")
OPTIONS = ["--no-validate", "--no-update-check", "--no-dedup", "--quiet", "--redact"]
TOLD = """Take each out, and have what was pushed already replaced by who gave it out.
Keep secrets in .env, which git ignores, in the keyring, or in the secrets of CI.
Where it is none: write kingfisher:ignore behind it, as a comment."""


def found(files: list[str]) -> list[str]:
    """Return a line for each secret: its file, its line and what it is.

    Raises:
        SystemExit: If the scanner fails, or is not there.
    """
    # `uv run` has the environment's programs first.
    if not (program := shutil.which("kingfisher")):
        raise SystemExit("kingfisher is not installed: uv run poe setup.")
    words = [
        program,
        "scan",
        *OPTIONS,
        "--format",
        "json",
        "--rules-path",
        str(RULES),
    ]
    run = subprocess.run([*words, *files], capture_output=True, encoding="utf-8")
    try:
        findings = json.loads(run.stdout)["findings"]
    except (ValueError, KeyError):
        raise SystemExit(f"kingfisher has failed: {run.stderr.strip()}") from None
    lines = {
        f"{it['finding']['path']}:{it['finding']['line']}: {it['rule']['description']}"
        for it in findings
    }
    return sorted(lines)


def main() -> None:
    """Look at the files that are named.

    Raises:
        SystemExit: If there is a secret in one.
    """
    if sys.argv[1:] and (lines := found(sys.argv[1:])):
        raise SystemExit("\n".join([*lines, TOLD]))


if __name__ == "__main__":
    main()
