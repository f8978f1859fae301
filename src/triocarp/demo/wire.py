"""What of CARP was on the wire: advertisements, goodbyes and announcements among captured frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from triocarp.core.advertisement import PROTOCOL, MalformedAdvertisementError, parse
from triocarp.demo.cast import VHID, VIRTUAL_ADDRESS
from triocarp.lab.capture import ETHERTYPE_ARP, ETHERTYPE_IPV4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triocarp.lab import Frame
    from triocarp.lab.capture import BpfInstruction

CARP_AND_ARP: Final[tuple[BpfInstruction, ...]] = (
    (0x28, 0, 0, 12),  # the ethertype
    (0x15, 3, 0, ETHERTYPE_ARP),
    (0x15, 0, 3, ETHERTYPE_IPV4),
    (0x30, 0, 0, 23),  # the IP protocol
    (0x15, 0, 1, PROTOCOL),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)
"""The BPF program that lets these through; the client's probes would be a thousand times as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """An advertisement on the wire.

    Attributes:
        at: when, in nanoseconds of the lab's clock.
        host: who sent it.
        goodbye: whether it says that its sender leaves.
    """

    at: int
    host: str
    goodbye: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A gratuitous ARP for the virtual address.

    Attributes:
        at: when, in nanoseconds of the lab's clock.
        host: who sent it.
    """

    at: int
    host: str


def advertised(frame: Frame) -> Advertised | None:
    """Return what a frame advertises for our virtual host, or None if it does not.

    Args:
        frame: as captured.
    """
    if frame.ip_protocol != PROTOCOL:
        return None
    header_length = (frame.payload[0] & 0x0F) * 4
    try:
        advertisement = parse(frame.payload[header_length:])
    except MalformedAdvertisementError:
        return None
    if advertisement.vhid != VHID:
        return None
    return Advertised(at=frame.at, host=frame.host, goodbye=advertisement.is_goodbye)


def announced(frame: Frame) -> Announced | None:
    """Return who announces the virtual address with a frame, or None if nobody does.

    Args:
        frame: as captured.
    """
    return Announced(at=frame.at, host=frame.host) if str(frame.announces) == VIRTUAL_ADDRESS else None


def all_advertised(frames: Iterable[Frame]) -> tuple[Advertised, ...]:
    """Return the advertisements among frames.

    Args:
        frames: as captured.
    """
    return tuple(one for one in map(advertised, frames) if one is not None)


def all_announced(frames: Iterable[Frame]) -> tuple[Announced, ...]:
    """Return the announcements among frames.

    Args:
        frames: as captured.
    """
    return tuple(one for one in map(announced, frames) if one is not None)
