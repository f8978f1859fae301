from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.demo.recorded import MEASUREMENT
from triocarp.demo.cast import MEMBERS
from triocarp.demo.face import Failure, Outcome, Result
from triocarp.demo.plain import PlainFace
from triocarp.demo.steps import STEPS
from triocarp.demo.view import Condition, HostView, View

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTCOMES = (Outcome(step=STEPS[0], measurement=MEASUREMENT), Outcome(step=STEPS[1], measurement=MEASUREMENT))
GOOD = Result(outcomes=OUTCOMES, failure=None, left_behind="", duration=24_000_000_000)
FAILURE = Failure(step=STEPS[2], expected="this", seen="that", logs=())
BAD = Result(outcomes=OUTCOMES, failure=FAILURE, left_behind="", duration=24_000_000_000)


def view(*conditions: Condition, holders: tuple[str, ...]) -> View:
    """Return a view with these conditions of the hosts."""
    hosts = tuple(
        HostView(member=member, condition=condition, holds=member.name in holders, last="said " * 30)
        for member, condition in zip(MEMBERS, conditions, strict=True)
    )
    return View(hosts=hosts, answered_by="bravo", unanswered=2_500_000, advertiser="bravo", silence=1_600_000_000)


def test_a_pipe_gets_a_line_for_each_fact() -> None:
    """Time, topic and text; the summary is a table with durations to the right."""
    stream = io.StringIO()
    face = PlainFace(stream)
    face.begin_step(STEPS[1], 5_946_000_000)
    face.tell("outage", "2592.8 ms", 11_536_000_000)
    face.end_step(OUTCOMES[1])
    face.finish(GOOD)
    lines = stream.getvalue().splitlines()

    assert any(line.startswith("  5.946 s  step 2 of 6  crash of the master: alpha crashes") for line in lines)
    assert " 11.536 s  outage       2592.8 ms" in lines
    assert lines[-3:-1] == [
        "crash of the master  2592.8 ms      2592.3 ms       0.0 ms  gratuitous ARP of bravo",
        "",
    ]
    assert lines[-1].startswith("All 2 steps happened; no address left behind")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_live_table_fits_the_terminal(width: int, height: int) -> None:
    """No line is wider than the terminal, and the table leaves room for some facts above it."""
    pytest.importorskip("rich")
    from rich.console import Console  # noqa: PLC0415 - rich is an extra

    from triocarp.demo.live import LiveFace  # noqa: PLC0415 - the same

    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, height=height, color_system=None)
    face = LiveFace(console)
    for step in STEPS:
        face.begin_step(step, 1_000_000_000)
        face.end_step(Outcome(step=step, measurement=MEASUREMENT))
    stream.seek(stream.truncate(0))
    console.print(
        face.draw(view(Condition.KILLED, Condition.MASTER, Condition.BACKUP, holders=("alpha", "bravo")))
    )
    lines = stream.getvalue().splitlines()

    assert len(lines) <= height - 5
    assert max(map(len, lines)) <= width
    assert any("alpha" in line and "left behind" in line for line in lines)
    assert any("bravo" in line and "MASTER" in line and "holds it" in line for line in lines)
    assert any(line.strip() == "client   answered by bravo" for line in lines)
    assert any("silence  1.60 s" in line and "3.391 s: charlie" in line for line in lines)
    for step in STEPS:
        assert any(f"{STEPS.index(step) + 1} {step.title}" in line and "2592.8 ms" in line for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_live_summary_shows_a_failure_in_any_encoding(encoding: str) -> None:
    """A terminal that knows ASCII only gets other marks, and no exception."""
    pytest.importorskip("rich")
    from rich.console import Console  # noqa: PLC0415 - rich is an extra

    from triocarp.demo.live import LiveFace  # noqa: PLC0415 - the same

    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    face = LiveFace(Console(file=stream, force_terminal=True, width=80, height=24, color_system=None))
    face.tell("outage", "2592.8 ms", 1)
    face.finish(BAD)
    stream.flush()
    text = raw.getvalue().decode(encoding)

    assert f"{'✗' if encoding == 'utf-8' else '!'} 3 return of the preferred host" in text
    assert "FAILED: return of the preferred host" in text
    assert "2592.8 ms" in text
    assert "gratuitous ARP of bravo" in text


def test_rich_is_imported_for_terminals_only(environment: Mapping[str, str]) -> None:
    """Who runs it in a pipe needs neither rich nor the time that its import takes."""
    program = "import sys, triocarp.demo.main; print('rich' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout == "False\n"
