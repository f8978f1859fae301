"""Puts the kernel's ports and sources together for the virtual hosts of one machine."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self, final

import trio

from triocarp.core import (
    AddressChanged,
    Event,
    Link,
    LinkChanged,
    Node,
    PortError,
    PortFailure,
    Sieve,
    Transport,
    VirtualHostConfig,
    read_datagram,
)
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.daemon.driver import Dated
from triocarp.linux.address_port import RtnetlinkAddressPort
from triocarp.linux.clock import boottime
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.network_monitor import NetworkMonitor
from triocarp.linux.packet_socket import PacketPort, PacketSocket

_PAUSE_S: Final = 0.002
"""How long forged packets may gather in a flood. An advertisement that comes with them has its time stamp, and
what waits is read before a timer is served."""

_FEW: Final = 32
"""Who reads fewer at once is not behind, also where each of two families has half of the batch."""


@final
class PacketSource:
    """The advertisements that reach one interface.

    Args:
        packets: its socket.
        sieve: drops what a flood brings.
    """

    def __init__(self, packets: PacketSocket, sieve: Sieve) -> None:
        self._packets = packets
        self._sieve = sieve
        self._pausing = False

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give; in a flood, until it is worth it."""
        if self._pausing:
            await trio.sleep(_PAUSE_S)
        await self._packets.wait_readable()

    def read(self) -> list[Event | Dated]:
        """Return what has arrived, and when."""
        interface, sieve = self._packets.interface, self._sieve
        events: list[Event | Dated] = []
        now = boottime()
        for at, datagram in self._packets.receive(lambda datagram: sieve.drops(datagram, now)):
            events += (Dated(forged, at) for forged in sieve.take())  # what came before is told before
            events.append(Dated(read_datagram(interface, datagram), at))
        forged = sieve.take()
        # Each waking costs as much as ten forged packets. Who is behind does not pause.
        self._pausing = bool(forged) and len(events) + sum(event.count for event in forged) < _FEW
        return [*events, *forged]


@final
class KernelHost:
    """The ports and sources of one machine; a context manager that closes them.

    Args:
        virtual_hosts: whose interfaces and addresses are used.
        trouble: is told, in a sentence, about a packet socket that cannot be connected to its interface.

    Raises:
        PortError: a packet socket cannot be opened or connected: no permission, no such interface.

    Attributes:
        frames: the frame port.
        addresses: the address port.
    """

    def __init__(self, virtual_hosts: Sequence[VirtualHostConfig], *, trouble: Callable[[str], None]) -> None:
        self._virtual_hosts = virtual_hosts
        self._trouble = trouble
        self._started = False
        with contextlib.ExitStack() as stack:
            table = InterfaceTable()
            self.addresses = stack.enter_context(RtnetlinkAddressPort(table))
            for host in virtual_hosts:
                if host.routing is not None:
                    self.addresses.route(host.interface, host.addresses, host.routing)
            self._sockets = {
                interface: stack.enter_context(self._open(interface))
                for interface in dict.fromkeys(host.interface for host in virtual_hosts)
            }
            watched = {interface: self._addresses_of(interface) for interface in self._sockets}
            monitor = NetworkMonitor(watched, table=table, own_port_id=self.addresses.port_id)
            self._monitor = stack.enter_context(monitor)
            for interface in self._sockets:
                self._connect(interface)
            self._resources = stack.pop_all()
        self.frames = PacketPort(self._sockets)

    def packets(self, node: Node) -> tuple[PacketSource, ...]:
        """Return a source of advertisements for each interface.

        Args:
            node: whose sieves are used.
        """
        return tuple(PacketSource(packets, node.sieve(name)) for name, packets in self._sockets.items())

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        await self._monitor.wait_readable()

    def read(self) -> Iterator[LinkChanged | AddressChanged]:
        """Yield what others did to the interfaces and addresses; the first time, how everything is."""
        changes = self._monitor.read() if self._started else self._monitor.start()
        self._started = True
        for change in changes:
            yield self._reconnect(change) if isinstance(change, LinkChanged) else change

    def _reconnect(self, change: LinkChanged) -> LinkChanged:
        """Connect to an interface that may be a new one of the old name, before the core may use it."""
        if change.link is Link.ABSENT:
            return change
        try:
            self._connect(change.interface)
        except PortError as error:
            if (
                error.failure is PortFailure.NO_DEVICE
            ):  # it went down because it goes away, and the news is on its way
                return LinkChanged(interface=change.interface, link=Link.ABSENT)
            # Who cannot hear must not conclude that there is no master.
            self._trouble(error.detail)
            return LinkChanged(interface=change.interface, link=Link.DOWN)
        return change

    def _connect(self, interface: str) -> None:
        self._sockets[interface].attach()
        for host in self._on(interface):
            self.addresses.prepare(interface, host.addresses, host.lease_s)

    def _open(self, interface: str) -> PacketSocket:
        hosts = self._on(interface)
        return PacketSocket(
            interface,
            groups=[group for host in hosts for group in _groups(host)],
            reported_groups=[
                group for host in hosts if host.transport is Transport.MULTICAST for group in _groups(host)
            ],
            families=[family for host in hosts for family in host.sources],
            routed=[family for host in hosts for family in _routed_families(host)],
        )

    def _on(self, interface: str) -> list[VirtualHostConfig]:
        return [host for host in self._virtual_hosts if host.interface == interface]

    def _addresses_of(self, interface: str) -> tuple[IPInterface, ...]:
        return tuple(
            address for host in self._on(interface) if host.manages_addresses for address in host.addresses
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for host in self._virtual_hosts:
            # Normally there is nothing left to do. If the program ends because of a bug, the addresses go first.
            if host.manages_addresses:
                with contextlib.suppress(PortError):
                    self.addresses.release(host.interface, host.addresses)
        self._resources.close()


def _groups(host: VirtualHostConfig) -> tuple[IPAddress, ...]:
    """Return the multicast groups to which a virtual host listens, one of each family in which it speaks."""
    return () if host.transport is Transport.UNICAST else host.destinations


def _routed_families(host: VirtualHostConfig) -> set[Family]:
    """Return the families in which a virtual host has peers to which the system finds the way."""
    return {family_of(peer) for peer in host.peers}
