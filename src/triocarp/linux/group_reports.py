"""Multicast groups that this host reports to the switches and routers of a segment, with IGMP and MLD.

Switches that snoop forward a group only to where somebody reports it. The IP layer does that for an ordinary
socket that has joined a group, and that need not do anything else.
"""

import socket
import struct
from collections.abc import Iterable
from typing import Final, final

from triocarp.core.family import Family, IPAddress, family_of

_IP_MREQN: Final = struct.Struct("@4s4si")  # <linux/in.h>: group, local address, index
_IPV6_MREQ: Final = struct.Struct("@16si")  # <linux/in6.h>: group, index


@final
class GroupReports:
    """Some groups, reported on one interface.

    Args:
        groups: of either family; where one has none, nothing of it is touched.
    """

    __slots__ = ("_groups", "_sockets")

    def __init__(self, groups: Iterable[IPAddress]) -> None:
        self._groups = tuple(dict.fromkeys(groups))
        self._sockets: list[socket.socket] = []

    def begin(self, index: int) -> None:
        """Report the groups on an interface, and no longer where they were reported before.

        Args:
            index: its number.

        Raises:
            OSError: the system has no such interface or does not speak the family, or lacks memory.
        """
        self.end()
        ipv4, ipv6 = ([group for group in self._groups if family_of(group) is family] for family in Family)
        if ipv4:
            requests = [_IP_MREQN.pack(group.packed, bytes(4), index) for group in ipv4]
            self._join(socket.AF_INET, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, requests)
        if ipv6:
            requests = [_IPV6_MREQ.pack(group.packed, index) for group in ipv6]
            self._join(socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, requests)

    def end(self) -> None:
        """Report nothing any more. Ending twice is fine."""
        for joined in self._sockets:
            joined.close()
        self._sockets.clear()

    def _join(self, family: int, level: int, option: int, requests: list[bytes]) -> None:
        joining = socket.socket(family, socket.SOCK_DGRAM)
        self._sockets.append(joining)
        for request in requests:
            joining.setsockopt(level, option, request)
