"""What a host can do. Effects come out of `Node.handle`, in the order in which they must be done.

If `HoldAddresses` or `ReleaseAddresses` fails, the frames that follow it for the same virtual host in the same
tuple, up to a further `StateChanged`, rest on it and must not be sent: a host never announces an address that it
does not hold, and never says goodbye while it still holds one. For the same reason failures are told before
anything else happens, and those two first. `Runner` keeps these rules for everybody.
"""

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeAlias, final

from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.transitions import State


@enum.unique
class Hook(enum.Enum):
    """An operator's script, named after ucarp's options ``--upscript`` and ``--downscript``."""

    UP = "up"
    DOWN = "down"


@enum.unique
class Saying(enum.Enum):
    """What an advertisement is for. On the wire only the goodbye is different."""

    REGULAR = "regular"
    LAST = "last"
    GOODBYE = "goodbye"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvertisement:
    """Send an advertisement.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        saying: what it is for.
        ethernet_header: the 14 bytes in front of the packet.
        packet: the whole IP packet.
    """

    interface: str
    vhid: int
    saying: Saying
    ethernet_header: bytes
    packet: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAddresses:
    """Put the addresses on the interface; those that are there already become ours.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        addresses: with their prefix lengths.
        lease_s: seconds after which the kernel shall withdraw them unless they are renewed.
    """

    interface: str
    vhid: int
    addresses: tuple[IPv4Interface, ...]
    lease_s: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RenewAddresses:
    """Renew the lease of addresses that are held.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        addresses: with their prefix lengths.
        lease_s: seconds from now.
    """

    interface: str
    vhid: int
    addresses: tuple[IPv4Interface, ...]
    lease_s: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddresses:
    """Take the addresses off the interface, with whatever prefix length they are there; absent is fine.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        addresses: with their prefix lengths.
    """

    interface: str
    vhid: int
    addresses: tuple[IPv4Interface, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Tell the segment who answers for an address.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        address: the virtual address.
        frame: the whole Ethernet frame.
    """

    interface: str
    vhid: int
    address: IPv4Interface
    frame: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook:
    """Start an operator's script, without waiting for it; `HookFinished` follows.

    At most one hook of a virtual host runs at a time.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        hook: which one.
    """

    interface: str
    vhid: int
    hook: Hook


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
    peer: IPv4Address | None = None
    silence: int | None = None
    rejected: tuple[tuple[DropReason, int], ...] = ()
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PacketDropped:
    """Report that a received packet was dropped.

    Attributes:
        interface: where it was received.
        reason: why.
        source: its IP source address, where that could be read.
        vhid: the VHID that it claims, where that could be read.
    """

    interface: str
    reason: DropReason
    source: IPv4Address | None = None
    vhid: int | None = None


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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Report something that an operator should know, though no state changed.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        notice: what.
        peer: whose doing it is, if a peer's.
        failure: the failure, if there was one.
        detail: more words: an address, the failed port's own words, a time.
    """

    interface: str
    vhid: int
    notice: Notice
    peer: IPv4Address | None = None
    failure: PortFailure | None = None
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Report that every virtual host has left: addresses released, goodbyes said, hooks ended."""


Report: TypeAlias = StateChanged | PacketDropped | Noticed | Stopped
"""Effects that only tell; they cannot fail."""

Action: TypeAlias = SendAdvertisement | HoldAddresses | RenewAddresses | ReleaseAddresses | Announce | RunHook
"""Effects that change the world; each belongs to one virtual host, and each can fail."""

Effect: TypeAlias = Action | Report
"""All that a `Node` can ask for."""
