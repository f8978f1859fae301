"""The unsolicited neighbour advertisement that moves an IPv6 address from one host to another (RFC 4861)."""

import ipaddress
from ipaddress import IPv6Address
from typing import Final

from triocarp.core import ipv6
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import ETHERTYPE_IPV6, ethernet_header, multicast_mac

ALL_NODES: Final = ipaddress.IPv6Address("ff02::1")
"""All nodes of the segment (RFC 4291, section 2.7.1)."""

ICMPV6: Final = 58
"""Its protocol number."""

_NEIGHBOUR_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x2000_0000
_ROUTER: Final = 0x8000_0000
_TARGET_LINK_LAYER_ADDRESS: Final = b"\x02\x01"  # option type, and its length in units of 8 bytes


def unsolicited_neighbour_advertisement(hardware_address: bytes, address: IPv6Address, *, router: bool) -> bytes:
    """Return the frame that tells a segment who now answers for an address (RFC 4861, section 7.2.6).

    To all nodes, with the Override flag, because the entries exist and must change.

    Args:
        hardware_address: the MAC that answers for the address, 6 bytes.
        address: the virtual address; the message is sent from it, too.
        router: whether the host forwards packets. Who advertises its router's address without this flag is taken
            off the list of default routers by its neighbours (section 7.2.5).
    """
    flags = _OVERRIDE | (_ROUTER if router else 0)
    body = flags.to_bytes(4, "big") + address.packed + _TARGET_LINK_LAYER_ADDRESS + hardware_address
    unsummed = bytes((_NEIGHBOUR_ADVERTISEMENT, 0, 0, 0)) + body
    pseudo_header = address.packed + ALL_NODES.packed + len(unsummed).to_bytes(4, "big") + bytes((0, 0, 0, ICMPV6))
    checksum = internet_checksum(pseudo_header + unsummed)
    message = unsummed[:2] + checksum.to_bytes(2, "big") + unsummed[4:]
    packet = ipv6.header(address, ALL_NODES, next_header=ICMPV6, payload_length=len(message)) + message
    return ethernet_header(multicast_mac(ALL_NODES), hardware_address, ETHERTYPE_IPV6) + packet
