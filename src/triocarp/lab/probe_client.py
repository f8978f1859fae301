"""The process that sends a probe's echo requests, run by `probe.Probe` as a script of its own.

It is a process because a thread would wait for its interpreter's lock, and it imports nothing but the
standard library, so that it starts in 10 ms. Its sockets are opened by the parent, in the right namespace,
and inherited.

Arguments: the address to probe; descriptor of a raw ICMP or ICMPv6 socket; descriptor of a packet socket that
receives its echo replies with the kernel's time stamps; ICMP identifier; interval in ns; what to add to a
stamp of the wall clock, in ns. Standard output: a stream of `RECORD`s. The end of standard input ends the
process.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from typing import Final

RECORD: Final = struct.Struct("=B7xqq8s")
"""Kind, sequence number from 0, instant in ns of CLOCK_BOOTTIME, MAC of a reply's sender (and two zero
bytes)."""
SENT: Final = 0
REPLIED: Final = 1

_ECHO_REQUEST: Final = 0x0800
_ECHO_REQUEST6: Final = 0x8000
_ECHO: Final = struct.Struct("!HHHH")
_SEQUENCE_OFFSET: Final = 14 + 20 + 6
_SEQUENCE_OFFSET6: Final = 14 + 40 + 6
_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_BATCH_NS: Final = 10_000_000
# A reply takes about 0.05 ms; what has not come after this is lost.
_LAST_REPLY_MS: Final = 20


def requests_per_batch(interval: int) -> int:
    """Return after how many requests, sent `interval` ns apart, the replies are fetched and reported.

    They wait on their socket, already stamped: to fetch several at once saves work, and the parent hears soon
    enough.
    """
    return max(1, _BATCH_NS // interval)


class Client:
    """The sockets and the record of what was sent."""

    def __init__(
        self, address: str, sender: socket.socket, receiver: socket.socket, identifier: int, offset: int
    ) -> None:
        """Take over the sockets.

        Args:
            address: The address to probe.
            sender: A raw ICMP or ICMPv6 socket.
            receiver: A packet socket.
            identifier: The ICMP identifier.
            offset: What to add to a stamp of the wall clock, in ns.
        """
        self._address = (address, 0)
        self._ipv6 = ":" in address
        self._sequence_offset = _SEQUENCE_OFFSET6 if self._ipv6 else _SEQUENCE_OFFSET
        self._sender = sender
        self._receiver = receiver
        self._identifier = identifier
        self._offset = offset
        self._next = 0
        self._records: list[bytes] = []

    def send(self) -> None:
        """Send one echo request; the kernel's refusal (no route, no neighbour) counts as a loss."""
        low = self._next & 0xFFFF
        kind = _ECHO_REQUEST6 if self._ipv6 else _ECHO_REQUEST
        total = kind + self._identifier + low
        # That of ICMPv6, which covers addresses, too, the kernel puts in.
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        request = _ECHO.pack(kind, checksum, self._identifier, low)
        self._records.append(RECORD.pack(SENT, self._next, time.clock_gettime_ns(time.CLOCK_BOOTTIME), b""))
        self._next += 1
        try:
            self._sender.sendto(request, self._address)
        except OSError:
            return

    def receive(self) -> None:
        """Take note of the replies that wait."""
        while True:
            try:
                data, ancillary, _flags, source = self._receiver.recvmsg(64, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError:  # ENETDOWN, told once when an interface goes down; the socket works on
                continue
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            low = int.from_bytes(data[self._sequence_offset : self._sequence_offset + 2])
            last = self._next - 1
            sequence = last - ((last - low) & 0xFFFF)
            at = seconds * 1_000_000_000 + nanoseconds + self._offset
            self._records.append(RECORD.pack(REPLIED, sequence, at, source[4]))

    def report(self) -> None:
        """Write what was noted to standard output."""
        data = b"".join(self._records)
        self._records.clear()
        while data:
            data = data[os.write(1, data) :]

    def wait_for_last_reply(self) -> None:
        """Give a reply that is under way the time to arrive."""
        select.select([self._receiver], [], [], _LAST_REPLY_MS / 1000)
        self.receive()


def main(arguments: list[str]) -> None:
    """Send until standard input ends."""
    address = arguments[0]
    sender_fd, receiver_fd, identifier, interval, offset = map(int, arguments[1:])
    stop = select.poll()
    stop.register(0, select.POLLIN | select.POLLHUP)
    with socket.socket(fileno=sender_fd) as sender, socket.socket(fileno=receiver_fd) as receiver:
        receiver.settimeout(0)
        sender.settimeout(0)
        client = Client(address, sender, receiver, identifier, offset)
        batch = requests_per_batch(interval)
        deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        while not stop.poll(0):
            for _ in range(batch):
                client.send()
                # The grid of deadlines is fixed, so that lateness does not add up; what was overslept is left
                # out.
                late = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - deadline
                deadline += interval * (1 + max(0, late) // interval)
                time.sleep(max(0, deadline - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) / 1e9)
            client.receive()
            client.report()
        client.wait_for_last_reply()
        client.report()


if __name__ == "__main__":
    main(sys.argv[1:])
