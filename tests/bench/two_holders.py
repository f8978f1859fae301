"""Cases in which two hosts may hold the address at the same time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.bench.figures import Figure
from tests.bench.group import Group, longest_outage_ms
from tests.bench.settings import DEFAULT, PREFIX_LENGTH, SKEWED, VIRTUAL_ADDRESS
from tests.bench.spread import FOREVER
from triocarp.lab import clock
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    from tests.bench.group import Server
    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

_FOREVER_S: Final = 6
"""Watching this long after the takeover, without an end, counts as for ever."""

_CUT_OFF_MS: Final = 10
_CLIENT_PATIENCE_S: Final = 40
_MOMENT: Final = 150 * MILLISECOND
_ATTEMPTS: Final = 20
_SLOWER_S: Final = 2.2


def daemon_killed(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The master's daemon is killed with all its processes, and its host lives on."""
    with Group(lane, (implementation, DEFAULT), (implementation, DEFAULT)) as group:
        group.begin()
        master, backup = group.servers
        for _ in range(repetitions):
            for _ in range(2):
                group.hear(master)
            lane.sleep_somewhat(master.interval)
            killed = master.daemon.kill()
            master.daemon.wait_until_ended()
            group.held_since(backup, killed)
            try:
                group.released(master, timeout_s=_FOREVER_S)
                both = group.overlap_ms(killed) / 1000
            except TimeoutError:
                both = FOREVER
            lane.record(implementation.name, Figure.BOTH_ANSWER, both)
            master.host.remove_address(f"{VIRTUAL_ADDRESS}/{PREFIX_LENGTH}")
            master.start()
            master, backup = backup, master


def split_brain_heals(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Both sides of a partition have a master, the client is on the worse one's side, and the network heals."""
    with Group(lane, (implementation, DEFAULT), (implementation, SKEWED)) as group:
        group.begin()
        winner, loser = group.servers
        for _ in range(repetitions):
            for _ in range(2):
                group.hear(winner)
            with group.probe() as probe:
                healed = _split_and_heal(lane, group, winner, loser)
                released = group.released(loser)
                both = group.overlap_ms(healed)
                probe.wait_for_reply(since=released, mac=winner.host.mac, timeout_s=_CLIENT_PATIENCE_S)
            cut_off = longest_outage_ms(probe, since=healed)
            lane.record(implementation.name, Figure.OVERLAP, both)
            lane.record(implementation.name, Figure.CUT_OFF, cut_off)
            lane.record(implementation.name, Figure.CUT_OFF_RUNS, int(cut_off > _CUT_OFF_MS))


def _split_and_heal(lane: Lane, group: Group, winner: Server, loser: Server) -> int:
    """Cut the network until both sides have a master, heal it, and return when."""
    with lane.undisturbed(100):
        split = clock.now()
        group.lan.partition([winner.host], [loser.host, group.client])
    group.held_since(loser, split)
    group.hear(loser)
    lane.sleep_somewhat(winner.interval)
    healed = clock.now()
    group.lan.heal()
    return healed


def equal_hosts(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """Of three equal hosts the master dies, and both survivors' dead timers are due at the same instant."""
    with Group(lane, *[(implementation, DEFAULT)] * 3) as group:
        group.begin()
        master = group.servers[0]
        for _ in range(repetitions):
            survivors = [server for server in group.servers if server is not master]
            _reserve(lane, group, master, survivors[0])
            lane.sleep_somewhat(master.interval)
            crashed = master.crash()
            group.sole_holder(survivors)
            lane.release()
            # The slower of two may be a second behind.
            time.sleep(_SLOWER_S)
            following = group.sole_holder(survivors)
            lane.record(implementation.name, Figure.OVERLAP, group.overlap_ms(crashed, excluding=[master]))
            master.return_as_backup()
            master = following


def _reserve(lane: Lane, group: Group, master: Server, survivor: Server) -> None:
    """Reserve the time around the instant at which the dead timers will be due."""
    group.hear(master)
    for _ in range(_ATTEMPTS):
        due = group.hear(master).at + survivor.dead_time
        if lane.reserve(due - MILLISECOND, due + _MOMENT):
            return
