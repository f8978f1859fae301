"""Who says goodbye answers no more."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member
from carpsim.checks.verdict import NOW, OnUcarp
from triocarp.core import State, Transport


@final
class ReleaseBeforeGoodbye(Check):
    """When a goodbye leaves a host, the host has none of the virtual addresses any more.

    A backup takes over at a goodbye without waiting, so a single nanosecond of both is a moment with two holders.
    It is the frame on the wire that is judged, not the intention. What another program put there does not count,
    nor what a kernel sends late: over unicast it keeps frames for three seconds, until a peer that was away
    answers an ARP request, and the host may be master again by then.
    """

    NAME: ClassVar = "release-before-goodbye"
    PROMISE: ClassVar = "a goodbye leaves a host only after its addresses did"
    FORMULA: ClassVar = "at once 0"
    ON_UCARP: ClassVar = OnUcarp(judges=False, sentence="it says no goodbye")

    def said_goodbye(self, member: Member) -> None:
        """Look what is still there; see `Check`."""
        late = member.config.transport is Transport.UNICAST and member.state is State.MASTER
        if late or not member.config.manages_addresses:
            return
        kept = [address for address in member.holds if member.has_leased(address)]
        if kept:
            addresses = " and ".join(str(address) for address in kept)
            self.violate(NOW, f"{member.host.name} says goodbye, and still has {addresses}")
        else:
            self.judge(NOW, 0)
