"""What clients send to a virtual address to see whether it answers: ICMP echo requests (RFC 792, RFC 4443)."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from carpsim.frame import HEADER_LENGTH, Frame
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet_header
from triocarp.core.family import IPAddress

_ICMP: Final = 1
_ICMPV6: Final = 58
_REQUEST: Final = {4: 8, 6: 128}  # the type of the message, by the version of IP
_REPLY: Final = {4: 0, 6: 129}
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_IPV6: Final = struct.Struct("!IHBB16s16s")
_MESSAGE: Final = struct.Struct("!BBHII")  # type, code, checksum, which client, and which of its probes
_TTL: Final = 64
_DONT_FRAGMENT: Final = 0x4000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """An echo request or its reply.

    Attributes:
        is_request: whether it asks.
        source: address of who sent it.
        destination: address of who shall have it.
        client: number of the client that asked.
        sequence: number of its probe, from 0.
    """

    is_request: bool
    source: IPAddress
    destination: IPAddress
    client: int
    sequence: int


def build(echo: Echo, source_mac: bytes, destination_mac: bytes) -> bytes:
    """Return the frame of a probe or of its reply.

    Args:
        echo: what it says; both addresses of one family.
        source_mac: of the client, 6 bytes.
        destination_mac: of whom the client holds for the owner of the address, 6 bytes.
    """
    version = echo.destination.version
    kinds = _REQUEST if echo.is_request else _REPLY
    unsummed = _MESSAGE.pack(kinds[version], 0, 0, echo.client, echo.sequence)
    source, destination = echo.source.packed, echo.destination.packed
    if version == 4:  # noqa: PLR2004 - of IP
        message = unsummed[:2] + internet_checksum(unsummed).to_bytes(2) + unsummed[4:]
        length = _IPV4.size + len(message)
        head = _IPV4.pack(0x45, 0, length, 0, _DONT_FRAGMENT, _TTL, _ICMP, 0, source, destination)
        head = head[:10] + internet_checksum(head).to_bytes(2) + head[12:]
        return ethernet_header(destination_mac, source_mac, ETHERTYPE_IPV4) + head + message
    pseudo_header = source + destination + len(unsummed).to_bytes(4) + bytes((0, 0, 0, _ICMPV6))
    message = unsummed[:2] + internet_checksum(pseudo_header + unsummed).to_bytes(2) + unsummed[4:]
    head = _IPV6.pack(6 << 28, len(message), _ICMPV6, _TTL, source, destination)
    return ethernet_header(destination_mac, source_mac, ETHERTYPE_IPV6) + head + message


def read(frame: Frame) -> Echo | None:
    """Return what a frame says, or None if it is no probe.

    Args:
        frame: any.
    """
    data = frame.data
    if data[12:14] == ETHERTYPE_IPV4:
        if len(data) < HEADER_LENGTH + _IPV4.size + _MESSAGE.size or data[HEADER_LENGTH + 9] != _ICMP:
            return None
        version, at = 4, HEADER_LENGTH + _IPV4.size
        source: IPAddress = IPv4Address(data[26:30])
        destination: IPAddress = IPv4Address(data[30:34])
    elif data[12:14] == ETHERTYPE_IPV6:
        if len(data) < HEADER_LENGTH + _IPV6.size + _MESSAGE.size or data[HEADER_LENGTH + 6] != _ICMPV6:
            return None
        version, at = 6, HEADER_LENGTH + _IPV6.size
        source, destination = IPv6Address(data[22:38]), IPv6Address(data[38:54])
    else:
        return None
    kind, _, _, client, sequence = _MESSAGE.unpack_from(data, at)
    if kind not in {_REQUEST[version], _REPLY[version]}:
        return None
    return Echo(
        is_request=kind == _REQUEST[version],
        source=source,
        destination=destination,
        client=client,
        sequence=sequence,
    )


def reply(echo: Echo, source_mac: bytes, destination_mac: bytes) -> bytes:
    """Return the frame that answers a probe.

    Args:
        echo: the probe.
        source_mac: of who answers, 6 bytes.
        destination_mac: of who asked, 6 bytes: a host answers the way that the question came.
    """
    answered = Echo(
        is_request=False,
        source=echo.destination,
        destination=echo.source,
        client=echo.client,
        sequence=echo.sequence,
    )
    return build(answered, source_mac, destination_mac)
