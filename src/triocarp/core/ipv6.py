"""The IPv6 header around an advertisement: built once for sending, checked strictly on receipt (RFC 8200)."""

import struct
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from triocarp.core.advertisement import PROTOCOL
from triocarp.core.events import PacketReceived, PacketUnreadable
from triocarp.core.reasons import DropReason

HOP_LIMIT: Final = 255
"""Hop limit of every advertisement and neighbour advertisement; a router would lower it."""

LENGTH: Final = 40
"""Length of the header in bytes. CARP uses no extension headers."""

VERSION: Final = 6

_LAYOUT: Final = struct.Struct("!IHBB16s16s")
_FRAGMENT_HEADER: Final = 44


def header(
    source: IPv6Address,
    destination: IPv6Address,
    *,
    traffic_class: int = 0,
    next_header: int = PROTOCOL,
    payload_length: int,
) -> bytes:
    """Return the 40 bytes in front of an advertisement, or of another message with hop limit 255.

    Args:
        source: the sender's address.
        destination: the group, or a peer.
        traffic_class: one byte.
        next_header: protocol number of what follows.
        payload_length: bytes behind the header.
    """
    first = VERSION << 28 | traffic_class << 20
    return _LAYOUT.pack(first, payload_length, next_header, HOP_LIMIT, source.packed, destination.packed)


def read(interface: str, datagram: bytes) -> PacketReceived | PacketUnreadable:
    """Return what a received IPv6 datagram is to a `Node`.

    Args:
        interface: where it was received.
        datagram: from the first byte of the IP header on; link-layer padding behind it is cut off.
    """
    if len(datagram) < LENGTH:
        return PacketUnreadable(interface=interface, reason=DropReason.SHORT_HEADER)
    _, payload_length, next_header, hop_limit, source, destination = _LAYOUT.unpack_from(datagram)
    sender = _address(source)
    if next_header != PROTOCOL:
        reason = DropReason.FRAGMENT if next_header == _FRAGMENT_HEADER else DropReason.FOREIGN
        return PacketUnreadable(interface=interface, reason=reason, source=sender)
    if LENGTH + payload_length > len(datagram):
        return PacketUnreadable(interface=interface, reason=DropReason.BAD_LENGTH, source=sender)
    return PacketReceived(
        interface=interface,
        source=sender,
        destination=_address(destination),
        ttl=hop_limit,
        payload=datagram[LENGTH : LENGTH + payload_length],
    )


# The same few peers are heard for years; a flood with forged sources only turns the cache over.
_address = lru_cache(maxsize=1024)(IPv6Address)
