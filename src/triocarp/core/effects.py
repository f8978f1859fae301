"""What a host can do. Effects come out of `Node.handle`, in the order in which they must be done.

If `HoldAddresses` or `ReleaseAddresses` fails, the frames that follow it for the same virtual host in the same
tuple, up to a further `StateChanged`, rest on it and must not be sent: a host never announces an address that it
does not hold, and never says goodbye while it still holds one. Each of them is told as a failure of its own,
`PortFailure.WITHHELD`. For the same reason failures are told before anything else happens, and those of the two
effects first. `Runner` keeps these rules for everybody.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias, final

from triocarp.core.family import IPAddress, IPInterface
from triocarp.core.reports import Report


@enum.unique
class Hook(enum.Enum):
    """An operator's script, named after ucarp's options ``--upscript`` and ``--downscript``."""

    UP = "up"
    DOWN = "down"


@enum.unique
class Saying(enum.Enum):
    """What an advertisement is for. On the wire only the goodbye and the concession are different."""

    REGULAR = "regular"
    LAST = "last"
    CONCESSION = "concession"
    GOODBYE = "goodbye"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvertisement:
    """Send an advertisement.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        saying: what it is for.
        destination: IP address of the group, or of a peer.
        ethernet_header: the 14 bytes in front of the packet; empty where the system shall find the next hop.
        packet: the whole IP packet.
    """

    interface: str
    vhid: int
    saying: Saying
    destination: IPAddress
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
    addresses: tuple[IPInterface, ...]
    lease_s: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RenewAddresses:
    """Renew the lease of addresses that are held. What others took off meanwhile may come back by that, or not.

    Nothing waits for it, so it may be carried out later; but never after a `ReleaseAddresses` that follows it.

    Attributes:
        interface: where.
        vhid: of the virtual host.
        addresses: with their prefix lengths.
        lease_s: seconds from now.
    """

    interface: str
    vhid: int
    addresses: tuple[IPInterface, ...]
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
    addresses: tuple[IPInterface, ...]


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
    address: IPInterface
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


Action: TypeAlias = SendAdvertisement | HoldAddresses | RenewAddresses | ReleaseAddresses | Announce | RunHook
"""Effects that change the world; each belongs to one virtual host, and each can fail."""

Effect: TypeAlias = Action | Report
"""All that a `Node` can ask for."""
