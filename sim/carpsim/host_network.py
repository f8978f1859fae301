"""The network of one simulated host, and the ports through which a `Runner` uses it.

`HostNetwork` is a `FramePort` and an `AddressPort`; one suite of tests holds it and the real kernel to the same
sentences. What others do to the host (pull its cable, remove an interface, take an address) are methods too, and
become events as the kernel's monitor reports them. Like a kernel it also does what no program asks it for: it
answers who asks for an address that it has, echoes what clients send there, and ends leases.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Interface
from typing import Final, TypeAlias, final

from carpsim import neighbour_messages, probe
from carpsim.engine import Alarm, Engine
from carpsim.frame import FRAME_LENGTH_MAX, HEADER_LENGTH, Frame, destination_of
from carpsim.lease_clock import LeaseClock
from carpsim.neighbour_cache import NeighbourCache
from carpsim.randomness import stream
from carpsim.segment import Segment
from triocarp.core.effects import RenewAddresses
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet_header
from triocarp.core.events import AddressChanged, EffectFailed, Link, LinkChanged, PacketReceived, PacketUnreadable
from triocarp.core.family import IPAddress, IPInterface
from triocarp.core.policy_routing import IPNetwork, PolicyRouting
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.core.timing import SECOND

_UNSPECIFIED: Final[dict[int, IPAddress]] = {4: IPv4Address(0), 6: IPv6Address(0)}

Observer: TypeAlias = Callable[[LinkChanged | AddressChanged | EffectFailed], None]
"""Learns what others did to the host's network, and which renewals failed."""

Listener: TypeAlias = Callable[[PacketReceived | PacketUnreadable], None]
"""Takes packets of protocol 112, as a packet socket does."""

Watcher: TypeAlias = Callable[[str, IPInterface, bool], None]
"""Learns which interface has which address now, or no longer, whoever did it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route in a table for what comes from some address.

    Attributes:
        table: its number.
        network: whereto; None for a default route.
        gateway: the next hop; None where the network is on the link.
        source: the address for which it is there; None if it is somebody else's.
    """

    table: int
    network: IPNetwork | None
    gateway: IPAddress | None
    source: IPAddress | None


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Interface:
    """One simulated interface.

    Attributes:
        host: whose it is.
        name: its name there.
        hardware_address: its MAC, 6 bytes.
        segment: where its cable ends.
        link: its condition.
        arp: whether it resolves addresses with ARP; ``lo`` does not.
        leases: its addresses, each with the instant at which it is withdrawn, or None for never.
        powered: whether its machine has power.
        gateways: routers behind which everybody else is; at most one of each family.
        neighbours: what it knows of the MACs on its segment.
    """

    host: "HostNetwork"
    name: str
    hardware_address: bytes
    segment: Segment
    link: Link
    arp: bool
    leases: dict[IPInterface, int | None] = field(default_factory=dict[IPInterface, int | None])
    powered: bool = True
    gateways: tuple[IPAddress, ...] = ()
    neighbours: NeighbourCache = field(init=False)

    @property
    def label(self) -> str:
        """How it is called among the stations of its segment."""
        return f"{self.host.name}:{self.name}"

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable now."""
        return self.powered and self.link is Link.UP

    def receive(self, frame: Frame) -> None:
        """Take a frame that has arrived; see `carpsim.segment.Station`.

        Args:
            frame: for whomever.
        """
        if self.takes(frame.data):
            self.host.receive(self, frame)

    def variants_of(self, address: IPAddress) -> tuple[IPInterface, ...]:
        """Return an address with every prefix length that it has here; an IPv6 address has one at most.

        Args:
            address: which.
        """
        packed = address.packed  # made and compared faster than addresses are
        return tuple(variant for variant in self.leases if variant.packed == packed)

    def answers(self, packed: bytes) -> bool:
        """Return whether it has an address.

        Args:
            packed: the address.
        """
        return any(variant.packed == packed for variant in self.leases)

    def source_for(self, address: IPAddress) -> IPAddress:
        """Return its own address from which it asks for another; see `carpsim.neighbour_cache.Owner`.

        Args:
            address: on its segment.
        """
        own = [leased for leased in self.leases if leased.version == address.version]
        # One of the network first, and of those one that stays.
        own.sort(key=lambda leased: (address not in leased.network, self.leases[leased] is not None))
        return own[0].ip if own else _UNSPECIFIED[address.version]

    def next_hop(self, address: IPAddress) -> IPAddress | None:
        """Return who gets a packet first: its receiver in the networks of its own addresses, else the gateway.

        Args:
            address: of the receiver.
        """
        if _is_link_local(address) or any(
            address.version == own.version and address in own.network for own in self.leases
        ):
            return address
        return next((gateway for gateway in self.gateways if gateway.version == address.version), None)

    def send(self, frame: bytes) -> None:
        """Send a frame, or lose it; see `carpsim.neighbour_cache.Owner`.

        Args:
            frame: from the destination MAC on.
        """
        if self.carries:
            self.segment.transmit(self, frame)

    def takes(self, frame: bytes) -> bool:
        """Return whether a frame is for it, or for many.

        Args:
            frame: from the destination MAC on.
        """
        return bool(frame[0] & 1) or frame[: len(self.hardware_address)] == self.hardware_address


@final
class HostNetwork:
    """All interfaces of one simulated host.

    Args:
        engine: of the world.
        name: of the host.
        seed: of the run.
        observe: called at once with each thing that somebody else did to a watched interface or address, and with
            each renewal that failed.
        listen: called at once with each packet of protocol 112; None while no program listens.
        note: called at once when an address came or went, whoever did that.

    Attributes:
        name: of the host.
        listen: as above; set it when a program starts or ends.
        frozen: whether the kernel itself stands still, as that of a virtual machine does: it answers nobody.
        rules: by address, the table that is looked into for what comes from it, and whether that is our doing.
        routes: those of the tables that rules lead to, by interface.
    """

    __slots__ = (
        "_engine",
        "_expiry",
        "_interfaces",
        "_lease_clock",
        "_note",
        "_observe",
        "_refusals",
        "_routings",
        "_seed",
        "_watched",
        "frozen",
        "listen",
        "name",
        "routes",
        "rules",
    )

    def __init__(
        self,
        engine: Engine,
        *,
        name: str = "host",
        seed: int = 0,
        observe: Observer,
        listen: Listener | None = None,
        note: Watcher | None = None,
    ) -> None:
        self.name = name
        self.listen = listen
        self.frozen = False
        self.rules: dict[tuple[IPAddress, int, int | None], bool] = {}
        self.routes: dict[str, list[Route]] = {}
        self._routings: dict[tuple[str, IPInterface], PolicyRouting] = {}
        self._engine = engine
        self._seed = seed
        self._observe = observe
        self._note = note
        self._expiry = Alarm(engine, self._expire)
        self._lease_clock = LeaseClock(seed, name)
        self._interfaces: dict[str, Interface] = {}
        self._watched: dict[str, dict[IPAddress, IPInterface]] = {}
        self._refusals: dict[str, deque[PortFailure | None]] = {
            "send": deque(),
            "hold": deque(),
            "renew": deque(),
            "release": deque(),
        }

    # What the host does: its ports.

    def send(self, interface: str, frame: bytes) -> None:
        """Send one frame as it is; see `triocarp.core.ports.FramePort`.

        Args:
            interface: through which.
            frame: from the destination MAC on.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE` or `OTHER`; or what was injected.
        """
        self._sender(interface, len(frame)).send(frame)

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Send one IP packet as it is; see `triocarp.core.ports.FramePort`.

        While the MAC of the next hop is asked for it waits; without an answer it is lost.

        Args:
            interface: through which.
            packet: from the IP header on.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE`, `NO_ROUTE` or `OTHER`; or what was injected.
        """
        sender = self._sender(interface, HEADER_LENGTH + len(packet))
        try:
            destination = destination_of(packet)
        except ValueError:
            what = f"sending {len(packet)} bytes that are no packet"
            raise PortError(PortFailure.OTHER, what) from None
        next_hop = sender.next_hop(destination)
        if next_hop is None:
            raise PortError(PortFailure.NO_ROUTE, f"no route to {destination} through {interface}")
        ethertype = ETHERTYPE_IPV4 if isinstance(destination, IPv4Address) else ETHERTYPE_IPV6

        def send(mac: bytes) -> None:
            sender.send(ethernet_header(mac, sender.hardware_address, ethertype) + packet)

        sender.neighbours.resolve(next_hop, send)

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Put addresses on an interface, or renew those that are there; see `triocarp.core.ports.AddressPort`.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            lease_s: seconds after which they are withdrawn unless they are held again.

        Raises:
            PortError: `NO_DEVICE` or `ADDRESS_TAKEN`; or what was injected.
        """
        holder = self._holder_of(interface, addresses)
        before = dict(holder.leases)
        end = self._end_of(lease_s)
        added: list[IPInterface] = []
        for address in addresses:
            try:
                self._refuse("hold", f"adding {address} to {interface}")
            except PortError:
                holder.leases = {present: lease for present, lease in holder.leases.items() if present in before}
                raise
            if address in holder.leases:
                holder.leases[address] = end
                continue
            for variant in holder.variants_of(address.ip):
                del holder.leases[variant]
            holder.leases[address] = end
            added.append(address)
        self._expiry.set(self.next_expiry)
        try:
            for address in addresses:
                self._put_on_routes(holder, address, new=address in added)
        except PortError:
            for address in added:
                self._take_off_routes(address)
            holder.leases = {present: lease for present, lease in holder.leases.items() if present in before}
            raise
        for address in added:
            self._tell_watcher(interface, address, present=True)

    def route(self, interface: str, addresses: tuple[IPInterface, ...], routing: PolicyRouting) -> None:
        """Take note that some addresses have a rule and routes of their own while they are held.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            routing: of their virtual host.
        """
        self._routings |= {(interface, address): routing for address in addresses}

    def _put_on_routes(self, holder: Interface, address: IPInterface, *, new: bool) -> None:
        """Give an address that is held its rule and its routes, if it has some."""
        routing = self._routings.get((holder.name, address))
        if routing is None:
            return
        if new:
            self._take_off_routes(address)
        self.rules.setdefault((address.ip, routing.table, routing.priority), True)
        routes = self.routes.setdefault(holder.name, [])
        connected, gateway = routing.connected(address), routing.gateway(address)
        wanted: list[Route] = []
        if connected is not None:
            wanted.append(Route(table=routing.table, network=connected, gateway=None, source=address.ip))
        if gateway is not None:
            networks: list[IPNetwork | None] = [connected]
            networks += (own.network for own in holder.leases if (holder.name, own) not in self._routings)
            if not any(network is not None and gateway in network for network in networks):
                raise PortError(
                    PortFailure.NO_ROUTE, f"routing what comes from {address.ip}: {gateway} is nowhere"
                )
            wanted.append(Route(table=routing.table, network=None, gateway=gateway, source=address.ip))
        for route in wanted:
            there = [other for other in routes if (other.table, other.network) == (route.table, route.network)]
            if there and new and route not in there:
                what = f"routing what comes from {address.ip}: table {route.table} has another route already"
                raise PortError(PortFailure.OTHER, what)
            routes += [] if there else [route]

    def _take_off_routes(self, address: IPInterface) -> None:
        """Remove our rule and our routes of an address, whatever their table."""
        self.rules = {rule: ours for rule, ours in self.rules.items() if rule[0] != address.ip or not ours}
        for name, routes in self.routes.items():
            self.routes[name] = [route for route in routes if route.source != address.ip]

    def renew(self, renewal: RenewAddresses) -> None:
        """Renew the lease of addresses that are there; see `triocarp.core.ports.AddressPort`.

        It is done at once, but a failure is observed afterwards, as on the kernel.

        Args:
            renewal: the effect.

        Raises:
            PortError: `NO_DEVICE` or `ADDRESS_TAKEN`.
        """
        holder = self._holder_of(renewal.interface, renewal.addresses)
        failed: EffectFailed | None = None
        for address in renewal.addresses:
            try:
                self._refuse("renew", f"renewing {address} on {renewal.interface}")
            except PortError as error:
                failed = failed or EffectFailed(effect=renewal, failure=error.failure, detail=error.detail)
                continue
            if address in holder.leases:
                holder.leases[address] = self._end_of(renewal.lease_s)
                self._put_on_routes(holder, address, new=False)
        self._expiry.set(self.next_expiry)
        if failed is not None:
            self._engine.after(0, self._observe, failed)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Take addresses off an interface, whatever prefix length they have there.

        Args:
            interface: its name.
            addresses: which.

        Raises:
            PortError: what was injected.
        """
        holder = self._interfaces.get(interface)
        if holder is None:
            for address in addresses:
                self._take_off_routes(address)
            return
        present = [variant for address in addresses for variant in holder.variants_of(address.ip)]
        if present:
            self._refuse("release", f"removing {present[0].ip} from {interface}")
        for address in addresses:
            if (interface, address) in self._routings:
                self._take_off_routes(address)
        for variant in present:
            del holder.leases[variant]
            self._tell_watcher(interface, variant, present=False)

    # What others do to it.

    def watch(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Report from now on what others do to an interface and to these addresses on it.

        Args:
            interface: its name; it need not exist.
            addresses: with the prefix lengths that they shall have.
        """
        self._watched[interface] = {address.ip: address for address in addresses}

    def refuse_next(self, call: str, *failures: PortFailure | None) -> None:
        """Have the next calls of a port fail, one with each failure; None lets one succeed.

        Each address of a `hold` or a `renew` counts as a call, and a `release` of what is not there as none.

        Args:
            call: ``send``, ``hold``, ``renew`` or ``release``.
            failures: in the order in which they come.
        """
        self._refusals[call].extend(failures)

    def refuse_no_more(self, call: str) -> None:
        """Withdraw what is left of `refuse_next`.

        Args:
            call: ``send``, ``hold`` or ``release``.
        """
        self._refusals[call].clear()

    def refuses(self, call: str) -> bool:
        """Return whether a later call of a port will fail because that was asked for.

        Args:
            call: ``send``, ``hold`` or ``release``.
        """
        return bool(self._refusals[call])

    def add_interface(
        self,
        name: str,
        segment: Segment,
        hardware_address: bytes,
        *,
        link: Link = Link.UP,
        arp: bool = True,
        gateways: tuple[IPAddress, ...] = (),
    ) -> Interface:
        """Add an interface, and return it.

        Args:
            name: that no other interface of this host has.
            segment: where its cable ends.
            hardware_address: its MAC, 6 bytes.
            link: its condition.
            arp: whether it resolves addresses with ARP. Elsewhere a host may have an address that it holds here.
            gateways: see `Interface`.
        """
        if name in self._interfaces:
            raise ValueError(f"the host has an interface {name} already")
        interface = Interface(
            host=self,
            name=name,
            hardware_address=hardware_address,
            segment=segment,
            link=link,
            arp=arp,
            gateways=gateways,
        )
        rng = stream(self._seed, "host", self.name, "neighbours", name)
        interface.neighbours = NeighbourCache(self._engine, interface, rng)
        self._interfaces[name] = interface
        segment.plug_in(interface)
        self._tell(LinkChanged(interface=name, link=link, hardware_address=hardware_address))
        return interface

    def remove_interface(self, name: str) -> None:
        """Remove an interface, and its addresses with it.

        Args:
            name: of one that exists.
        """
        self.set_link(name, Link.DOWN)
        interface = self._interfaces[name]
        for address in tuple(interface.leases):
            self.take_address(name, address)
        interface.segment.unplug(interface)
        del self._interfaces[name]
        self.routes.pop(name, None)
        self._tell(LinkChanged(interface=name, link=Link.ABSENT))

    def set_link(self, name: str, link: Link) -> None:
        """Change the condition of an interface.

        Set down, it loses its leased IPv6 addresses, as in Linux. There it loses the others as well, and whoever
        sets it up again puts the host's own ones back; here they stay.

        Args:
            name: of one that exists.
            link: anything but `ABSENT`, for which there is `remove_interface`.
        """
        if link is Link.ABSENT:
            raise ValueError(f"remove the interface {name} instead of setting it {link}")
        interface = self._interfaces[name]
        if interface.link is not link:
            interface.link = link
            interface.segment.link_changed(interface)
            interface.neighbours.clear()
            self._tell(LinkChanged(interface=name, link=link, hardware_address=interface.hardware_address))
        if link is Link.DOWN:
            leased = [address for address, end in interface.leases.items() if end is not None]
            for address in leased:
                if isinstance(address, IPv6Interface):
                    self.take_address(name, address)

    def put_address(self, interface: str, address: IPInterface, lease_s: int | None = None) -> None:
        """Put an address on an interface, as another program or an operator does.

        Args:
            interface: of one that exists.
            address: with its prefix length. An IPv6 address that is there keeps the one that it has.
            lease_s: seconds after which it is withdrawn, or None for never.
        """
        end = None if lease_s is None else self._end_of(lease_s)
        leases = self._interfaces[interface].leases
        if isinstance(address, IPv6Interface):
            address = next((present for present in leases if present.ip == address.ip), address)
        leases[address] = end
        self._expiry.set(self.next_expiry)
        self._tell_watcher(interface, address, present=True)
        self._tell_address(interface, address, present=True)

    def take_address(self, interface: str, address: IPInterface) -> None:
        """Take an address off an interface, as another program, an operator, or the end of a lease does.

        Args:
            interface: of one that exists.
            address: with its prefix length; one that is not there is no error.
        """
        leases = self._interfaces[interface].leases
        if address in leases:
            del leases[address]
            self._tell_watcher(interface, address, present=False)
            self._tell_address(interface, address, present=False)

    # What it does by itself.

    def receive(self, interface: Interface, frame: Frame) -> None:
        """Take a frame that is for an interface, or for many.

        Args:
            interface: where it arrived.
            frame: it.
        """
        if self.frozen:
            return
        advertisement = frame.advertisement(interface.name)
        if advertisement is not None:
            if self.listen is not None:
                self.listen(advertisement)
            return
        message = frame.neighbour_message
        if message is not None:
            asks_us = message.is_request and bool(interface.variants_of(message.target))
            is_for_us = asks_us or frame.destination == interface.hardware_address
            interface.neighbours.hear(message, is_for_us=is_for_us)
            if asks_us:
                interface.send(neighbour_messages.answer(message, interface.hardware_address))
            return
        if probe.is_question(frame) and interface.answers(probe.asked_address(frame)):
            interface.send(probe.reply(frame, interface.hardware_address))

    def _expire(self) -> None:
        """End the leases whose time has come, in the order of their ends."""
        if self.frozen:
            return  # `thaw` goes on with it
        now = self._engine.now
        due = [(end, name, address) for name, address, end in self._leases() if end <= now]
        due.sort(key=lambda lease: lease[0])  # those that end together in the order in which they came
        for _, name, address in due:
            self.take_address(name, address)
        self._expiry.set(self.next_expiry)

    def thaw(self) -> None:
        """Let the kernel go on after it was `frozen`: leases that ended meanwhile end now."""
        self.frozen = False
        self._expire()

    def present_state(self) -> tuple[LinkChanged | AddressChanged, ...]:
        """Return the links of all watched interfaces, and the watched addresses that are there."""
        found: list[LinkChanged | AddressChanged] = []
        for name, addresses in self._watched.items():
            interface = self._interfaces.get(name)
            if interface is None:
                found.append(LinkChanged(interface=name, link=Link.ABSENT))
                continue
            mac = interface.hardware_address
            found.append(LinkChanged(interface=name, link=interface.link, hardware_address=mac))
            found += (
                AddressChanged(interface=name, address=address, present=True)
                for address in addresses.values()
                if address in interface.leases
            )
        return tuple(found)

    def power_off(self) -> None:
        """Cut all links and lose all leased addresses without a word, as a machine does whose power fails."""
        self.frozen = False
        for interface in self._interfaces.values():
            interface.powered = False
            interface.segment.link_changed(interface)
            interface.neighbours.clear()
            for address in [address for address, end in interface.leases.items() if end is not None]:
                del interface.leases[address]
                self._tell_watcher(interface.name, address, present=False)

    def power_on(self) -> None:
        """Bring the links back that `power_off` has cut."""
        for interface in self._interfaces.values():
            interface.powered = True
            interface.segment.link_changed(interface)

    @property
    def next_expiry(self) -> int | None:
        """The instant at which the next lease ends, in nanoseconds; None without leases."""
        return min((end for _, _, end in self._leases()), default=None)

    def interface(self, name: str) -> Interface | None:
        """Return an interface, or None if there is none of that name.

        Args:
            name: its name.
        """
        return self._interfaces.get(name)

    def _leases(self) -> Iterator[tuple[str, IPInterface, int]]:
        for interface in self._interfaces.values():
            for address, end in interface.leases.items():
                if end is not None:
                    yield interface.name, address, end

    def _sender(self, name: str, length: int) -> Interface:
        """Return an interface that can send a frame of some length."""
        self._refuse("send", f"sending through {name}")
        sender = self._existing(name)
        if sender.link is Link.DOWN:
            raise PortError(PortFailure.LINK_DOWN, f"{name} is down")
        if length > FRAME_LENGTH_MAX:
            raise PortError(PortFailure.OTHER, f"a frame of {length} bytes is too long for {name}")
        return sender

    def _holder_of(self, name: str, addresses: tuple[IPInterface, ...]) -> Interface:
        """Return an interface, if it may have some addresses."""
        holder = self._existing(name)
        for address in addresses:
            if _is_link_local(address.ip):
                continue
            for other in self._interfaces.values():
                if other is not holder and other.arp and other.variants_of(address.ip):
                    raise PortError(PortFailure.ADDRESS_TAKEN, f"{other.name} of this host has {address.ip}")
        return holder

    def _end_of(self, lease_s: int) -> int:
        """Return the instant at which a lease ends that is given now."""
        return self._lease_clock.end(self._engine.now, lease_s * SECOND)

    def _existing(self, name: str) -> Interface:
        interface = self._interfaces.get(name)
        if interface is None:
            raise PortError(PortFailure.NO_DEVICE, f"no interface {name}")
        return interface

    def _refuse(self, call: str, doing: str) -> None:
        """Fail if that was asked for."""
        failure = self._refusals[call].popleft() if self._refusals[call] else None
        if failure is not None:
            raise PortError(failure, f"{doing}: {failure.value}")

    def _tell(self, change: LinkChanged) -> None:
        if change.interface in self._watched:
            self._observe(change)

    def _tell_watcher(self, interface: str, address: IPInterface, *, present: bool) -> None:
        if self._note is not None:
            self._note(interface, address, present)

    def _tell_address(self, interface: str, address: IPInterface, *, present: bool) -> None:
        watched = self._watched.get(interface, {}).get(address.ip)
        # An address can be there twice, with two prefix lengths; it is gone when the one that was watched is.
        if watched is not None and (present or address == watched):
            self._observe(AddressChanged(interface=interface, address=watched, present=present))


def _is_link_local(address: IPAddress) -> bool:
    """Return whether an address means another thing on each interface (RFC 4007)."""
    return isinstance(address, IPv6Address) and address.is_link_local
