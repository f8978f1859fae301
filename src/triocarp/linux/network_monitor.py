"""What others do to the interfaces and virtual addresses of this host, as the core's events.

One socket listens to links and addresses. It subscribes first and asks for all there is afterwards, so
nothing falls between; and when the kernel had to drop notifications, it starts again in the same way and
reports all. What this host's own address port did is no event. A filter drops its notifications before they wake
anybody: with 255 virtual hosts they would be hundreds a second.

The families differ in how own doing is known. On a notification about an IPv4 address the kernel stamps the port
and the number of the request, so each is news or not by itself. About an IPv6 address it says what happened, not
who did it. So such a notification is only a reason to ask how the address is now, and to compare that with how
the address port has left it: a difference is somebody else's doing. An address that somebody takes off which this
host does not hold is no news then; but nobody needs to know.
"""

import errno
import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Interface, IPv6Interface
from types import TracebackType
from typing import Final, Self, TypeAlias, final

import trio

from triocarp.core.events import AddressChanged, Link, LinkChanged
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.linux import packet_filter
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.netlink_socket import (
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_LINK,
    NetlinkSocket,
)
from triocarp.linux.rtnetlink_messages import (
    ADDRESS_PROTOCOL,
    RTM_NEWADDR,
    AddressReport,
    LinkReport,
    Report,
    request_to_find,
)

Change: TypeAlias = LinkChanged | AddressChanged
"""What the monitor reports."""

READ_BATCH: Final = 64
"""Notifications that one `NetworkMonitor.read` takes at most, so that a host on which thousands of interfaces come
and go still looks at its timers in between."""

_START_ATTEMPTS: Final = 5  # each failed one means that notifications overran a new socket within milliseconds


@final
class NetworkMonitor:
    """Watches some interfaces, and some addresses on them.

    Call `start`, feed its events to the core, and then loop over `await wait_readable()` and `read()`. IPv6 is
    not listened to where no IPv6 address is watched.

    Args:
        watched: the virtual addresses, by the name of the interface on which they belong.
        table: kept up to date with all interfaces and addresses of the host.
        own_port_id: of the address port whose changes are no events.
    """

    __slots__ = (
        "_asking",
        "_ipv6",
        "_netlink",
        "_own_port_id",
        "_reported",
        "_table",
        "_unsettled",
        "_watched",
    )

    def __init__(
        self, watched: Mapping[str, tuple[IPInterface, ...]], *, table: InterfaceTable, own_port_id: int
    ) -> None:
        self._watched: dict[str, dict[IPAddress, IPInterface]] = {
            interface: {address.ip: address for address in addresses} for interface, addresses in watched.items()
        }
        self._ipv6 = any(
            family_of(address) is Family.IPV6 for addresses in watched.values() for address in addresses
        )
        self._unsettled: dict[tuple[str, IPv6Interface], int] = {}  # of which there was news, and on which number
        self._table = table
        self._own_port_id = own_port_id
        self._netlink: NetlinkSocket | None = None
        self._asking: NetlinkSocket | None = None
        self._reported: dict[str, LinkChanged] = {}

    def start(self) -> tuple[Change, ...]:
        """Begin to listen, and return how things are: every watched interface and every watched address.

        Raises:
            OSError: the kernel does not answer, or changes come faster than they can be read.
        """
        attempts = range(_START_ATTEMPTS)
        for attempt in attempts:
            self.close()
            self._unsettled.clear()
            self._asking = NetlinkSocket() if self._ipv6 else None
            program = packet_filter.unless_own(RTM_NEWADDR, self._own_port_id, ADDRESS_PROTOCOL)
            groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | (RTMGRP_IPV6_IFADDR if self._ipv6 else 0)
            self._netlink = NetlinkSocket(groups=groups, program=program)
            try:
                reports = self._netlink.dump(socket.AF_UNSPEC if self._ipv6 else socket.AF_INET)
            except OSError as error:
                if error.errno != errno.ENOBUFS or attempt == attempts[-1]:
                    raise
                continue
            self._table.clear()
            for report in reports:
                self._table.apply(report)
            break
        return tuple(self._everything())

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        await trio.lowlevel.wait_readable(self._started)

    def read(self) -> tuple[Change, ...]:
        """Return what has changed, without waiting; at most `READ_BATCH` notifications are looked at.

        When the kernel had to drop notifications this is everything, as from `start`.

        Raises:
            OSError: the kernel does not answer any more.
        """
        changes: list[Change] = []
        for _ in range(READ_BATCH):
            try:
                reports = self._started.receive()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                return (*changes, *self.start())
            for report in reports:
                changes.extend(self._take_note(report))
        return (*changes, *self._settle())

    def close(self) -> None:
        """Stop listening, when no task waits any more. Closing twice is fine."""
        for closing in (self._netlink, self._asking):
            if closing is not None:
                closing.close()
        self._netlink = self._asking = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _started(self) -> NetlinkSocket:
        if self._netlink is None:
            raise RuntimeError("the monitor listens only between start() and close()")
        return self._netlink

    def _everything(self) -> Iterator[Change]:
        for interface, addresses in self._watched.items():
            self._reported[interface] = self._condition(interface)
            yield self._reported[interface]
            for ip, address in addresses.items():
                present = bool(self._table.variants_of(interface, ip))
                yield AddressChanged(interface=interface, address=address, present=present)

    def _condition(self, interface: str) -> LinkChanged:
        found = self._table.find(interface)
        if found is None:
            return LinkChanged(interface=interface, link=Link.ABSENT)
        return LinkChanged(interface=interface, link=found.link, hardware_address=found.hardware_address)

    def _take_note(self, report: Report) -> Iterator[Change]:
        match report:
            case LinkReport():
                if report.link is Link.ABSENT:
                    yield from self._settle()  # the addresses went before the interface that had them
                # By a renaming, one notification is news of two names.
                names = (self._table.name_of(report.index), report.name)
                self._table.apply(report)
                for interface in dict.fromkeys(names):
                    if interface in self._watched:
                        yield from self._link_change(interface)
            case AddressReport():
                self._table.apply(report)
                interface = self._table.name_of(report.index)
                address = self._watched.get(interface or "", {}).get(report.address.ip)
                if interface is None or address is None:
                    return
                if isinstance(address, IPv6Interface):
                    self._unsettled[interface, address] = report.index
                else:
                    yield from self._address_change(interface, address, report)
            case _:
                pass

    def _link_change(self, interface: str) -> Iterator[LinkChanged]:
        condition = self._condition(interface)
        if self._reported.get(interface) != condition:
            self._reported[interface] = condition
            yield condition

    def _address_change(
        self, interface: str, address: IPv4Interface, report: AddressReport
    ) -> Iterator[AddressChanged]:
        # The number of a request is the address that it is about: another one vanished as its side effect.
        own_doing = report.port_id == self._own_port_id and report.number == int(address.ip)
        # An address can be there twice, with two prefix lengths; ours is gone only when it is the one with ours.
        gone_with_another_length = not report.present and report.address != address
        if not own_doing and not gone_with_another_length:
            if not report.present:
                self._table.held_on(report.index).discard(address)
            yield AddressChanged(interface=interface, address=address, present=report.present)

    def _settle(self) -> Iterator[AddressChanged]:
        """Compare the IPv6 addresses of which there was news with how the address port has left them."""
        unsettled, self._unsettled = self._unsettled, {}
        for (interface, address), index in unsettled.items():
            found = None if self._asking is None else self._asking.find(request_to_find(index, address))
            held = self._table.held_on(index)
            if address not in held:
                if found is not None and not found.duplicate:
                    yield AddressChanged(interface=interface, address=address, present=True)
            # What is tentative does not answer: somebody has put it in the place of ours.
            elif found is None or found.tentative:
                held.discard(address)
                yield AddressChanged(interface=interface, address=address, present=False)
