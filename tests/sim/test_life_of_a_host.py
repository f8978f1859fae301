"""What a simulated machine goes through: power, errors that end, standing still; and what takes how long."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.conditions import Conditions
from carpsim.distribution import Constant, Distribution, Exponential, HeavyTail, Normal, Uniform
from carpsim.engine import Engine
from carpsim.faults import AddressTaken, Crash, KernelErrors, Pause, Stop
from carpsim.frame import Frame
from carpsim.host_network import HostNetwork
from carpsim.lease_clock import longest_lateness
from carpsim.randomness import stream
from carpsim.segment import Segment
from carpsim.world import World
from triocarp.core import NodeConfig, State
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_IPV4
from triocarp.core.timing import SECOND

from .small_worlds import PLAIN, VIRTUAL_ADDRESS, scenario

LATENCIES = st.integers(0, SECOND)
DISTRIBUTIONS: st.SearchStrategy[Distribution] = st.one_of(
    st.builds(Constant, LATENCIES),
    st.tuples(LATENCIES, LATENCIES).map(lambda ends: Uniform(min(ends), max(ends))),
    st.builds(Normal, LATENCIES, LATENCIES),
    st.tuples(LATENCIES, LATENCIES).map(lambda ends: Exponential(mean=max(ends), least=min(ends))),
    st.tuples(LATENCIES, LATENCIES).map(lambda ends: HeavyTail(least=min(ends), most=max(ends))),
)


def state_of(world: World, host: str) -> State | None:
    """Return the state of a host's virtual host, or None if no daemon runs."""
    node = world.carpd(host).node
    return None if node is None else node.virtual_hosts["eth0", 1].state


def test_machine_without_power_starts_nothing() -> None:
    """A restart comes to nothing while the power is off, and power that comes back starts the daemon."""
    power = Crash(at=5 * SECOND, host="a", power=True, restart_after=5 * SECOND)
    world = World(scenario(Stop(at=4 * SECOND, host="a", restart_after=2 * SECOND), power))
    world.run(8 * SECOND)
    assert state_of(world, "a") is None
    world.run(11 * SECOND)
    assert state_of(world, "a") is not None


@pytest.mark.parametrize("clock_stops", [False, True])
def test_nothing_starts_where_everything_stands_still(clock_stops: bool) -> None:
    """A daemon that is to start meanwhile starts afterwards, once: else its clock might go backwards."""
    world = World(
        scenario(
            Crash(at=4 * SECOND, host="a", restart_after=2 * SECOND),
            Pause(at=5 * SECOND, host="a", duration=3 * SECOND, kernel=True, clock_stops=clock_stops),
        )
    )
    world.run(8 * SECOND - 1)
    assert state_of(world, "a") is None
    world.run(8 * SECOND)
    assert state_of(world, "a") is State.BACKUP
    world.run()
    assert world.hosts["a"].runs == 2


def test_power_failures_may_overlap() -> None:
    """The earlier end of two power failures is the end of both."""
    first = Crash(at=4 * SECOND, host="a", power=True, restart_after=4 * SECOND)
    second = Crash(at=5 * SECOND, host="a", power=True, restart_after=8 * SECOND)
    world = World(scenario(first, second))
    world.run()
    assert world.hosts["a"].runs == 2


def test_leases_of_both_families_end_together() -> None:
    """Addresses of IPv4 and IPv6 whose leases end at one instant both go."""
    engine = Engine()
    network = HostNetwork(engine, observe=lambda change: None)  # noqa: ARG005 - nobody looks
    network.add_interface("eth0", Segment(engine), b"\2\0\0\0\0\1")
    addresses = (IPv6Interface("2001:db8::100/64"), VIRTUAL_ADDRESS)
    network.hold("eth0", addresses, 1)
    engine.run_until(SECOND + longest_lateness(SECOND))
    interface = network.interface("eth0")
    assert interface is not None
    assert not interface.leases


def test_addresses_of_all_virtual_hosts_are_watched() -> None:
    """A host with two virtual hosts on one interface learns of what others do to the addresses of both."""
    first = replace(PLAIN, preempt=False)
    second = replace(first, vhid=2, addresses=(IPv4Interface("10.0.0.101/24"),))
    config = NodeConfig(virtual_hosts=(first, second))
    taken = [AddressTaken(at=8 * SECOND, host="a", address=host.addresses[0]) for host in (first, second)]
    world = World(scenario(*taken, hosts=1, change=lambda host: replace(host, config=config)))
    world.run(8 * SECOND)
    interface = world.hosts["a"].network.interface("eth0")
    assert interface is not None
    assert {first.addresses[0], second.addresses[0]} <= set(interface.leases)


def test_kernel_errors_end() -> None:
    """After their duration no call fails any more that nobody has made yet."""
    world = World(scenario(KernelErrors(at=SECOND, host="b", call="hold", count=9, duration=SECOND)))
    world.run(SECOND)
    assert world.hosts["b"].network.refuses("hold")
    world.run(2 * SECOND)
    assert not world.hosts["b"].network.refuses("hold")


def test_host_that_slept_does_nothing_that_it_decided_in_its_sleep() -> None:
    """A master reads what came while it stood still, and what it would have done a dead time ago is not done."""
    world = World(scenario(Pause(at=8 * SECOND, host="a", duration=9 * SECOND)))
    sent: list[tuple[int, str]] = []
    world.segments["lan"].add_sender_tap(lambda at, label, frame: sent.append((at, label)))  # noqa: ARG005
    world.run(16 * SECOND)
    sent.clear()
    world.run(17 * SECOND)
    # The takeover that it decides at the end: an advertisement and an announcement, one more in its defence, and
    # one because it learns last that its lease has ended meanwhile.
    assert sent.count((17 * SECOND, "a:eth0")) == 4


def test_tap_at_senders_sees_what_is_lost_on_the_way() -> None:
    """A tap at the senders sees a frame before its cable delays or loses it."""
    engine = Engine()
    segment = Segment(engine, inward=Conditions(latency=Constant(SECOND)))
    network = HostNetwork(engine, observe=lambda change: None)  # noqa: ARG005 - nobody looks
    network.add_interface("eth0", segment, b"\2\0\0\0\0\1")
    seen: list[tuple[str, int]] = []
    segment.add_tap(lambda at, label, frame: seen.append(("switch", at)))  # noqa: ARG005
    segment.add_sender_tap(lambda at, label, frame: seen.append((label, at)))  # noqa: ARG005
    network.send("eth0", Frame(BROADCAST + b"\2\0\0\0\0\1" + ETHERTYPE_IPV4).data)
    engine.run_until(SECOND)
    assert seen == [("host:eth0", 0), ("switch", SECOND)]


@given(DISTRIBUTIONS, st.integers(0, 1000))
def test_nothing_takes_longer_than_the_longest(distribution: Distribution, seed: int) -> None:
    """Bounds rest on it."""
    rng = stream(seed, "test")
    assert max(distribution.draw(rng) for _ in range(20)) <= distribution.longest


@pytest.mark.parametrize(
    ("conditions", "longest"),
    [
        (Conditions(latency=Constant(5)), 5),
        (Conditions(latency=Constant(5), reorder=0.1, reorder_by=Constant(7)), 12),
        (Conditions(bandwidth=8 * SECOND, queue=100), 100 + 1514),
    ],
)
def test_conditions_say_how_long_a_frame_takes(conditions: Conditions, longest: int) -> None:
    """The latency, what lets others pass, and a full queue at one byte in a nanosecond."""
    assert conditions.longest == longest
    assert conditions.is_lossless
    assert not replace(conditions, corrupt=0.1).is_lossless
