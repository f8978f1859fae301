"""Who takes an address says so."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation, script_time
from carpsim.checks.verdict import Bound
from carpsim.host import Host
from triocarp.core import Announce, Effect, Hook, IPAddress, State


@final
class AnnouncesInTime(Check):
    """An announcement of an address leaves its new holder when the up script has ended.

    Without scripts it follows in the same instant. A down script that still runs ends first, then the up script
    runs: ``down script + up script``, each at its longest. A host that stands still announces later by as long;
    one that loses the address or mastership meanwhile need not; nor need one whose frames the kernel refuses.
    """

    NAME: ClassVar = "announces-in-time"
    PROMISE: ClassVar = "a new holder announces its address when its up script has ended"
    FORMULA: ClassVar = "down script + up script"

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._waiting: dict[tuple[Member, IPAddress], tuple[int, Bound]] = {}

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:
        """Begin to wait, or wait no more; see `Check`."""
        if not present:
            self._waiting.pop((member, address), None)
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

    def process_changed(self, host: Host) -> None:
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

    def _wait(self, member: Member, address: IPAddress, bound: Bound) -> None:
        deadline = self.engine.now + bound.value
        self._waiting[member, address] = (deadline, bound)
        self.engine.at(deadline, self.engine.at, deadline, self._decide, member, address, deadline)

    def _decide(self, member: Member, address: IPAddress, deadline: int) -> None:
        waiting = self._waiting.get((member, address))
        if waiting is not None and waiting[0] == deadline and member.active:
            del self._waiting[member, address]
            self.violate(waiting[1], f"{member.host.name} has {address}, and has not announced it")
