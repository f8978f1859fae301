"""Advertisements and announcements on the wire: an AF_PACKET socket for each interface and family.

A packet socket gets what an ordinary raw socket does not: advertisements from 0.0.0.0, or from a virtual address
that this host holds. It is set up without a race: it has protocol 0, which receives nothing, until the filter and
the memberships are in place, and only then is it bound. So every frame that it gives was meant for it.

A packet socket is bound to one ethertype or to all. For both families there are two of them, rather than one for
all: that one would be asked about every frame of the host, sent ones too, unless the kernel is told to leave those
out; and it would be asked before the frames of VLANs have been sorted out, and so hear on a trunk what was said on
the VLANs that the host has on it. Two sockets wait behind one epoll descriptor. Between them no order is kept,
which matters as little as that between two hosts: a family is a virtual host's matter of its own.

`PacketSocket` is one interface: create it, `attach` it, `await wait_readable()` and `receive()` in a loop.
`PacketPort` is the core's `FramePort` over several of them.
"""

import contextlib
import errno
import fcntl
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self, final

import trio

from triocarp.core.advertisement import PROTOCOL
from triocarp.core.ethernet import multicast_mac
from triocarp.core.family import Family, IPAddress, family_of
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.core.timing import SECOND
from triocarp.linux import packet_filter
from triocarp.linux.clock import boottime
from triocarp.linux.group_reports import GroupReports
from triocarp.linux.interface_index import index_of
from triocarp.linux.packet_filter import ETHERTYPES
from triocarp.linux.routed_sender import RoutedSender, set_control_priority
from triocarp.linux.system_errors import port_error

RECEIVE_BATCH: Final = 64
"""Frames that one `PacketSocket.receive` takes at most: with their HMACs about a millisecond of work, so that
however many forged ones arrive, the timers are looked at in between."""

_FRAME_LENGTH_MAX: Final = 2048  # advertisements have 70 bytes; a longer frame than this is cut, and so refused
_ETHERNET_HEADER_LENGTH: Final = 14

_RECEIVE_BUFFER: Final = 1 << 20
# A second of advertisements of 255 virtual hosts: the kernel counts up to 4 KiB for a frame of 70 bytes.

# <linux/if_packet.h>, <asm-generic/socket.h>: what Python's socket lacks
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_MR_MULTICAST: Final = 0
_SO_RCVBUFFORCE: Final = 33
_SIOCGSTAMPNS: Final = 0x8010_8907  # <linux/sockios.h>: since Linux 5.1 with 64 bits each on every machine

_TIMESPEC: Final = struct.Struct("=qq")
_AGE_MAX: Final = SECOND // 4

_PACKET_MREQ: Final = struct.Struct("@iHH8s")  # index, type, length of the address, address

# What `recv` says once when the interface went down or away. The socket survives, and the monitor reports it.
_INTERFACE_TROUBLE: Final = frozenset({errno.ENETDOWN, errno.ENODEV, errno.ENXIO})


class Arrival(NamedTuple):
    """What one `PacketSocket.receive` gives.

    Attributes:
        at: when the kernel had it, in nanoseconds of `boottime`.
        datagram: from the IP header on, for `triocarp.core.datagram.read_datagram`.
    """

    at: int
    datagram: bytes


@final
class PacketSocket:
    """Sends any frame through one interface, and receives its IP packets of protocol 112.

    It exists independently of the interface: `attach` connects them, at the start and again when the interface
    was removed and is back. A family costs a socket if it is received, and nothing otherwise.

    Args:
        interface: its name.
        groups: multicast groups whose frames the interface shall let in; their families are received.
        reported_groups: those of them that IGMP and MLD shall report, so that switches which snoop forward them
            here. A host in broadcast mode leaves its group out.
        families: which are received as well, as from peers without a group.
        routed: in which families packets can be sent by `send_packet`.

    Raises:
        ValueError: there is neither a group nor a family.
        PortError: `NO_PERMISSION` without CAP_NET_RAW; `NO_BUFFER` or `OTHER`.
    """

    __slots__ = (
        "_groups",
        "_readiness",
        "_receivers",
        "_reports",
        "_resources",
        "_routed",
        "_socket",
        "interface",
    )

    def __init__(
        self,
        interface: str,
        *,
        groups: Iterable[IPAddress],
        reported_groups: Iterable[IPAddress] = (),
        families: Iterable[Family] = (),
        routed: Iterable[Family] = (),
    ) -> None:
        self.interface = interface
        self._groups = tuple(dict.fromkeys(groups))
        self._reports = GroupReports(reported_groups)
        self._receivers: dict[Family, socket.socket] = {}
        self._routed: dict[Family, RoutedSender] = {}
        wanted = {*map(family_of, self._groups), *families}
        if not wanted:
            raise ValueError(f"a packet socket for {interface} that receives nothing")
        with contextlib.ExitStack() as resources:
            resources.callback(self._reports.end)
            # In the order of the families, so that the same configuration always makes the same sockets.
            for family in (family for family in Family if family in wanted):
                self._receivers[family] = resources.enter_context(_open_receiver(family))
            for family in dict.fromkeys(routed):
                self._routed[family] = resources.enter_context(_open_routed_sender(interface, family))
            self._socket, *others = self._receivers.values()
            self._readiness: socket.socket | select.epoll = self._socket
            if others:
                self._readiness = readiness = resources.enter_context(select.epoll())
                for receiver in self._receivers.values():
                    readiness.register(receiver, select.EPOLLIN)
            self._resources = resources.pop_all()

    @property
    def attached(self) -> bool:
        """Whether the sockets are connected to the interface that has the name now."""
        for family, receiver in self._receivers.items():
            name, protocol, *_ = receiver.getsockname()
            if name != self.interface or protocol != ETHERTYPES[family]:
                return False
        return True

    def attach(self) -> None:
        """Connect the sockets to the interface that has the name now; if they are, nothing happens.

        Call it whenever the interface may be a new one.

        Raises:
            PortError: `NO_DEVICE` if there is no such interface, `NO_BUFFER` or `OTHER`.
        """
        if self.attached:
            return
        try:
            index = index_of(self._socket, self.interface)
            self._let_in(index)
            self._reports.begin(index)
            for sender in self._routed.values():
                sender.attach(index)
            for family, receiver in self._receivers.items():
                # The error of the interface's removal is still waiting to be read, and says nothing any more.
                receiver.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                receiver.bind((self.interface, ETHERTYPES[family]))
        except OSError as error:
            raise port_error(error, f"attaching a packet socket to {self.interface}") from error

    def send(self, frame: bytes) -> None:
        """Send one frame as it is.

        Args:
            frame: from the destination MAC on.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE`, `NO_BUFFER` or `OTHER`. The frame was not sent.
        """
        try:
            try:
                self._socket.send(frame)
            except OSError as error:
                if error.errno not in _INTERFACE_TROUBLE:
                    raise
                # Perhaps this was the news of trouble that is over, which the kernel tells whoever calls next,
                # and tells once.
                self._socket.send(frame)
        except OSError as error:
            raise port_error(error, f"sending a frame through {self.interface}") from error

    def send_packet(self, packet: bytes) -> None:
        """Send one IP packet as it is, to the next hop that the system's routes and neighbours give.

        Args:
            packet: from the IP header on, of a family that was said to be routed.

        Raises:
            PortError: see `RoutedSender.send`.
        """
        for family, sender in self._routed.items():
            if packet[:1] and packet[0] >> 4 == family.value:
                sender.send(packet)
                return
        raise PortError(PortFailure.OTHER, f"{self.interface} is not set up to send such packets over routes")

    async def wait_readable(self) -> None:
        """Wait until `receive` may have something to give."""
        await trio.lowlevel.wait_readable(self._readiness.fileno())

    def receive(self, dropped: Callable[[bytes], bool] | None = None) -> Iterator[Arrival]:
        """Yield the IP datagrams that have arrived, at most `RECEIVE_BATCH` of them, without waiting.

        With two families each has half of the batch, so that a flood of one does not silence the other.

        An interface that went down is no error here: the monitor reports it, and when it is up again the
        datagrams go on.

        Args:
            dropped: says of a datagram whether to leave it out.

        Raises:
            OSError: something that cannot happen to a sound socket.
        """
        share = RECEIVE_BATCH // len(self._receivers)
        for receiver in self._receivers.values():
            for _ in range(share):
                try:
                    # Without the sender's address, for which Python would ask the kernel for the interface's name.
                    frame = receiver.recv(_FRAME_LENGTH_MAX)
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno not in _INTERFACE_TROUBLE:
                        raise
                else:
                    datagram = frame[_ETHERNET_HEADER_LENGTH:]
                    if dropped is None or not dropped(datagram):
                        yield Arrival(_instant_of_arrival(receiver), datagram)

    def close(self) -> None:
        """Leave the groups and close, when no task waits any more. Closing twice is fine."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _let_in(self, index: int) -> None:
        """Have the interface take the frames of the groups. Memberships of a removed one are gone with it."""
        for group in self._groups:
            mac = multicast_mac(group)
            request = _PACKET_MREQ.pack(index, _PACKET_MR_MULTICAST, len(mac), mac)
            self._receivers[family_of(group)].setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)


@final
class PacketPort:
    """The core's `FramePort` over packet sockets.

    Args:
        sockets: by the name of the interface; the mapping is looked into at each call.
    """

    __slots__ = ("_sockets",)

    def __init__(self, sockets: Mapping[str, PacketSocket]) -> None:
        self._sockets = sockets

    def send(self, interface: str, frame: bytes) -> None:
        """Send one frame as it is; see `triocarp.core.ports.FramePort`.

        Args:
            interface: through which.
            frame: from the destination MAC on.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE`, `NO_BUFFER` or `OTHER`. The frame was not sent.
        """
        try:
            sender = self._sockets[interface]
        except KeyError:
            raise PortError(PortFailure.NO_DEVICE, f"no packet socket for {interface}") from None
        sender.send(frame)

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Send one IP packet over the system's routes; see `triocarp.core.ports.FramePort`.

        Args:
            interface: through which.
            packet: from the IP header on.

        Raises:
            PortError: see `RoutedSender.send`. The packet was not sent.
        """
        try:
            sender = self._sockets[interface]
        except KeyError:
            raise PortError(PortFailure.NO_DEVICE, f"no packet socket for {interface}") from None
        sender.send_packet(packet)


def _open_receiver(family: Family) -> socket.socket:
    """Return a packet socket that is set up for one family and bound to nothing.

    Raises:
        PortError: see `PacketSocket`.
    """
    try:
        receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except OSError as error:
        raise port_error(error, "opening a packet socket") from error
    try:
        packet_filter.attach(receiver, packet_filter.ip_protocol(family, PROTOCOL))
        with contextlib.suppress(FileNotFoundError):  # of what has not been received; but from now on it stamps
            fcntl.ioctl(receiver, _SIOCGSTAMPNS, bytes(_TIMESPEC.size))
        try:
            receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            # A container's root may not exceed net.core.rmem_max.
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        set_control_priority(receiver)
    except OSError as error:
        receiver.close()
        raise port_error(error, "setting up a packet socket") from error
    return receiver


def _open_routed_sender(interface: str, family: Family) -> RoutedSender:
    """Return a sender for packets that are routed.

    Raises:
        PortError: see `PacketSocket`.
    """
    try:
        return RoutedSender(interface, family)
    except OSError as error:
        raise port_error(error, f"opening a raw {family} socket") from error


def _instant_of_arrival(receiver: socket.socket) -> int:
    """Return when the kernel had the frame that was received last.

    A busy machine reads late, and a dead timer counts from when the master spoke, not from when we listened. The
    kernel stamps with the wall clock, of which only the difference to now is used; where that is none that waiting
    for a processor explains, the clock was set in between, and the instant is now. The stamp is asked for, in the
    place of being told with each frame: nobody asks for those of a flood.
    """
    now = boottime()
    stamp = fcntl.ioctl(receiver, _SIOCGSTAMPNS, bytes(_TIMESPEC.size))
    seconds, nanoseconds = _TIMESPEC.unpack(stamp)
    age = time.time_ns() - (seconds * SECOND + nanoseconds)
    return now - age if 0 <= age < _AGE_MAX else now
