"""A host dies, and another one takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.bench.figures import Figure
from tests.bench.group import Group, longest_outage_ms
from tests.bench.settings import DEFAULT, FASTEST, SKEWED, SUB_SECOND, Settings
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    from tests.bench.group import Server
    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

# While nothing happens a rare request keeps the client's ARP entry in use; near the takeover they come closer
# together than what is measured.
_RARE: Final = 20 * MILLISECOND
_FREQUENT: Final = MILLISECOND // 5
_BEFORE: Final = 250 * MILLISECOND
_AFTER: Final = 150 * MILLISECOND
_ATTEMPTS: Final = 20


def host_dies(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Two equal hosts, the master's daemon is killed and its cable pulled."""
    _take_turns_to_die(lane, implementation, repetitions, DEFAULT)


def host_dies_skewed(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The same with advskew 100."""
    _take_turns_to_die(lane, implementation, repetitions, SKEWED)


def _take_turns_to_die(lane: Lane, implementation: Implementation, repetitions: int, settings: Settings) -> None:
    with Group(lane, (implementation, settings), (implementation, settings)) as group:
        group.begin()
        master, backup = group.servers
        for _ in range(repetitions):
            _die(lane, group, master, backup)
            master.return_as_backup()
            master, backup = backup, master


def _die(lane: Lane, group: Group, master: Server, backup: Server) -> None:
    """Measure one takeover against the instant at which the backup's dead timer was due."""
    name = backup.implementation.name
    group.hear(master)
    with group.probe(_RARE):
        due = _reserve(lane, group, master, backup)
        lane.sleep_somewhat(master.interval)
        crashed = master.crash()
        lane.sleep_until(due - _BEFORE)
        with group.probe(_FREQUENT) as probe:
            held = group.held_since(backup, crashed)
            announced = group.announced(backup, crashed).at
            answered = probe.wait_for_reply(since=crashed, mac=backup.host.mac).at
        lane.release()
    # The kernel's stamp of what was indeed the last one.
    due = group.advertisements(master)[-1].at + backup.dead_time
    advertised = group.advertisements(backup, since=crashed)[0].at
    lane.record(name, Figure.OUTAGE, (answered - crashed) / MILLISECOND)
    lane.record(name, Figure.TO_ADVERTISEMENT, (advertised - due) / MILLISECOND)
    lane.record(name, Figure.TO_ADDRESS, (held - due) / MILLISECOND)
    lane.record(name, Figure.TO_ANNOUNCEMENT, (announced - due) / MILLISECOND)
    lane.record(name, Figure.TO_ANSWER, (answered - due) / MILLISECOND)


def _reserve(lane: Lane, group: Group, master: Server, backup: Server) -> int:
    """Reserve the time around the instant at which the dead timer will be due; return that instant."""
    for _ in range(_ATTEMPTS - 1):
        due = group.hear(master).at + backup.dead_time
        if lane.reserve(due - _BEFORE, due + _AFTER):
            return due
    return group.hear(master).at + backup.dead_time


def host_dies_sub_second(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Two equal hosts with advertisements about every 10 ms."""
    _die_fast(lane, implementation, repetitions, SUB_SECOND)


def host_dies_fastest(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Two equal hosts with the shortest dead time that CARP has."""
    _die_fast(lane, implementation, repetitions, FASTEST)


def _die_fast(lane: Lane, implementation: Implementation, repetitions: int, settings: Settings) -> None:
    with Group(lane, (implementation, settings), (implementation, settings)) as group:
        group.begin()
        for _ in range(repetitions):
            # A busy machine may have swapped the roles since the last time.
            master = group.sole_holder(group.servers)
            (backup,) = set(group.servers) - {master}
            group.hear(master)
            with group.probe() as probe:
                probe.wait_for_reply(mac=master.host.mac)
                with lane.undisturbed(200):
                    lane.sleep_somewhat(20 * master.interval)
                    crashed = master.crash()
                    answered = probe.wait_for_reply(since=crashed, mac=backup.host.mac).at
            due = group.advertisements(master)[-1].at + backup.dead_time
            advertised = group.advertisements(backup, since=crashed)[0].at
            lane.record(implementation.name, Figure.OUTAGE, longest_outage_ms(probe, since=crashed))
            lane.record(implementation.name, Figure.TO_ADVERTISEMENT, (advertised - due) / MILLISECOND)
            lane.record(implementation.name, Figure.TO_ANSWER, (answered - due) / MILLISECOND)
            master.return_as_backup()
