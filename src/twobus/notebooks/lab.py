"""Open the notebooks in JupyterLab."""

import signal
import subprocess
import sys

from twobus.notebooks.pairing import keep_all, open_all
from twobus.project import here
from twobus.tasks import task


@task
def lab() -> None:
    """Give every script its notebook, and start JupyterLab with the options given.

    A notebook that needs a person is named before and after, and stops nothing.

    Raises:
        SystemExit: If there is one, or JupyterLab fails.
    """
    told = ""
    try:
        open_all()
    except SystemExit as stop:
        told = str(stop)
        print(told, file=sys.stderr, flush=True)
    words = ["-m", "jupyterlab", "--LabApp.default_url=/lab/tree/notebooks"]
    # Ctrl-C is for JupyterLab, which asks before it ends.
    signal.signal(signal.SIGINT, lambda *_: None)
    code = subprocess.run([sys.executable, *words, *sys.argv[1:]], cwd=here().root)
    keep_all()
    if told:
        raise SystemExit(f"Before JupyterLab was opened:\n{told}")
    if code.returncode:
        raise SystemExit(code.returncode)
