"""The IPv4 header around an advertisement: built once for sending, checked strictly on receipt."""

import struct
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Final

from triocarp.core.advertisement import PROTOCOL, checksum_holds, internet_checksum
from triocarp.core.events import PacketReceived, PacketUnreadable
from triocarp.core.reasons import DropReason

TTL: Final = 255
"""Time to live of every advertisement. It proves that the sender is on the segment: a router would lower it."""

_LAYOUT: Final = struct.Struct("!BBHHHBBH4s4s")
_LENGTH_MIN: Final = _LAYOUT.size
_VERSION: Final = 4
_DONT_FRAGMENT: Final = 0x4000
_FRAGMENTED: Final = 0x3FFF  # the more-fragments bit and the fragment offset


def header(
    source: IPv4Address, destination: IPv4Address, *, tos: int, payload_length: int, identification: int = 0
) -> bytes:
    """Return the 20 bytes in front of an advertisement, with their checksum.

    The identification is zero, as RFC 6864 allows a datagram that may not be fragmented: so the header of a
    virtual host never changes and is built once.

    Args:
        source: the sender's address.
        destination: the group, or a peer.
        tos: type-of-service byte.
        payload_length: bytes behind the header.
        identification: 0 to 65535.
    """
    fields = (_LENGTH_MIN + payload_length, identification, _DONT_FRAGMENT, TTL, PROTOCOL)
    unsummed = _LAYOUT.pack(_VERSION << 4 | _LENGTH_MIN // 4, tos, *fields, 0, source.packed, destination.packed)
    return unsummed[:10] + internet_checksum(unsummed).to_bytes(2, "big") + unsummed[12:]


def read(interface: str, datagram: bytes) -> PacketReceived | PacketUnreadable:
    """Return what a received IPv4 datagram is to a `Node`.

    Args:
        interface: where it was received.
        datagram: from the first byte of the IP header on; link-layer padding behind it is cut off.
    """
    if len(datagram) < _LENGTH_MIN:
        return PacketUnreadable(interface=interface, reason=DropReason.SHORT_HEADER)
    version_and_length, _, total, _, fragment, ttl, protocol, _, source, destination = _LAYOUT.unpack_from(
        datagram
    )
    header_length = (version_and_length & 0xF) * 4
    if version_and_length >> 4 != _VERSION or not _LENGTH_MIN <= header_length <= total:
        return PacketUnreadable(interface=interface, reason=DropReason.SHORT_HEADER)
    if protocol != PROTOCOL:
        return PacketUnreadable(interface=interface, reason=DropReason.FOREIGN)
    sender = _address(source)
    if total > len(datagram):
        return PacketUnreadable(interface=interface, reason=DropReason.BAD_LENGTH, source=sender)
    if fragment & _FRAGMENTED:
        return PacketUnreadable(interface=interface, reason=DropReason.FRAGMENT, source=sender)
    if not checksum_holds(datagram[:header_length]):
        return PacketUnreadable(interface=interface, reason=DropReason.BAD_CHECKSUM, source=sender)
    return PacketReceived(
        interface=interface,
        source=sender,
        destination=_address(destination),
        ttl=ttl,
        payload=datagram[header_length:total],
    )


# The same few peers are heard for years; a flood with forged sources only turns the cache over.
_address = lru_cache(maxsize=1024)(IPv4Address)
