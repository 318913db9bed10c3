"""What a page holds beside its cells, so that its figures are drawn."""

import re
from collections.abc import Mapping
from pathlib import Path

from twobus import content_policy

STYLE = Path(__file__).with_name("widgets.css")
RUNTIME = Path(__file__).with_name("runtime.js")
# Whatever writes a page anew may put attributes in another order.
HELD = re.compile(
    r'<script (?=[^>]*type="text/plain")[^>]*id="library-([\w-]+)"[^>]*>(.*?)</script>',
    re.DOTALL,
)


def head(libraries: Mapping[str, str], drawn: bool) -> tuple[str, str]:
    """Return what a page's head begins with, and what it ends with.

    Args:
        libraries: The texts by which figures are drawn, by name: see `libraries.texts`.
        drawn: Whether there is a figure.
    """
    style = f"<style>\n{STYLE.read_text('utf-8')}</style>"
    if not drawn:
        return content_policy.head(), style
    runtime = f"\n{RUNTIME.read_text('utf-8')}"
    scripts = [text for name, text in libraries.items() if name.endswith("-js")]
    held = (
        f'<script type="text/plain" id="library-{name}">{text}</script>'
        for name, text in libraries.items()
    )
    policy = content_policy.head([runtime, *scripts])
    return policy, "\n".join([style, *held, f"<script>{runtime}</script>"])


def held(page: str) -> tuple[dict[str, str], str]:
    """Return the libraries that a page holds, and the page without them."""
    return dict(HELD.findall(page)), HELD.sub("", page)
