"""What nobody else notices: two masters, a peer that seems deaf to us, and how close a takeover came.

Only a master advertises, so whoever hears two of them, or hears one and is one, knows that something is wrong. A
single advertisement proves nothing: a master that yields to a better one, as ucarp does, says one last word.

Nor do several at once: where two hosts take over at the same goodbye, each says a few words within a millisecond,
and what came while a host was frozen comes together afterwards. Whoever is master goes on for longer than that.

A host of both families has an address in each, and advertises over both at once. So advertisements are counted
for each family by itself, and what comes at the same time and as often over the other family is the same host.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from triocarp.core.family import Family, IPAddress, family_of
from triocarp.core.outbox import Outbox
from triocarp.core.statistics import Statistics
from triocarp.core.timing import MISSED_TOO

BESIDE_US: Final = 2
"""From how many advertisements of another master over one family on, one soon after the other, a master counts two
masters."""

REPLACED: Final = 3
"""The same for a master from which we took over. One may have been on its way then, or a ucarp says one because it
reads up to a second late, and then comes its last word."""

TURNS: Final = 4
"""From how many turns on a backup counts two masters. A new master, the last word of the old one and the new one
again are three."""

DEAF_AFTER: Final = 4
"""From how many advertisements of a worse master on we suspect that it does not hear us."""

RIVALS_MAX: Final = 16
"""How many other masters are followed; more cannot be told apart from forgery."""


@dataclass(slots=True, kw_only=True)
class _Rival:
    """Another master, while we are one."""

    peer: IPAddress
    since: int
    proven_by: int
    interval: int = 0
    heard: int = 0
    silent: int = 0
    addresses: dict[Family, IPAddress] = field(default_factory=dict[Family, IPAddress])
    advertisements: Counter[Family] = field(default_factory=Counter[Family])
    yielding: Counter[Family] = field(default_factory=Counter[Family])
    told: bool = False
    deaf: bool = False


@dataclass(slots=True)
class _Turns:
    """Two masters taking turns, as a backup hears them over one address family.

    ``began`` is when the turn did, ``heard`` when its last advertisement came.
    """

    peer: IPAddress
    began: int
    heard: int
    interval: int
    other: IPAddress | None = None
    other_began: int = 0
    other_heard: int = 0
    other_interval: int = 0
    since: int = 0
    count: int = 0


@dataclass(slots=True)
class _Told:
    """What a backup has told of two masters, whichever the families in which they take turns."""

    peer: IPAddress
    other: IPAddress
    since: int
    families: set[Family]
    until: int = 0


@final
class PeerWatch:
    """Follows the masters that one virtual host hears.

    Args:
        outbox: takes the reports.
        statistics: counts.
        dead_ratio: how many intervals of silence make a master a former one.
    """

    __slots__ = (
        "_dead_ratio",
        "_master_since",
        "_outbox",
        "_replaced",
        "_rivals",
        "_statistics",
        "_told",
        "_turns",
    )

    def __init__(self, outbox: Outbox, statistics: Statistics, dead_ratio: int) -> None:
        self._outbox = outbox
        self._statistics = statistics
        self._dead_ratio = dead_ratio
        self._rivals: list[_Rival] = []
        self._replaced: set[IPAddress] = set()
        self._master_since = 0
        self._turns: dict[Family, _Turns] = {}
        self._told: _Told | None = None

    @property
    def deadline(self) -> int | None:
        """The instant at which a rival counts as silent, in nanoseconds; None while there is none."""
        return min((rival.silent for rival in self._rivals), default=None)

    # While we are master.

    def take_over(self, now: int) -> None:
        """Take note that we become master: who was it before may still say a word.

        Args:
            now: nanoseconds.
        """
        self._master_since = now
        masters = {peer for turns in self._turns.values() for peer in (turns.peer, turns.other)}
        self._replaced = {peer for peer in masters if peer is not None}
        self.rest()

    def hear_beside_us(self, peer: IPAddress, interval: int, now: int, *, is_worse: bool) -> bool:
        """Take note of a master's advertisement while we are master and stay so.

        Args:
            peer: who.
            interval: until its next advertisement, in nanoseconds, above 0.
            now: nanoseconds.
            is_worse: whether it would yield if it heard us.

        Returns:
            Whether it is more than what a master says that yields to us.
        """
        family = family_of(peer)
        rival = self._rival(peer, family, interval, now)
        if rival is None:
            return True
        rival.advertisements[family] += 1
        rival.yielding[family] += is_worse
        rival.interval = interval
        rival.heard = now
        rival.silent = now + self._dead_ratio * interval
        goes_on = 2 * (now - rival.since) >= interval
        proven = rival.advertisements[family] >= rival.proven_by
        if proven and goes_on and not rival.told:
            rival.told = True
            self._statistics.two_masters += 1
            self._outbox.two_masters(rival.peer, None, rival.since)
        # A ucarp reads late: what it said while we slept, and its last word within a second, prove nothing.
        if rival.yielding[family] >= DEAF_AFTER and now - rival.since >= interval and not rival.deaf:
            rival.deaf = True
            self._outbox.one_way(rival.peer, rival.yielding[family], rival.since)
        return proven or rival.proven_by == BESIDE_US

    def expire(self, now: int) -> None:
        """Take note that time has passed.

        Args:
            now: nanoseconds.
        """
        for rival in [rival for rival in self._rivals if rival.silent <= now]:
            self._end_rivalry(rival)

    def leave(self, yielding_to: IPAddress | None, now: int) -> None:
        """Take note that we are no longer master.

        Args:
            yielding_to: who is it in our place, if that is why.
            now: nanoseconds.
        """
        if yielding_to is not None:
            self.forget(yielding_to, now)
        for rival in list(self._rivals):
            self._end_rivalry(rival)

    def forget(self, peer: IPAddress, now: int) -> None:
        """Take note that a master has said that it leaves, or is the only one from now on.

        Args:
            peer: who.
            now: nanoseconds.
        """
        for rival in [rival for rival in self._rivals if peer in rival.addresses.values()]:
            rival.heard = now
            self._end_rivalry(rival)

    def _rival(self, peer: IPAddress, family: Family, interval: int, now: int) -> _Rival | None:
        """Return who advertises beside us: known by this address, or by one of the other family, or new."""
        for rival in self._rivals:
            if rival.addresses.get(family) == peer:
                return rival
        for rival in self._rivals:
            if family not in rival.addresses and rival.interval == interval and 2 * (now - rival.heard) < interval:
                rival.addresses[family] = peer
                return rival
        if len(self._rivals) >= RIVALS_MAX:
            return None
        proven_by = REPLACED if self._was_replaced(peer, family, interval, now) else BESIDE_US
        rival = _Rival(peer=peer, since=now, proven_by=proven_by, addresses={family: peer})
        self._rivals.append(rival)
        return rival

    def _was_replaced(self, peer: IPAddress, family: Family, interval: int, now: int) -> bool:
        """Return whether it was master before us, or belongs to it: the same word over the other family."""
        master_for = now - self._master_since
        if peer in self._replaced:
            return master_for < self._dead_ratio * interval
        is_other_family = bool(self._replaced) and all(family_of(known) is not family for known in self._replaced)
        return is_other_family and 2 * master_for < interval

    def _end_rivalry(self, rival: _Rival) -> None:
        self._rivals.remove(rival)
        if rival.told:
            self._outbox.two_masters(rival.peer, None, rival.since, rival.heard)

    # While we are backup.

    def hear_as_backup(self, peer: IPAddress, interval: int, now: int) -> None:
        """Take note of a master's advertisement while we are backup.

        Args:
            peer: who.
            interval: until its next advertisement, in nanoseconds, above 0.
            now: nanoseconds.
        """
        family, dead_time = family_of(peer), self._dead_ratio * interval
        if self._told is not None:
            for silent in [it for it in self._told.families if now - self._turns[it].heard >= dead_time]:
                self._end_turns(silent)
        turns = self._turns.get(family)
        if turns is None:
            self._turns[family] = _Turns(peer, now, now, interval)
            return
        # Until it is told, one lost advertisement is enough to doubt that there are two: a host that stood in for
        # another one may be replaced by it, and soon stand in for it again.
        is_told = self._told is not None and family in self._told.families
        if peer == turns.peer:
            turns.heard, turns.interval = now, interval
            patience = dead_time if is_told else MISSED_TOO * turns.other_interval
            if turns.other is not None and now - turns.other_heard >= patience:
                self._end_turns(family)
            return
        if peer == turns.other and (is_told or now - turns.heard < MISSED_TOO * turns.interval):
            turns.count += 1
        else:
            self._end_turns(family)
            turns.count, turns.since = 1, now
        # What the other one said right after the peer had begun may be the last word with which it yielded.
        goes_on = 2 * (turns.heard - turns.other_began) >= turns.interval
        turns.peer, turns.other = peer, turns.peer
        turns.began, turns.other_began = now, turns.began
        turns.heard, turns.other_heard = now, turns.heard
        turns.interval, turns.other_interval = interval, turns.interval
        if turns.count >= TURNS and goes_on:
            self._tell_turns(family, peer, turns.other, turns.since)

    def hear_goodbye(self, peer: IPAddress) -> None:
        """Take note, while we are backup, that a master leaves: who speaks after it is its successor.

        Args:
            peer: who.
        """
        family = family_of(peer)
        if family in self._turns:
            self._end_turns(family)
            del self._turns[family]

    def rest(self) -> None:
        """Take note that nobody is master that we could hear: we become it, or leave."""
        for family in self._turns:
            self._end_turns(family)
        self._turns.clear()

    def _tell_turns(self, family: Family, peer: IPAddress, other: IPAddress, since: int) -> None:
        if self._told is not None:
            self._told.families.add(family)
            return
        self._told = _Told(peer, other, since, {family})
        self._statistics.two_masters += 1
        self._outbox.two_masters(peer, other, since)

    def _end_turns(self, family: Family) -> None:
        turns, told = self._turns[family], self._told
        if told is not None and family in told.families:
            told.families.remove(family)
            told.until = max(told.until, turns.other_heard)
            if not told.families:
                self._outbox.two_masters(told.peer, told.other, told.since, told.until)
                self._told = None
        turns.other, turns.count = None, 0
