"""What an observer of a segment sees: who is master, who stopped, what moved where, and why.

Every sighting carries the instant at which it became a fact, and has one sentence: `explain_sighting`.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias, assert_never, final

from triocarp.core.explanation import explain
from triocarp.core.family import IPAddress
from triocarp.core.reasons import DropReason
from triocarp.core.reports import PacketDropped
from triocarp.core.timing import SECOND


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Whose advertisements they are.

    A host that serves both address families is two of these: nothing on the wire ties its addresses together.

    Attributes:
        address: the source address of its advertisements.
        hardware_address: the Ethernet source of its advertisements, 6 bytes, where the address does not tell hosts
            apart: a virtual address, or the unspecified one, as the BSDs may use.
    """

    address: IPAddress
    hardware_address: bytes | None = None

    def __str__(self) -> str:
        return (
            f"{self.address} at {self.hardware_address.hex(':')}" if self.hardware_address else str(self.address)
        )


@enum.unique
class Role(enum.Enum):
    """What a host is to an observer. A host that was never master is invisible: backups say nothing."""

    MASTER = "master"
    """It advertises."""

    LEFT = "left"
    """It was master, and said goodbye."""

    SILENT = "silent"
    """It was master, and stopped: it died, lost its link, or became a backup without a word."""

    YIELDED = "yielded"
    """It was master, and stopped because a preferred or equal master advertises."""


@enum.unique
class RoleCause(enum.Enum):
    """Why a host changed its role."""

    FIRST_HEARD = "advertises"
    HEARD_AGAIN = "advertises again"
    GOODBYE = "said goodbye"
    DEAD_TIME = "not heard for its dead time"
    OVERDUE = "its advertisement was overdue when another host began to advertise"
    PREFERRED_MASTER = "stopped because of a preferred master"
    EQUAL_MASTER = "stopped because of an equal master"


@enum.unique
class FailoverCause(enum.Enum):
    """Why the virtual addresses moved."""

    FIRST_MASTER = "the first master"
    GOODBYE = "the old master said goodbye"
    SILENCE = "the old master fell silent"
    PREEMPTION = "the new master is preferred"
    TIE = "two equal masters, and the old one yielded"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged:
    """A host has another role from now on.

    Attributes:
        host: which.
        role: the new one.
        at: when that became certain, in nanoseconds.
        cause: why.
        last_heard: the instant of its last advertisement; of silence, the beginning.
        peer: the other host that the cause speaks of.
    """

    host: Host
    role: Role
    at: int
    cause: RoleCause
    last_heard: int
    peer: Host | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """The virtual addresses have another holder.

    Attributes:
        vhid: of the group.
        old: the holder before; None if there was none since the observation began.
        new: the holder now.
        at: when that became certain, in nanoseconds.
        gap: nanoseconds from the old holder's last advertisement to the new one's first; 0 if they overlapped.
        cause: why.
        announced_at: when the new holder announced the addresses, if it did so right before it advertised, as
            ucarp does.
    """

    vhid: int
    old: Host | None
    new: Host
    at: int
    gap: int
    cause: FailoverCause
    announced_at: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoMastersSeen:
    """Two hosts go on advertising, for longer than it takes one of them to yield.

    Attributes:
        first: the one that was master before.
        second: the other.
        since: the instant from which both advertised.
        at: when it was certain that neither yields, in nanoseconds.
    """

    first: Host
    second: Host
    since: int
    at: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoMastersOver:
    """One of two masters has stopped.

    Attributes:
        stopped: which.
        remaining: the other.
        since: the instant from which both advertised.
        at: when it was certain that one has stopped, in nanoseconds.
    """

    stopped: Host
    remaining: Host
    since: int
    at: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A gratuitous ARP or an unsolicited neighbour advertisement for a virtual address.

    Attributes:
        address: the virtual address.
        hardware_address: the MAC that shall answer for it.
        host: who sent it, as far as that can be told; ucarp announces before anybody has heard it advertise.
        at: when, in nanoseconds.
    """

    address: IPAddress
    hardware_address: bytes
    host: Host | None
    at: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A packet of protocol 112 that no host of the group accepts.

    Attributes:
        reason: why.
        at: when, in nanoseconds.
        hardware_address: its Ethernet source.
        source: its IP source address, where that could be read.
        vhid: the VHID that it claims, where that could be read.
        ttl: its time to live or hop limit, where that could be read.
    """

    reason: DropReason
    at: int
    hardware_address: bytes
    source: IPAddress | None = None
    vhid: int | None = None
    ttl: int | None = None


Sighting: TypeAlias = RoleChanged | Failover | TwoMastersSeen | TwoMastersOver | Announced | Rejected
"""All that an observer sees."""


def explain_sighting(sighting: Sighting) -> str:
    """Return a sentence without a full stop.

    Args:
        sighting: what was seen.
    """
    match sighting:
        case RoleChanged():
            return _explain_role(sighting)
        case Failover():
            return _explain_failover(sighting)
        case TwoMastersSeen():
            both = f"{sighting.first} and {sighting.second}"
            return f"two masters: {both} have both advertised for {_seconds(sighting.at - sighting.since)}"
        case TwoMastersOver():
            lasted = _seconds(sighting.at - sighting.since)
            return f"one master again after {lasted}: {sighting.stopped} has stopped, {sighting.remaining} goes on"
        case Announced():
            mac = sighting.hardware_address.hex(":")
            subject = f"{sighting.host} announced that {mac}" if sighting.host else f"{mac} announced that it"
            return f"{subject} answers for {sighting.address}"
        case Rejected():
            return f"every host of the group {explain(_as_dropped(sighting))}"
        case _:
            assert_never(sighting)


def _as_dropped(rejected: Rejected) -> PacketDropped:
    """Return what the hosts themselves report of the packet; an observer names no interface."""
    return PacketDropped(
        interface="", reason=rejected.reason, source=rejected.source, vhid=rejected.vhid, ttl=rejected.ttl
    )


def _explain_role(change: RoleChanged) -> str:
    host, peer, silence = change.host, change.peer, _seconds(change.at - change.last_heard)
    match change.cause:
        case RoleCause.FIRST_HEARD:
            return f"{host} is master: it advertises"
        case RoleCause.HEARD_AGAIN:
            return f"{host} is master again: it advertises again"
        case RoleCause.GOODBYE:
            return f"{host} has left: it said goodbye"
        case RoleCause.DEAD_TIME:
            why = "it died, lost its link, or became a backup without a word"
            return f"{host} is silent: no advertisement for {silence}; {why}"
        case RoleCause.OVERDUE:
            return f"{host} is silent: no advertisement for {silence} when {peer} began to advertise"
        case RoleCause.PREFERRED_MASTER:
            return f"{host} has yielded to {peer}, which is preferred: no advertisement for {silence}"
        case RoleCause.EQUAL_MASTER:
            return f"{host} has yielded to {peer}, which is equal: no advertisement for {silence}"
        case _:
            assert_never(change.cause)


def _explain_failover(failover: Failover) -> str:
    if failover.old is None:
        return f"VHID {failover.vhid} is at {failover.new}, the first master that was heard"
    gap = (
        f"{_seconds(failover.gap)} after the old master's last advertisement" if failover.gap else "without a gap"
    )
    return f"VHID {failover.vhid} moved from {failover.old} to {failover.new}, {gap}: {failover.cause.value}"


def _seconds(duration: int) -> str:
    return f"{duration / SECOND:.3f} s"
