"""Print pages as PDF, by a browser that is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from twobus.project import StopError

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
# Below the folders of programs, which Windows names in its environment.
WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "Chromium/Application/chrome.exe",
)
PROGRAMS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
OTHERWISE = "open it in a browser and print it as PDF."
LONGEST = 120


def browser() -> str:
    """Return the browser that prints.

    Raises:
        StopError: If there is none.
    """
    found = [path for name in NAMES if (path := shutil.which(name))]
    programs = [Path(os.environ[it]) for it in PROGRAMS if it in os.environ]
    places = [*map(Path, MAC), *(it / name for it in programs for name in WINDOWS)]
    found += [str(place) for place in places if place.is_file()]
    if not found:
        raise StopError(
            "No browser can print here: install Chromium, Chrome or Edge, or open the "
            "page in yours and print it as PDF."
        )
    return found[0]


def write(page: Path) -> Path:
    """Print a page as PDF beside it.

    Args:
        page: The page.

    Returns:
        The PDF.

    Raises:
        StopError: If no browser can.
    """
    target = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        printed = Path(profile) / "page.pdf"
        command = [
            browser(),
            "--headless=new",
            "--disable-gpu",
            "--no-first-run",
            # As wide as paper, so that figures are drawn in the size that is printed.
            "--window-size=690,1000",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            # Some figures are in frames; time passes alike for those of one process.
            "--disable-features=IsolateSandboxedIframes",
            # Time for figures to be drawn, which passes at once where nothing waits.
            "--virtual-time-budget=20000",
            f"--print-to-pdf={printed}",
            page.resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium refuses its sandbox to root; the page is our own.
            command.insert(1, "--no-sandbox")
        try:
            run = subprocess.run(command, capture_output=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise StopError(
                f"{page.name} has not been printed in {LONGEST} seconds: {OTHERWISE}"
            ) from None
        if not printed.is_file():
            last = run.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise StopError(f"{page.name} could not be printed ({last}): {OTHERWISE}")
        shutil.move(printed, target)
    return target
