"""Watch which hosts hold an address, and find the time during which two of them did.

One socket in the switch's namespace hears the rtnetlink notifications of all the hosts' namespaces
(`NETLINK_LISTEN_ALL_NSID`), so that their order is the kernel's, also between hosts. The kernel puts no time
on them: an instant is when a thread of this process read the notification, which is late by about 0.1 ms, and
by up to 10 ms while other threads of this process compute or the machine is busy.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from triocarp.lab import clock
from triocarp.lab.rtnetlink import RTM_NEWADDR, IPInterface, Rtnetlink, messages, read_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import TracebackType

    from triocarp.lab.host import Host

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_RTMGRP_IPV4_IFADDR: Final = 0x10
_RTMGRP_IPV6_IFADDR: Final = 0x100
_SOL_NETLINK: Final = 270
_NETLINK_LISTEN_ALL_NSID: Final = 8
_NUMBER: Final = struct.Struct("=i")
_RECEIVE_BYTES: Final = 1 << 16
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_NUMBER.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A time during which a host had the address.

    Attributes:
        host: The host's name.
        since: When it was added, in nanoseconds of the lab's clock.
        until: When it was removed; None while it is still there.
    """

    host: str
    since: int
    until: int | None


class _Watch:
    """What is known about one host."""

    def __init__(self, host: Host) -> None:
        self.name = host.name
        self.rtnetlink = host.call(Rtnetlink)
        # The same address may be there with two prefix lengths or on two interfaces, and goes when the last
        # one goes.
        self.instances: set[tuple[int, IPInterface]] = set()
        self.since: int | None = None
        self.changed_at = clock.now()


class Holders:
    """Who holds an address, from now until it is closed; a context manager.

    What hosts held before is known as held since the start.
    """

    def __init__(self, hosts: Iterable[Host], address: str | IPAddress) -> None:
        """Start to watch.

        Args:
            hosts: The hosts to watch, of one LAN.
            address: The virtual IP address, without a prefix length: any counts.
        """
        hosts = tuple(hosts)
        self._address = ipaddress.ip_address(address)
        self._past: list[Holding] = []
        self._changed = threading.Condition()
        self._closed = False
        self._notifications = hosts[0].switch_namespace.call(_open)
        self._watches = {host.number: _Watch(host) for host in hosts}
        self._ask()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._listen, name="holders", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, after all that the kernel has told up to now is known; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        os.close(self._wake_writer)
        self._thread.join()
        os.close(self._wake_reader)
        self._notifications.close()
        for watch in self._watches.values():
            watch.rtnetlink.close()

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """All times of holding, past and present, by their beginning."""
        with self._changed:
            present = [
                Holding(host=watch.name, since=watch.since, until=None)
                for watch in self._watches.values()
                if watch.since is not None
            ]
            return tuple(sorted([*self._past, *present], key=lambda holding: holding.since))

    def holders_now(self) -> frozenset[str]:
        """Return the names of the hosts that hold the address now."""
        with self._changed:
            return self._names()

    def wait_until_holder(self, *hosts: Host, timeout_s: float = 5, excluding: Collection[str] = ()) -> int:
        """Wait until a host, and no other, holds the address.

        Args:
            hosts: That host; without any, wait until nobody holds the address; several must hold it together.
            timeout_s: How long to wait, in seconds.
            excluding: Names of hosts that don't count, such as a crashed one, which still has the address.

        Returns:
            Since when it is so, in nanoseconds of the lab's clock.

        Raises:
            TimeoutError: it did not come to that in time.
        """
        wanted = frozenset(host.name for host in hosts)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._names() - set(excluding) != wanted:
                if not self._changed.wait(deadline - time.monotonic()):
                    holders = sorted(self._names())
                    raise TimeoutError(
                        f"{self._address} is held by {holders} after {timeout_s} s, not by {sorted(wanted)}"
                    )
            return max(one.changed_at for one in self._watches.values() if one.name not in excluding)

    def overlap_ns(self, since: int, until: int, *, excluding: Collection[str] = ()) -> int:
        """Return for how long, of a span of time, at least two hosts held the address.

        Args:
            since: Begin of the span, in nanoseconds of the lab's clock.
            until: Its end.
            excluding: Names of hosts that don't count: a crashed host still has the address, but can't
                answer.
        """
        return overlap_ns([one for one in self.holdings if one.host not in excluding], since, until)

    def _names(self) -> frozenset[str]:
        return frozenset(watch.name for watch in self._watches.values() if watch.instances)

    def _listen(self) -> None:
        """Follow the notifications until told to stop."""
        poller = select.poll()
        poller.register(self._notifications, select.POLLIN)
        poller.register(self._wake_reader, select.POLLHUP)
        stopped = False
        while not stopped:
            stopped = self._wake_reader in dict(poller.poll())
            # Read in either case: what was told before the end still counts.
            notifications, complete = self._read_all()
            for instant, number, datagram in notifications:
                self._apply(instant, number, datagram)
            if not complete:
                self._ask()

    def _read_all(self) -> tuple[list[tuple[int, int, bytes]], bool]:
        """Read what waits, each with its instant and host's number, and tell whether nothing was lost.

        When the socket overflows, the kernel says so once and then drops silently until the socket is empty.
        So only the state after that is whole.
        """
        notifications: list[tuple[int, int, bytes]] = []
        complete = True
        while True:
            try:
                datagram, ancillary, _flags, _sender = self._notifications.recvmsg(
                    _RECEIVE_BYTES, _ANCILLARY_BYTES
                )
            except BlockingIOError:
                return notifications, complete
            except OSError as exc:
                if exc.errno != errno.ENOBUFS:
                    raise
                complete = False
                continue
            if ancillary:  # otherwise it is of the switch's own namespace
                notifications.append((clock.now(), _NUMBER.unpack(ancillary[0][2])[0], datagram))

    def _apply(self, instant: int, number: int, datagram: bytes) -> None:
        """Take note of what one notification says."""
        watch = self._watches.get(number)
        if watch is None or self._address.packed not in datagram:
            return
        instances = set(watch.instances)
        for kind, _sequence, body in messages(datagram):
            address = read_address(body)
            if address.ip.ip == self._address:
                change = instances.add if kind == RTM_NEWADDR else instances.discard
                change((address.interface, address.ip))
        self._set(watch, instant, instances)

    def _ask(self) -> None:
        """Ask the kernel for the whole truth: at the start, and when notifications were lost."""
        for watch in self._watches.values():
            present = watch.rtnetlink.addresses()
            instances = {(one.interface, one.ip) for one in present if one.ip.ip == self._address}
            self._set(watch, clock.now(), instances)

    def _set(self, watch: _Watch, instant: int, instances: set[tuple[int, IPInterface]]) -> None:
        with self._changed:
            if instances and watch.since is None:
                watch.since = instant
            elif not instances and watch.since is not None:
                self._past.append(Holding(host=watch.name, since=watch.since, until=instant))
                watch.since = None
            if bool(instances) != bool(watch.instances):
                watch.changed_at = instant
            watch.instances = instances
            self._changed.notify_all()


def overlap_ns(holdings: Iterable[Holding], since: int, until: int) -> int:
    """Return for how long, between two instants, at least two holdings coincide, in nanoseconds."""
    steps: list[tuple[int, int]] = []
    for holding in holdings:
        begin = max(holding.since, since)
        end = until if holding.until is None else min(holding.until, until)
        if begin < end:
            steps += [(begin, 1), (end, -1)]
    total, count, previous = 0, 0, since
    for instant, step in sorted(steps):
        if count >= 2:  # noqa: PLR2004 - two are one too many
            total += instant - previous
        count, previous = count + step, instant
    return total


def _open() -> socket.socket:
    """Open a socket in this thread's namespace that hears of addresses in all that have a number here."""
    notifications = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    notifications.settimeout(0)
    notifications.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
    notifications.bind((0, _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
    return notifications
