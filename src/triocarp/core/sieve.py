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

from triocarp.core.advertisement import LENGTH, PROTOCOL, checksum_holds
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
_IPV4: Final = struct.Struct("!BxHxxHBBxx4s4sBBxBxxxxQ20s")
_IPV6: Final = struct.Struct("!BxxxHBB16s16sBBxBxxxxQ20s")
_IPV4_SOUND: Final = (_IPV4.size, TTL, PROTOCOL, _VERSION_AND_TYPE, _AUTHLEN)
_IPV6_SOUND: Final = (_IPV6.size - _IPV6_HEADER, PROTOCOL, TTL, _VERSION_AND_TYPE, _AUTHLEN)


@final
class Sieve:
    """The sieve of one interface. Drivers that do without it are right, too.

    Args:
        interface: its name.
        receivers: of the virtual hosts there, by VHID.
    """

    __slots__ = ("_dropped", "_flooded", "_interface", "_receivers")

    def __init__(self, interface: str, receivers: Mapping[int, Receiver]) -> None:
        self._interface = interface
        self._receivers = receivers
        self._flooded: dict[int, Receiver] = {}
        self._dropped: Counter[tuple[int, Family]] = Counter()

    def begin(self, now: int) -> bool:
        """Begin with a batch of datagrams, and return whether they must be sieved: whether there is a flood.

        Args:
            now: nanoseconds.
        """
        self._flooded = {vhid: host for vhid, host in self._receivers.items() if host.is_flooded(now)}
        return bool(self._flooded)

    def drops(self, datagram: bytes) -> bool:
        """Return whether a datagram is forged, and if so count it.

        Args:
            datagram: from the first byte of the IP header on.
        """
        if len(datagram) >= _IPV4.size and datagram[0] == _NO_OPTIONS:
            _, length, fragment, ttl, protocol, source, destination, kind, vhid, authlen, counter, digest = (
                _IPV4.unpack_from(datagram)
            )
            family, end = Family.IPV4, _IPV4.size
            if (
                (length, ttl, protocol, kind, authlen) != _IPV4_SOUND
                or fragment & _FRAGMENTED
                or not checksum_holds(datagram[:_IPV4_HEADER])
            ):
                return False
        elif len(datagram) >= _IPV6.size and datagram[0] >> 4 == Family.IPV6.value:
            _, length, protocol, ttl, source, destination, kind, vhid, authlen, counter, digest = (
                _IPV6.unpack_from(datagram)
            )
            family, end = Family.IPV6, _IPV6.size
            if (length, protocol, ttl, kind, authlen) != _IPV6_SOUND:
                return False
        else:
            return False
        receiver = self._flooded.get(vhid)
        if (
            receiver is None
            or not checksum_holds(datagram[end - LENGTH : end])
            or not receiver.is_forged(source, destination, counter, digest)
        ):
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
