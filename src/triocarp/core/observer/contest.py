"""What is heard of a host, and of two that are masters at a time."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.sightings import Host, Role
from triocarp.core.preference import Preference, Standing, compare

_LAST_ADVERTISEMENT: Final = 1
"""How many advertisements a host that yields may send however late."""


@final
@dataclass(slots=True, kw_only=True)
class HostRecord:
    """What has been heard of one host, kept up to date.

    Attributes:
        host: which.
        group: to which it belongs.
        latest: the last advertisement that was no goodbye; a goodbye if there was no other.
        role: its role; a new host is silent until its first advertisement has been judged.
        since: when it took that role, in nanoseconds.
        began: when it began to advertise, in its present or last time as master.
        last_heard: the instant of its last advertisement.
        advertisements: how many were heard.
        advertisements_as_master: how many were heard since it began.
        hardware_address: its own MAC, once that is known.
    """

    host: Host
    group: ObservedGroup
    latest: Advertisement
    role: Role = Role.SILENT
    since: int = 0
    began: int = 0
    last_heard: int = 0
    advertisements: int = 0
    advertisements_as_master: int = 0
    hardware_address: bytes | None = None

    @property
    def standing(self) -> Standing:
        """What it is compared by."""
        return self.group.standing(self.latest)

    @property
    def overdue_at(self) -> int:
        """The instant at which its next advertisement is half an interval late."""
        return self.last_heard + self.standing.interval * 3 // 2

    @property
    def dead_at(self) -> int:
        """The instant at which its dead time is over; never before it is overdue, whatever the ratio."""
        return max(self.last_heard + self.group.dead_time(self.latest), self.overdue_at)

    def preference_of(self, other: "HostRecord") -> Preference:
        """Return what the other is beside this one.

        Args:
            other: another host's.
        """
        return compare(other.standing, self.standing)

    def may_yield_to(self, other: "HostRecord") -> bool:
        """Return whether this one yields to the other when it hears it.

        Of two equal ones, ucarp lets the one with the higher last octet yield, and the BSDs whichever hears the
        other. Mixed groups do either; so it may be any of the two.

        Args:
            other: another host's.
        """
        return self.preference_of(other) is not Preference.WORSE


@final
@dataclass(slots=True, kw_only=True)
class Contest:
    """Two hosts that are masters at a time.

    Attributes:
        first: who was master before.
        second: the other.
        since: when the other began.
        advertisements: how many each has sent after that.
        undecided: whether one of them may still be about to yield.
    """

    first: HostRecord
    second: HostRecord
    since: int
    advertisements: Counter[Host] = field(default_factory=Counter[Host])
    undecided: bool = True

    def other(self, record: HostRecord) -> HostRecord:
        """Return the other of the two.

        Args:
            record: one of them.
        """
        return self.second if record is self.first else self.first

    def involves(self, record: HostRecord) -> bool:
        """Return whether a host is one of the two.

        Args:
            record: any host's.
        """
        return record is self.first or record is self.second

    def nobody_yields(self, reaction: int) -> bool:
        """Return whether both have gone on, past the reaction time and with more than a last advertisement.

        Args:
            reaction: how long a host may take to act on an advertisement, in nanoseconds.
        """
        return all(
            record.last_heard > self.since + reaction and self.advertisements[record.host] > _LAST_ADVERTISEMENT
            for record in (self.first, self.second)
        )
