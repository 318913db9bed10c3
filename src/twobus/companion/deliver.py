"""The second job of an update, by what the project's own lock names.

`python -m twobus.companion.deliver FOLDER PROJECT` needs nothing that is not locked, so
that no code which nobody has read sees the token.
"""

import sys
from pathlib import Path

from twobus.companion.propose import deliver
from twobus.project import StopError, plain


def main(handed: str, project: str) -> None:
    """Deliver what was handed on.

    Raises:
        SystemExit: With 2, if that cannot be done.
    """
    try:
        deliver(Path(project), Path(handed), lambda text: print(plain(text)))
    except StopError as error:
        print(plain(f"Error: {error}"), file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
