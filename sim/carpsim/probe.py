"""What clients send to a virtual address to see whether it answers: ICMP echo requests (RFC 792, RFC 4443)."""

import struct
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
_PROTOCOL4: Final = HEADER_LENGTH + 9
_PROTOCOL6: Final = HEADER_LENGTH + 6
_MESSAGE4: Final = HEADER_LENGTH + _IPV4.size
_MESSAGE6: Final = HEADER_LENGTH + _IPV6.size
_LENGTH4: Final = _MESSAGE4 + _MESSAGE.size
_LENGTH6: Final = _MESSAGE6 + _MESSAGE.size
_ASKED4: Final = slice(30, 34)
_ASKED6: Final = slice(38, 54)


@final
class Probes:
    """What one client sends: the same packet each time, but for its number.

    Args:
        source: address of the client.
        destination: address that is asked, of the same family.
        client: number of the client.
    """

    __slots__ = ("_client", "_ethertype", "_head", "_kind", "_sum")

    def __init__(self, source: IPAddress, destination: IPAddress, client: int) -> None:
        self._client = client
        self._kind = _REQUEST[destination.version]
        ends = source.packed + destination.packed
        message = _MESSAGE.pack(self._kind, 0, 0, client, 0)
        if destination.version == 4:  # noqa: PLR2004 - of IP
            self._ethertype = ETHERTYPE_IPV4
            length = _IPV4.size + len(message)
            head = _IPV4.pack(0x45, 0, length, 0, _DONT_FRAGMENT, _TTL, _ICMP, 0, ends[:4], ends[4:])
            self._head = head[:10] + internet_checksum(head).to_bytes(2) + head[12:]
        else:
            self._ethertype = ETHERTYPE_IPV6
            self._head = _IPV6.pack(6 << 28, len(message), _ICMPV6, _TTL, ends[:16], ends[16:])
            message = ends + len(message).to_bytes(4) + bytes((0, 0, 0, _ICMPV6)) + message
        self._sum = internet_checksum(message) ^ 0xFFFF

    def build(self, sequence: int, source_mac: bytes, destination_mac: bytes) -> bytes:
        """Return the frame of a probe.

        Args:
            sequence: its number, from 0.
            source_mac: of the client, 6 bytes.
            destination_mac: of whom the client holds for the owner of the address, 6 bytes.
        """
        total = self._sum + (sequence >> 16) + (sequence & 0xFFFF)
        checksum = (total % 0xFFFF or 0xFFFF) ^ 0xFFFF
        message = _MESSAGE.pack(self._kind, 0, checksum, self._client, sequence)
        return ethernet_header(destination_mac, source_mac, self._ethertype) + self._head + message


def is_question(frame: Frame) -> bool:
    """Return whether a frame is a probe, and no reply.

    Args:
        frame: any.
    """
    data = frame.data
    ethertype = data[12:14]
    if ethertype == ETHERTYPE_IPV4:
        return len(data) >= _LENGTH4 and data[_PROTOCOL4] == _ICMP and data[_MESSAGE4] == _REQUEST[4]
    return (
        ethertype == ETHERTYPE_IPV6
        and len(data) >= _LENGTH6
        and data[_PROTOCOL6] == _ICMPV6
        and data[_MESSAGE6] == _REQUEST[6]
    )


def asked_address(frame: Frame) -> bytes:
    """Return the address that a probe asks, packed.

    Args:
        frame: a probe; see `is_question`.
    """
    return frame.data[_ASKED4] if frame.data[12:14] == ETHERTYPE_IPV4 else frame.data[_ASKED6]


def reply(question: Frame, source_mac: bytes) -> bytes:
    """Return the frame that answers a probe: both addresses change places, and the type of the message changes.

    The checksum of the header is a sum, which does not mind the order; that of the message changes with the type
    alone (RFC 1624), because the pseudo-header of IPv6 is a sum as well.

    Args:
        question: the probe; see `is_question`. It is answered the way that it came.
        source_mac: of who answers, 6 bytes.
    """
    data = question.data
    if data[12:14] == ETHERTYPE_IPV4:
        begin, middle, message, version = 26, 30, _MESSAGE4, 4
    else:
        begin, middle, message, version = 22, 38, _MESSAGE6, 6
    checksum = int.from_bytes(data[message + 2 : message + 4])
    total = (checksum ^ 0xFFFF) + ((_REPLY[version] - _REQUEST[version]) << 8) % 0xFFFF
    checksum = (total % 0xFFFF or 0xFFFF) ^ 0xFFFF
    return b"".join(
        (
            data[6:12],
            source_mac,
            data[12:begin],
            data[middle:message],
            data[begin:middle],
            bytes((_REPLY[version], 0)),
            checksum.to_bytes(2),
            data[message + 4 :],
        )
    )


def answered(frame: Frame, client: int) -> int | None:
    """Return which of a client's probes a frame answers, or None if it is no such answer.

    Args:
        frame: any.
        client: its number.
    """
    data = frame.data
    ethertype = data[12:14]
    if ethertype == ETHERTYPE_IPV4:
        at, length, protocol, version = _PROTOCOL4, _LENGTH4, _ICMP, 4
        message = _MESSAGE4
    elif ethertype == ETHERTYPE_IPV6:
        at, length, protocol, version = _PROTOCOL6, _LENGTH6, _ICMPV6, 6
        message = _MESSAGE6
    else:
        return None
    if len(data) < length or data[at] != protocol or data[message] != _REPLY[version]:
        return None
    _, _, _, number, sequence = _MESSAGE.unpack_from(data, message)
    return int(sequence) if number == client else None
