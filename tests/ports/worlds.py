"""Two worlds in which the same sentences must hold: a simulated one, and namespaces of the kernel.

In each there is a host under test with an ``eth0`` in a segment, on which a peer listens, and an ``other``
interface elsewhere. Both hosts speak IPv4 and IPv6. Of each family two virtual addresses on ``eth0`` are watched.
"""

import contextlib
import errno
import itertools
import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, Protocol

import pytest
import trio

from carpsim.engine import Engine
from carpsim.frame import Frame as SimulatedFrame
from carpsim.host_network import HostNetwork, Route
from carpsim.lease_clock import longest_lateness
from carpsim.segment import Segment
from tests.ports.privilege import without_privileges
from triocarp.core.configuration import CARP_GROUP, CARP_GROUP6
from triocarp.core.events import AddressChanged, EffectFailed, Link, LinkChanged
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.core.policy_routing import PolicyRouting
from triocarp.core.ports import AddressPort, FramePort
from triocarp.core.reasons import PortFailure
from triocarp.core.timing import SECOND
from triocarp.lab import Capture, Frame, Lan
from triocarp.lab.rtnetlink import Rtnetlink
from triocarp.linux.address_port import RtnetlinkAddressPort
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.netlink_socket import RTMGRP_IPV6_IFADDR, NetlinkSocket
from triocarp.linux.network_monitor import NetworkMonitor
from triocarp.linux.packet_socket import PacketPort, PacketSocket
from triocarp.linux.rtnetlink_messages import AddressReport

Change = LinkChanged | AddressChanged | EffectFailed

INTERFACE: Final = "eth0"
OTHER: Final = "other"
OWN: Final = frozenset({IPv4Interface("10.0.0.1/24"), IPv6Interface("2001:db8::1/64")})
"""The addresses of the host itself."""

HARDWARE_ADDRESS: Final = bytes.fromhex("020000000001")

PEER_HARDWARE_ADDRESS: Final = bytes.fromhex("020000000002")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """The addresses of one family.

    Attributes:
        own: of the host under test.
        peer: of the peer.
        vip: a virtual address that is watched.
        second_vip: another one.
        variants: the first one with other prefix lengths, as many as an interface can have beside it, or instead.
        unwatched: in the same network, of no meaning.
        absent: in the same network, of nobody.
        elsewhere: to which there is no route.
    """

    own: IPInterface
    peer: IPInterface
    vip: IPInterface
    second_vip: IPInterface
    variants: tuple[IPInterface, ...]
    unwatched: IPInterface
    absent: IPAddress
    elsewhere: IPAddress

    @property
    def family(self) -> Family:
        """Of which they are."""
        return family_of(self.own)


IPV4: Final = Addressing(
    own=IPv4Interface("10.0.0.1/24"),
    peer=IPv4Interface("10.0.0.2/24"),
    vip=IPv4Interface("10.0.0.100/24"),
    second_vip=IPv4Interface("10.0.0.101/24"),
    variants=(IPv4Interface("10.0.0.100/32"), IPv4Interface("10.0.0.100/16")),
    unwatched=IPv4Interface("10.0.0.7/24"),
    absent=IPv4Address("10.0.0.77"),
    elsewhere=IPv4Address("192.0.2.1"),
)
IPV6: Final = Addressing(
    own=IPv6Interface("2001:db8::1/64"),
    peer=IPv6Interface("2001:db8::2/64"),
    vip=IPv6Interface("2001:db8::100/64"),
    second_vip=IPv6Interface("2001:db8::101/64"),
    variants=(IPv6Interface("2001:db8::100/128"),),
    unwatched=IPv6Interface("2001:db8::7/64"),
    absent=IPv6Address("2001:db8::77"),
    elsewhere=IPv6Address("2001:db8:ffff::1"),
)
BOTH: Final = (IPV4, IPV6)
WATCHED: Final = tuple(address for of in BOTH for address in (of.vip, of.second_vip))

TABLE: Final = 100
"""A routing table of nobody."""

FIRST_CHOICE_OF_THE_SYSTEM: Final = 32700
"""Rules for which nobody gives a priority get one of just before the main table's, 32766."""

_PATIENCE_S: Final = 10  # nothing here takes a second; a machine that is busy with other things may
_STEP_S: Final = 0.001
_OTHER_INDEX: Final = 50  # clear of the indices that eth0 gets


class World(Protocol):
    """A host under test, and what can happen to it."""

    frames: FramePort
    addresses: AddressPort

    def arrives(self, frame: bytes) -> bool:
        """Tell whether a frame arrives at the peer, in more than the time that it needs."""
        ...

    def passes(self, packet: bytes) -> bool:
        """Tell whether a packet arrives at the peer, in a frame from the host to it alone."""
        ...

    def held(self, interface: str = INTERFACE) -> dict[IPInterface, int | None]:
        """Return the addresses of an interface with the seconds until they are withdrawn, None for never.

        What the kernel gives to an interface by itself is left out.
        """
        ...

    def hold_without_permission(self, address: IPInterface) -> None:
        """Have the host try to hold an address while it may not."""
        ...

    def release_without_permission(self, address: IPInterface) -> None:
        """Have the host try to release an address while it may not."""
        ...

    def refuse_second_address(self) -> None:
        """Have the system lack the memory for the second address of the next call that holds or renews some."""
        ...

    async def leased_beyond(self, address: IPInterface, seconds: int) -> None:
        """Wait until an address of ``eth0`` is leased for longer than that."""
        ...

    def somebody_adds(self, address: IPInterface, interface: str = INTERFACE) -> None:
        """Have another program put an address on the host."""
        ...

    def somebody_removes(self, address: IPInterface) -> None:
        """Have another program take an address off ``eth0``."""
        ...

    def set_link(self, link: Link) -> None:
        """Change the condition of ``eth0``, also to `ABSENT` and back."""
        ...

    def changes(self) -> list[Change]:
        """Return what was reported since the last call, without waiting."""
        ...

    async def reported(self, change: Change) -> None:
        """Wait until something is reported, and pass over what is reported before it."""
        ...

    async def failed_renewal(self) -> EffectFailed:
        """Wait until it is reported that a renewal has failed."""
        ...

    def route(self, routing: PolicyRouting, *addresses: IPInterface) -> None:
        """Tell the address port that addresses have a routing table of their own."""
        ...

    def routing(self) -> set[str]:
        """Return the rules that look at a source, and the routes of the tables to which they or `TABLE` lead.

        A rule stands as ``from ADDRESS lookup TABLE``, with its priority if it is not the system's choice; a route
        as ``TABLE: DESTINATION``, with its gateway and its source if it has such.
        """
        ...

    def claims_network(self, address: IPInterface) -> bool:
        """Tell whether the main table has a route to the network of an address, with that source."""
        ...

    def somebody_routes(self, address: IPInterface, table: int, gateway: IPAddress | None) -> None:
        """Have another program put a rule from an address to a table, and a default route there."""
        ...

    def predecessor_held(self, routing: PolicyRouting, address: IPInterface) -> None:
        """Have a program like ours hold an address with routing, and end without a word."""
        ...

    async def routed_again(self, expected: set[str]) -> None:
        """Wait until `routing` is as expected."""
        ...

    def somebody_unroutes(self, address: IPInterface, table: int) -> None:
        """Have another program remove the rule of an address, and empty its table."""
        ...


class SimulatedWorld:
    """The simulated host; waiting for something lets its time pass."""

    frames: FramePort
    addresses: AddressPort

    def __init__(self) -> None:
        self._engine = Engine()
        self._segment = Segment(self._engine)
        self._heard: list[bytes] = []
        self._peer = HostNetwork(self._engine, name="peer", observe=lambda _: None)
        port = self._peer.add_interface(INTERFACE, self._segment, PEER_HARDWARE_ADDRESS)
        for of in BOTH:
            self._peer.put_address(INTERFACE, of.peer)
        self._segment.add_tap(self._hear, port.label)
        self._reported: list[Change] = []
        self._host = HostNetwork(self._engine, observe=self._reported.append)
        self._host.add_interface(OTHER, Segment(self._engine), bytes(6))
        self._host.add_interface("lo", Segment(self._engine), bytes(6), arp=False)
        self._host.add_interface(INTERFACE, self._segment, HARDWARE_ADDRESS)
        for of in BOTH:
            self._host.put_address(INTERFACE, of.own)
        self._host.watch(INTERFACE, WATCHED)
        self.frames = self.addresses = self._host

    def arrives(self, frame: bytes) -> bool:
        """Tell whether the peer has heard a frame."""
        self._engine.run_until(self._engine.now)
        return frame in self._heard

    def passes(self, packet: bytes) -> bool:
        """Tell whether the peer has heard a packet."""
        self._engine.run_until(self._engine.now)
        ends = PEER_HARDWARE_ADDRESS + HARDWARE_ADDRESS
        return any(frame.startswith(ends) and frame.endswith(packet) for frame in self._heard)

    def held(self, interface: str = INTERFACE) -> dict[IPInterface, int | None]:
        """Return the addresses of an interface with their leases, less what the kernel may be late."""
        found = self._host.interface(interface)
        assert found is not None
        return {
            address: None if end is None else (left - longest_lateness(left)) // SECOND
            for address, end in found.leases.items()
            for left in ((end or 0) - self._engine.now,)
        }

    def hold_without_permission(self, address: IPInterface) -> None:
        """Inject the failure."""
        self._host.refuse_next("hold", PortFailure.NO_PERMISSION)
        self._host.hold(INTERFACE, (address,), 3)

    def release_without_permission(self, address: IPInterface) -> None:
        """Inject the failure."""
        self._host.refuse_next("release", PortFailure.NO_PERMISSION)
        self._host.release(INTERFACE, (address,))

    def refuse_second_address(self) -> None:
        """Inject the failure."""
        for call in ("hold", "renew"):
            self._host.refuse_next(call, None, PortFailure.NO_BUFFER)

    async def leased_beyond(self, address: IPInterface, seconds: int) -> None:
        """It must be so already."""
        await trio.lowlevel.checkpoint()
        assert (self.held()[address] or 0) > seconds

    def somebody_adds(self, address: IPInterface, interface: str = INTERFACE) -> None:
        """Put an address on the host."""
        self._host.put_address(interface, address)

    def somebody_removes(self, address: IPInterface) -> None:
        """Take an address off."""
        self._host.take_address(INTERFACE, address)

    def set_link(self, link: Link) -> None:
        """Change the condition of ``eth0``."""
        if link is Link.ABSENT:
            self._host.remove_interface(INTERFACE)
        elif self._host.interface(INTERFACE) is None:
            self._host.add_interface(INTERFACE, self._segment, HARDWARE_ADDRESS, link=link)
            for of in BOTH:
                self._host.put_address(INTERFACE, of.own)
        else:
            self._host.set_link(INTERFACE, link)

    def changes(self) -> list[Change]:
        """Return what was reported."""
        changes = self._reported[:]
        self._reported.clear()
        return changes

    async def reported(self, change: Change) -> None:
        """Let time pass from lease to lease until something is reported."""
        await trio.lowlevel.checkpoint()
        while change not in self._reported:
            expiry = self._host.next_expiry
            assert expiry is not None, f"{change} is never reported"
            self._engine.run_until(expiry)
        del self._reported[: self._reported.index(change) + 1]

    def _hear(self, at: int, station: str, frame: SimulatedFrame) -> None:
        del at, station
        self._heard.append(frame.data)

    async def failed_renewal(self) -> EffectFailed:
        """Let the instant pass in which it is reported."""
        await trio.lowlevel.checkpoint()
        self._engine.run_until(self._engine.now)
        return next(change for change in self._reported if isinstance(change, EffectFailed))

    def route(self, routing: PolicyRouting, *addresses: IPInterface) -> None:
        """Tell the host."""
        self._host.route(INTERFACE, addresses, routing)

    def routing(self) -> set[str]:
        """Look into the host."""
        rules = {
            f"from {source} lookup {table}" + ("" if priority is None else f" priority {priority}")
            for source, table, priority in self._host.rules
        }
        routes = {
            f"{route.table}: {route.network or 'default'}"
            + (f" via {route.gateway}" if route.gateway else "")
            + (f" src {route.source}" if route.source else "")
            for route in self._host.routes.get(INTERFACE, ())
        }
        return rules | routes

    def claims_network(self, address: IPInterface) -> bool:
        """An address that is held without a table of its own does."""
        return address in self.held() and not any(source == address.ip for source, _, _ in self._host.rules)

    def somebody_routes(self, address: IPInterface, table: int, gateway: IPAddress | None) -> None:
        """Put them into the host."""
        self._host.rules[address.ip, table, None] = False
        if gateway is not None:
            route = Route(table=table, network=None, gateway=gateway, source=None)
            self._host.routes.setdefault(INTERFACE, []).append(route)

    def predecessor_held(self, routing: PolicyRouting, address: IPInterface) -> None:
        """What is ours is told by what it is, not by who put it there."""
        self._host.route(INTERFACE, (address,), routing)
        self._host.hold(INTERFACE, (address,), 1000)
        self._host.take_address(INTERFACE, address)

    async def routed_again(self, expected: set[str]) -> None:
        """It must be so already."""
        await trio.lowlevel.checkpoint()
        assert self.routing() == expected

    def somebody_unroutes(self, address: IPInterface, table: int) -> None:
        """Take them off the host."""
        self._host.rules = {rule: ours for rule, ours in self._host.rules.items() if rule[0] != address.ip}
        routes = self._host.routes.get(INTERFACE, [])
        self._host.routes[INTERFACE] = [route for route in routes if route.table != table]


class KernelWorld:
    """A host of a lab, with the ports that the daemon uses."""

    frames: FramePort
    addresses: AddressPort

    def __init__(self, lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._host = lan.add_host("one", *(str(of.own) for of in BOTH))
        peer = lan.add_host("two", *(str(of.peer) for of in BOTH))
        self._capture = Capture(peer.namespace, {INTERFACE: "two"}, incoming_only=True)
        self._operator = self._host.call(Rtnetlink)
        self._operator.create_bridge(OTHER, _OTHER_INDEX)
        # Older than the monitor's socket, and so told after it.
        self._witness = self._host.call(lambda: NetlinkSocket(groups=RTMGRP_IPV6_IFADDR))
        table = InterfaceTable()
        self._addresses = self._host.call(lambda: RtnetlinkAddressPort(table))
        self._monitor = NetworkMonitor({INTERFACE: WATCHED}, table=table, own_port_id=self._addresses.port_id)
        groups = (CARP_GROUP, CARP_GROUP6)
        self._socket = self._host.call(lambda: PacketSocket(INTERFACE, groups=groups, routed=Family))
        self._host.call(self._socket.attach)
        self._host.call(self._monitor.start)
        self.addresses = self._addresses
        self.frames = PacketPort({INTERFACE: self._socket})

    def close(self) -> None:
        """Close all sockets."""
        for closing in (
            self._capture,
            self._operator,
            self._monitor,
            self._witness,
            self._socket,
            self._addresses,
        ):
            closing.close()

    def arrives(self, frame: bytes) -> bool:
        """Tell whether the peer hears a frame."""
        return self._hears(lambda heard: heard.data == frame)

    def passes(self, packet: bytes) -> bool:
        """Tell whether the peer hears a packet."""
        ends = PEER_HARDWARE_ADDRESS + HARDWARE_ADDRESS
        return self._hears(lambda heard: heard.data.startswith(ends) and heard.payload == packet)

    def _hears(self, predicate: Callable[[Frame], bool]) -> bool:
        try:
            self._capture.wait_for(predicate, timeout_s=_PATIENCE_S)
        except TimeoutError:
            return False
        return True

    def held(self, interface: str = INTERFACE) -> dict[IPInterface, int | None]:
        """Ask the kernel for the addresses of an interface."""
        index = self._host.interface_index if interface == INTERFACE else _OTHER_INDEX
        return {
            found.ip: found.valid_s
            for found in self._operator.addresses(index)
            if not found.ip.is_link_local or found.valid_s is not None
        }

    def hold_without_permission(self, address: IPInterface) -> None:
        """Hold an address in a thread without privileges."""
        without_privileges(lambda: self._addresses.hold(INTERFACE, (address,), 3))

    def release_without_permission(self, address: IPInterface) -> None:
        """Release an address in a thread without privileges."""
        without_privileges(lambda: self._addresses.release(INTERFACE, (address,)))

    def refuse_second_address(self) -> None:
        """Have the second request from now on fail, as no kernel does on demand; all others go to the kernel."""
        carry_out, calls = NetlinkSocket.request, itertools.count(1)

        def request(netlink: NetlinkSocket, message: bytes) -> None:
            if next(calls) == 2:
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            carry_out(netlink, message)

        self._monkeypatch.setattr(NetlinkSocket, "request", request)

    async def leased_beyond(self, address: IPInterface, seconds: int) -> None:
        """Ask the kernel until it is so."""
        with trio.fail_after(_PATIENCE_S):
            while (self.held()[address] or 0) <= seconds:  # noqa: ASYNC110 - a renewal is news to nobody
                await trio.sleep(_STEP_S)

    def somebody_adds(self, address: IPInterface, interface: str = INTERFACE) -> None:
        """Put an address on the host, and let the monitor hear of it."""
        index = {INTERFACE: self._host.interface_index, OTHER: _OTHER_INDEX, "lo": 1}[interface]
        with contextlib.suppress(BlockingIOError):
            while True:
                self._witness.receive()
        self._operator.add_address(index, address)
        if family_of(address) is Family.IPV6:
            self._await_news_of(address)
        if interface != INTERFACE:
            self._monitor.read()

    def _await_news_of(self, address: IPInterface) -> None:
        """Wait until the kernel has told of an IPv6 address, which it leaves to a thread of its own."""
        while select.select([self._witness], [], [], _PATIENCE_S)[0]:
            for report in self._witness.receive():
                if isinstance(report, AddressReport) and report.present and report.address.ip == address.ip:
                    return
        raise TimeoutError(f"no news of {address}")

    def somebody_removes(self, address: IPInterface) -> None:
        """Take an address off."""
        self._operator.remove_address(self._host.interface_index, address)

    def set_link(self, link: Link) -> None:
        """Change the condition of ``eth0``, as operators and cables do."""
        match link:
            case Link.UP:
                self._host.create_interface()
                self._host.link_up()
                self._host.restore_carrier()
                self._host.call(self._socket.attach)
            case Link.NO_CARRIER:
                self._host.lose_carrier()
            case Link.DOWN:
                self._host.link_down()
            case Link.ABSENT:
                self._host.remove_interface()

    def changes(self) -> list[Change]:
        """Return what the monitor has to say; the kernel told it before each call above returned."""
        return list(self._monitor.read())

    async def reported(self, change: Change) -> None:
        """Wait for the monitor."""
        with trio.fail_after(_PATIENCE_S):
            while change not in self._monitor.read():
                await self._monitor.wait_readable()

    async def failed_renewal(self) -> EffectFailed:
        """Wait for the thread that renews."""
        with trio.fail_after(_PATIENCE_S):
            while not (failed := self._addresses.read()):
                await self._addresses.wait_readable()
        return failed[0]

    def route(self, routing: PolicyRouting, *addresses: IPInterface) -> None:
        """Tell the address port, which opens a socket of the host's."""
        self._host.call(lambda: self._addresses.route(INTERFACE, addresses, routing))

    def routing(self) -> set[str]:
        """Ask the `ip` of the system, which knows nothing of us."""
        found: set[str] = set()
        tables = {TABLE}
        for family in ("-4", "-6"):
            for line in self._ip(family, "rule", "show").splitlines():
                priority, _, rule = line.partition(":")
                words = rule.split()
                if words[1] != "all":
                    tables.add(int(words[3]))
                    chosen = int(priority) < FIRST_CHOICE_OF_THE_SYSTEM
                    found.add(f"from {words[1]} lookup {words[3]}" + (f" priority {priority}" if chosen else ""))
        for family in ("-4", "-6"):
            for table in tables:
                for line in self._ip(family, "route", "show", "table", str(table)).splitlines():
                    words = line.split()
                    kept = [f"{name} {words[words.index(name) + 1]}" for name in ("via", "src") if name in words]
                    found.add(" ".join((f"{table}: {words[0]}", *kept)))
        return found

    def claims_network(self, address: IPInterface) -> bool:
        """Ask `ip` for the main table."""
        family = "-6" if address.version == 6 else "-4"
        routes = self._ip(family, "route", "show", "table", "main", str(address.network)).splitlines()
        if address.version == 4:
            return any(f"src {address.ip}" in route for route in routes)
        return any("metric 4096" in route for route in routes)

    def somebody_routes(self, address: IPInterface, table: int, gateway: IPAddress | None) -> None:
        """Let `ip` do it."""
        family = "-6" if address.version == 6 else "-4"
        self._ip(family, "rule", "add", "from", str(address.ip), "lookup", str(table))
        if gateway is not None:
            via = ("default", "via", str(gateway), "dev", INTERFACE)
            self._ip(family, "route", "add", *via, "table", str(table))

    def predecessor_held(self, routing: PolicyRouting, address: IPInterface) -> None:
        """Hold it through a port of its own, whose sockets are closed; the lease ends."""
        with self._host.call(lambda: RtnetlinkAddressPort(InterfaceTable())) as port:
            self._host.call(lambda: port.route(INTERFACE, (address,), routing))
            port.hold(INTERFACE, (address,), 1000)
        self.somebody_removes(address)

    async def routed_again(self, expected: set[str]) -> None:
        """Ask until it is so."""
        with trio.fail_after(_PATIENCE_S):
            while self.routing() != expected:  # noqa: ASYNC110 - a renewal is news to nobody
                await trio.sleep(_STEP_S)

    def somebody_unroutes(self, address: IPInterface, table: int) -> None:
        """Let `ip` do it."""
        family = "-6" if address.version == 6 else "-4"
        self._ip(family, "rule", "del", "from", str(address.ip))
        self._ip(family, "route", "flush", "table", str(table))

    def _ip(self, *words: str) -> str:
        done = self._host.run(["ip", *words])
        return done.stdout.decode()
