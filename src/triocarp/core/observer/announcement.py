"""Reads the frames that move an address: gratuitous ARP, and the unsolicited neighbour advertisement.

What hosts send is built in `ethernet` and `neighbour_discovery`; other implementations send variations of it.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from triocarp.core.advertisement import checksum_holds
from triocarp.core.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV6
from triocarp.core.family import IPAddress

_ETHERNET_LENGTH: Final = 14

_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_IPV4_OVER_ETHERNET: Final = (1, 0x0800, 6, 4)
_REQUEST_OR_REPLY: Final = frozenset({1, 2})

_IPV6: Final = struct.Struct("!IHBB32s")
_VERSION_6: Final = 6
_ICMPV6: Final = 58
_HOP_LIMIT: Final = 255
_NEIGHBOUR_ADVERTISEMENT: Final = struct.Struct("!BBHI16s")
_TYPE_AND_CODE: Final = (136, 0)
_SOLICITED: Final = 0x4000_0000
_TARGET_LINK_LAYER_ADDRESS: Final = 2
_OPTION_UNIT: Final = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Word that an address has an owner.

    Attributes:
        address: the address.
        hardware_address: the MAC that answers for it, 6 bytes.
    """

    address: IPAddress
    hardware_address: bytes


def read_announcement(frame: bytes) -> Announcement | None:
    """Return what a frame announces; None if it is anything else, or damaged.

    Args:
        frame: from the first byte of the Ethernet header on.
    """
    ethertype, packet = frame[12:_ETHERNET_LENGTH], frame[_ETHERNET_LENGTH:]
    if ethertype == ETHERTYPE_ARP:
        return _read_arp(packet)
    if ethertype == ETHERTYPE_IPV6:
        return _read_ipv6(packet, sender=frame[6:12])
    return None


def _read_arp(packet: bytes) -> Announcement | None:
    """Read a request or a reply whose sender and target are the same address: implementations send either."""
    if len(packet) < _ARP.size:
        return None
    *kind, operation, hardware_address, sender, _, target = _ARP.unpack_from(packet)
    if tuple(kind) != _IPV4_OVER_ETHERNET or operation not in _REQUEST_OR_REPLY or sender != target:
        return None
    return Announcement(address=IPv4Address(sender), hardware_address=hardware_address)


def _read_ipv6(packet: bytes, *, sender: bytes) -> Announcement | None:
    """Read a neighbour advertisement that nobody solicited, checked as RFC 4861, section 7.1.2 wants."""
    if len(packet) < _IPV6.size:
        return None
    first, length, next_header, hop_limit, endpoints = _IPV6.unpack_from(packet)
    message = packet[_IPV6.size : _IPV6.size + length]
    if (first >> 28, next_header, hop_limit) != (_VERSION_6, _ICMPV6, _HOP_LIMIT):
        return None
    if not _NEIGHBOUR_ADVERTISEMENT.size <= len(message) == length or length % _OPTION_UNIT:
        return None
    if not checksum_holds(endpoints + length.to_bytes(4, "big") + _ICMPV6.to_bytes(4, "big") + message):
        return None
    kind, code, _, flags, target = _NEIGHBOUR_ADVERTISEMENT.unpack_from(message)
    if (kind, code) != _TYPE_AND_CODE or flags & _SOLICITED:
        return None
    hardware_address = _target_link_layer_address(message[_NEIGHBOUR_ADVERTISEMENT.size :])
    return Announcement(address=IPv6Address(target), hardware_address=hardware_address or sender)


def _target_link_layer_address(options: bytes) -> bytes | None:
    """Return the MAC among the options of a neighbour advertisement, if there is one."""
    while options:
        kind, units = options[:2]
        if units == 0:  # an error (RFC 4861, section 4.6): nobody knows where the next one begins
            return None
        if kind == _TARGET_LINK_LAYER_ADDRESS and units == 1:
            return options[2:_OPTION_UNIT]
        options = options[units * _OPTION_UNIT :]
    return None
