"""Writes ``docs/report.png``: the report of a scenario of the library, as Chromium shows it."""
# ruff: noqa: INP001 - a script beside the picture that it makes

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from carpsim import load_scenario, run_scenario
from carpsim.report import render

SCENARIO: Final = "split-brain-and-heal"
PICTURE: Final = Path(__file__).with_name("report.png")
WIDTH: Final = 1200
HEIGHT: Final = 920

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
)


def take(browser: str, picture: Path) -> None:
    """Make the picture.

    Args:
        browser: path of the program.
        picture: where it is written.

    Raises:
        subprocess.CalledProcessError: the browser failed.
    """
    outcome = run_scenario(load_scenario(SCENARIO))
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory, "report.html")
        page.write_text(render(outcome.recording, outcome.verdicts), encoding="utf-8")
        command = [
            browser,
            *_OPTIONS,
            f"--window-size={WIDTH},{HEIGHT}",
            f"--user-data-dir={directory}/profile",
            f"--screenshot={picture.resolve()}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    found = next((path for path in map(shutil.which, _BROWSERS) if path), None)
    if found is None:
        sys.exit(f"none of {', '.join(_BROWSERS)} is installed")
    take(found, PICTURE)
