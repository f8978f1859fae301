"""A busy machine: as many endless loops as it has cores."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.bench.figures import Figure
from tests.bench.group import Group
from tests.bench.settings import DEFAULT, SUB_SECOND, Settings
from tests.bench.spread import FOREVER
from triocarp.lab import clock
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

LOAD_S_PER_REPETITION: Final = 2


def busy_cores(lane: Lane, implementations: Sequence[Implementation], repetitions: int) -> None:
    """Default timers beside the loops."""
    _beside_loops(lane, implementations, repetitions, DEFAULT)


def busy_cores_sub_second(lane: Lane, implementations: Sequence[Implementation], repetitions: int) -> None:
    """Advertisements about every 10 ms beside the loops."""
    _beside_loops(lane, implementations, repetitions, SUB_SECOND)


def _beside_loops(
    lane: Lane, implementations: Sequence[Implementation], repetitions: int, settings: Settings
) -> None:
    """Run a group of each implementation beside the same loops."""
    with contextlib.ExitStack() as stack:
        groups = [
            stack.enter_context(Group(lane, (implementation, settings), (implementation, settings)))
            for implementation in implementations
        ]
        for group in groups:
            group.begin()
            group.hear(group.servers[0])
        with _endless_loops():
            begin = clock.now()
            time.sleep(repetitions * LOAD_S_PER_REPETITION)
            end = clock.now()
        for group in groups:
            evaluate(lane, group, begin, end)


def evaluate(lane: Lane, group: Group, begin: int, end: int) -> None:
    """Find takeovers that nobody needed, and how late the advertisements of masters were.

    A group that has fallen silent is late for ever.
    """
    name = group.servers[0].implementation.name
    takeovers = [one for one in group.holders.holdings if begin <= one.since < end]
    lane.record(name, Figure.FALSE_FAILOVERS, len(takeovers))
    late: list[float] = []
    for holding in group.holders.holdings:
        # What lies between two times of mastership is no lateness.
        (server,) = (one for one in group.servers if one.host.name == holding.host)
        first, last = max(begin - server.interval, holding.since), min(end, holding.until or end)
        sent = [frame.at for frame in group.advertisements(server, since=first) if frame.at < last]
        late += [later - earlier - server.interval for earlier, later in itertools.pairwise(sent)]
    for value in late or [FOREVER]:
        lane.record(name, Figure.LATENESS, value / MILLISECOND)


@contextlib.contextmanager
def _endless_loops() -> Generator[None]:
    """Keep every core busy inside the `with` block."""
    argv = [sys.executable, "-I", "-S", "-c", "while True: pass"]
    loops = [subprocess.Popen(argv) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
