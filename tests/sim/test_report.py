"""The report of a run is a page that a real browser shows."""

import html.parser
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from carpsim.checks import Verdict
from carpsim.faults import Crash, Partition
from carpsim.recording import Recording
from carpsim.report import render
from carpsim.world import World
from tests.sim.worlds import scenario
from triocarp.core.timing import SECOND

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1000",
)
WIDTH, HEIGHT = 1200, 1000


@pytest.fixture(scope="module")
def page() -> str:
    """A run in which the master crashes, comes back, and is cut off from the others."""
    recording = Recording()
    crash = Crash(at=12 * SECOND, host="a", restart_after=10 * SECOND)
    split = Partition(at=32 * SECOND, parts=(("a",), ("b", "c", "client0")), duration=10 * SECOND)
    World(scenario(crash, split), seed=3, watchers=(recording,)).run()
    recording.finish()
    verdicts = (
        Verdict(check="one-holder", held=True, judged=2, formula="latency 50 us", margin=10_000),
        Verdict(
            check="no-flapping",
            held=False,
            judged=1,
            formula="2 changes",
            at=SECOND,
            sentence="</script><b>three</b> changes",
        ),
    )
    return render(recording, verdicts)


@pytest.fixture
def browser() -> str:
    """The browser of this machine; where CI is, there must be one."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        assert not os.environ.get("CI"), f"CI needs one of {', '.join(BROWSERS)}"
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    return found


class Shown(html.parser.HTMLParser):
    """What a browser has made of a page."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the lanes say when they are pointed at."""
        self._in_cell = tag == "td"
        words = dict(attrs).get("data-words")
        if words is not None:
            self.words.append(words)

    def handle_data(self, data: str) -> None:
        """Collect what stands in the tables."""
        if self._in_cell:
            self.cells.append(data)


def show(browser: str, page: Path, profile: Path, seconds: str = "") -> Shown:
    """Have a browser show a page, perhaps from one second to another."""
    command = [browser, *QUIET, f"--user-data-dir={profile}", "--dump-dom", f"{page.as_uri()}{seconds}"]
    return Shown(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


def test_a_page_holds_everything(page: str) -> None:
    """It loads nothing from anywhere, and no text of the run can end its data."""
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("</script>") == 2
    assert "{{" not in page


def test_a_browser_shows_every_lane(page: str, browser: str, tmp_path: Path) -> None:
    """States, addresses, advertisements, faults, outages, reasons and checks of the run are there to be seen."""
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    shown = show(browser, file, tmp_path / "profile")
    for words in (
        "a MASTER: 3.000 s to 12.000 s",
        "a not running: 12.000 s to 22.000 s",
        "b has 10.0.0.100: ",
        "a announces the address: 3.0000 s",
        "12.000 s: crash, host a, restart_after 10 s",
        "32.000 s: partition, parts a | b c client0, duration 10 s",
        "client0 is cut off, ",
        "client0 is answered by b: ",
    ):
        assert any(seen.startswith(words) for seen in shown.words), words
    assert {"one-holder", "latency 50 us", "10 us left", "VIOLATED", "</script><b>three</b> changes"} <= set(
        shown.cells
    )
    assert any(
        cell.startswith("BACKUP -> MASTER: no valid advertisement for 3.039 s from 10.0.0.1")
        for cell in shown.cells
    )


def test_a_link_leads_to_a_second(page: str, browser: str, tmp_path: Path) -> None:
    """What the address of the page names is shown, and nothing that was before or after it."""
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    shown = show(browser, file, tmp_path / "profile", "#22.0-22.5")
    assert any(seen.startswith("b advertises: 22.") for seen in shown.words)
    assert not any(seen.startswith("12.000 s: crash") for seen in shown.words)
    assert not any(seen.startswith("a announces the address: 3.0000 s") for seen in shown.words)


def test_a_picture_of_it_has_colours(page: str, browser: str, tmp_path: Path) -> None:
    """A screenshot is as large as the window, and too full of things to be empty."""
    file, picture = tmp_path / "report.html", tmp_path / "report.png"
    file.write_text(page, encoding="utf-8")
    command = [
        browser,
        *QUIET,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={picture}",
        file.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (WIDTH, HEIGHT)
    assert len(data) > 40_000


def test_the_readme_shows_a_picture_of_it() -> None:
    """It is there, is a PNG of the size of a window, and small enough for a page."""
    root = Path(__file__).parents[2]
    picture = root / "docs" / "report.png"
    assert "](docs/report.png)" in (root / "README.md").read_text(encoding="utf-8")
    assert "](report.png)" in (root / "docs" / "simulator.md").read_text(encoding="utf-8")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1200, 920)
    assert 20_000 < len(data) < 200 * 1024
