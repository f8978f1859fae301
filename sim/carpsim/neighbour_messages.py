"""ARP (RFC 826) and neighbour discovery (RFC 4861) as frames: questions and answers of simulated kernels."""

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from carpsim.frame import ARP_REPLY, ARP_REQUEST, NeighbourMessage
from triocarp.core import ipv6
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_ARP, ETHERTYPE_IPV6, ethernet_header, multicast_mac
from triocarp.core.family import IPAddress
from triocarp.core.neighbour_discovery import ICMPV6

_ARP_OVER_ETHERNET: Final = bytes.fromhex("0001 0800 06 04")
_NO_MAC: Final = bytes(6)
_SOLICITATION: Final = 135
_ADVERTISEMENT: Final = 136
_SOURCE_LINK_LAYER_ADDRESS: Final = b"\x01\x01"
_TARGET_LINK_LAYER_ADDRESS: Final = b"\x02\x01"
_SOLICITED_AND_OVERRIDE: Final = 0x60
_SOLICITED_NODE_PREFIX: Final = bytes.fromhex("ff0200000000000000000001ff")


def question(target: IPAddress, sender: IPAddress, sender_mac: bytes, known_mac: bytes | None = None) -> bytes:
    """Return the frame that asks for the MAC of an address.

    Args:
        target: the address that is asked for.
        sender: who asks; of the same family.
        sender_mac: their MAC, 6 bytes.
        known_mac: the MAC to ask, where one is known and shall be confirmed; None to ask everybody.
    """
    if isinstance(target, IPv4Address):
        body = ARP_REQUEST.to_bytes(2) + sender_mac + sender.packed + _NO_MAC + target.packed
        header = ethernet_header(known_mac or BROADCAST, sender_mac, ETHERTYPE_ARP)
        return header + _ARP_OVER_ETHERNET + body
    group = IPv6Address(_SOLICITED_NODE_PREFIX + target.packed[-3:])
    destination = group if known_mac is None else target
    option = _SOURCE_LINK_LAYER_ADDRESS + sender_mac
    mac = known_mac or multicast_mac(group)
    return _icmpv6(
        kind=_SOLICITATION,
        flags=0,
        rest=target.packed + option,
        source=sender,
        destination=destination,
        destination_mac=mac,
        source_mac=sender_mac,
    )


def answer(asked: NeighbourMessage, mac: bytes) -> bytes:
    """Return the frame that answers a question.

    Args:
        asked: the question.
        mac: which answers for the address, 6 bytes.
    """
    if isinstance(asked.target, IPv4Address):
        body = ARP_REPLY.to_bytes(2) + mac + asked.target.packed + asked.sender_mac + asked.sender.packed
        return ethernet_header(asked.sender_mac, mac, ETHERTYPE_ARP) + _ARP_OVER_ETHERNET + body
    option = asked.target.packed + _TARGET_LINK_LAYER_ADDRESS + mac
    return _icmpv6(
        kind=_ADVERTISEMENT,
        flags=_SOLICITED_AND_OVERRIDE,
        rest=option,
        source=asked.target,
        destination=asked.sender,
        destination_mac=asked.sender_mac,
        source_mac=mac,
    )


def _icmpv6(
    *,
    kind: int,
    flags: int,
    rest: bytes,
    source: IPAddress,
    destination: IPAddress,
    destination_mac: bytes,
    source_mac: bytes,
) -> bytes:
    unsummed = bytes((kind, 0, 0, 0, flags, 0, 0, 0)) + rest
    pseudo_header = source.packed + destination.packed + len(unsummed).to_bytes(4) + bytes((0, 0, 0, ICMPV6))
    checksum = internet_checksum(pseudo_header + unsummed).to_bytes(2)
    message = unsummed[:2] + checksum + unsummed[4:]
    packet = ipv6.header(
        IPv6Address(source.packed),
        IPv6Address(destination.packed),
        next_header=ICMPV6,
        payload_length=len(message),
    )
    return ethernet_header(destination_mac, source_mac, ETHERTYPE_IPV6) + packet + message
