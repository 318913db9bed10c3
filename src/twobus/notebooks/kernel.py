"""An extension of IPython that has figures reach the page, however they are drawn.

A kernel that runs a notebook for a page loads it before the first cell.
"""

import sys
import webbrowser
from importlib import import_module
from typing import Any, NoReturn

INLINE = "inline"
# Their functions have no types, and only a kernel has them at hand.
FORMATS = ("IPython.core.pylabtools", "IPython.display")


class _NoBrowser(webbrowser.BaseBrowser):
    """Stands for the browser that figures would open in, beside the page."""

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> NoReturn:
        """Refuse to open an address.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            f"A page cannot show what opens in a browser of its own ({url[:80]}): let "
            "the cell end with the figure, or for Bokeh call output_notebook() first."
        )


def load_ipython_extension(shell: Any) -> None:
    """Have a kernel show all figures in the notebook.

    Args:
        shell: The `InteractiveShell` of the kernel.
    """
    webbrowser.register("page", None, _NoBrowser(), preferred=True)

    def show_open_figures(result: object) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or INLINE in pyplot.get_backend().lower():
            return
        pylabtools, display = map(import_module, FORMATS)
        pylabtools.select_figure_formats(shell, {"png"})
        for number in pyplot.get_fignums():
            display.display(pyplot.figure(number))
        pyplot.close("all")

    shell.events.register("post_run_cell", show_open_figures)
