"""Who is master of a group in one address family, told from advertisements alone.

Only masters advertise, so whoever advertises is one. What is hard is to say when a master has stopped:

- One that says goodbye has left at once.
- One that is alone is silent after its dead time.
- One that hears a preferred or equal master yields. It may still send what was on its way and, as ucarp does,
  one last advertisement; then it misses its next one. So it has yielded when that is half an interval late.
- Two that go on, past the time that a host may take to react, are two masters. A single advertisement never makes
  two masters, however late it comes.

The addresses belong to one *holder* at a time: the first master; then whoever advertises when the holder has
stopped, or is preferred while it has not.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.observer.contest import Contest, HostRecord
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.sightings import (
    Failover,
    FailoverCause,
    Host,
    Role,
    RoleCause,
    RoleChanged,
    TwoMastersOver,
    TwoMastersSeen,
)
from triocarp.core.preference import Preference

MastershipSighting: TypeAlias = RoleChanged | Failover | TwoMastersSeen | TwoMastersOver
"""What follows from advertisements."""


@final
class Mastership:
    """The masters of a group in one address family.

    Args:
        group: which.
    """

    def __init__(self, group: ObservedGroup) -> None:
        self._group = group
        self._records: dict[Host, HostRecord] = {}
        self._contests: list[Contest] = []
        self._holder: HostRecord | None = None
        self._heard_at = 0

    @property
    def records(self) -> Mapping[Host, HostRecord]:
        """What has been heard of each host."""
        return MappingProxyType(self._records)

    @property
    def latest_master(self) -> HostRecord | None:
        """The master that has advertised last, if there is a master."""
        return max(self._masters(), key=lambda record: record.last_heard, default=None)

    @property
    def deadline(self) -> int | None:
        """The instant at which further silence is a sighting, in nanoseconds; None if there is no master."""
        return min(map(self._patience_ends, self._masters()), default=None)

    def hear(
        self, host: Host, advertisement: Advertisement, at: int, *, announced_at: int | None = None
    ) -> list[MastershipSighting]:
        """Take note of an advertisement.

        Args:
            host: who sent it.
            advertisement: verified.
            at: when, in nanoseconds; no deadline before it is left unserved.
            announced_at: when the host announced the addresses, if it did so just before.
        """
        self._heard_at = at
        new = HostRecord(host=host, group=self._group, latest=advertisement)
        record = self._records.setdefault(host, new)
        record.last_heard = at
        record.advertisements += 1
        if advertisement.is_goodbye:
            return self._leave(record, at)
        record.latest = advertisement
        sightings = self._go_on(record, at) if record.role is Role.MASTER else self._begin(record, at)
        if self._takes_over(record):
            sightings.append(self._pass_to(record, at, announced_at))
        # What has just been said can make another host's silence look like yielding.
        return sightings + self.expire(at)

    def expire(self, now: int) -> list[MastershipSighting]:
        """Take note of the silence up to an instant.

        Args:
            now: nanoseconds.
        """
        sightings: list[MastershipSighting] = []
        while (deadline := self.deadline) is not None and deadline <= now:
            record = min(self._masters(), key=self._patience_ends)
            sightings += self._stop(record, max(deadline, self._heard_at))
        return sightings

    def _masters(self) -> Iterable[HostRecord]:
        return (record for record in self._records.values() if record.role is Role.MASTER)

    def _contests_of(self, record: HostRecord) -> list[Contest]:
        return [contest for contest in self._contests if contest.involves(record)]

    def _should_yield(self, record: HostRecord) -> bool:
        """Return whether a master is expected to yield; no longer, once it has gone on where it should have."""
        return any(
            contest.undecided and record.may_yield_to(contest.other(record))
            for contest in self._contests_of(record)
        )

    def _patience_ends(self, record: HostRecord) -> int:
        """Return when a master has stopped unless it is heard: soon, where it should yield."""
        return record.overdue_at if self._should_yield(record) else record.dead_at

    def _begin(self, record: HostRecord, at: int) -> list[MastershipSighting]:
        """Take note that a host has become master. Whoever is overdue by then is what it has taken over from."""
        sightings: list[MastershipSighting] = []
        for other in tuple(self._masters()):
            if other.overdue_at <= at:
                sightings += self._end(other, Role.SILENT, RoleCause.OVERDUE, at, peer=record)
            else:
                self._contests.append(Contest(first=other, second=record, since=at))
        record.began = at
        record.advertisements_as_master = 1
        cause = RoleCause.FIRST_HEARD if record.advertisements == 1 else RoleCause.HEARD_AGAIN
        return [*sightings, self._give_role(record, Role.MASTER, cause, at)]

    def _go_on(self, record: HostRecord, at: int) -> list[MastershipSighting]:
        """Take note that a master advertises once more."""
        record.advertisements_as_master += 1
        sightings: list[MastershipSighting] = []
        for contest in self._contests_of(record):
            contest.advertisements[record.host] += 1
            if contest.undecided and contest.nobody_yields(self._group.reaction):
                contest.undecided = False
                first, second = contest.first.host, contest.second.host
                sightings.append(TwoMastersSeen(first=first, second=second, since=contest.since, at=at))
        return sightings

    def _leave(self, record: HostRecord, at: int) -> list[MastershipSighting]:
        """Take note of a goodbye, which may come twice."""
        if record.role is Role.LEFT:
            return []
        if self._holder is None:
            self._holder = record  # only a master says goodbye, so it was one before the observation began
        return self._end_and_hand_over(record, Role.LEFT, RoleCause.GOODBYE, at)

    def _stop(self, record: HostRecord, at: int) -> list[MastershipSighting]:
        """Conclude from its silence that a master has stopped."""
        others = (contest.other(record) for contest in self._contests_of(record))
        rival = next((other for other in others if record.may_yield_to(other)), None)
        if rival is None:
            return self._end_and_hand_over(record, Role.SILENT, RoleCause.DEAD_TIME, at)
        is_tie = record.preference_of(rival) is Preference.EQUAL
        cause = RoleCause.EQUAL_MASTER if is_tie else RoleCause.PREFERRED_MASTER
        sightings = self._end(record, Role.YIELDED, cause, at, peer=rival)
        if self._holder is record:
            sightings.append(self._pass_to(rival, at))
        return sightings

    def _end_and_hand_over(
        self, record: HostRecord, role: Role, cause: RoleCause, at: int
    ) -> list[MastershipSighting]:
        """End a mastership, and let the best of the masters that go on have the addresses, if they were its."""
        others = [other for other in self._masters() if other is not record]
        living = [other for other in others if at < other.overdue_at and not self._should_yield(other)]
        sightings = self._end(record, role, cause, at)
        successor = min(living, key=lambda other: other.standing, default=None)
        if successor is not None and self._holder is record:
            sightings.append(self._pass_to(successor, at))
        return sightings

    def _takes_over(self, record: HostRecord) -> bool:
        holder = self._holder
        if holder is None or holder is record:
            return holder is None
        return holder.role is not Role.MASTER or holder.preference_of(record) is Preference.BETTER

    def _pass_to(self, record: HostRecord, at: int, announced_at: int | None = None) -> Failover:
        """Make a host the holder."""
        old, self._holder = self._holder, record
        return Failover(
            vhid=self._group.vhid,
            old=None if old is None else old.host,
            new=record.host,
            at=at,
            gap=0 if old is None else max(0, record.began - old.last_heard),
            cause=_cause(old, record),
            announced_at=announced_at,
        )

    def _end(
        self, record: HostRecord, role: Role, cause: RoleCause, at: int, peer: HostRecord | None = None
    ) -> list[MastershipSighting]:
        """Give a host a role that ends its mastership, and its contests with it."""
        sightings: list[MastershipSighting] = [self._give_role(record, role, cause, at, peer)]
        for contest in self._contests_of(record):
            self._contests.remove(contest)
            if not contest.undecided:
                remaining = contest.other(record).host
                sightings.append(
                    TwoMastersOver(stopped=record.host, remaining=remaining, since=contest.since, at=at)
                )
        return sightings

    @staticmethod
    def _give_role(
        record: HostRecord, role: Role, cause: RoleCause, at: int, peer: HostRecord | None = None
    ) -> RoleChanged:
        record.role = role
        record.since = at
        return RoleChanged(
            host=record.host,
            role=role,
            at=at,
            cause=cause,
            last_heard=record.last_heard,
            peer=None if peer is None else peer.host,
        )


def _cause(old: HostRecord | None, new: HostRecord) -> FailoverCause:
    """Return why the addresses have passed from one host to another."""
    if old is None:
        return FailoverCause.FIRST_MASTER
    if old.role is Role.LEFT:
        return FailoverCause.GOODBYE
    if old.role is Role.SILENT:
        return FailoverCause.SILENCE
    is_tie = old.preference_of(new) is Preference.EQUAL
    return FailoverCause.TIE if is_tie else FailoverCause.PREEMPTION
