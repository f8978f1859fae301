"""IP packets to peers beyond the segment: what the system's routes and neighbours decide the way of.

A raw socket sends a packet as it is, from the IP header on, and the kernel finds the next hop and its MAC; while
it does not know that MAC it keeps a few packets. The socket is bound to its interface, so that a host whose
interface is down is not heard through another one. It is of the protocol ``IPPROTO_RAW``, which says that we write
the header, and it receives nothing: its filter keeps no packet.

In an IPv4 header the kernel writes length and checksum anew, as they were; and an identification where there is
none and the packet may be fragmented, which ours may not.
"""

import errno
import functools
import socket
from types import TracebackType
from typing import Final, Self, final

from triocarp.core.family import Family
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.linux import packet_filter
from triocarp.linux.interface_index import is_switched_on
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.rtnetlink_messages import request_for_route
from triocarp.linux.system_errors import port_error

CONTROL_PRIORITY: Final = 7
"""The band that leaves before all data: ``TC_PRIO_CONTROL`` of <linux/pkt_sched.h>."""

_SO_BINDTODEVICE: Final = socket.SO_BINDTODEVICE
_ADDRESS_FAMILIES: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
_DESTINATIONS: Final = {Family.IPV4: slice(16, 20), Family.IPV6: slice(24, 40)}

# What the kernel says when there is no route, be it because the interface with all its routes is down or gone.
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})


@final
class RoutedSender:
    """Sends IP packets of one family through one interface. Attach it before the first.

    Args:
        interface: its name.
        family: of the packets.

    Raises:
        OSError: without CAP_NET_RAW, or where the system does not speak the family or lacks memory.
    """

    __slots__ = ("_destination", "_family", "_index", "_interface", "_routes", "_socket")

    def __init__(self, interface: str, family: Family) -> None:
        self._interface = interface
        self._family = family
        self._destination = _DESTINATIONS[family]
        self._index = 0
        self._routes: NetlinkSocket | None = None
        address_family = _ADDRESS_FAMILIES[family]
        self._socket = socket.socket(address_family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_RAW)
        try:
            packet_filter.attach(self._socket, packet_filter.KEEP_NOTHING)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
            set_control_priority(self._socket)
            if family is Family.IPV4:
                self._routes = NetlinkSocket()
        except OSError:
            self.close()
            raise

    def attach(self, index: int) -> None:
        """Bind to the interface that has the name now.

        Args:
            index: its number.

        Raises:
            OSError: ENODEV if there is none of that name.
        """
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self._interface.encode())
        self._index = index

    def send(self, packet: bytes) -> None:
        """Send one packet as it is.

        Args:
            packet: from the IP header on.

        Raises:
            PortError: `NO_ROUTE`, `LINK_DOWN`, `NO_DEVICE`, `NO_BUFFER` or `OTHER`; `NO_PERMISSION` where a
                firewall of this host forbids it.
        """
        destination = packet[self._destination]
        if not self._index:
            raise PortError(PortFailure.NO_DEVICE, f"the sender was never attached to {self._interface}")
        try:
            address = _socket_address(self._family, destination, self._index)
        except ValueError:
            raise PortError(PortFailure.OTHER, f"sending {len(packet)} bytes that are no packet") from None
        try:
            self._check_route(destination)
            self._socket.sendto(packet, address)
        except OSError as error:
            raise self._failure(error, address[0]) from error

    def close(self) -> None:
        """Close. Closing twice is fine."""
        self._socket.close()
        if self._routes is not None:
            self._routes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check_route(self, destination: bytes) -> None:
        """Insist on a route.

        A socket that is bound to an interface is taken at its word in IPv4: what the routes do not know must be on
        the link. The packet would be lost in a search for the MAC of a host that is elsewhere, and nobody told.

        Raises:
            OSError: there is none.
        """
        if self._routes is not None:
            self._routes.ask(_route_question(self._index, destination))

    def _failure(self, error: OSError, destination: str) -> PortError:
        """Return what a failure is to the core: without a route, perhaps the interface is the reason."""
        if error.errno in _NO_ROUTE:
            try:
                if not is_switched_on(self._socket, self._interface):
                    error = OSError(errno.ENETDOWN, "Network is down")
            except OSError as reason:
                error = reason
        return port_error(error, f"sending to {destination} through {self._interface}")


def set_control_priority(sender: socket.socket) -> None:
    """Have what a socket sends leave before all data, where that may be asked for.

    Args:
        sender: the socket.
    """
    # Before Linux 5.15 this needs CAP_NET_ADMIN, which a daemon whose hooks move the address may lack.
    try:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, CONTROL_PRIORITY)
    except PermissionError:
        return


@functools.lru_cache(maxsize=256)
def _socket_address(family: Family, destination: bytes, index: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return a packet's destination as Python wants it for sending; an address of the link needs its interface.

    Raises:
        ValueError: it is too short.
    """
    text = socket.inet_ntop(_ADDRESS_FAMILIES[family], destination)
    return (text, 0) if family is Family.IPV4 else (text, 0, 0, index)


_route_question = functools.lru_cache(maxsize=256)(request_for_route)
