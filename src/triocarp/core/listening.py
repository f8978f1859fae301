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
from triocarp.core.statistics import Statistics
from triocarp.core.timer_table import MASTER_DOWN, Timer, TimerTable

MISSED_TOO: Final = 2
"""From so many intervals of silence on, an advertisement must have been lost."""


class MasterDown(NamedTuple):
    """The master has not been heard for the dead time.

    Attributes:
        silence: nanoseconds since it was.
        detail: over which address family, if the other one does not count.
    """

    silence: int
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
        "_config",
        "_heard_at",
        "_hold_down",
        "_outbox",
        "_rejected",
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
        self._outbox = outbox
        self._statistics = statistics
        self._timers = timers
        self._hold_down = hold_down
        self._heard_at: dict[Family, int] = {}
        self._rejected: Counter[DropReason] = Counter()
        self._worse_since: int | None = None
        self.peer: IPAddress | None = None

    @property
    def takeover_due(self) -> int | None:
        """The instant at which the host becomes master unless it hears one; None if it does not wait for that."""
        due = [instant for timer in MASTER_DOWN.values() if (instant := self._timers.due(timer)) is not None]
        if not due:
            return None
        return max(due) if self._config.dialect.silence is Silence.OF_BOTH_FAMILIES else min(due)

    @property
    def rejected(self) -> tuple[tuple[DropReason, int], ...]:
        """How many packets for us were dropped since the master was last heard, by reason."""
        return tuple(sorted(self._rejected.items(), key=_by_name))

    def begin(self, now: int, peer: IPAddress | None) -> None:
        """Wait anew, for the dead time at least, over every family.

        Args:
            now: nanoseconds.
            peer: who is master, if that is known.
        """
        self.peer = peer
        self._rejected.clear()
        self._worse_since = None
        self._timers.cancel(Timer.MASTER_LEAVING)
        for family in self._config.sources:
            self._heard_at[family] = now
            self._timers.set(MASTER_DOWN[family], self._hold_down.not_before(now + self._config.dead_time))

    def end(self) -> None:
        """Wait no more: the host becomes master, or takes no part."""
        self._timers.cancel(*MASTER_DOWN.values(), Timer.MASTER_LEAVING)

    def reject(self, reason: DropReason) -> None:
        """Take note of a packet that was dropped.

        Args:
            reason: why.
        """
        self._rejected[reason] += 1

    def hear(self, peer: IPAddress, family: Family, interval: int, preference: Preference, now: int) -> None:
        """Take note of a master's advertisement, and wait for the next one over the same family.

        Args:
            peer: the master.
            family: of the advertisement.
            interval: until the next one, in nanoseconds.
            preference: what the master is beside us.
            now: nanoseconds.
        """
        timer = MASTER_DOWN[family]
        due = self._timers.due(timer)
        if due is None:
            self._outbox.notice(Notice.FAMILY_HEARD, peer=peer, detail=str(family))
        elif peer == self.peer:
            self._measure_margin(due - now, now - self._heard_at[family], interval)
        self.peer = peer
        self._rejected.clear()
        if preference is not Preference.WORSE:
            self._worse_since = None
        elif self._worse_since is None:
            self._worse_since = now
        self._timers.cancel(Timer.MASTER_LEAVING)
        self._heard_at[family] = now
        self._timers.set(timer, self._hold_down.not_before(now + self._patience(interval, preference)))

    def worse_for(self, now: int) -> int | None:
        """Return for how long the master has been worse than we are, in nanoseconds; None if it is not.

        Args:
            now: nanoseconds.
        """
        return None if self._worse_since is None else now - self._worse_since

    def miss(self, family: Family, due: int, now: int) -> MasterDown | None:
        """Return that there is no master any more, unless we slept ourselves, or hear it over the other family.

        Args:
            family: over which the dead timer has expired.
            due: when.
            now: nanoseconds.
        """
        if now - due >= self._config.dead_time:
            # We slept, and do not know what was said meanwhile: nothing may be heard in our silence.
            self.begin(now, None)
            return None
        either = self._config.dialect.silence is Silence.OF_EITHER_FAMILY
        others = [self._timers.due(timer) for other, timer in MASTER_DOWN.items() if other is not family]
        if not either and any(instant is not None and instant > now for instant in others):
            self._outbox.notice(Notice.FAMILY_SILENT, peer=self.peer, detail=str(family))
            return None
        since = self._heard_at[family] if either else max(self._heard_at.values())
        return MasterDown(now - since, f"over {family}" if either and len(self._heard_at) > 1 else "")

    def _patience(self, interval: int, preference: Preference) -> int:
        """Return how long to wait for a master that has just been heard, in nanoseconds.

        In a sub-second group a demoted host's dead time may be shorter than its master's interval.
        """
        config = self._config
        if config.advbase_s == 0 and preference is Preference.BETTER:
            return max(config.dead_time, config.dead_ratio * interval)
        return config.dead_time

    def _measure_margin(self, margin: int, silence: int, interval: int) -> None:
        """Take note of how near a takeover came."""
        closest = self._statistics.closest_margin
        if closest is None or margin < closest:
            self._statistics.closest_margin = margin
            if silence >= MISSED_TOO * interval and self.peer is not None:
                self._outbox.close_call(self.peer, silence, margin)


def _by_name(item: tuple[DropReason, int]) -> str:
    return item[0].value
