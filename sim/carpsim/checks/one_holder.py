"""At most one holder of a virtual address in each connected component."""

from itertools import combinations
from typing import ClassVar, TypeAlias, final

from carpsim.checks.calm import slowness_of
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import Bound, OnUcarp
from carpsim.host import Machine
from carpsim.lease_clock import longest_lateness
from triocarp.core import IPAddress, State

Pair: TypeAlias = tuple[Member, Member]


@final
class OneHolder(Check):
    """Two hosts that certainly hear each other do not both have a virtual address for longer than a window.

    A host that becomes master advertises before it takes the addresses. If it is the better one of the two, its
    advertisement reaches the other one a **latency** after the addresses were taken, and that one releases at
    once: nothing else delays it. If it is the worse one, it did not hear the better one's advertisements before,
    so something has disturbed one of them (a partition, a lost link, a standstill) and it has to wait for the
    better one's next regular advertisement: ``interval of the better one + clock drift + lateness of its timer +
    latency`` from the end of the disturbance. Over unicast its kernel may have to ask for a MAC once more. The
    same holds for two that were masters of two parts when these were joined. So the window ends a latency after
    both took the address, or with that sum after the last disturbance of one of the two, whichever is later.

    A daemon that was killed or stands still cannot release; its kernel does, ``lease + lateness of the kernel``
    after the daemon's end. Only then does the window begin. A release that the kernel refuses is excused up to the
    end of the lease, too.

    A ucarp advertises before its scripts have ended, or reads late: the longer window is always its own, and its
    slowness comes on top. It is a holder while it is master. What its down script does not take off is
    `no-orphan`'s matter, and what a dead one left is nobody's: there is no lease.
    """

    NAME: ClassVar = "one-holder"
    PROMISE: ClassVar = "at most one holder of an address in each connected component, outside a window"
    FORMULA: ClassVar = (
        "latency; after a disturbance interval + timer lateness + latency; of a dead daemon the lease"
    )
    ON_UCARP: ClassVar = OnUcarp(
        judges=True,
        sentence="while it is master, and with its slowness in the bound; what a dead one left has no lease",
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._since: dict[Pair, int] = {}

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:  # noqa: ARG002 - any change counts
        """Take note of a virtual address that came or went; see `Check`."""
        self._look(self.situation.groups[member.segment.name, member.config.vhid])

    def entered(self, member: Member, old: State) -> None:
        """Look who counts as a holder now; see `Check`."""
        if member.runs_ucarp and State.MASTER in {member.state, old}:
            self._look(self.situation.groups[member.segment.name, member.config.vhid])

    def disturbed(self) -> None:
        """Look who hears whom now; see `Check`."""
        for group in self.situation.groups.values():
            self._look(group)

    def process_changed(self, host: Machine) -> None:  # noqa: ARG002 - any change counts
        """Look who hears whom now; see `Check`."""
        self.disturbed()

    def _look(self, group: list[Member]) -> None:
        holders = [member for member in group if member.holds]
        if len(holders) < 2 and not self._since:  # noqa: PLR2004 - a pair
            return
        now = self.engine.now
        opposed = {pair: None for pair in combinations(holders, 2) if self._are_opposed(pair)}
        for pair in [pair for pair in self._since if pair[0] in group and pair not in opposed]:
            since = self._since.pop(pair)
            deadline, bound = self._deadline(pair, since)
            self.judge(bound, deadline - now)
        for pair in opposed:
            if pair not in self._since:
                self._since[pair] = now
                self.engine.at(self._deadline(pair, now)[0] + 1, self._decide, pair, now)

    def _are_opposed(self, pair: Pair) -> bool:
        one, other = pair
        if any(member.runs_ucarp and not (member.active and member.state is State.MASTER) for member in pair):
            return False
        shared = [address for address in one.holds if address in other.holds]
        leased = any(all(member.runs_ucarp or member.has_leased(address) for member in pair) for address in shared)
        return leased and self.situation.connected(one, other)

    def _deadline(self, pair: Pair, since: int) -> tuple[int, Bound]:
        situation = self.situation
        latency = ("latency", situation.latency(pair[0]))
        excused = max(since, *(self._excused_until(member) for member in pair))
        interval = min(pair, key=lambda member: member.standing).interval
        after_disturbance = Bound(
            (
                ("interval", interval),
                ("clock drift", situation.drift_of(interval)),
                ("timer lateness", max(situation.lateness(member.host) for member in pair)),
                latency,
                *situation.resolving(pair[0]),
                *slowness_of(pair),
            )
        )
        undisturbed = excused + latency[1], Bound((latency,))
        is_slow = any(member.runs_ucarp for member in pair)
        begin = max(self._disturbed(pair), excused if excused > since or is_slow else 0)
        return max(undisturbed, (begin + after_disturbance.value, after_disturbance), key=lambda end: end[0])

    def _disturbed(self, pair: Pair) -> int:
        return max(self.situation.disturbed[member.host.name] for member in pair)

    def _excused_until(self, member: Member) -> int:
        if member.runs_ucarp:
            return 0
        inactive_since = self.situation.inactive_since.get(member.host.name)
        if inactive_since is None:
            return member.excused
        return max(member.excused, inactive_since + member.lease + longest_lateness(member.lease))

    def _decide(self, pair: Pair, since: int) -> None:
        if self._since.get(pair) != since:
            return
        deadline, bound = self._deadline(pair, since)
        if self.engine.now <= deadline:
            self.engine.at(deadline + 1, self._decide, pair, since)
            return
        if not self._are_opposed(pair):
            del self._since[pair]
            return
        one, other = pair
        addresses = " and ".join(str(address) for address in one.holds if address in other.holds)
        self.violate(
            bound,
            f"{one.host.name} and {other.host.name} hear each other, and both have {addresses} "
            f"since {since / 1e9:.9f} s",
        )
