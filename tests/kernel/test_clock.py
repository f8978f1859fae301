from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import prepared
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Carpd, Site

pytestmark = pytest.mark.kernel

WALL_CLOCK_JUMPS = prepared(
    """
import itertools, time
hours = itertools.cycle((0, 3600, -3600))
wall = time.time
def clock_gettime(which, original=time.clock_gettime):
    assert which != time.CLOCK_REALTIME
    return original(which)
def clock_gettime_ns(which, original=time.clock_gettime_ns):
    assert which != time.CLOCK_REALTIME
    return original(which)
time.time = lambda: wall() + next(hours)
time.time_ns = lambda: int(time.time() * 1e9)
time.clock_gettime, time.clock_gettime_ns = clock_gettime, clock_gettime_ns
"""
)
"""carpd to whose program the wall clock jumps by an hour each time it is read. The real one belongs to the whole
machine, which a test must leave alone."""


def timers(daemon: Carpd) -> set[int]:
    """Return the clocks of a daemon's kernel timers (timerfd_create(2), proc(5))."""
    found: set[int] = set()
    for entry in Path(f"/proc/{daemon.process.pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in entry.read_text(encoding="ascii").splitlines() if ":" in line)
        if "clockid" in fields:
            found.add(int(fields["clockid"]))
    return found


def test_steps_of_the_wall_clock_change_nothing(site: Site) -> None:
    """Only the stamps in the log are the wall clock's; the timers run by the time since boot."""
    interval = 52 * clock.SECOND // 256
    daemon = site.carpd(site.one, advskew=52, program=WALL_CLOCK_JUMPS)
    last = site.wire.wait_for_advertisement(site.one, count=10, timeout_s=20)
    first, *others = site.wire.advertisements(site.one, until=last.at)
    gaps = [after.at - before.at for before, after in itertools.pairwise([first, *others])]

    assert timers(daemon) == {time.CLOCK_BOOTTIME}
    # Neither a burst nor a silence: a busy machine may hold single ones up.
    assert last.at - first.at > (len(gaps) - 1) * interval
    assert min(gaps) < 2 * interval
    assert max(gaps) < 3 * interval
    # None of those steps was taken for a sleep.
    assert daemon.log.count("Switching to state: MASTER") == 1
    assert "did not run" not in daemon.log
    # The stamps do jump, so this test tests something.
    hours = {line.partition(":")[0] for line in daemon.log.splitlines()}
    assert len(hours) > 1
