"""Routers: unicast groups over several segments, and clients elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest

from carpsim.engine import Engine
from carpsim.faults import Crash, LinkLoss
from carpsim.frame import Frame
from carpsim.host import Host
from carpsim.host_network import HostNetwork
from carpsim.router import Router
from carpsim.scenario import ClientSettings, HostSettings, RouterSettings, Scenario, SegmentSettings
from carpsim.segment import Segment
from carpsim.world import World
from triocarp.core import IPAddress, Link, NodeConfig, State, Transport, VirtualHostConfig, ipv4, ipv6
from triocarp.core.timing import SECOND

VIP = IPv4Interface("192.0.2.1/32")
SOURCES = (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.224"), IPv4Address("10.0.1.3"))
"""Two on one side of the router, one on the other; one looks like a multicast address at its end."""


def host(number: int) -> HostSettings:
    """Return a host that sends its advertisements to each of the others."""
    source = SOURCES[number]
    segment = "left" if number < 2 else "right"
    virtual_host = VirtualHostConfig(
        interface="eth0",
        vhid=7,
        password=b"secret",
        addresses=(VIP,),
        source=source,
        transport=Transport.UNICAST,
        peers=tuple(peer for peer in SOURCES if peer != source),
        routed_peers=True,
        advskew=number * 50,
    )
    gateway = IPv4Address("10.0.0.254") if segment == "left" else IPv4Address("10.0.1.254")
    return HostSettings(
        name="abc"[number],
        config=NodeConfig(virtual_hosts=(virtual_host,)),
        segments={"eth0": segment},
        default_routers={"eth0": (gateway,)},
    )


ROUTER = RouterSettings(
    ports={"left": (IPv4Interface("10.0.0.254/24"),), "right": (IPv4Interface("10.0.1.254/24"),)}
)
TWO_SUBNETS = Scenario(
    segments=(SegmentSettings(name="left"), SegmentSettings(name="right")),
    hosts=tuple(host(number) for number in range(3)),
    routers=(ROUTER,),
)


def states(world: World) -> dict[str, State]:
    """Return the state of each host that runs."""
    return {
        name: virtual_host.state
        for name, host in world.hosts.items()
        if isinstance(host, Host) and host.node is not None
        for virtual_host in host.node.virtual_hosts.values()
    }


def test_unicast_peers_in_two_subnets_have_one_master() -> None:
    """Row 14 of the protocol's scenarios: also with a peer whose address ends in .224."""
    world = World(TWO_SUBNETS)
    world.run(10 * SECOND)
    assert states(world) == {"a": State.MASTER, "b": State.BACKUP, "c": State.BACKUP}


def test_a_host_behind_the_router_takes_over_and_stays() -> None:
    """Everybody on the other side has crashed, and comes back without preempting."""
    world = World(TWO_SUBNETS)
    for number, name in enumerate(("a", "b")):
        world.engine.at(10 * SECOND + number, world.let_happen, Crash(at=0, host=name, restart_after=10 * SECOND))
    world.run(19 * SECOND)
    assert states(world) == {"c": State.MASTER}
    world.run(40 * SECOND)
    assert states(world) == {"a": State.BACKUP, "b": State.BACKUP, "c": State.MASTER}


def test_a_client_behind_a_router_reaches_the_address_wherever_it_is() -> None:
    """It is the router whose neighbour cache learns from the announcement."""
    sources = (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))
    vip = IPv4Interface("10.0.0.100/24")
    hosts = tuple(
        HostSettings(
            name=name,
            config=NodeConfig(
                virtual_hosts=(
                    VirtualHostConfig(
                        interface="eth0", vhid=7, password=b"secret", addresses=(vip,), source=source, advskew=skew
                    ),
                )
            ),
            segments={"eth0": "left"},
        )
        for name, source, skew in zip("ab", sources, (0, 50), strict=True)
    )
    client = ClientSettings(
        name="client",
        address=IPv4Address("10.0.1.9"),
        target=vip.ip,
        segment="right",
        gateway=IPv4Address("10.0.1.254"),
    )
    scenario = Scenario(
        segments=TWO_SUBNETS.segments,
        hosts=hosts,
        routers=(ROUTER,),
        clients=(client,),
        duration=40 * SECOND,
        faults=(LinkLoss(at=20 * SECOND, host="a"),),
    )
    world = World(scenario)
    world.run()
    before, failover = world.clients["client"].outages
    assert before.begin < SECOND // 10
    assert failover.begin >= 20 * SECOND - SECOND // 10
    assert failover.end is not None
    assert failover.end - failover.begin < round(3.4 * SECOND)


@dataclass
class Wire:
    """Two segments with a router between, and a machine on each side that hears what arrives.

    Attributes:
        engine: of the world.
        here: sends.
        heard: by the machine there, from the destination MAC on.
    """

    engine: Engine = field(default_factory=Engine)
    here: HostNetwork = field(init=False)
    heard: list[Frame] = field(default_factory=list[Frame])

    def __post_init__(self) -> None:
        """Plug everybody in."""
        left, right = Segment(self.engine, name="left"), Segment(self.engine, name="right")
        addresses = (IPv4Interface("10.0.0.254/24"), IPv6Interface("2001:db8::fe/64"))
        others = (IPv4Interface("10.0.1.254/24"), IPv6Interface("2001:db8:1::fe/64"))
        Router(self.engine, name="router", number=0, ports={left: addresses, right: others})
        self.here = self._machine(left, "here", ("10.0.0.1/24", "2001:db8::1/64"), (own.ip for own in addresses))
        self._machine(right, "there", ("10.0.1.1/24", "2001:db8:1::1/64"), ())
        right.add_tap(self._hear, "there:eth0")

    def _machine(
        self, segment: Segment, name: str, addresses: tuple[str, str], gateways: Iterable[IPAddress]
    ) -> HostNetwork:
        machine = HostNetwork(self.engine, name=name, observe=lambda _: None)
        mac = bytes((2, 0, 0, 0, 0, len(name)))
        machine.add_interface("eth0", segment, mac, gateways=tuple(gateways))
        machine.put_address("eth0", IPv4Interface(addresses[0]))
        machine.put_address("eth0", IPv6Interface(addresses[1]))
        return machine

    def _hear(self, at: int, station: str, frame: Frame) -> None:
        del at, station
        if frame.source[1] == 2 and frame.neighbour_message is None:  # a router's
            self.heard.append(frame)

    def send(self, packet: bytes) -> list[bytes]:
        """Send a packet, let a minute pass, and return the packets that have arrived there."""
        self.here.send_packet("eth0", packet)
        self.engine.run_until(self.engine.now + 60 * SECOND)
        return [frame.packet for frame in self.heard]


def packet4(destination: str = "10.0.1.1", *, ttl: int = 255) -> bytes:
    """Return an IPv4 packet with a payload of 36 bytes."""
    head = ipv4.header(IPv4Address("10.0.0.1"), IPv4Address(destination), tos=16, payload_length=36)
    changed = bytearray(head)
    changed[8] = ttl
    checksum = int.from_bytes(head[10:12]) + ((255 - ttl) << 8)
    changed[10:12] = ((checksum & 0xFFFF) + (checksum >> 16)).to_bytes(2)
    return bytes(changed) + bytes(range(36))


def packet6(*, hop_limit: int = 255) -> bytes:
    """Return an IPv6 packet with a payload of 36 bytes."""
    source, destination = IPv6Address("2001:db8::1"), IPv6Address("2001:db8:1::1")
    head = bytearray(ipv6.header(source, destination, payload_length=36))
    head[7] = hop_limit
    return bytes(head) + bytes(range(36))


@pytest.mark.parametrize("ttl", [255, 64, 2])
def test_a_packet_arrives_with_one_hop_less_and_a_right_checksum(ttl: int) -> None:
    """And nothing else is changed, of both families."""
    assert Wire().send(packet4(ttl=ttl)) == [packet4(ttl=ttl - 1)]
    assert Wire().send(packet6(hop_limit=ttl)) == [packet6(hop_limit=ttl - 1)]


@pytest.mark.parametrize("packet", [packet4(ttl=1), packet6(hop_limit=1), packet4()[:-40] + bytes(40)])
def test_a_packet_that_has_lived_long_enough_or_is_broken_ends_there(packet: bytes) -> None:
    """The last one has no sound header."""
    wire = Wire()
    broken = bytearray(packet)
    if packet[8:9] == b"\xff":
        broken[10] ^= 1
    assert wire.send(bytes(broken)) == []


def test_a_packet_to_nowhere_ends_at_the_router() -> None:
    """It has no further routes."""
    assert Wire().send(packet4("198.51.100.1")) == []


def test_the_router_answers_for_its_own_addresses_only() -> None:
    """Nobody who is asked for on another segment is answered for: there is no proxy ARP."""
    wire = Wire()
    interface = wire.here.interface("eth0")
    assert interface is not None
    found: list[bytes] = []
    interface.neighbours.resolve(IPv4Address("10.0.0.254"), found.append)
    interface.neighbours.resolve(IPv4Address("10.0.1.1"), found.append)
    wire.engine.run_until(60 * SECOND)
    assert found == [bytes.fromhex("020200000001")]


def test_a_machine_forgets_its_neighbours_when_its_link_goes() -> None:
    """And loses what waits for them; when the link is back it asks anew."""
    wire = Wire()
    interface = wire.here.interface("eth0")
    assert interface is not None
    gateway = IPv4Address("10.0.0.254")
    assert len(wire.send(packet4())) == 1
    assert interface.neighbours.lookup(gateway) is not None
    wire.here.set_link("eth0", Link.NO_CARRIER)
    assert interface.neighbours.lookup(gateway) is None
    assert len(wire.send(packet4())) == 1, "lost"
    wire.here.set_link("eth0", Link.UP)
    assert len(wire.send(packet4())) == 2
