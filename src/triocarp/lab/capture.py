"""Record Ethernet frames with the instants at which the kernel saw them.

A packet socket delivers the frames, each with the kernel's `SO_TIMESTAMPNS`; a thread collects them, and
since the stamps are the kernel's, it does not matter how late it comes. The stamps are of the wall clock, so
the distance to the lab's clock (`clock`) is measured once, when the capture starts, and added. An instant is
wrong by at most `Capture.clock_error_ns` (typically below 200 ns), as long as nobody steps the wall clock
while the capture runs.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from triocarp.lab import clock, syscalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from triocarp.lab.namespace import NetworkNamespace

BpfInstruction = tuple[int, int, int, int]
"""A classic BPF instruction: code, jump if true, jump if false, operand."""

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD

# Not in the socket module of every supported Python.
_SO_TIMESTAMPNS: Final = 35
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_OUTGOING: Final = 4
_ETH_P_ALL: Final = 0x0003

_RECEIVE_BUFFER_BYTES: Final = 16 << 20
_LONGEST_FRAME: Final = 1 << 16
_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_AWAIT_STAMPS_S: Final = 5
_ETHERNET_BYTES: Final = 14
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_IPV6_BYTES: Final = 40
_IPV6_DESTINATION: Final = slice(24, 40)
_ALL_NODES: Final = ipaddress.IPv6Address("ff02::1").packed
_NEIGHBOUR_ADVERTISEMENT: Final = 136
_NEIGHBOUR_TARGET: Final = slice(_IPV6_BYTES + 8, _IPV6_BYTES + 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One Ethernet frame.

    Attributes:
        at: When the kernel saw it, in nanoseconds of the lab's clock.
        host: The host on whose interface or port it was seen.
        sent: Whether that host sent it (True) or received it (False).
        data: The frame from the destination address on, without the checksum.
    """

    at: int
    host: str
    sent: bool
    data: bytes

    @property
    def destination(self) -> str:
        """The Ethernet address that it goes to."""
        return self.data[:6].hex(":")

    @property
    def source(self) -> str:
        """The Ethernet address that it comes from."""
        return self.data[6:12].hex(":")

    @property
    def ethertype(self) -> int:
        """The protocol of its payload: `ETHERTYPE_IPV4` and so on."""
        return int.from_bytes(self.data[12:14])

    @property
    def payload(self) -> bytes:
        """What follows the Ethernet header."""
        return self.data[_ETHERNET_BYTES:]

    @property
    def ip_protocol(self) -> int | None:
        """The protocol inside IPv4 or IPv6 (112 is CARP), or None for another ethertype."""
        offset = {ETHERTYPE_IPV4: 9, ETHERTYPE_IPV6: 6}.get(self.ethertype)
        if offset is None or len(self.payload) <= offset:
            return None
        return self.payload[offset]

    @property
    def announces(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address that it announces: by a gratuitous ARP, or by a neighbour advertisement to all."""
        if self.ip_protocol == socket.IPPROTO_ICMPV6:
            is_to_all = self.payload[_IPV6_DESTINATION] == _ALL_NODES
            if len(self.payload) < _NEIGHBOUR_TARGET.stop or not is_to_all:
                return None
            is_advertisement = self.payload[_IPV6_BYTES] == _NEIGHBOUR_ADVERTISEMENT
            return ipaddress.IPv6Address(self.payload[_NEIGHBOUR_TARGET]) if is_advertisement else None
        if self.ethertype != ETHERTYPE_ARP or len(self.payload) < _ARP.size:
            return None
        sender, target = _ARP.unpack_from(self.payload)[6::2]
        return ipaddress.IPv4Address(sender) if sender == target else None


class Capture:
    """Frames as they pass, until it is closed; made by `Host.capture` and `Lan.capture`.

    It has started when the constructor returns: no later frame is missed. It is a context manager.

    Attributes:
        clock_error_ns: By how much at most the instants differ from the lab's clock.
    """

    clock_error_ns: int

    def __init__(
        self,
        namespace: NetworkNamespace,
        hosts: Mapping[str, str],
        *,
        incoming_only: bool,
        bpf: Sequence[BpfInstruction] = (),
    ) -> None:
        """Start to record.

        Args:
            namespace: Where.
            hosts: The names of the interfaces to record, and the host that each belongs to.
            incoming_only: The interfaces are ports of a switch: what comes in is what the host sent, and what
                goes out has come in elsewhere.
            bpf: A classic BPF program that picks the frames inside the kernel; all of them when empty.
        """
        self._hosts = dict(hosts)
        self._incoming_only = incoming_only
        self._offset, self.clock_error_ns = clock.realtime_offset()
        self._frames: list[Frame] = []
        self._changed = threading.Condition()
        self._dropped = 0
        self._closed = False
        self._socket = namespace.call(lambda: open_packet_socket(bpf, incoming_only=incoming_only))
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._collect, name="capture", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, after all that the kernel has seen up to now is recorded; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        os.close(self._wake_writer)
        self._thread.join()
        os.close(self._wake_reader)
        self._dropped = self._count_drops()
        self._socket.close()

    @property
    def frames(self) -> tuple[Frame, ...]:
        """What was recorded up to now, in the order in which the kernel delivered it."""
        with self._changed:
            return tuple(self._frames)

    @property
    def dropped(self) -> int:
        """How many frames are missing because the collecting thread could not keep up."""
        if not self._closed:
            self._dropped = self._count_drops()
        return self._dropped

    def wait_for(self, predicate: Callable[[Frame], bool], *, timeout_s: float = 5, since: int = 0) -> Frame:
        """Wait for a frame and return the first, be it recorded before the call or after.

        Args:
            predicate: Tells whether a frame is the one.
            timeout_s: How long to wait, in seconds.
            since: The earliest instant of the frame, in nanoseconds of the lab's clock.

        Raises:
            TimeoutError: none came in time.
        """
        deadline = time.monotonic() + timeout_s
        examined = 0
        with self._changed:
            while True:
                for frame in self._frames[examined:]:
                    if frame.at >= since and predicate(frame):
                        return frame
                examined = len(self._frames)
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"none of {examined} frames in {timeout_s} s was the one waited for")

    def write_pcap(self, path: Path) -> None:
        """Write what was recorded as a pcap file with nanoseconds of the wall clock."""
        with path.open("wb") as file:
            file.write(struct.pack("=IHHiIII", 0xA1B2_3C4D, 2, 4, 0, 0, _LONGEST_FRAME, 1))
            for frame in self.frames:
                seconds, nanoseconds = divmod(frame.at - self._offset, clock.SECOND)
                file.write(struct.pack("=IIII", seconds, nanoseconds, len(frame.data), len(frame.data)))
                file.write(frame.data)

    def _collect(self) -> None:
        """Move frames from the socket to the list until told to stop."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        poller.register(self._wake_reader, select.POLLHUP)
        while True:
            ready = dict(poller.poll())
            # Emptied in either case: what came before the end belongs to the record.
            batch = self._read_all()
            if batch:
                with self._changed:
                    self._frames.extend(batch)
                    self._changed.notify_all()
            if self._wake_reader in ready:
                return

    def _read_all(self) -> list[Frame]:
        """Read the frames that wait on the socket."""
        batch: list[Frame] = []
        while True:
            try:
                data, ancillary, _flags, sender = self._socket.recvmsg(_LONGEST_FRAME, _ANCILLARY_BYTES)
            except BlockingIOError:
                return batch
            except OSError:  # ENETDOWN, told once when an interface goes down; the socket works on
                continue
            interface, _protocol, packet_type = sender[:3]
            host = self._hosts.get(interface)
            outgoing = packet_type == _PACKET_OUTGOING
            if host is None or (self._incoming_only and outgoing):
                continue
            at = _stamp(ancillary) + self._offset
            batch.append(Frame(at=at, host=host, sent=outgoing or self._incoming_only, data=data))

    def _count_drops(self) -> int:
        # Reading the kernel's counters sets them back to zero.
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return self._dropped + int(struct.unpack("=II", statistics)[1])


def open_packet_socket(bpf: Sequence[BpfInstruction], *, incoming_only: bool) -> socket.socket:
    """Open a packet socket in this thread's namespace that receives on all interfaces from its return on."""
    # Protocol 0 receives nothing, so that no frame arrives before the stamps are on and the filter is in
    # place.
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    receiver.settimeout(0)
    receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    if incoming_only:
        receiver.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
    except PermissionError:  # older kernels want root of the machine; then net.core.rmem_max is the limit
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    if bpf:
        attach_filter(receiver, bpf)
    _await_stamps()
    syscalls.bind_to_all_interfaces(receiver, _ETH_P_ALL)
    return receiver


def _await_stamps() -> None:
    """Wait until the kernel stamps packets when they arrive, as it does while a socket asks for it.

    It begins a while after the first socket has asked, and until then stamps a packet when it is read. The
    difference shows in a packet that is sent over the loopback and read afterwards.
    """
    deadline = time.monotonic() + _AWAIT_STAMPS_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loop:
        loop.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.bind(("127.0.0.1", 0))
        loop.settimeout(_AWAIT_STAMPS_S)
        while time.monotonic() < deadline:
            loop.sendto(b"", loop.getsockname())
            sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
            if _stamp(loop.recvmsg(0, _ANCILLARY_BYTES)[1]) <= sent:
                return
    raise TimeoutError(f"the kernel has not begun to stamp packets in {_AWAIT_STAMPS_S} s")


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the kernel's time stamp from what came along with a packet, in ns of the wall clock."""
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    return int(seconds) * clock.SECOND + int(nanoseconds)


def attach_filter(receiver: socket.socket, bpf: Sequence[BpfInstruction]) -> None:
    """Attach a classic BPF program to a socket."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in bpf))
    receiver.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(bpf), ctypes.addressof(program))
    )
