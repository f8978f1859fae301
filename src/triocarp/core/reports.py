"""What a host tells: effects that change nothing, and cannot fail."""

import enum
from dataclasses import dataclass
from typing import TypeAlias, final

from triocarp.core.family import IPAddress
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.transitions import State


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """Report that a virtual host changed its state.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        old: state before.
        new: state now.
        cause: why.
        peer: whose advertisement, or whose silence, was the cause, if somebody's.
        silence: nanoseconds since the last valid advertisement, where silence was the cause.
        rejected: packets for this virtual host that were dropped in that silence, by reason.
        detail: the failed port's own words, where a failure was the cause.
    """

    interface: str
    vhid: int
    old: State
    new: State
    cause: Cause
    peer: IPAddress | None = None
    silence: int | None = None
    rejected: tuple[tuple[DropReason, int], ...] = ()
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PacketDropped:
    """Report that a received packet was dropped, or many for the same reason.

    Attributes:
        interface: where it was received.
        reason: why.
        source: its IP source address, where that could be read.
        vhid: the VHID that it claims, where that could be read.
        destination: its IP destination address, where that could be read.
        ttl: its time to live, or hop limit, where that could be read.
        count: how many packets; of many, what differs from one to another is left out.
    """

    interface: str
    reason: DropReason
    source: IPAddress | None = None
    vhid: int | None = None
    destination: IPAddress | None = None
    ttl: int | None = None
    count: int = 1


@enum.unique
class Notice(enum.Enum):
    """Something that an operator should know, though no state changed."""

    WORSE_MASTER = "heard an advertisement worse than ours: announced the address again"
    ADDRESS_RESTORED = "a virtual address was gone from the interface: it is back"
    ADDRESS_REMOVED = (
        "somebody put a virtual address on the interface of a host that is not master: it is off again"
    )
    RENEWAL_FAILED = "the lease of a virtual address could not be renewed"
    RELEASE_FAILED = "a virtual address could not be taken off the interface: trying again"
    HOOK_FAILED = "a script failed"
    SEND_FAILED = "a frame could not be sent"
    HOLDING_BACK = "the addresses could not be held: not trying again until the back-off is over"
    DEMOTED = "the host counts as worse than before"
    RECOVERED = "the host counts as better than before"
    FLAPPING = "mastership was lost too often: not preempting for a while"
    FAMILY_SILENT = "nothing is heard any more over one address family, while the master is heard over the other"
    FAMILY_HEARD = "the master is heard again over both address families"
    WRONG_PASSWORD = "a host with our VHID has another password, or addresses unknown to us"  # noqa: S105 - words
    OTHER_ADDRESSES = "a host has our VHID and password but other virtual addresses: every host must have the same"
    VRRP_SAME_NUMBER = "a VRRP router has our number: both use the same virtual MAC; choose another VHID"
    OTHER_PASSWORD = "a host signs with the other password: its change is not complete"  # noqa: S105 - words
    NO_WALL_CLOCK = (
        "sealing is enforced, and the time of day is not known: nobody is believed, and this host does not become "
        "master before it is"
    )
    UNSEALED = "a host does not seal its counters"
    SEAL_MISSING = (
        "a host that seals its counters has sent one without a seal: somebody forges, or it was started again "
        "without sealing"
    )
    ALTERED = "an advertisement was altered on its way: somebody on the segment forges"
    STALE = "an advertisement comes too late or too early: somebody replays, or a clock is wrong"
    REPLAYED = "an advertisement was replayed: somebody on the segment sends again what it has captured"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Report something that an operator should know, though no state changed.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        notice: what.
        peer: whom it is about, if a peer.
        failure: the failure, if there was one.
        detail: more words: an address, the failed port's own words, a time.
    """

    interface: str
    vhid: int
    notice: Notice
    peer: IPAddress | None = None
    failure: PortFailure | None = None
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoMasters:
    """Report that two hosts are master at once: the segment is split, or one does not hear the other.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        peer: the one master. One that is heard over both address families is named by the one over which it was
            heard first.
        other: the other one; None if that is this host.
        since: nanoseconds; when both had been heard for the first time.
        until: nanoseconds; when one of them was last heard: what it said may have been that it leaves, or what
            made this host yield to it. None while it goes on.
    """

    interface: str
    vhid: int
    peer: IPAddress
    other: IPAddress | None
    since: int
    until: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OneWaySuspected:
    """Report that a peer goes on as master as if it did not hear us, though we are better: it would yield.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        peer: which.
        advertisements: how many came from it since it must have heard us.
        since: nanoseconds; when the first of them came.
    """

    interface: str
    vhid: int
    peer: IPAddress
    advertisements: int
    since: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCall:
    """Report that the master was silent for longer than ever, though not long enough for a takeover.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        peer: the master.
        silence: nanoseconds between two advertisements; at least one is missing.
        margin: nanoseconds that were left until the takeover.
    """

    interface: str
    vhid: int
    peer: IPAddress
    silence: int
    margin: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Report that every virtual host has left: addresses released, goodbyes said, hooks ended."""


Report: TypeAlias = StateChanged | PacketDropped | Noticed | TwoMasters | OneWaySuspected | CloseCall | Stopped
"""All that a host tells."""
