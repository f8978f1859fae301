"""A host's daemon: what it is told when it stands still, crashes, is started again, or has another clock."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

import pytest

from carpsim.clock import HostClock
from carpsim.distribution import AT_ONCE, Constant, Distribution
from carpsim.engine import Engine
from carpsim.host import SOCKET_BUFFER, Host, Machine
from carpsim.lease_clock import longest_lateness
from carpsim.loop import STAMP_AGE_MAX, HostTimer
from carpsim.segment import Segment
from triocarp.core import (
    Advertisement,
    Authenticator,
    Effect,
    Event,
    IPInterface,
    Link,
    LinkChanged,
    NodeConfig,
    PacketReceived,
    Started,
    State,
    TimerExpired,
    VirtualHostConfig,
    WallClockChanged,
    covered_addresses,
)
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.ipv4 import header
from triocarp.core.timing import SECOND

VIP = IPv4Interface("10.0.0.100/24")
GROUP = IPv4Address("224.0.0.18")
PEER = IPv4Address("10.0.0.9")
CONFIG = NodeConfig(
    virtual_hosts=(
        VirtualHostConfig(
            interface="eth0", vhid=7, password=b"secret", addresses=(VIP,), source=IPv4Address("10.0.0.1")
        ),
    )
)


def advertisement(advskew: int = 0) -> bytes:
    """Return the frame of a genuine advertisement of a peer."""
    payload = Advertisement(
        vhid=7,
        advskew=advskew,
        advbase_s=1,
        counter=1,
        digest=Authenticator(b"secret", 7, covered_addresses((VIP.ip,))).digest(1),
    ).build()
    ahead = ethernet_header(multicast_mac(GROUP), bytes((2, 0, 0, 0, 0, 9)), ETHERTYPE_IPV4)
    return ahead + header(PEER, GROUP, tos=0, payload_length=len(payload)) + payload


class Peer:
    """A station that only speaks."""

    label = "peer"
    carries = True

    def receive(self, frame: object) -> None:
        """Hear nothing."""


@dataclass
class Watched:
    """One host, and all that its node was told.

    Attributes:
        clock: of the host.
        wake_up: how late its timer is.
        told: with the node's instants.
        holding: whether it has the virtual address, whenever that changed, with the instants of the world.
    """

    clock: HostClock = field(default_factory=HostClock)
    wake_up: Distribution = AT_ONCE
    told_of: list[tuple[int, Event]] = field(default_factory=list[tuple[int, Event]])
    holding: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])
    engine: Engine = field(default_factory=Engine)
    peer: Peer = field(default_factory=Peer)
    host: Host = field(init=False)
    segment: Segment = field(init=False)

    def __post_init__(self) -> None:
        """Plug it in, beside a peer."""
        self.segment = Segment(self.engine)
        self.host = Host(
            self.engine, name="a", config=CONFIG, clock=self.clock, wake_up=self.wake_up, watchers=(self,)
        )
        self.host.network.add_interface("eth0", self.segment, bytes((2, 0, 0, 0, 0, 1)))
        self.segment.plug_in(self.peer)

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Note what the node is told."""
        del host, effects
        self.told_of.append((at, event))

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:
        """Note whether it has the address."""
        del host, interface, address
        self.holding.append((at, present))

    def process_changed(self, host: Machine, at: int) -> None:
        """Note nothing."""

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:
        """Note nothing."""

    def advertise(self, frame: bytes | None = None) -> None:
        """Let the peer send a frame, and let it arrive."""
        self.segment.transmit(self.peer, frame or advertisement())
        self.wait(0)

    def wait(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.engine.run_until(self.engine.now + nanoseconds)

    def times(self, kind: type[Event]) -> list[int]:
        """Return the node's instants at which it was told something of a kind."""
        return [at for at, event in self.told_of if isinstance(event, kind)]

    def state(self) -> State | None:
        """The state of the virtual host, or None while no daemon runs."""
        node = self.host.node
        return None if node is None else node.virtual_hosts["eth0", 7].state


def test_a_start_tells_what_there_is() -> None:
    """That it has started, what the wall clock says, and how its network is; all at once, in that order."""
    watched = Watched()
    watched.wait(5)
    watched.host.start()
    assert [(at, type(event)) for at, event in watched.told_of] == [
        (5, Started),
        (5, WallClockChanged),
        (5, LinkChanged),
    ]
    with pytest.raises(ValueError, match="runs already"):
        watched.host.start()


def test_a_lone_host_is_master_after_the_dead_time_to_the_nanosecond() -> None:
    """And it has the address until it is stopped."""
    watched = Watched()
    watched.host.start()
    watched.wait(10 * SECOND)
    assert watched.state() is State.MASTER
    watched.host.stop()
    watched.wait(0)
    assert watched.state() is None
    assert not watched.host.running
    assert watched.holding == [(3 * SECOND, True), (10 * SECOND, False)]


def test_what_waits_while_the_daemon_is_paused_is_read_in_the_order_of_its_sources() -> None:
    """Packets before changes of the network, however they came; and then the timer is served, if it is due."""
    watched = Watched()
    watched.host.start()
    watched.wait(SECOND)
    watched.host.pause()
    watched.host.network.set_link("eth0", Link.NO_CARRIER)
    watched.host.network.set_link("eth0", Link.UP)
    watched.advertise()
    watched.host.step_wall_clock(7)
    before = len(watched.told_of)
    watched.wait(SECOND // 10)
    assert len(watched.told_of) == before
    watched.host.resume()
    assert [type(event) for _, event in watched.told_of[before:]] == [
        WallClockChanged,
        PacketReceived,
        LinkChanged,
        LinkChanged,
    ]


@pytest.mark.parametrize(("pause", "counts"), [(STAMP_AGE_MAX - 1, 0), (STAMP_AGE_MAX, STAMP_AGE_MAX)])
def test_a_packet_that_waited_counts_from_its_arrival_if_that_is_short_ago(pause: int, counts: int) -> None:
    """As long as the packet socket believes its time stamp."""
    watched = Watched()
    watched.host.start()
    watched.wait(SECOND)
    watched.host.pause()
    watched.advertise()
    watched.wait(pause)
    watched.host.resume()
    assert watched.times(PacketReceived) == [SECOND + counts]


def test_a_short_pause_past_the_dead_time_makes_no_second_master() -> None:
    """The advertisement that waits is read before the timer is served."""
    watched = Watched()
    watched.host.start()
    watched.wait(3 * SECOND - 10)
    watched.host.pause()
    watched.advertise()
    watched.wait(20)
    watched.host.resume()
    watched.wait(2 * SECOND)
    assert watched.state() is State.BACKUP
    watched.wait(SECOND)
    assert watched.state() is State.MASTER
    assert watched.holding == [(6 * SECOND - 10, True)]


def test_pauses_are_counted() -> None:
    """Two that overlap end with the later one."""
    watched = Watched()
    watched.host.start()
    watched.host.pause()
    watched.host.pause()
    watched.wait(3 * SECOND)
    watched.host.resume()
    watched.wait(SECOND // 2)  # late by less than an interval: nothing can have been missed
    assert watched.host.paused
    assert watched.state() is State.BACKUP
    watched.host.resume()
    watched.wait(0)
    assert watched.state() is State.MASTER


def test_a_socket_holds_so_many_packets_and_no_more() -> None:
    """The first ones; what else happens to the host is not lost."""
    watched = Watched()
    watched.host.start()
    watched.host.pause()
    for number in range(SOCKET_BUFFER + 50):
        watched.advertise(advertisement(number % 255))
    watched.host.network.set_link("eth0", Link.NO_CARRIER)
    watched.wait(0)
    watched.host.resume()
    packets = [event for _, event in watched.told_of if isinstance(event, PacketReceived)]
    assert [packet.payload[2] for packet in packets] == [number % 255 for number in range(SOCKET_BUFFER)]
    assert isinstance(watched.told_of[-1][1], LinkChanged)


def test_a_killed_daemon_leaves_its_address_until_the_lease_ends() -> None:
    """The kernel withdraws it, a little late, and nobody is told."""
    watched = Watched()
    watched.host.start()
    watched.wait(3 * SECOND)
    lease_s = CONFIG.virtual_hosts[0].lease_s
    watched.host.kill()
    told = len(watched.told_of)
    watched.wait(60 * SECOND)
    ((ended, present),) = watched.holding[1:]
    assert not present
    assert 0 < ended - (3 + lease_s) * SECOND <= longest_lateness(lease_s * SECOND)
    assert len(watched.told_of) == told


def test_a_daemon_that_is_started_again_knows_nothing_of_the_one_before() -> None:
    """No timer, no hook and no packet of the first run reaches the second; it draws other numbers."""
    watched = Watched()
    watched.host.start()
    seed = watched.host.node_seed
    watched.wait(2 * SECOND)
    watched.host.kill()
    watched.host.start_if_ended()
    watched.host.start_if_ended()
    watched.wait(3 * SECOND - 1)
    assert watched.times(TimerExpired) == []
    watched.wait(1)
    assert watched.state() is State.MASTER
    assert (watched.host.runs, watched.host.node_seed == seed) == (2, False)


def test_a_machine_without_power_has_no_leases_and_hears_nothing() -> None:
    """When it has power again it starts from the beginning, once."""
    watched = Watched()
    watched.host.start()
    watched.wait(4 * SECOND)
    watched.host.power_off()
    assert watched.holding[-1] == (4 * SECOND, False)
    watched.host.start_if_ended()
    assert not watched.host.running
    told = len(watched.told_of)
    watched.advertise()
    assert len(watched.told_of) == told
    watched.host.power_on()
    watched.host.power_on()
    watched.wait(3 * SECOND)
    assert watched.state() is State.MASTER
    assert watched.host.runs == 2


def test_a_frozen_machine_keeps_its_address_and_answers_nobody() -> None:
    """Its leases end when it goes on, and it finds out that it is no master any more."""
    watched = Watched()
    watched.host.start()
    watched.wait(4 * SECOND)
    watched.host.pause(kernel=True)
    watched.wait(60 * SECOND)
    assert len(watched.holding) == 1
    watched.host.resume()
    watched.wait(0)
    assert watched.state() is State.BACKUP
    assert watched.holding[-1] == (64 * SECOND, False)


@pytest.mark.parametrize("drift_ppm", [100, -100])
def test_a_host_lives_on_its_own_clock(drift_ppm: int) -> None:
    """Three of its seconds make it master, and its node knows no others."""
    watched = Watched(clock=HostClock(origin=500 * SECOND, drift_ppm=drift_ppm))
    watched.host.start()
    watched.wait(4 * SECOND)
    ((instant, _),) = watched.holding
    assert abs(instant - 3 * SECOND * 1_000_000 // (1_000_000 + drift_ppm)) <= 1
    (at, *_) = watched.times(TimerExpired)
    assert 0 <= at - 503 * SECOND <= 1


def test_a_clock_that_begins_to_drift_moves_the_timer() -> None:
    """From then on: a second before, and two of its seconds afterwards."""
    watched = Watched()
    watched.host.start()
    watched.wait(SECOND)
    watched.host.set_drift(100_000)
    watched.wait(3 * SECOND)
    assert watched.holding[0] == (SECOND + 1_818_181_819, True)


def test_a_late_timer_makes_everything_late() -> None:
    """By as much as it is said, and what is missed is not made up for."""
    watched = Watched(wake_up=Constant(SECOND // 4))
    watched.host.start()
    watched.wait(6 * SECOND)
    assert watched.times(TimerExpired) == [13 * SECOND // 4, 18 * SECOND // 4, 23 * SECOND // 4]


def test_a_timer_that_is_moved_while_it_is_late_does_not_ring() -> None:
    """It waits for its new deadline, and is late again."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    timer.set(10)
    engine.run_until(12)
    timer.set(20)
    engine.run_until(30)
    assert rung == [25]


def test_a_timer_that_is_set_to_the_past_rings_as_late_as_ever() -> None:
    """Once, however often it is set."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    engine.run_until(100)
    timer.set(10)
    engine.run_until(102)
    timer.set(11)
    engine.run_until(200)
    assert rung == [105]


def test_a_paused_timer_rings_when_it_goes_on() -> None:
    """Also when it was late already."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    timer.set(10)
    engine.run_until(12)
    timer.pause()
    engine.run_until(40)
    timer.resume()
    engine.run_until(60)
    assert rung == [45]
