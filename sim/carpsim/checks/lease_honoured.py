"""The kernel withdraws the addresses of a dead daemon, and not those of a living one."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member
from carpsim.checks.verdict import NOW, Bound, OnUcarp
from carpsim.faults import AddressTaken, LinkLoss
from carpsim.host import Machine
from carpsim.lease_clock import longest_lateness
from triocarp.core import IPAddress, State


@final
class LeaseHonoured(Check):
    """An address is gone ``lease + lateness of the kernel`` after its daemon was killed or stood still.

    The last renewal came before the daemon's end, so the lease ends no later than ``lease`` after that, and the
    kernel is late (`carpsim.lease_clock`). The lease is the dead time in whole seconds, rounded up, or half
    a second more than the interval of a demoted host if that is longer. A frozen kernel answers nobody, and
    counts again when it goes on.

    And the reverse: the lease of a master that runs does not end, because each advertisement renews it. The margin
    between two renewals is ``lease - interval``, at least half a second; a timer that is later than that, or a
    refused renewal, excuses it.
    """

    NAME: ClassVar = "lease-honoured"
    PROMISE: ClassVar = "the addresses of a dead daemon are withdrawn, those of a living master are not"
    FORMULA: ClassVar = "lease + kernel lateness"
    ON_UCARP: ClassVar = OnUcarp(judges=False, sentence="its address has no lease")

    def process_changed(self, host: Machine) -> None:
        """Begin to wait for the end of the leases; see `Check`."""
        since = self.situation.inactive_since.get(host.name)
        if since is None:
            return
        for member in self.situation.of_host(host.name):
            if member.holds and not member.runs_ucarp:
                self.engine.at(
                    max(self.engine.now, since + self._bound(member).value) + 1, self._decide, member, since
                )

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:
        """Judge the end of a lease; see `Check`."""
        if present or member.runs_ucarp:
            return
        now = self.engine.now
        since = self.situation.inactive_since.get(member.host.name)
        if since is not None:
            bound = self._bound(member)
            if not member.host.network.frozen and now <= since + bound.value:
                self.judge(bound, since + bound.value - now)
        elif member.host.running and member.state is State.MASTER and not self._somebody_else_did_it(member):
            margin = Bound((("lease", member.lease), ("interval, less", -member.interval)))
            if self.situation.lateness(member.host) < margin.value:
                self.violate(margin, f"the lease of {member.host.name}, which is master, on {address} has ended")

    def finish(self) -> None:
        """Take note of the masters whose leases have never ended; see `Check`."""
        for member in self.situation.members.values():
            if member.runs_ucarp:
                continue
            if member.state is State.MASTER and member.active and member.holds:
                self._judged += 1

    def _somebody_else_did_it(self, member: Member) -> bool:
        """Return whether a fault took the address, or took the renewals' effect."""
        now, name = self.engine.now, member.host.name
        taken = any(
            isinstance(fault, AddressTaken | LinkLoss) and fault.host == name and fault.at == now
            for fault in self.situation.world.scenario.faults
        )
        return taken or now - self.situation.disturbed[name] <= member.lease

    def _bound(self, member: Member) -> Bound:
        return Bound((("lease", member.lease), ("kernel lateness", longest_lateness(member.lease))))

    def _decide(self, member: Member, since: int) -> None:
        if self.situation.inactive_since.get(member.host.name) != since or member.host.network.frozen:
            return  # it came back meanwhile; or nobody is answered, and `process_changed` looks again
        kept = [address for address in member.holds if member.has_leased(address)]
        if kept:
            addresses = " and ".join(str(address) for address in kept)
            self.violate(
                self._bound(member),
                f"{member.host.name} still has {addresses}, and its daemon is gone or stands still "
                f"since {since / 1e9:.9f} s",
            )
        else:
            self.judge(NOW, None)
