"""What is simulated: segments, hosts, clients and faults, as data.

A `Scenario` says what there is and what happens; a `carpsim.world.World` is made of it and of a seed. The same
vocabulary is that of scenario files. Times are in nanoseconds here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final, NamedTuple, TypeAlias, final

from carpsim.conditions import PERFECT, Conditions
from carpsim.distribution import AT_ONCE, Constant, Distribution
from carpsim.expectation import Expectation
from carpsim.faults import Fault
from carpsim.host import Script
from carpsim.neighbour_cache import LINUX, NeighbourSettings
from carpsim.segment import MAC_AGEING, Snooping
from carpsim.ucarp_host import WAKE_UP, UcarpOptions
from triocarp.core import UCARP, Hook, IPAddress, IPInterface, NodeConfig, VirtualHostConfig
from triocarp.core.timing import SECOND

LAN: Final = "lan"
"""Name of the segment where there is only one."""

ETH0: Final = "eth0"
"""Name of the interface where there is only one."""

DEFAULT_CONDITIONS: Final = Conditions(latency=Constant(50_000))
"""From the switch to a station: 50 us, and nothing is lost."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """One switched segment.

    Attributes:
        name: no two segments have the same.
        inward: conditions from each station to the switch.
        outward: conditions from the switch to each station.
        mac_ageing: how long the switch remembers where a MAC is, nanoseconds; 0 for a hub.
        snooping: what it does with multicast groups that nobody has joined.
        querier: whether somebody has memberships repeated.
        convergence: how long a port whose link came up does not forward, nanoseconds.
    """

    name: str = LAN
    inward: Conditions = PERFECT
    outward: Conditions = DEFAULT_CONDITIONS
    mac_ageing: int = MAC_AGEING
    snooping: Snooping = Snooping.OFF
    querier: bool = True
    convergence: int = 0


class Place(NamedTuple):
    """Where a virtual host is on its host, whatever daemon runs it.

    Attributes:
        interface: its name.
        vhid: its number.
        addresses: the virtual addresses.
    """

    interface: str
    vhid: int
    addresses: tuple[IPInterface, ...]

    @property
    def name(self) -> str:
        """The virtual host in FreeBSD's notation: ``VHID@INTERFACE``."""
        return f"{self.vhid}@{self.interface}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """One host with carpd.

    Attributes:
        name: no two hosts or clients have the same.
        config: of its node.
        segments: the segment of each interface, by the interface's name.
        default_routers: the routers behind which everybody else is, by the interface's name;
            one of a family at most.
        start: the instant at which its daemon starts.
        clock_origin: what its clock reads at the beginning of the world.
        drift_ppm: how many millionths its clock is faster than the world.
        wall_offset: nanoseconds from its clock to its wall clock; None for a host that has no time.
        scripts: how its hooks behave.
        wake_up: how late its timer is.
    """

    name: str
    config: NodeConfig
    segments: Mapping[str, str] = field(default_factory=lambda: {ETH0: LAN})
    default_routers: Mapping[str, tuple[IPAddress, ...]] = field(default_factory=dict[str, tuple[IPAddress, ...]])
    start: int = 0
    clock_origin: int = 0
    drift_ppm: int = 0
    wall_offset: int | None = 0
    scripts: Mapping[Hook, Script] = field(default_factory=dict[Hook, Script])
    wake_up: Distribution = AT_ONCE

    @property
    def places(self) -> tuple[Place, ...]:
        """Its virtual hosts."""
        return tuple(Place(one.interface, one.vhid, one.addresses) for one in self.config.virtual_hosts)

    @property
    def own_addresses(self) -> dict[str, tuple[IPInterface, ...]]:
        """The host's own addresses by interface: from which it advertises, in the networks of its virtual ones."""
        found: dict[str, dict[IPInterface, None]] = {}
        for virtual_host in self.config.virtual_hosts:
            own = found.setdefault(virtual_host.interface, {})
            for source in virtual_host.sources.values():
                own[_in_network_of(source, virtual_host.addresses)] = None
        return {interface: tuple(own) for interface, own in found.items()}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UcarpSettings:
    """One host with ucarp, which may stand beside hosts with carpd.

    Attributes:
        name: no two hosts or clients have the same.
        options: ucarp's command line.
        segment: where it is plugged in.
        start: the instant at which ucarp starts.
        clock_origin: what its clock reads at the beginning of the world.
        drift_ppm: how many millionths its clock is faster than the world.
        wall_offset: nanoseconds from its clock to its wall clock, on which ucarp lives.
        scripts: how its scripts behave, `Hook.UP` and `Hook.DOWN`; they put and take the address.
        wake_up: how late its sleeps end.
    """

    name: str
    options: UcarpOptions
    segment: str = LAN
    start: int = 0
    clock_origin: int = 0
    drift_ppm: int = 0
    wall_offset: int = 0
    scripts: Mapping[Hook, Script] = field(default_factory=dict[Hook, Script])
    wake_up: Distribution = WAKE_UP

    @property
    def places(self) -> tuple[Place, ...]:
        """Its one virtual host."""
        return (Place(self.options.interface, self.options.vhid, (self.options.held,)),)

    @property
    def own_address(self) -> IPInterface:
        """The host's own address."""
        return _in_network_of(self.options.source, (self.options.held,))

    @property
    def segments(self) -> dict[str, str]:
        """The segment of its interface, by the interface's name."""
        return {self.options.interface: self.segment}

    @property
    def config(self) -> NodeConfig:
        """What a carpd would be told that shall be like it."""
        options = self.options
        virtual_host = VirtualHostConfig(
            interface=options.interface,
            vhid=options.vhid,
            password=options.password,
            addresses=(options.held,),
            source=options.source,
            group=options.group,
            advbase_s=options.advbase_s,
            advskew=options.advskew,
            dead_ratio=options.dead_ratio,
            preempt=options.preempt,
            neutral=options.neutral,
            ignore_carrier=options.ignore_link_state,
            dialect=UCARP,
        )
        return NodeConfig(virtual_hosts=(virtual_host,))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """One client.

    Attributes:
        name: no two hosts or clients have the same.
        address: its own.
        target: the virtual address that it probes, of the same family.
        segment: where it is plugged in.
        gateway: the router to which its probes go; None if it is on the segment of its target.
        interval: nanoseconds from one probe to the next.
        timeout: how long a probe may wait for its answer, nanoseconds.
        start: the instant from which on it probes.
        neighbours: how its neighbour cache behaves.
    """

    name: str
    address: IPAddress
    target: IPAddress
    segment: str = LAN
    gateway: IPAddress | None = None
    interval: int = SECOND // 10
    timeout: int = SECOND
    start: int = 0
    neighbours: NeighbourSettings = LINUX


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """One router, which forwards packets between segments.

    Attributes:
        name: no two hosts, clients or routers have the same.
        ports: its own addresses with their networks, by the segment that each port is in.
        neighbours: how its neighbour caches behave.
    """

    name: str = "router"
    ports: Mapping[str, tuple[IPInterface, ...]]
    neighbours: NeighbourSettings = LINUX


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What there is and what happens.

    Attributes:
        name: in a few words, with hyphens.
        description: one paragraph: what it shows.
        duration: how long it is simulated, nanoseconds.
        segments: at least one.
        hosts: at least one.
        routers: who forwards packets from one segment to another.
        clients: who probes.
        faults: what happens, in any order.
        seed: with which it is run, unless somebody wants another one.
        checks: names of the checks that look on; None for all.
        expectations: what shall be so.
    """

    name: str = "unnamed"
    description: str = ""
    duration: int = 60 * SECOND
    segments: tuple[SegmentSettings, ...] = (SegmentSettings(),)
    hosts: tuple[HostSettings | UcarpSettings, ...]
    routers: tuple[RouterSettings, ...] = ()
    clients: tuple[ClientSettings, ...] = ()
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    checks: tuple[str, ...] | None = None
    expectations: tuple[Expectation, ...] = ()


_USUAL_PREFIX: Final = {4: 24, 6: 64}

Networked: TypeAlias = IPv4Interface | IPv6Interface


def _in_network_of(source: IPAddress, addresses: tuple[IPInterface, ...]) -> IPInterface:
    """Return an address with the prefix length of the network that it shares with a virtual one, or the usual."""
    shared = [
        address.network.prefixlen
        for address in addresses
        if address.version == source.version and source in address.network and address.ip != source
    ]
    if source.version == 6 and source.is_link_local:  # noqa: PLR2004 - of IP
        shared = [64]
    prefix = min(shared, default=_USUAL_PREFIX[source.version])
    return IPv4Interface(f"{source}/{prefix}") if source.version == 4 else IPv6Interface(f"{source}/{prefix}")  # noqa: PLR2004
