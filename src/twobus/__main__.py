"""The command as `python -m twobus`."""

from twobus.cli import app

app(prog_name="twobus")
