"""What nobody else notices: two masters, a peer that seems deaf to us, and how close a takeover came.

Only a master advertises, so whoever hears two of them, or hears one and is one, knows that something is wrong. A
single advertisement proves nothing: a master that yields to a better one, as ucarp does, says one last word.
"""

from dataclasses import dataclass
from typing import Final, final

from triocarp.core.family import Family, IPAddress
from triocarp.core.outbox import Outbox
from triocarp.core.statistics import Statistics

BESIDE_US: Final = 2
"""From how many advertisements of another master on, one soon after the other, a master counts two masters."""

TURNS: Final = 4
"""From how many turns on a backup counts two masters. A new master, the last word of the old one and the new one
again are three."""

DEAF_AFTER: Final = 4
"""From how many advertisements of a worse master on we suspect that it does not hear us. A ucarp reads up to a
second late, and says a last word."""

RIVALS_MAX: Final = 16
"""How many other masters are followed; more cannot be told apart from forgery."""


@dataclass(slots=True)
class _Rival:
    """Another master, while we are one."""

    since: int
    advertisements: int = 0
    yielding: int = 0
    heard: int = 0
    silent: int = 0


@dataclass(slots=True)
class _Turns:
    """Two masters taking turns, as a backup hears them over one address family."""

    peer: IPAddress
    heard: int
    other: IPAddress | None = None
    other_heard: int = 0
    since: int = 0
    count: int = 0


@final
class PeerWatch:
    """Follows the masters that one virtual host hears.

    Args:
        outbox: takes the reports.
        statistics: counts.
        dead_ratio: how many intervals of silence make a master a former one.
    """

    __slots__ = ("_dead_ratio", "_outbox", "_rivals", "_statistics", "_turns")

    def __init__(self, outbox: Outbox, statistics: Statistics, dead_ratio: int) -> None:
        self._outbox = outbox
        self._statistics = statistics
        self._dead_ratio = dead_ratio
        self._rivals: dict[IPAddress, _Rival] = {}
        self._turns: dict[Family, _Turns] = {}

    @property
    def deadline(self) -> int | None:
        """The instant at which a rival counts as silent, in nanoseconds; None while there is none."""
        return min((rival.silent for rival in self._rivals.values()), default=None)

    def hear_beside_us(self, peer: IPAddress, interval: int, now: int, *, is_worse: bool) -> None:
        """Take note of a master's advertisement while we are master and stay so.

        Args:
            peer: who.
            interval: until its next advertisement, in nanoseconds.
            now: nanoseconds.
            is_worse: whether it would yield if it heard us.
        """
        rival = self._rivals.get(peer)
        if rival is None:
            if len(self._rivals) >= RIVALS_MAX:
                return
            rival = self._rivals[peer] = _Rival(now)
        rival.advertisements += 1
        rival.yielding += is_worse
        rival.heard = now
        rival.silent = now + self._dead_ratio * max(interval, 1)
        if rival.advertisements == BESIDE_US:
            self._statistics.two_masters += 1
            self._outbox.two_masters(peer, None, rival.since)
        if rival.yielding == DEAF_AFTER:
            self._outbox.one_way(peer, rival.yielding, rival.since)

    def hear_as_backup(self, peer: IPAddress, family: Family, interval: int, now: int) -> None:
        """Take note of a master's advertisement while we are backup.

        Args:
            peer: who.
            family: over which it was heard; one host has an address in each.
            interval: until its next advertisement, in nanoseconds.
            now: nanoseconds.
        """
        turns = self._turns.get(family)
        if turns is None:
            self._turns[family] = _Turns(peer, now)
            return
        if peer == turns.peer:
            turns.heard = now
            if turns.other is not None and now - turns.other_heard >= self._dead_ratio * max(interval, 1):
                self._end_turns(turns)
            return
        if peer == turns.other:
            turns.count += 1
        else:
            self._end_turns(turns)
            turns.count, turns.since = 1, now
        turns.peer, turns.other = peer, turns.peer
        turns.heard, turns.other_heard = now, turns.heard
        if turns.count == TURNS:
            self._statistics.two_masters += 1
            self._outbox.two_masters(peer, turns.other, turns.since)

    def expire(self, now: int) -> None:
        """Take note that time has passed.

        Args:
            now: nanoseconds.
        """
        for peer, rival in list(self._rivals.items()):
            if rival.silent <= now:
                self._end_rivalry(peer, rival, rival.heard)

    def leave(self, now: int) -> None:
        """Take note that we are no longer master.

        Args:
            now: nanoseconds.
        """
        for peer, rival in list(self._rivals.items()):
            self._end_rivalry(peer, rival, now)

    def forget(self, peer: IPAddress, now: int) -> None:
        """Take note that a master has said goodbye.

        Args:
            peer: who.
            now: nanoseconds.
        """
        rival = self._rivals.get(peer)
        if rival is not None:
            self._end_rivalry(peer, rival, now)

    def rest(self) -> None:
        """Take note that nobody is master that we could hear: we become it, or leave."""
        for turns in self._turns.values():
            self._end_turns(turns)
        self._turns.clear()

    def _end_rivalry(self, peer: IPAddress, rival: _Rival, until: int) -> None:
        del self._rivals[peer]
        if rival.advertisements >= BESIDE_US:
            self._outbox.two_masters(peer, None, rival.since, until)

    def _end_turns(self, turns: _Turns) -> None:
        if turns.other is not None and turns.count >= TURNS:
            self._outbox.two_masters(turns.peer, turns.other, turns.since, turns.other_heard)
        turns.other, turns.count = None, 0
