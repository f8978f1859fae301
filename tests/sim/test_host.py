"""A simulated host: its daemon's life, its standing still, and its timer."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.clock import HostClock
from carpsim.distribution import AT_ONCE, Constant, Distribution
from carpsim.engine import Engine
from carpsim.frame import Frame
from carpsim.host import SOCKET_BUFFER, Host, Machine, Script, Watcher
from carpsim.host_network import LEASE_LATENESS, Interface
from carpsim.segment import Segment
from triocarp.core import (
    CARPD,
    Advertisement,
    Authenticator,
    DemotionRequested,
    Effect,
    Event,
    Hook,
    HookFinished,
    HookOutcome,
    IPInterface,
    Link,
    NodeConfig,
    PacketReceived,
    Started,
    State,
    StateChanged,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
    WallClockChanged,
    covered_addresses,
    ipv4,
)
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.timing import SECOND

VIP = IPv4Interface("10.0.0.100/24")
PEER = IPv4Address("10.0.0.9")
GROUP = IPv4Address("224.0.0.18")
MILLISECOND = 1_000_000


@dataclass
class Witness(Watcher):
    """Watches a host.

    Attributes:
        told_events: what the node was told, each with the node's instant.
        answers: what it answered, each with the node's instant.
        holdings: instants of the world at which addresses came or went, each with whether they were there then.
        changes: instants at which the process changed.
    """

    told_events: list[tuple[int, Event]] = field(default_factory=list[tuple[int, Event]])
    answers: list[tuple[int, Effect]] = field(default_factory=list[tuple[int, Effect]])
    holdings: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])
    changes: list[int] = field(default_factory=list[int])

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note of what the node was told."""
        del host
        self.told_events.append((at, event))
        self.answers += [(at, effect) for effect in effects]

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:
        """Take note of an address."""
        del host, interface, address
        self.holdings.append((at, present))

    def process_changed(self, host: Machine, at: int) -> None:
        """Take note of a start, a stop, or a pause."""
        del host
        self.changes.append(at)

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:
        """Take no note: what changes a node's state is among what it is told."""

    def when(self, kind: type[Event]) -> list[int]:
        """Return the instants of the node at which it was told events of a kind."""
        return [at for at, event in self.told_events if isinstance(event, kind)]

    def became(self, state: State) -> list[int]:
        """Return the instants of the node at which it came into a state."""
        return [at for at, effect in self.answers if isinstance(effect, StateChanged) and effect.new is state]


class Bench:
    """One host on a segment, and who watches it.

    Args:
        clock: of the host.
        wake_up: how late its timer is.
        scripts: how its hooks behave.
        wall_offset: of its wall clock.
    """

    def __init__(
        self,
        *,
        clock: HostClock | None = None,
        wake_up: Distribution = AT_ONCE,
        scripts: dict[Hook, Script] | None = None,
        wall_offset: int | None = None,
    ) -> None:
        self.engine = Engine()
        self.witness = Witness()
        virtual_host = VirtualHostConfig(
            interface="eth0",
            vhid=7,
            password=b"secret",
            addresses=(VIP,),
            source=IPv4Address("10.0.0.1"),
            up_hook=scripts is not None,
            dialect=CARPD,
        )
        self.host = Host(
            self.engine,
            name="a",
            config=NodeConfig(virtual_hosts=(virtual_host,)),
            clock=clock,
            wake_up=wake_up,
            scripts=scripts,
            wall_offset=wall_offset,
            watchers=(self.witness,),
        )
        self.interface: Interface = self.host.network.add_interface("eth0", Segment(self.engine), b"\2\0\0\0\0\1")

    def run(self, until: float) -> None:
        """Let time pass up to and with an instant, in seconds."""
        self.engine.run_until(round(until * SECOND))

    def advertise(self, *, at: float, counter: int = 1) -> None:
        """Have a peer's advertisement arrive at an instant, in seconds."""
        digest = Authenticator(b"secret", 7, covered_addresses((VIP.ip,))).digest(counter)
        payload = Advertisement(vhid=7, advskew=0, advbase_s=1, counter=counter, digest=digest).build()
        packet = ipv4.header(PEER, GROUP, tos=0, payload_length=len(payload)) + payload
        frame = ethernet_header(multicast_mac(GROUP), b"\2\0\0\0\0\x09", ETHERTYPE_IPV4) + packet
        self.engine.at(round(at * SECOND), self.arrive, frame)

    def arrive(self, data: bytes) -> None:
        """Let a frame arrive now."""
        self.interface.receive(Frame(data))

    @property
    def has_address(self) -> bool:
        """Whether the host has the virtual address."""
        return VIP in self.interface.leases


# Its daemon's life.


def test_daemon_that_starts_is_told_so_first_and_then_how_everything_is() -> None:
    """As the driver does it; and what runs is not started again."""
    bench = Bench(wall_offset=5)
    bench.host.start()
    bench.run(0)
    kinds = [type(event).__name__ for _, event in bench.witness.told_events]
    assert kinds == ["Started", "WallClockChanged", "LinkChanged"]
    bench.host.start_if_ended()
    assert bench.host.runs == 1
    with pytest.raises(ValueError, match="runs already"):
        bench.host.start()


def test_daemon_that_is_killed_leaves_its_address_until_the_lease_ends() -> None:
    """Nobody takes it off sooner, and nobody is told of the end."""
    bench = Bench()
    bench.host.start()
    bench.run(10)
    assert bench.has_address
    told = len(bench.witness.told_events)
    bench.host.kill()
    lease_s = bench.host.config.virtual_hosts[0].lease_s
    last_renewed = 10
    bench.run(last_renewed + lease_s)
    assert bench.has_address
    bench.run(last_renewed + lease_s + LEASE_LATENESS / SECOND)
    assert not bench.has_address
    assert bench.host.node is None
    assert len(bench.witness.told_events) == told


def test_daemon_that_starts_again_is_another_one() -> None:
    """With numbers of its own, and it knows of nothing that was before."""
    bench = Bench()
    bench.host.start()
    first = bench.host.node_seed
    bench.run(10)
    bench.host.kill()
    bench.host.start()
    bench.run(11)
    assert bench.host.node_seed != first
    assert bench.witness.when(Started) == [0, 10 * SECOND]
    bench.run(20)
    assert bench.witness.became(State.MASTER) == [3 * SECOND, 13 * SECOND]


def test_daemon_that_is_stopped_leaves_in_order() -> None:
    """It is told, releases its address, and has ended; its machine goes on."""
    bench = Bench()
    bench.host.start()
    bench.run(10)
    bench.host.stop()
    bench.run(12)
    assert bench.witness.when(StopRequested) == [10 * SECOND]
    assert not bench.has_address
    assert not bench.host.running
    assert bench.interface.carries


def test_machine_without_power_has_no_address_and_no_link() -> None:
    """At once, and it gets its link back with the power."""
    bench = Bench()
    bench.host.start()
    bench.run(10)
    bench.host.power_off()
    assert not bench.has_address
    assert not bench.interface.carries
    bench.run(20)
    bench.host.power_on()
    bench.run(30)
    assert bench.interface.carries
    assert bench.witness.became(State.MASTER) == [3 * SECOND, 23 * SECOND]


def test_script_that_ends_after_its_daemon_is_nothing_to_the_next_one() -> None:
    """Its end is told to who asked for it, or to nobody."""
    slow = {Hook.UP: Script(duration=Constant(10 * SECOND))}
    bench = Bench(scripts=slow)
    bench.host.start()
    bench.run(5)
    bench.host.kill()
    bench.host.start()
    bench.run(17.9)
    assert bench.witness.when(HookFinished) == []
    bench.run(18)
    assert bench.witness.when(HookFinished) == [18 * SECOND]


@pytest.mark.parametrize(("failure", "outcome"), [(0, HookOutcome.SUCCEEDED), (1, HookOutcome.FAILED)])
def test_script_takes_its_time_and_may_fail(failure: float, outcome: HookOutcome) -> None:
    """As its settings say."""
    bench = Bench(scripts={Hook.UP: Script(duration=Constant(SECOND), failure=failure)})
    bench.host.start()
    bench.run(5)
    told = [(at, event) for at, event in bench.witness.told_events if isinstance(event, HookFinished)]
    assert [(at, event.outcome) for at, event in told] == [(4 * SECOND, outcome)]


# Its standing still.


def test_packet_that_waited_counts_from_its_arrival() -> None:
    """A backup that stood still for 40 ms counts its dead time from when the advertisement came."""
    bench = Bench()
    bench.host.start()
    bench.advertise(at=2.01)
    bench.run(2)
    bench.host.pause()
    bench.run(2.04)
    assert bench.witness.when(PacketReceived) == []
    bench.host.resume()
    bench.run(10)
    assert bench.witness.when(PacketReceived) == [round(2.01 * SECOND)]
    assert bench.witness.became(State.MASTER) == [round(5.01 * SECOND)]


def test_what_waited_is_read_before_the_timer_is_served() -> None:
    """A backup whose dead time is over when it goes on does not take over from a master that was heard."""
    bench = Bench()
    bench.host.start()
    bench.advertise(at=2.95)
    bench.run(2.9)
    bench.host.pause()
    bench.run(3.1)
    bench.host.resume()
    bench.run(5)
    assert bench.witness.became(State.MASTER) == []


def test_timer_that_came_due_is_served_at_the_end_of_the_pause() -> None:
    """If nothing that waited says otherwise."""
    bench = Bench()
    bench.host.start()
    bench.run(2.9)
    bench.host.pause()
    bench.run(3.1)
    assert bench.witness.became(State.MASTER) == []
    bench.host.resume()
    bench.run(3.1)
    assert bench.witness.became(State.MASTER) == [round(3.1 * SECOND)]


def test_socket_buffer_is_full_at_some_time() -> None:
    """What comes then is lost, but for what does not come through the socket."""
    bench = Bench()
    bench.host.start()
    bench.run(1)
    bench.host.pause()
    for number in range(SOCKET_BUFFER + 50):
        bench.advertise(at=1.001, counter=number + 1)
    bench.run(1.01)
    bench.host.tell(DemotionRequested(amount=5))
    bench.host.resume()
    bench.run(1.02)
    assert len(bench.witness.when(PacketReceived)) == SOCKET_BUFFER
    assert len(bench.witness.when(DemotionRequested)) == 1


def test_pauses_may_overlap() -> None:
    """It goes on at the end of the last one."""
    bench = Bench()
    bench.host.start()
    bench.run(1)
    bench.host.pause()
    bench.host.pause()
    bench.run(4)
    bench.host.resume()
    bench.run(5)
    assert bench.host.paused
    assert bench.witness.when(TimerExpired) == []
    bench.host.resume()
    bench.run(5)
    assert not bench.host.paused
    assert bench.witness.when(TimerExpired) == [5 * SECOND]


def test_frozen_kernel_hears_nothing_and_ends_leases_when_it_goes_on() -> None:
    """As a virtual machine does that its hypervisor has stopped."""
    bench = Bench()
    bench.host.start()
    bench.run(10)
    bench.host.pause(kernel=True)
    bench.advertise(at=11)
    bench.run(40)
    assert bench.has_address
    bench.host.resume()
    bench.run(40)
    assert bench.witness.when(PacketReceived) == []
    assert (40 * SECOND, False) in bench.witness.holdings


def test_what_happens_to_a_host_is_shown() -> None:
    """Each start, pause and end, once."""
    bench = Bench()
    bench.host.start()
    for instant, change in ((1, bench.host.pause), (2, bench.host.resume), (3, bench.host.kill)):
        bench.run(instant)
        change()
    assert bench.witness.changes == [0, SECOND, 2 * SECOND, 3 * SECOND]


# Its clocks.


@given(st.integers(0, 10**18), st.integers(-500_000, 500_000))
def test_timer_rings_at_the_first_instant_at_which_the_clock_has_come_that_far(origin: int, drift: int) -> None:
    """Whenever the clock began, and however fast it is."""
    clock = HostClock(origin, drift)
    bench = Bench(clock=clock)
    bench.host.start()
    due = clock.instant(clock.read(0) + 3 * SECOND)
    bench.engine.run_until(due - 1)
    assert not bench.has_address
    bench.engine.run_until(due)
    assert bench.has_address


def test_timer_follows_a_clock_that_goes_faster() -> None:
    """From the instant on at which it does."""
    bench = Bench()
    bench.host.start()
    bench.run(1)
    bench.host.set_drift(1_000_000)
    bench.run(1.99)
    assert not bench.has_address
    bench.run(2)
    assert bench.has_address


def test_late_timer_is_late() -> None:
    """By what was asked for; the node is told the instant at which it woke up."""
    bench = Bench(wake_up=Constant(7 * MILLISECOND))
    bench.host.start()
    bench.run(4)
    assert bench.witness.when(TimerExpired) == [3 * SECOND + 7 * MILLISECOND]


def test_host_learns_of_a_wall_clock_that_is_set() -> None:
    """Unless it has none."""
    bench = Bench(wall_offset=5)
    bench.host.start()
    bench.run(1)
    bench.host.step_wall_clock(-7)
    bench.run(2)
    told = [event for _, event in bench.witness.told_events if isinstance(event, WallClockChanged)]
    assert [event.offset for event in told] == [5, -2]
    other = Bench(wall_offset=None)
    other.host.start()
    other.host.step_wall_clock(7)
    other.run(1)
    assert other.witness.when(WallClockChanged) == []


def test_link_that_is_lost_and_comes_back() -> None:
    """A master without a link is none, and a daemon learns of both."""
    bench = Bench()
    bench.host.start()
    bench.run(5)
    bench.host.network.set_link("eth0", Link.NO_CARRIER)
    bench.run(6)
    assert not bench.has_address
    bench.host.network.set_link("eth0", Link.UP)
    bench.run(20)
    assert bench.has_address
    assert bench.witness.became(State.MASTER) == [3 * SECOND, 9 * SECOND]
