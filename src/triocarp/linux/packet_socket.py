"""Advertisements and announcements on the wire: one AF_PACKET socket for each interface.

A packet socket gets what an ordinary raw socket does not: advertisements from 0.0.0.0, or from a virtual address
that this host holds. It is set up without a race: it has protocol 0, which receives nothing, until the filter and
the memberships are in place, and only then is it bound. So every frame that it gives was meant for it. Bound to
IPv4, it does not get what this host sends: only sockets for all protocols do.

`PacketSocket` is one interface: create it, `attach` it, `await wait_readable()` and `receive()` in a loop.
`PacketPort` is the core's `FramePort` over several of them.
"""

import contextlib
import errno
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from types import TracebackType
from typing import Final, NamedTuple, Self, final

import trio

from triocarp.core.advertisement import PROTOCOL
from triocarp.core.ethernet import multicast_mac
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.core.timing import SECOND
from triocarp.linux import packet_filter
from triocarp.linux.clock import boottime
from triocarp.linux.interface_index import index_of
from triocarp.linux.system_errors import port_error

RECEIVE_BATCH: Final = 64
"""Frames that one `PacketSocket.receive` takes at most: with their HMACs about a millisecond of work, so that
however many forged ones arrive, the timers are looked at in between."""

_FRAME_LENGTH_MAX: Final = 2048  # advertisements have 70 bytes; a longer frame than this is cut, and so refused
_ETHERNET_HEADER_LENGTH: Final = 14

_RECEIVE_BUFFER: Final = 1 << 20
# A second of advertisements of 255 virtual hosts: the kernel counts up to 4 KiB for a frame of 70 bytes.

_TC_PRIO_CONTROL: Final = 7  # <linux/pkt_sched.h>: the band that leaves before all data

# <linux/if_ether.h>, <linux/if_packet.h>, <linux/in.h>, <asm-generic/socket.h>: what Python's socket lacks
_ETH_P_IP: Final = 0x0800
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_MR_MULTICAST: Final = 0
_SO_RCVBUFFORCE: Final = 33
_SO_TIMESTAMPNS: Final = 35

_TIMESPEC: Final = struct.Struct("@ll")
_CONTROL_LENGTH: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_AGE_MAX: Final = SECOND // 4

_PACKET_MREQ: Final = struct.Struct("@iHH8s")  # index, type, length of the address, address
_IP_MREQN: Final = struct.Struct("@4s4si")  # group, local address, index

# What `recv` says once when the interface went down or away. The socket survives, and the monitor reports it.
_INTERFACE_TROUBLE: Final = frozenset({errno.ENETDOWN, errno.ENODEV, errno.ENXIO})


class Arrival(NamedTuple):
    """What one `PacketSocket.receive` gives.

    Attributes:
        at: when the kernel had it, in nanoseconds of `boottime`.
        datagram: from the IP header on, for `triocarp.core.ipv4.read_datagram`.
    """

    at: int
    datagram: bytes


@final
class PacketSocket:
    """Sends any frame through one interface, and receives its IPv4 packets of protocol 112.

    It exists independently of the interface: `attach` connects them, at the start and again when the interface
    was removed and is back.

    Args:
        interface: its name.
        groups: multicast groups whose frames the interface shall let in.
        reported_groups: those of them that IGMP shall report, so that switches which snoop forward them here.
            A host in broadcast mode leaves its group out.

    Raises:
        PortError: `NO_PERMISSION` without CAP_NET_RAW; `NO_BUFFER` or `OTHER`.
    """

    __slots__ = ("_groups", "_memberships", "_reported_groups", "_socket", "interface")

    def __init__(
        self, interface: str, *, groups: Iterable[IPv4Address], reported_groups: Iterable[IPv4Address] = ()
    ) -> None:
        self.interface = interface
        self._groups = tuple(dict.fromkeys(groups))
        self._reported_groups = tuple(dict.fromkeys(reported_groups))
        self._memberships: socket.socket | None = None
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        except OSError as error:
            raise port_error(error, "opening a packet socket") from error
        try:
            self._configure()
        except OSError as error:
            self._socket.close()
            raise port_error(error, "setting up a packet socket") from error

    @property
    def attached(self) -> bool:
        """Whether the socket is connected to the interface that has the name now."""
        name, protocol, *_ = self._socket.getsockname()
        return bool(name == self.interface and protocol == _ETH_P_IP)

    def attach(self) -> None:
        """Connect the socket to the interface that has the name now; if it is, nothing happens.

        Call it whenever the interface may be a new one.

        Raises:
            PortError: `NO_DEVICE` if there is no such interface, `NO_BUFFER` or `OTHER`.
        """
        if self.attached:
            return
        try:
            self._join(index_of(self._socket, self.interface))
            # The error of the interface's removal is still waiting to be read, and says nothing any more.
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._socket.bind((self.interface, _ETH_P_IP))
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

    async def wait_readable(self) -> None:
        """Wait until `receive` may have something to give."""
        await trio.lowlevel.wait_readable(self._socket)

    def receive(self) -> list[Arrival]:
        """Return the IP datagrams that have arrived, at most `RECEIVE_BATCH` of them, without waiting.

        An interface that went down is no error here: the monitor reports it, and when it is up again the
        datagrams go on.

        Raises:
            OSError: something that cannot happen to a sound socket.
        """
        arrivals: list[Arrival] = []
        for _ in range(RECEIVE_BATCH):
            try:
                frame, controls, _, _ = self._socket.recvmsg(_FRAME_LENGTH_MAX, _CONTROL_LENGTH)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _INTERFACE_TROUBLE:
                    raise
            else:
                arrivals.append(Arrival(_instant_of_arrival(controls), frame[_ETHERNET_HEADER_LENGTH:]))
        return arrivals

    def close(self) -> None:
        """Leave the groups and close, when no task waits any more. Closing twice is fine."""
        self._socket.close()
        if self._memberships is not None:
            self._memberships.close()
            self._memberships = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _configure(self) -> None:
        """Set what does not depend on the interface."""
        packet_filter.attach(self._socket, packet_filter.ipv4_protocol(PROTOCOL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            # A container's root may not exceed net.core.rmem_max.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        # Before Linux 5.15 this needs CAP_NET_ADMIN, which a daemon whose hooks move the address may lack.
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)

    def _join(self, index: int) -> None:
        """Let the groups in, and report them. Memberships of a removed interface are gone with it."""
        for group in self._groups:
            mac = multicast_mac(group)
            request = _PACKET_MREQ.pack(index, _PACKET_MR_MULTICAST, len(mac), mac)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
        if self._memberships is not None:
            self._memberships.close()
            self._memberships = None
        if self._reported_groups:
            # IGMP is done by the IP layer, for a socket that need not do anything else.
            self._memberships = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for group in self._reported_groups:
                request = _IP_MREQN.pack(group.packed, b"\0\0\0\0", index)
                self._memberships.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


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


def _instant_of_arrival(controls: list[tuple[int, int, bytes]]) -> int:
    """Return when the kernel had a frame.

    A busy machine reads late, and a dead timer counts from when the master spoke, not from when we listened. The
    kernel stamps with the wall clock, of which only the difference to now is used; where that is none that waiting
    for a processor explains, the clock was set in between, and the instant is now.
    """
    now = boottime()
    for _, kind, data in controls:
        if kind == _SO_TIMESTAMPNS and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            age = time.time_ns() - (seconds * SECOND + nanoseconds)
            return now - age if 0 <= age < _AGE_MAX else now
    return now
