"""Who takes an address says so."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation, script_time
from carpsim.checks.verdict import Bound, OnUcarp
from carpsim.faults import AddressPut
from carpsim.host import Machine
from carpsim.ucarp_host import REAPING
from triocarp.core import Announce, Effect, Hook, IPAddress, State


@final
class AnnouncesInTime(Check):
    """An announcement of an address leaves its new holder when the up script has ended.

    Without scripts it follows in the same instant. A down script that still runs ends first, then the up script
    runs: ``down script + up script``, each at its longest. A host that stands still announces later by as long;
    one that loses the address or mastership meanwhile need not; nor need one whose frames the kernel refuses.

    A ucarp's up script puts the address there at its end, and the process, which has waited for it, announces when
    it has reaped it and wakes up: ``reaping + timer lateness``.
    """

    NAME: ClassVar = "announces-in-time"
    PROMISE: ClassVar = "a new holder announces its address when its up script has ended"
    FORMULA: ClassVar = "down script + up script"
    ON_UCARP: ClassVar = OnUcarp(
        judges=True, sentence="from the end of its up script on, which puts the address: reaping + timer lateness"
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._waiting: dict[tuple[Member, IPAddress], tuple[int, Bound]] = {}

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:
        """Begin to wait, or wait no more; see `Check`."""
        if not present:
            self._waiting.pop((member, address), None)
        elif member.runs_ucarp:
            if self._is_done_by_its_script(member):
                drift = self.situation.drift_of(script_time(member, Hook.UP))
                late = self.situation.lateness(member.host)
                self._wait(
                    member,
                    address,
                    Bound((("clock drift", drift), ("reaping", REAPING.longest), ("timer lateness", late))),
                )
        elif member.state is State.MASTER and member.active and self._is_new(member, address):
            bound = Bound(
                (("down script", script_time(member, Hook.DOWN)), ("up script", script_time(member, Hook.UP)))
            )
            self._wait(member, address, bound)

    def entered(self, member: Member, old: State) -> None:
        """Wait no more for who is not master; see `Check`."""
        if old is State.MASTER:
            for address in member.holds:
                self._waiting.pop((member, address), None)

    def announced(self, member: Member, address: IPAddress) -> None:
        """Judge an announcement; see `Check`."""
        waiting = self._waiting.pop((member, address), None)
        if waiting is not None:
            deadline, bound = waiting
            self.judge(bound, deadline - self.engine.now)

    def failed(self, member: Member, effect: Effect) -> None:
        """Excuse what could not be sent; see `Check`."""
        if isinstance(effect, Announce):
            self._waiting.pop((member, effect.address.ip), None)

    def process_changed(self, host: Machine) -> None:
        """Wait no more for who stands still or has ended, and anew for who goes on; see `Check`."""
        for (member, address), (_, bound) in list(self._waiting.items()):
            if member.host is host:
                if host.running:
                    self._wait(member, address, bound)
                else:
                    del self._waiting[member, address]

    def _is_new(self, member: Member, address: IPAddress) -> bool:
        """Return whether the daemon put it there just now: another program announces by itself, or does not."""
        return member.holds[address] == self.engine.now and member.has_leased(address)

    def _is_done_by_its_script(self, member: Member) -> bool:
        """Return whether a ucarp's address was put there for it to announce: not by another program."""
        now, host = self.engine.now, member.host
        by_another = any(
            isinstance(fault, AddressPut) and fault.host == host.name and fault.at == now
            for fault in self.situation.world.scenario.faults
        )
        can_send = member.carries and not host.network.refuses("send")
        return member.state is State.MASTER and member.active and can_send and not by_another

    def _wait(self, member: Member, address: IPAddress, bound: Bound) -> None:
        deadline = self.engine.now + bound.value
        self._waiting[member, address] = (deadline, bound)
        self.engine.at(deadline, self.engine.at, deadline, self._decide, member, address, deadline)

    def _decide(self, member: Member, address: IPAddress, deadline: int) -> None:
        waiting = self._waiting.get((member, address))
        if waiting is not None and waiting[0] == deadline and member.active:
            del self._waiting[member, address]
            self.violate(waiting[1], f"{member.host.name} has {address}, and has not announced it")
