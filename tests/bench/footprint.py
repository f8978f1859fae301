"""What a daemon costs: the time it needs to start, memory, processor time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from tests.bench.figures import Figure
from tests.bench.group import Group
from tests.bench.settings import DEFAULT
from triocarp.lab import clock
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

WINDOW_S: Final = 3
"""Processor time is counted over as many windows of this length as there are repetitions."""

_ROLES: Final = (
    (Figure.RESIDENT_MASTER, Figure.SHARE_MASTER, Figure.PROCESSOR_MASTER),
    (Figure.RESIDENT_BACKUP, Figure.SHARE_BACKUP, Figure.PROCESSOR_BACKUP),
)


def starts(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """A daemon starts on an idle host, again and again."""
    with Group(lane, (implementation, DEFAULT)) as group:
        (server,) = group.servers
        for _ in range(repetitions):
            daemon = server.start()
            duration = daemon.wait_until_ready() - daemon.started_at
            lane.record(implementation.name, Figure.START, duration / MILLISECOND)
            daemon.ask_to_end()
            daemon.wait_until_ended()


def idles(lane: Lane, implementations: Sequence[Implementation], repetitions: int) -> None:
    """A master and a backup of each implementation do their daily work, for 3 s a repetition."""
    with contextlib.ExitStack() as stack:
        groups = [
            stack.enter_context(Group(lane, *[(implementation, DEFAULT)] * 2))
            for implementation in implementations
        ]
        for group in groups:
            group.begin()
        for group in groups:
            group.hear(group.servers[0])
        for _ in range(repetitions):
            watch(lane, groups)


def watch(lane: Lane, groups: Sequence[Group]) -> None:
    """Count for one window what the masters and the backups use."""
    servers = [(server, role) for group in groups for server, role in zip(group.servers, _ROLES, strict=True)]
    before = [(clock.now(), server.daemon.processor_time()) for server, _role in servers]
    time.sleep(WINDOW_S)
    for (server, role), (begin, used) in zip(servers, before, strict=True):
        resident, share, processor = role
        name = server.implementation.name
        spent = server.daemon.processor_time() - used
        lane.record(name, processor, 100 * spent / (clock.now() - begin))
        lane.record(name, resident, server.daemon.memory_mib("Rss"))
        lane.record(name, share, server.daemon.memory_mib("Pss"))
