"""What a backup waits for: the master's next advertisement, over one address family or two."""

from collections import Counter
from typing import Final, NamedTuple, final

from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.dialect import Silence
from triocarp.core.family import Family, IPAddress
from triocarp.core.hold_down import HoldDown
from triocarp.core.outbox import Outbox
from triocarp.core.preference import Preference
from triocarp.core.reasons import DropReason
from triocarp.core.reports import Notice
from triocarp.core.sealing import Sealing
from triocarp.core.statistics import Statistics
from triocarp.core.timer_table import MASTER_DOWN, Timer, TimerTable
from triocarp.core.timing import MISSED_TOO

FOLLOWED_MAX: Final = 8
"""How many masters of one family are told apart; a healthy group has one, and more than two are a forger's."""


class MasterDown(NamedTuple):
    """The master has not been heard for the dead time.

    Attributes:
        peer: the master, if there was one.
        silence: nanoseconds since it was heard.
        rejected: packets for us that were dropped since then, by reason.
        detail: over which address family, if the other one does not count.
    """

    peer: IPAddress | None
    silence: int
    rejected: tuple[tuple[DropReason, int], ...]
    detail: str


@final
class Listening:
    """Keeps the dead timers of one virtual host, and what it will tell when one of them expires.

    Args:
        config: of the virtual host.
        outbox: takes notices.
        statistics: of the virtual host.
        timers: of the virtual host; those that wait for a master are kept here.
        hold_down: until when the host does not become master whatever it hears.
    """

    __slots__ = (
        "_believing_from",
        "_config",
        "_dead_time",
        "_deaf",
        "_either",
        "_families",
        "_followed",
        "_heard_at",
        "_hold_down",
        "_intervals",
        "_outbox",
        "_peers",
        "_rejected",
        "_silent",
        "_statistics",
        "_timers",
        "_worse_since",
        "peer",
    )

    def __init__(
        self,
        config: VirtualHostConfig,
        outbox: Outbox,
        statistics: Statistics,
        timers: TimerTable,
        hold_down: HoldDown,
    ) -> None:
        self._config = config
        self._dead_time = config.dead_time
        self._families = tuple(config.sources)
        self._outbox = outbox
        self._statistics = statistics
        self._timers = timers
        self._hold_down = hold_down
        self._either = config.dialect.silence is Silence.OF_EITHER_FAMILY
        self._heard_at: dict[Family, int] = {}
        self._peers: dict[Family, IPAddress] = {}
        self._intervals: dict[Family, int] = {}  # of the masters heard last
        self._silent: set[Family] = set()  # those of which it was told
        self._rejected: dict[Family, Counter[DropReason]] = {family: Counter() for family in Family}
        self._worse_since: int | None = None
        self._deaf = config.sealing is Sealing.ENFORCE
        self._believing_from: int | None = None
        # Masters no worse than we are, each with the instant up to which it counts.
        self._followed: dict[Family, dict[IPAddress, int]] = {family: {} for family in Family}
        self.peer: IPAddress | None = None

    @property
    def takeover_due(self) -> int | None:
        """The instant at which the host becomes master unless it hears one; None if it does not wait for that."""
        due = [instant for timer in MASTER_DOWN.values() if (instant := self._timers.due(timer)) is not None]
        if not due:
            return None
        return min(due) if self._either else max(due)

    def believe_from(self, instant: int) -> None:
        """Take note of when every master will be believed: what nobody could believe before was no silence.

        A master that is believed earlier counts from then on, and so does its silence.

        Args:
            instant: nanoseconds.
        """
        self._deaf = False
        self._believing_from = instant

    def begin(self, now: int, peer: IPAddress | None) -> None:
        """Wait anew, for the dead time at least, over every family; for ever, where nobody can be believed.

        Args:
            now: nanoseconds.
            peer: who is master, if that is known.
        """
        self.peer = peer
        self._peers.clear()
        self._intervals.clear()
        self._silent.clear()
        for followed in self._followed.values():
            followed.clear()
        for rejected in self._rejected.values():
            rejected.clear()
        self._worse_since = None
        self._timers.cancel(Timer.MASTER_LEAVING)
        if self._deaf:
            self._outbox.notice(Notice.NO_WALL_CLOCK)
            return
        begun = now if self._believing_from is None else max(now, self._believing_from)
        for family in self._families:
            self._heard_at[family] = now
            self._timers.set(MASTER_DOWN[family], self._hold_down.not_before(begun + self._dead_time))

    def end(self) -> None:
        """Wait no more: the host becomes master, or takes no part."""
        self._timers.cancel(*MASTER_DOWN.values(), Timer.MASTER_LEAVING)

    def reject(self, reason: DropReason, family: Family, count: int = 1) -> None:
        """Take note of packets that were dropped.

        Args:
            reason: why.
            family: over which they came.
            count: how many.
        """
        self._rejected[family][reason] += count

    def hear(self, peer: IPAddress, family: Family, interval: int, preference: Preference, now: int) -> None:
        """Take note of a master's advertisement, and wait for the next one over the same family.

        Args:
            peer: the master.
            family: of the advertisement.
            interval: until the next one, in nanoseconds.
            preference: what the master is beside us.
            now: nanoseconds.
        """
        due = self._timers.due(MASTER_DOWN[family])
        if family in self._silent:
            self._silent.remove(family)
            self._outbox.notice(Notice.FAMILY_HEARD, peer=peer, detail=str(family))
        elif due is not None and peer == self._peers.get(family):
            self._measure_margin(peer, due - now, now - self._heard_at[family], interval)
        self._tell_silence(peer, family)
        self.expect(peer, family, interval, preference, now)

    def expect(self, peer: IPAddress, family: Family, interval: int, preference: Preference, now: int) -> None:
        """Wait for the next advertisement of a master that has just been heard.

        Args:
            peer: the master.
            family: of the advertisement.
            interval: until the next one, in nanoseconds.
            preference: what the master is beside us.
            now: nanoseconds.
        """
        self.peer = self._peers[family] = peer
        self._intervals[family] = interval
        for other, rejected in self._rejected.items():
            if rejected and (other is family or not self._either):
                rejected.clear()
        patience = self._patience(interval, preference)
        if preference is not Preference.WORSE:
            self._worse_since = None
            # One who has missed an advertisement may be gone, and another one master with good reason.
            self._follow(peer, family, now + min(patience, MISSED_TOO * interval))
        else:
            if self._worse_since is None:
                self._worse_since = now
            self._followed[family].pop(peer, None)
        self._timers.cancel(Timer.MASTER_LEAVING)
        self._heard_at[family] = now
        self._timers.set(MASTER_DOWN[family], self._hold_down.not_before(now + patience))

    def follows_another(self, peer: IPAddress, family: Family, now: int) -> bool:
        """Return whether a master that is no worse than we are is heard, and it is not this one.

        Args:
            peer: who was heard just now.
            family: over which.
            now: nanoseconds.
        """
        return any(other != peer and now < until for other, until in self._followed[family].items())

    def _follow(self, peer: IPAddress, family: Family, until: int) -> None:
        followed = self._followed[family]
        if len(followed) >= FOLLOWED_MAX and peer not in followed:
            del followed[min(followed, key=lambda other: followed[other])]
        followed[peer] = until

    def worse_for(self, now: int) -> int | None:
        """Return for how long the master has been worse than we are, in nanoseconds; None if it is not.

        Args:
            now: nanoseconds.
        """
        return None if self._worse_since is None else now - self._worse_since

    def miss(self, family: Family, due: int, now: int) -> MasterDown | None:
        """Return that there is no master any more, unless we slept ourselves, or hear it over the other family.

        Silence counts only while we could have heard. A timer that is served late proves that we slept: what was
        said meanwhile we do not know. After a dead time of that the whole wait begins anew; after as much as an
        interval of the master's its next advertisement is waited for.

        Args:
            family: over which the dead timer has expired.
            due: when.
            now: nanoseconds.
        """
        if now - due >= self._dead_time:
            self.begin(now, None)
            return None
        leaving = self._timers.due(Timer.MASTER_LEAVING)
        if self._listens_on(family, due if leaving is None else leaving, now):
            return None
        if self._either and len(self._heard_at) > 1:
            silence, rejected = now - self._heard_at[family], _sorted(self._rejected[family])
            return MasterDown(self._peers.get(family), silence, rejected, f"over {family}")
        others = [self._timers.due(timer) for other, timer in MASTER_DOWN.items() if other is not family]
        if any(instant is not None and instant > now for instant in others):
            return None
        all_rejected = sum(self._rejected.values(), Counter[DropReason]())
        return MasterDown(self.peer, now - max(self._heard_at.values()), _sorted(all_rejected), "")

    def awaits_successor(self, due: int, now: int) -> bool:
        """Return whether to listen for another master first, before taking over from one that said goodbye.

        Args:
            due: when we should have taken over; if we slept since, others have had the time to do it.
            now: nanoseconds.
        """
        listens = [self._listens_on(family, due, now) for family in self._config.sources]
        return any(listens)

    def _listens_on(self, family: Family, due: int, now: int) -> bool:
        """Wait for one more advertisement if one may have been said in our sleep, and return whether it may."""
        interval = self._intervals.get(family, self._config.interval)
        if interval > self._config.overdue_interval:  # a goodbye's, or of a master that comes too late for us
            interval = self._config.interval
        listens = now - due >= interval
        if listens:
            self._timers.cancel(Timer.MASTER_LEAVING)
            self._timers.set(MASTER_DOWN[family], self._hold_down.not_before(now + interval + interval // 4))
        return listens

    def _tell_silence(self, peer: IPAddress, heard: Family) -> None:
        """Tell of families over which nothing is heard any more, now that a master is heard over another one.

        Not when their dead timers expire: a master that is lost falls silent over all of them, one by one.
        """
        for family in self._families:
            silent = family is not heard and self._timers.due(MASTER_DOWN[family]) is None
            if silent and family not in self._silent:
                self._silent.add(family)
                self._outbox.notice(Notice.FAMILY_SILENT, peer=peer, detail=str(family))

    def _patience(self, interval: int, preference: Preference) -> int:
        """Return how long to wait for a master that has just been heard, in nanoseconds.

        A demoted host's dead time may be shorter than the interval of a master to which it counts as worse: in a
        sub-second group, or with a dead ratio of 1. It would take over, yield, and take over again.
        """
        config = self._config
        if preference is not Preference.BETTER:
            return self._dead_time
        if config.advbase_s == 0:
            return max(self._dead_time, config.dead_ratio * interval)
        return self._dead_time if interval < self._dead_time else interval + interval // 4

    def _measure_margin(self, peer: IPAddress, margin: int, silence: int, interval: int) -> None:
        """Take note of how near a takeover came, unless we slept; below zero it is our own timer that is late."""
        closest = self._statistics.closest_margin
        if margin > -self._dead_time and (closest is None or max(margin, 0) < closest):
            self._statistics.closest_margin = max(margin, 0)
            if silence >= MISSED_TOO * interval:
                self._outbox.close_call(peer, silence, max(margin, 0))


def _sorted(rejected: Counter[DropReason]) -> tuple[tuple[DropReason, int], ...]:
    return tuple(sorted(rejected.items(), key=lambda item: item[0].value))
