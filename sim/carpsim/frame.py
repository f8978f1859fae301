"""Ethernet frames on their way: real bytes, and what they hold, read once for all who receive them."""

from dataclasses import dataclass
from enum import Enum, unique
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from triocarp.core.advertisement import PROTOCOL
from triocarp.core.datagram import read_datagram
from triocarp.core.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6
from triocarp.core.events import PacketReceived, PacketUnreadable
from triocarp.core.family import Family, IPAddress

HEADER_LENGTH: Final = 14
"""Bytes in front of the packet."""

FRAME_LENGTH_MAX: Final = 1514
"""Bytes of the longest frame: its header and 1500 bytes."""

ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2

_PROTOCOL_AT: Final = {ETHERTYPE_IPV4: 9, ETHERTYPE_IPV6: 6}  # in the packet, by the frame's ethertype
_ARP_OVER_ETHERNET: Final = bytes.fromhex("0001 0800 06 04")
_ARP_LENGTH: Final = 28
_ICMPV6: Final = 58
_NEIGHBOUR_SOLICITATION: Final = 135
_NEIGHBOUR_ADVERTISEMENT: Final = 136
_NEIGHBOUR_MESSAGE_LENGTH: Final = 24
_HOP_LIMIT: Final = 255
_OVERRIDE: Final = 0x20
_SOLICITED: Final = 0x40


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourMessage:
    """What ARP and neighbour discovery have in common: who asks for whom, or who tells what.

    Attributes:
        is_request: whether somebody asks: an ARP request, a neighbour solicitation.
        sender: address of who speaks; unspecified where a host tries whether an address is free.
        sender_mac: the MAC that it names as its own; empty where it names none.
        target: the address that is asked for, or told of.
        override: whether it replaces what was known: neighbour discovery's flag, and a gratuitous ARP.
        solicited: whether it says that it answers a question.
    """

    is_request: bool
    sender: IPAddress
    sender_mac: bytes
    target: IPAddress
    override: bool
    solicited: bool

    @property
    def is_gratuitous(self) -> bool:
        """Whether nobody asked: an ARP announcement, an unsolicited neighbour advertisement."""
        return self.sender == self.target and not self.solicited


@unique
class FrameKind(Enum):
    """What a frame is, as far as somebody may want to drop it."""

    CARP_IPV4 = "an advertisement over IPv4"
    CARP_IPV6 = "an advertisement over IPv6"
    ARP = "ARP"
    NEIGHBOUR_DISCOVERY = "neighbour discovery"
    OTHER = "anything else"


@final
class Frame:
    """One frame.

    Args:
        data: from the destination MAC on.

    Attributes:
        data: from the destination MAC on.
    """

    __slots__ = ("_advertisement", "_neighbour_message", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._advertisement: PacketReceived | PacketUnreadable | None = None
        self._neighbour_message: tuple[NeighbourMessage | None] | None = None

    @property
    def destination(self) -> bytes:
        """MAC of who shall receive it, 6 bytes."""
        return self.data[:6]

    @property
    def source(self) -> bytes:
        """MAC of who sent it, 6 bytes."""
        return self.data[6:12]

    @property
    def ethertype(self) -> bytes:
        """What it holds, 2 bytes."""
        return self.data[12:14]

    @property
    def packet(self) -> bytes:
        """What follows the header."""
        return self.data[HEADER_LENGTH:]

    @property
    def is_for_many(self) -> bool:
        """Whether it is multicast or broadcast."""
        return bool(self.data[0] & 1)

    def advertisement(self, interface: str) -> PacketReceived | PacketUnreadable | None:
        """Return it as a host's packet socket reads it, or None if it is no packet of protocol 112.

        Args:
            interface: where it is received.
        """
        known = self._advertisement
        if known is not None and known.interface == interface:
            return known  # the same object for all receivers: it is immutable
        data = self.data
        protocol_at = _PROTOCOL_AT.get(data[12:14])
        if protocol_at is None or data[HEADER_LENGTH + protocol_at : HEADER_LENGTH + protocol_at + 1] != _CARP:
            return None
        self._advertisement = read_datagram(interface, data[HEADER_LENGTH:])
        return self._advertisement

    @property
    def kind(self) -> FrameKind:
        """What it is; other protocols of number 112 count as CARP."""
        ethertype = self.ethertype
        protocol_at = _PROTOCOL_AT.get(ethertype)
        if protocol_at is not None and self.data[HEADER_LENGTH + protocol_at] == PROTOCOL:
            return FrameKind.CARP_IPV4 if ethertype == ETHERTYPE_IPV4 else FrameKind.CARP_IPV6
        if self.neighbour_message is None:
            return FrameKind.OTHER
        return FrameKind.ARP if ethertype == ETHERTYPE_ARP else FrameKind.NEIGHBOUR_DISCOVERY

    @property
    def neighbour_message(self) -> NeighbourMessage | None:
        """What it says as ARP (RFC 826) or as neighbour discovery (RFC 4861), or None if it is neither."""
        if self._neighbour_message is None:
            ethertype = self.ethertype
            message: NeighbourMessage | None = None
            if ethertype == ETHERTYPE_ARP:
                message = _arp(self.packet)
            elif ethertype == ETHERTYPE_IPV6:
                message = _neighbour_discovery(self.packet)
            self._neighbour_message = (message,)
        return self._neighbour_message[0]


_CARP: Final = bytes((PROTOCOL,))


def destination_of(packet: bytes) -> IPAddress:
    """Return where an IP packet goes.

    Args:
        packet: from the IP header on.

    Raises:
        ValueError: it is too short to say so.
    """
    is_ipv6 = bool(packet) and packet[0] >> 4 == Family.IPV6.value
    return IPv6Address(packet[24:40]) if is_ipv6 else IPv4Address(packet[16:20])


def _arp(packet: bytes) -> NeighbourMessage | None:
    operation = int.from_bytes(packet[6:8])
    if len(packet) < _ARP_LENGTH or packet[:6] != _ARP_OVER_ETHERNET or operation not in {ARP_REQUEST, ARP_REPLY}:
        return None
    sender, target = IPv4Address(packet[14:18]), IPv4Address(packet[24:28])
    is_request = operation == ARP_REQUEST
    # Linux takes a reply for an announcement only if both of its MACs are the same.
    is_announcement = sender == target and (is_request or packet[18:24] == packet[8:14])
    return NeighbourMessage(
        # A gratuitous ARP has the form of a question, and asks nothing.
        is_request=is_request and sender != target,
        sender=sender,
        sender_mac=packet[8:14],
        target=target if is_request else sender,
        override=is_announcement,
        solicited=not is_request and not is_announcement,
    )


def _neighbour_discovery(packet: bytes) -> NeighbourMessage | None:
    message = packet[40:]
    if len(message) < _NEIGHBOUR_MESSAGE_LENGTH or packet[6] != _ICMPV6 or packet[7] != _HOP_LIMIT:
        return None
    sender, target = IPv6Address(packet[8:24]), IPv6Address(message[8:24])
    mac = message[26:32] if len(message) >= 32 and message[24] in {1, 2} else b""  # noqa: PLR2004 - one option
    if message[0] == _NEIGHBOUR_SOLICITATION:
        return NeighbourMessage(
            is_request=True, sender=sender, sender_mac=mac, target=target, override=False, solicited=False
        )
    if message[0] == _NEIGHBOUR_ADVERTISEMENT:
        return NeighbourMessage(
            is_request=False,
            sender=target,
            sender_mac=mac,
            target=target,
            override=bool(message[4] & _OVERRIDE),
            solicited=bool(message[4] & _SOLICITED),
        )
    return None
