"""As many virtual hosts as an interface can have, with one master for all of them.

carpd and keepalived do it in one process, ucarp needs one for each.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeVar

from tests.bench.figures import Figure
from tests.bench.footprint import watch
from tests.bench.group import Group
from tests.bench.settings import MANY
from triocarp.lab import clock
from triocarp.lab.capture import ETHERTYPE_ARP
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from tests.bench.group import Server
    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

Found = TypeVar("Found", bound="Sized")

# The stamps are the kernel's, so there is no need to look often, and every look takes the processor.
_STEP_S: Final = 0.1
_PATIENCE_S: Final = 40

_VHID_OFFSET: Final = 20 + 1
"""CARP's VHID, and VRRP's number, behind an IPv4 header without options."""


def many_idle(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """A master and a backup do their daily work, for 3 s a repetition."""
    with Group(lane, (implementation, MANY), (implementation, MANY)) as group:
        lane.record(implementation.name, Figure.START_ALL, _begin(group) / MILLISECOND)
        master = group.servers[0]
        _hear_all(group, master)
        begin = clock.now()
        for _ in range(repetitions):
            watch(lane, [group])
        for sent in _advertised(group, master, begin).values():
            for earlier, later in itertools.pairwise(sent):
                late = later - earlier - master.interval
                lane.record(implementation.name, Figure.LATENESS, late / MILLISECOND)


def many_die(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The master's daemon is killed, and its cable pulled."""
    with Group(lane, (implementation, MANY), (implementation, MANY)) as group:
        _begin(group)
        master, backup = group.servers
        for _ in range(repetitions):
            since = _hear_all(group, master)
            lane.sleep_somewhat(master.interval)
            crashed = master.crash()
            moved = _announced(group, backup, crashed)
            sent = _advertised(group, master, since)
            due = {vhid: instants[-1] + backup.dead_time for vhid, instants in sent.items()}
            for vhid, at in moved.items():
                lane.record(implementation.name, Figure.MOVED, (at - due[vhid]) / MILLISECOND)
            behind = max(moved.values()) - max(due.values())
            lane.record(implementation.name, Figure.MOVED_ALL, behind / MILLISECOND)
            master.return_as_backup()
            master, backup = backup, master


def many_stop(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The master's daemon gets SIGTERM."""
    with Group(lane, (implementation, MANY), (implementation, MANY)) as group:
        _begin(group)
        master, backup = group.servers
        for _ in range(repetitions):
            # The backup shall know the master, also a ucarp, which reads up to a second late.
            for _ in range(2):
                _hear_all(group, master)
            lane.sleep_somewhat(master.interval)
            stopped = master.daemon.ask_to_end()
            moved = _announced(group, backup, stopped)
            lane.record(implementation.name, Figure.LEFT_ALL, (max(moved.values()) - stopped) / MILLISECOND)
            master.daemon.wait_until_ended()
            master.start()
            master, backup = backup, master


def _begin(group: Group) -> int:
    """Start one server, wait until it is master of all, and start the other; return how long the former took."""
    master, backup = group.servers
    started = master.start().started_at
    announced = _announced(group, master, started)
    backup.start()
    return max(announced.values()) - started


def _hear_all(group: Group, server: Server) -> int:
    """Wait until a server has advertised each virtual host once more, and return since when."""
    since = clock.now()
    _wait_for_all(lambda: _advertised(group, server, since), server)
    return since


def _announced(group: Group, server: Server, since: int) -> dict[int, int]:
    """Wait until a server has announced each address, and return when it did so first, by VHID."""
    vhids = {address: vhid for vhid, address in server.settings.shares.items()}

    def look() -> dict[int, int]:
        found: dict[int, int] = {}
        for frame in group.capture.frames:
            if frame.at >= since and frame.host == server.host.name and frame.ethertype == ETHERTYPE_ARP:
                vhid = vhids.get(str(frame.announces))
                if vhid is not None:
                    found.setdefault(vhid, frame.at)
        return found

    return _wait_for_all(look, server)


def _advertised(group: Group, server: Server, since: int) -> dict[int, list[int]]:
    """Return when a server has advertised, by VHID."""
    found: dict[int, list[int]] = defaultdict(list)
    for frame in group.advertisements(server, since=since):
        found[frame.payload[_VHID_OFFSET]].append(frame.at)
    return found


def _wait_for_all(look: Callable[[], Found], server: Server) -> Found:
    """Look until something is there for each of a server's virtual hosts."""
    wanted = server.settings.virtual_hosts
    deadline = time.monotonic() + _PATIENCE_S
    while len(found := look()) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"after {_PATIENCE_S} s {server.host.name} does it for {len(found)} of {wanted} virtual hosts"
            )
        time.sleep(_STEP_S)
    return found
