"""What shows outputs in tests of single kinds of them: HTML passes as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twobus.notebooks.outputs.display import Data, Display


class Plain(Display):
    """A display that leaves HTML and Markdown alone, and shows plain text."""

    def __init__(self, models: Mapping[str, Any] | None = None) -> None:
        super().__init__(Path(), models or {})

    def bundle(self, data: Data) -> str:
        return f"<pre>{data['text/plain']}</pre>"

    def html(self, text: str, runs: bool = True) -> str:
        return text

    def markdown(self, text: str) -> str:
        return f"<p><math>{text.strip('$')}</math></p>"
