"""A client that asks for an echo every millisecond, and finds the times in which it got none.

Both ends are real kernels, and so is the client's ARP cache: what the probe sees is what any client of the
virtual address sees. The requests are sent by a process of its own (`probe_client`), which takes about 7 % of
a core.

An outage is a gap between the arrivals of two successive replies in which probes were sent and not answered.
A client that was itself held up sent nothing meanwhile, and reports no outage. Arrivals count, not
departures, because a probe may wait for a long time in the client's ARP queue.
"""

from __future__ import annotations

import bisect
import itertools
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from triocarp.lab import clock, probe_client
from triocarp.lab.capture import BpfInstruction, open_packet_socket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from triocarp.lab.host import Host

_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1
_START_S: Final = 5
# One probe answered late is the scheduler's doing; this many in a row had nobody to answer them.
_LATE_PROBES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An echo reply.

    Attributes:
        sequence: The number of the probe that it answers, from 0.
        at: When the client's kernel received it, in nanoseconds of the lab's clock.
        mac: The Ethernet address that it came from.
    """

    sequence: int
    at: int
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time without an answer.

    Attributes:
        start_ns: When the last reply before it arrived, in nanoseconds of the lab's clock.
        end_ns: When the first reply after it arrived; None while it lasts.
        duration_ns: From the one to the other (or to the last probe sent), less the interval, which would
            have passed between two replies anyway.
        lost: How many probes were never answered; others may have been answered late.
        before_mac: Who answered before.
        after_mac: Who answered afterwards; None while it lasts.
    """

    start_ns: int
    end_ns: int | None
    duration_ns: int
    lost: int
    before_mac: str
    after_mac: str | None


class Probe:
    """Echo requests from a host to an address, from now until it is closed; a context manager."""

    def __init__(self, host: Host, address: str, *, interval_ns: int = clock.MILLISECOND) -> None:
        """Start to send.

        Args:
            host: The client.
            address: The virtual address.
            interval_ns: From one request to the next, in nanoseconds.

        Raises:
            TimeoutError: the sending process did not start.
        """
        self._interval = interval_ns
        self._sent: list[int] = []
        self._replies: list[Reply] = []
        self._changed = threading.Condition()
        self._closed = False
        self._process = _start(host, address, interval_ns)
        self._thread = threading.Thread(target=self._collect, name="probe", daemon=True)
        self._thread.start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._sent, _START_S):
                raise TimeoutError(f"the process that probes {address} sent nothing in {_START_S} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Send no more, and wait for what is under way; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._thread.join()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def sent(self) -> tuple[int, ...]:
        """When each probe was sent, in nanoseconds of the lab's clock."""
        with self._changed:
            return tuple(self._sent)

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The replies in the order of their arrival; known up to 10 ms (or one interval) later."""
        with self._changed:
            return tuple(self._replies)

    def wait_for_reply(self, *, since: int = 0, mac: str | None = None, timeout_s: float = 5) -> Reply:
        """Wait for a reply and return the first, be it recorded before the call or after.

        Args:
            since: The earliest instant of its arrival, in nanoseconds of the lab's clock.
            mac: Who must have sent it; None for anybody.
            timeout_s: How long to wait, in seconds.

        Raises:
            TimeoutError: none came in time.
        """
        deadline = time.monotonic() + timeout_s
        examined = 0
        with self._changed:
            while True:
                for reply in self._replies[examined:]:
                    if reply.at >= since and mac in (None, reply.mac):
                        return reply
                examined = len(self._replies)
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no reply from {mac or 'anybody'} in {timeout_s} s, {examined} before")

    def outages(self, *, since: int = 0) -> tuple[Outage, ...]:
        """Find the outages among what is known by now.

        Args:
            since: Leave out those that were over by then, in nanoseconds of the lab's clock.
        """
        # The replies to the last batch may not be known yet.
        under_way = 0 if self._closed else probe_client.requests_per_batch(self._interval)
        return find_outages(self.sent, self.replies, self._interval, since=since, under_way=under_way)

    def _collect(self) -> None:
        """Move records from the process to the lists until it ends."""
        size = probe_client.RECORD.size
        stream = self._process.stdout
        rest = b""
        while stream is not None and (data := os.read(stream.fileno(), 1 << 16)):
            rest += data
            whole = len(rest) // size * size
            with self._changed:
                for kind, sequence, at, mac in probe_client.RECORD.iter_unpack(rest[:whole]):
                    if kind == probe_client.SENT:
                        self._sent.append(at)
                    else:
                        self._replies.append(Reply(sequence=sequence, at=at, mac=mac[:6].hex(":")))
                self._changed.notify_all()
            rest = rest[whole:]


def find_outages(
    sent: Sequence[int], replies: Sequence[Reply], interval_ns: int, *, since: int = 0, under_way: int = 0
) -> tuple[Outage, ...]:
    """Find the outages in what a client has sent and received.

    Args:
        sent: When each probe was sent, in nanoseconds.
        replies: In the order of their arrival.
        interval_ns: From one probe to the next, in nanoseconds.
        since: Leave out those that were over by then.
        under_way: To how many of the last probes there may be replies that are not known yet.
    """
    answered = {reply.sequence for reply in replies}
    found: list[Outage] = []
    for before, after in itertools.pairwise(replies):
        if after.at < since or after.at - before.at <= interval_ns:
            continue
        unanswered = _sent_between(sent, before.at, after.at) - {after.sequence}
        lost = unanswered - answered
        if lost or len(unanswered) >= _LATE_PROBES:
            found.append(
                Outage(
                    start_ns=before.at,
                    end_ns=after.at,
                    duration_ns=after.at - before.at - interval_ns,
                    lost=len(lost),
                    before_mac=before.mac,
                    after_mac=after.mac,
                )
            )
    return (*found, *_present_outage(sent, replies, interval_ns, under_way))


def _present_outage(
    sent: Sequence[int], replies: Sequence[Reply], interval_ns: int, under_way: int
) -> tuple[Outage, ...]:
    """Return the outage that still lasts, if one does."""
    if not replies:
        return ()
    before = replies[-1]
    unanswered = _sent_between(sent, before.at, sent[-1] + 1)
    if len(unanswered) <= under_way:
        return ()
    return (
        Outage(
            start_ns=before.at,
            end_ns=None,
            duration_ns=max(0, sent[-1] - before.at - interval_ns),
            lost=len(unanswered),
            before_mac=before.mac,
            after_mac=None,
        ),
    )


def _sent_between(sent: Sequence[int], begin: int, end: int) -> set[int]:
    """Return the numbers of the probes sent after `begin` and before `end`."""
    return set(range(bisect.bisect_right(sent, begin), bisect.bisect_left(sent, end)))


def _start(host: Host, address: str, interval_ns: int) -> subprocess.Popen[bytes]:
    """Open the sockets on the host and start the process that uses them."""
    identifier = random.SystemRandom().randrange(1 << 16)
    offset, _error = clock.realtime_offset()
    open_sender, replies = (_open_sender6, _echo_replies6) if ":" in address else (_open_sender, _echo_replies)
    with (
        host.call(open_sender) as sender,
        host.call(lambda: open_packet_socket(replies(identifier), incoming_only=True)) as receiver,
    ):
        argv = [sys.executable, "-I", "-S", str(Path(probe_client.__file__))]
        values = [sender.fileno(), receiver.fileno(), identifier, interval_ns, offset]
        return host.popen(
            [*argv, address, *map(str, values)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(sender.fileno(), receiver.fileno()),
        )


def _open_sender() -> socket.socket:
    """Open a raw ICMP socket, in this thread's namespace, that sends and receives nothing."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sender.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFF_FFFF))
    return sender


def _open_sender6() -> socket.socket:
    """Open the same of ICMPv6."""
    sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    sender.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, b"\xff" * 32)
    return sender


def _echo_replies(identifier: int) -> tuple[BpfInstruction, ...]:
    """Return the BPF program that accepts the ICMP echo replies with an identifier."""
    return (
        (0x28, 0, 0, 12),  # the ethertype
        (0x15, 0, 7, 0x0800),
        (0x30, 0, 0, 23),  # the IP protocol
        (0x15, 0, 5, socket.IPPROTO_ICMP),
        (0x30, 0, 0, 34),  # the ICMP type, behind an IP header without options
        (0x15, 0, 3, 0),
        (0x28, 0, 0, 38),  # the identifier
        (0x15, 0, 1, identifier),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )


def _echo_replies6(identifier: int) -> tuple[BpfInstruction, ...]:
    """Return the same of ICMPv6."""
    return (
        (0x28, 0, 0, 12),  # the ethertype
        (0x15, 0, 7, 0x86DD),
        (0x30, 0, 0, 20),  # the next header
        (0x15, 0, 5, socket.IPPROTO_ICMPV6),
        (0x30, 0, 0, 54),  # the ICMPv6 type
        (0x15, 0, 3, 129),
        (0x28, 0, 0, 58),  # the identifier
        (0x15, 0, 1, identifier),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
