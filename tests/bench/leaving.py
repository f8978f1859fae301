"""A host leaves in good order, or comes back and takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.bench.figures import Figure
from tests.bench.group import Group, longest_outage_ms
from tests.bench.settings import DEFAULT, PREFERRED, SKEWED, Settings
from tests.bench.ucarp import Ucarp
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.bench.group import Server
    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

_MOMENT_MS: Final = 100
_SLIGHTLY_SKEWED: Final = Settings(advskew=1)


def master_stops(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Two equal hosts, the master's daemon gets SIGTERM."""
    with Group(lane, (implementation, DEFAULT), (implementation, DEFAULT)) as group:
        group.begin()
        master, backup = group.servers
        for _ in range(repetitions):
            lane.record(implementation.name, Figure.OUTAGE, _stop(lane, group, master, backup))
            master.start()
            master, backup = backup, master


def master_stops_beside_ucarp(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """A master whose only backup is a ucarp gets SIGTERM; then it comes back and preempts."""
    with Group(lane, (implementation, PREFERRED), (Ucarp(), _SLIGHTLY_SKEWED)) as group:
        group.begin()
        master, backup = group.servers
        for _ in range(repetitions):
            lane.record(implementation.name, Figure.OUTAGE, _stop(lane, group, master, backup))
            started = master.start().started_at
            group.held_since(master, started)
            group.released(backup)


def _stop(lane: Lane, group: Group, master: Server, backup: Server) -> float:
    """Stop the master's daemon at a random moment, and return the client's outage in milliseconds."""
    # The backup shall know the master, also a ucarp, which reads up to a second late.
    for _ in range(2):
        group.hear(master)
    with group.probe() as probe:
        probe.wait_for_reply(mac=master.host.mac)
        lane.sleep_somewhat(master.interval)
        with lane.undisturbed(_MOMENT_MS):
            stopped = master.daemon.ask_to_end()
            group.held_since(backup, stopped)
            probe.wait_for_reply(since=stopped, mac=backup.host.mac)
    master.daemon.wait_until_ended()
    return longest_outage_ms(probe, since=stopped)


def preferred_returns(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The preferred host's daemon starts beside a master, and preempts it."""
    with Group(lane, (implementation, PREFERRED), (implementation, SKEWED)) as group:
        preferred, other = group.servers
        group.begin(other)
        for _ in range(repetitions):
            group.hear(other)
            with group.probe() as probe:
                probe.wait_for_reply(mac=other.host.mac)
                started = preferred.start().started_at
                expected = group.advertisements(other)[-1].at + other.interval
                lane.reserve(clock.now(), expected + _MOMENT_MS * clock.MILLISECOND)
                taken = group.held_since(preferred, started)
                group.released(other)
                probe.wait_for_reply(since=taken, mac=preferred.host.mac)
                lane.release()
            lane.record(implementation.name, Figure.OUTAGE, longest_outage_ms(probe, since=started))
            lane.record(implementation.name, Figure.OVERLAP, group.overlap_ms(started))
            stopped = preferred.daemon.ask_to_end()
            preferred.daemon.wait_until_ended()
            group.held_since(other, stopped)
