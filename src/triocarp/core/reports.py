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
    """Report that a received packet was dropped.

    Attributes:
        interface: where it was received.
        reason: why.
        source: its IP source address, where that could be read.
        vhid: the VHID that it claims, where that could be read.
    """

    interface: str
    reason: DropReason
    source: IPAddress | None = None
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
    peer: IPAddress | None = None
    failure: PortFailure | None = None
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Report that every virtual host has left: addresses released, goodbyes said, hooks ended."""


Report: TypeAlias = StateChanged | PacketDropped | Noticed | Stopped
"""All that a host tells."""
