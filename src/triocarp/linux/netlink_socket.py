"""A conversation with rtnetlink that never waits.

The kernel answers inside sendmsg(2): when `send` returns, the acknowledgement is readable, and a dump makes
its next part whenever one is read. So requests are ordinary function calls, and only notifications need a
task.
"""

import contextlib
import errno
import itertools
import os
import socket
from types import TracebackType
from typing import Final, Self, final

from triocarp.linux import packet_filter, rtnetlink_messages
from triocarp.linux.packet_filter import Instruction
from triocarp.linux.rtnetlink_messages import AddressReport, Ended, Report

# <linux/rtnetlink.h>
RTMGRP_LINK: Final = 0x1
RTMGRP_IPV4_IFADDR: Final = 0x10
RTMGRP_IPV6_IFADDR: Final = 0x100

_SOL_NETLINK: Final = 270  # <linux/socket.h>
_NETLINK_GET_STRICT_CHK: Final = 12  # <linux/netlink.h>, Linux 4.20

_DATAGRAM_LENGTH_MAX: Final = 1 << 16  # the kernel makes parts of a dump as long as the reader allows
_ACKNOWLEDGEMENT_LENGTH_MAX: Final = 1 << 12  # a header, an error number and at most the request again
_DUMP_ATTEMPTS: Final = 10  # each one interrupted means that the interfaces changed meanwhile


@final
class NetlinkSocket:
    """One AF_NETLINK socket of the routing family, non-blocking.

    Args:
        groups: of notifications to receive, ``RTMGRP_...``; 0 for none.
        program: filter for what is received.
        strict: have the kernel heed what a request for a list says about which objects it wants, if it can.

    Raises:
        OSError: the system is out of file descriptors or memory.
    """

    __slots__ = ("_numbers", "_socket", "port_id")

    def __init__(self, *, groups: int = 0, program: tuple[Instruction, ...] = (), strict: bool = False) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._numbers = itertools.count(1)
        try:
            if program:
                packet_filter.attach(self._socket, program)
            if strict:
                with contextlib.suppress(OSError):  # an older kernel lists more than it is asked for
                    self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise
        self.port_id: int = self._socket.getsockname()[0]

    def fileno(self) -> int:
        """Return the file descriptor, to wait for notifications."""
        return self._socket.fileno()

    def request(self, message: bytes) -> None:
        """Have the kernel carry out a request that asks for an acknowledgement.

        Not for a socket with notifications, which would come in between.

        Args:
            message: the encoded request.

        Raises:
            OSError: the request was not carried out; with the kernel's error number.
        """
        self._socket.send(message)
        error = rtnetlink_messages.acknowledged_error(self._socket.recv(_ACKNOWLEDGEMENT_LENGTH_MAX))
        if error:
            raise OSError(error, os.strerror(error))

    def ask(self, question: bytes) -> list[Report]:
        """Return what the kernel answers to a question that has a single answer; nothing of no interest here.

        Not for a socket with notifications, which would come in between.

        Args:
            question: the encoded request, without a wish for an acknowledgement.

        Raises:
            OSError: the answer is an error.
        """
        self._socket.send(question)
        reports = self.receive()
        for report in reports:
            if isinstance(report, Ended) and report.error:
                raise OSError(report.error, os.strerror(report.error))
        return reports

    def find(self, question: bytes) -> AddressReport | None:
        """Return how an IPv6 address is on an interface, with whatever prefix length, or None if it is not there.

        Args:
            question: from `rtnetlink_messages.request_to_find`.

        Raises:
            OSError: the kernel does not answer.
        """
        try:
            reports = self.ask(question)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return None
        return next((report for report in reports if isinstance(report, AddressReport)), None)

    def dump(self, family: int = socket.AF_UNSPEC) -> list[Report]:
        """Return all interfaces and all addresses, and in between the notifications that came meanwhile.

        The socket's queue keeps both in the order in which they were so: taking note of one after the other
        gives what is so now.

        Args:
            family: ``AF_INET`` for the addresses of IPv4 alone.

        Raises:
            OSError: ENOBUFS if notifications were lost; others if the kernel refuses.
        """
        for _ in range(_DUMP_ATTEMPTS):
            reports: list[Report] = []
            complete = True
            number = next(self._numbers)
            self._socket.send(rtnetlink_messages.request_for_links(number))
            complete &= self._read_dump(number, reports)
            number = next(self._numbers)
            self._socket.send(rtnetlink_messages.request_for_addresses(number, family))
            complete &= self._read_dump(number, reports)
            if complete:
                return reports
        raise OSError(errno.EINTR, "the interfaces changed faster than they could be listed")

    def collect(self, question: bytes) -> list[bytes]:
        """Return the messages of a list, each whole, as the kernel gives them.

        Not for a socket with notifications, which would come in between.

        Args:
            question: the encoded request for it.

        Raises:
            OSError: the kernel refuses, or the list changed faster than it could be read.
        """
        for _ in range(_DUMP_ATTEMPTS):
            self._socket.send(question)
            messages, complete = self._read_messages()
            if complete:
                return messages
        raise OSError(errno.EINTR, "what was listed changed faster than it could be read")

    def _read_messages(self) -> tuple[list[bytes], bool]:
        found: list[bytes] = []
        complete = True
        while True:
            for kind, flags, message in rtnetlink_messages.split(self._socket.recv(_DATAGRAM_LENGTH_MAX)):
                complete = complete and not flags & rtnetlink_messages.NLM_F_DUMP_INTERRUPTED
                if kind not in (rtnetlink_messages.NLMSG_DONE, rtnetlink_messages.NLMSG_ERROR):
                    found.append(message)
                    continue
                error = rtnetlink_messages.ended_error(message)
                if error:
                    raise OSError(error, os.strerror(error))
                return found, complete

    def receive(self) -> list[Report]:
        """Return what the next notification says.

        Raises:
            BlockingIOError: there is none.
            OSError: ENOBUFS if notifications were lost.
        """
        return list(rtnetlink_messages.read(self._socket.recv(_DATAGRAM_LENGTH_MAX)))

    def close(self) -> None:
        """Close. Closing twice is fine."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _read_dump(self, number: int, reports: list[Report]) -> bool:
        """Append the answers to a dump request; return whether nothing changed meanwhile."""
        complete = True
        while True:
            for report in self.receive():
                if not isinstance(report, Ended):
                    reports.append(report)
                elif report.number == number:
                    if report.error:
                        raise OSError(report.error, os.strerror(report.error))
                    return complete and not report.interrupted
