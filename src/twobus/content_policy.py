"""What pages may load and run: nothing but what they hold, whatever else they say."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

# Styles in the page cannot reach out, as pictures and fonts are of the page, too.
RULES = (
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "img-src data: blob:",
    "media-src data: blob:",
    "font-src data:",
    "object-src data:",
    "base-uri 'none'",
    "form-action 'none'",
)
# Frames take this over. Their scripts come as blobs, which no text of a page can name.
FRAMES = "blob: 'unsafe-eval'"


def head(scripts: Iterable[str] = ()) -> str:
    """Return what a page's head begins with.

    Args:
        scripts: The scripts that run in the page, letter by letter.
    """
    sums = [b64encode(sha256(it.encode()).digest()).decode() for it in scripts]
    allowed = [*(f"'sha256-{it}'" for it in sums), *[FRAMES] * bool(sums)]
    rules = [*RULES, *[f"script-src {' '.join(allowed)}"] * bool(sums)]
    return (
        # Browsers look for this in the first thousand characters only.
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta http-equiv="x-dns-prefetch-control" content="off">'
    )
