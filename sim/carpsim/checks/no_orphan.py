"""No address stays where nobody is master."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation, script_time
from carpsim.checks.verdict import NOW, Bound, OnUcarp
from carpsim.host import Machine
from carpsim.lease_clock import longest_lateness
from triocarp.core import Hook, IPAddress, State
from triocarp.core.address_guard import RELEASE_INTERVAL


@final
class NoOrphan(Check):
    """A host whose daemon is not master, or has ended in order, has no virtual address.

    Leaving mastership releases at once, so the bound is the instant itself. A release that the kernel refused is
    tried again each second, and if none works, the lease that nobody renews ends: ``lease + lateness of the
    kernel`` after the refusal. An address that another program puts on the interface of a backup is taken off at
    once, or a second after the release before it: ``release interval + lateness of the timer``. Where no daemon
    runs it is nobody's to take off, and does not count; nor does a daemon that stands still, of which
    `lease-honoured` speaks, nor a neutral one that was never master.

    A ucarp's address is taken off by its down script: ``down script + clock drift`` after it has left mastership.
    If that may fail, or is disturbed, nothing is judged; nor what a killed ucarp leaves, or another program puts
    there: a ucarp looks after neither.
    """

    NAME: ClassVar = "no-orphan"
    PROMISE: ClassVar = "no address stays on a host that is not master"
    FORMULA: ClassVar = "at once; what another program puts there release interval + timer lateness"
    ON_UCARP: ClassVar = OnUcarp(
        judges=True,
        sentence="within down script + clock drift, while it runs; what a dead one left, or others put, stays",
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._left: dict[Member, int] = {}

    def entered(self, member: Member, old: State) -> None:
        """Look for what was not released; see `Check`."""
        if member.runs_ucarp:
            if old is State.MASTER:
                self._left[member] = self.engine.now
                lasts = script_time(member, Hook.DOWN)
                bound = Bound((("down script", lasts), ("clock drift", self.situation.drift_of(lasts))))
                at = self.engine.now + bound.value + 1
                self.engine.at(at, self._decide_on_ucarp, member, self.engine.now, bound)
        elif old is State.MASTER and member.config.manages_addresses:
            self.engine.at(self.engine.now, self._decide, member)

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:  # noqa: ARG002 - any address counts
        """Look for what should not be there; see `Check`."""
        if member.runs_ucarp:
            return
        if present and member.state is not State.MASTER and member.config.manages_addresses:
            bound = self._bound(member)
            member.excused = max(member.excused, self.engine.now + bound.value)
            self.engine.at(member.excused + 1, self._decide, member)

    def process_changed(self, host: Machine) -> None:
        """Look for what an ended daemon left, or one that goes on finds; see `Check`."""
        for member in self.situation.of_host(host.name):
            if not member.config.manages_addresses or member.runs_ucarp:
                continue
            if member.active and not all(member.has_leased(address) for address in member.holds):
                # Another program put it there while the daemon stood still: only now does it learn of that.
                member.excused = max(member.excused, self.engine.now + self._bound(member).value)
            self.engine.at(self.engine.now, self._decide, member)

    def _bound(self, member: Member) -> Bound:
        late = self.situation.lateness(member.host)
        drift = self.situation.drift_of(RELEASE_INTERVAL)
        return Bound((("release interval", RELEASE_INTERVAL), ("clock drift", drift), ("timer lateness", late)))

    def _decide_on_ucarp(self, member: Member, since: int, bound: Bound) -> None:
        host = member.host
        script = host.scripts[Hook.DOWN]
        if self._left[member] != since:
            return
        is_left_alone = member.active and self.situation.disturbed[host.name] < since and not script.failure
        if member.state is State.MASTER or not is_left_alone:
            return
        if member.holds:
            addresses = " and ".join(str(address) for address in member.holds)
            self.violate(bound, f"{host.name} is {member.state.value}, and has {addresses}")
        else:
            self.judge(bound, 0)

    def _decide(self, member: Member) -> None:
        now, host = self.engine.now, member.host
        if member.state is State.MASTER or host.paused or member.config.neutral:
            return
        if not member.holds:
            self.judge(NOW, 0)
        elif now <= member.excused:
            self.engine.at(member.excused + 1, self._decide, member)
        elif host.running:
            addresses = " and ".join(str(address) for address in member.holds)
            self.violate(self._bound(member), f"{host.name} is {member.state.value}, and has {addresses}")
        else:
            self._decide_where_no_daemon_runs(member)

    def _decide_where_no_daemon_runs(self, member: Member) -> None:
        since = self.situation.inactive_since.get(member.host.name, self.engine.now)
        bound = Bound((("lease", member.lease), ("kernel lateness", longest_lateness(member.lease))))
        kept = [address for address in member.holds if member.has_leased(address)]
        if not kept or self.engine.now <= since + bound.value:
            return  # `lease-honoured` waits for its end
        addresses = " and ".join(str(address) for address in kept)
        self.violate(bound, f"no daemon runs on {member.host.name}, which has {addresses}")
