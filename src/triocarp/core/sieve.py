"""Drops forged advertisements by their bytes, while so many come that making an event of each would be too dear.

A forged advertisement costs an attacker nothing, and a node 7 us; making an event of it and reporting it costs as
much again. So once a virtual host has looked closely at as many in a second as it ever does, what follows is
looked at as bytes. What a sieve drops, its node would have dropped for the same reason, and the node is told how
many they were, so that the counters stay exact. Whatever else there may be in a packet is left to the node.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import Final, final

from triocarp.core.advertisement import PROTOCOL, checksum_holds
from triocarp.core.events import ForgedReceived
from triocarp.core.family import Family
from triocarp.core.ipv4 import TTL
from triocarp.core.receiver import Receiver

_VERSION_AND_TYPE: Final = 0x21
_AUTHLEN: Final = 7
_NO_OPTIONS: Final = 0x45
_IPV4_HEADER: Final = 20
_IPV6_HEADER: Final = 40
_FRAGMENTED: Final = 0x3FFF  # more fragments, or not the first

# An IP header and a CARP header: what they are, from whom to whom, and what is signed.
_IPV4: Final = struct.Struct("!xxHxxHBBxx4s4sBxxBxxxxQ20s")
_IPV6: Final = struct.Struct("!xxxxHBB16s16sBxxBxxxxQ20s")
_IPV4_SOUND: Final = (_IPV4.size, TTL, PROTOCOL, _VERSION_AND_TYPE, _AUTHLEN)
_IPV6_SOUND: Final = (_IPV6.size - _IPV6_HEADER, PROTOCOL, TTL, _VERSION_AND_TYPE, _AUTHLEN)


@final
class Sieve:
    """The sieve of one interface. Drivers that do without it are right, too.

    Args:
        interface: its name.
        receivers: of the virtual hosts there, by VHID.
    """

    __slots__ = ("_dropped", "_interface", "_receivers")

    def __init__(self, interface: str, receivers: Mapping[int, Receiver]) -> None:
        self._interface = interface
        self._receivers = receivers
        self._dropped: Counter[tuple[int, Family]] = Counter()

    def drops(self, datagram: bytes, now: int) -> bool:
        """Return whether a datagram is a forged one of a flood, and if so count it.

        Args:
            datagram: from the first byte of the IP header on.
            now: nanoseconds.
        """
        if len(datagram) >= _IPV4.size and datagram[0] == _NO_OPTIONS:
            family, vhid, is_forged = Family.IPV4, datagram[_IPV4_HEADER + 1], _is_forged4
        elif len(datagram) >= _IPV6.size and datagram[0] >> 4 == Family.IPV6.value:
            family, vhid, is_forged = Family.IPV6, datagram[_IPV6_HEADER + 1], _is_forged6
        else:
            return False
        receiver = self._receivers.get(vhid)
        if receiver is None or not receiver.is_flooded(now) or not is_forged(receiver, datagram):
            return False
        self._dropped[vhid, family] += 1
        return True

    def take(self) -> list[ForgedReceived]:
        """Return what the node must be told of: what was dropped since this was last called."""
        if not self._dropped:
            return []
        events = [
            ForgedReceived(interface=self._interface, vhid=vhid, family=family, count=count)
            for (vhid, family), count in self._dropped.items()
        ]
        self._dropped.clear()
        return events


def _is_forged4(receiver: Receiver, datagram: bytes) -> bool:
    """Return whether nothing is wrong with a datagram but its signature."""
    length, fragment, ttl, protocol, source, destination, kind, authlen, counter, digest = _IPV4.unpack_from(
        datagram
    )
    return (
        (length, ttl, protocol, kind, authlen) == _IPV4_SOUND
        and not fragment & _FRAGMENTED
        and checksum_holds(datagram[:_IPV4_HEADER])
        and checksum_holds(datagram[_IPV4_HEADER : _IPV4.size])
        and receiver.is_forged(source, destination, counter, digest)
    )


def _is_forged6(receiver: Receiver, datagram: bytes) -> bool:
    """Return the same of an IPv6 datagram."""
    length, protocol, ttl, source, destination, kind, authlen, counter, digest = _IPV6.unpack_from(datagram)
    return (
        (length, protocol, ttl, kind, authlen) == _IPV6_SOUND
        and checksum_holds(datagram[_IPV6_HEADER : _IPV6.size])
        and receiver.is_forged(source, destination, counter, digest)
    )
