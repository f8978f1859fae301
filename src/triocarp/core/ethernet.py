"""Ethernet headers, and the gratuitous ARP that moves an IPv4 address from one host to another."""

from ipaddress import IPv4Address
from typing import Final

from triocarp.core.family import IPAddress

BROADCAST: Final = b"\xff" * 6
"""The broadcast MAC."""

ETHERTYPE_IPV4: Final = b"\x08\x00"
ETHERTYPE_IPV6: Final = b"\x86\xdd"
ETHERTYPE_ARP: Final = b"\x08\x06"

_ARP_REQUEST_FOR_IPV4_OVER_ETHERNET: Final = bytes.fromhex("0001 0800 06 04 0001")


def multicast_mac(group: IPAddress) -> bytes:
    """Return the MAC of a multicast group.

    IPv4: 01:00:5e and the low 23 bits (RFC 1112, section 6.4). IPv6: 33:33 and the last four bytes (RFC 2464,
    section 7).

    Args:
        group: a multicast address.
    """
    if not isinstance(group, IPv4Address):
        return b"\x33\x33" + group.packed[-4:]
    return (0x01005E000000 | (int(group) & 0x7FFFFF)).to_bytes(6, "big")


def ethernet_header(destination: bytes, source: bytes, ethertype: bytes) -> bytes:
    """Return the 14 bytes in front of a packet.

    Args:
        destination: MAC, 6 bytes.
        source: MAC, 6 bytes.
        ethertype: 2 bytes.
    """
    return destination + source + ethertype


def gratuitous_arp(hardware_address: bytes, address: IPv4Address) -> bytes:
    """Return the frame that tells a segment who now answers for an address.

    An ARP announcement (RFC 5227, section 3): a broadcast request whose sender and target address are both
    the announced one. The target MAC repeats the sender's, as ucarp sends it; RFC 5227 wants zeros there and
    says that receivers ignore it.

    Args:
        hardware_address: the MAC that answers for the address, 6 bytes.
        address: the virtual address.
    """
    endpoint = hardware_address + address.packed
    header = ethernet_header(BROADCAST, hardware_address, ETHERTYPE_ARP)
    return header + _ARP_REQUEST_FOR_IPV4_OVER_ETHERNET + endpoint + endpoint
