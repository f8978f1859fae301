from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.conditions import Conditions
from carpsim.distribution import Constant
from carpsim.engine import Engine
from carpsim.frame import Frame
from carpsim.scenario import ClientSettings, Scenario, SegmentSettings
from carpsim.segment import DROP, MEMBERSHIP_TIMEOUT, PASS, Fate, Passage, Rule, Segment, Snooping
from carpsim.world import World
from tests.sim.recorder import VIP, Recorder, carpd, seconds
from triocarp.core import CARP_GROUP, IPAddress, multicast_mac
from triocarp.core.ethernet import BROADCAST
from triocarp.core.timing import SECOND

CARP_MAC = multicast_mac(CARP_GROUP)
OTHER_GROUP = multicast_mac(IPv4Address("239.1.2.3"))
IPV6_GROUP = multicast_mac(IPv6Address("ff02::12"))
ALL_NODES = multicast_mac(IPv6Address("ff02::1"))
SOLICITED_NODE = multicast_mac(IPv6Address("ff02::1:ff00:100"))
NAMES = ("a", "b", "c", "d")


@dataclass(eq=False)
class Station:
    """A station that takes note of what reaches it."""

    label: str
    number: int
    engine: Engine
    carries: bool = True
    got: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    address: IPAddress | None = None

    @property
    def mac(self) -> bytes:
        """Its MAC."""
        return bytes((2, 0, 0, 0, 0, self.number))

    def mac_for(self, address: IPAddress) -> bytes | None:
        """Answer for its address."""
        return self.mac if address == self.address else None

    def receive(self, frame: Frame) -> None:
        """Take note, whoever it is for: a switch may flood."""
        self.got.append((self.engine.now, frame.data))


class Network:
    """A segment with four stations, a to d."""

    def __init__(
        self,
        *,
        inward: Conditions | None = None,
        outward: Conditions | None = None,
        mac_ageing: int = 300 * SECOND,
        snooping: Snooping = Snooping.OFF,
        querier: bool = True,
        convergence: int = 0,
        names: Iterable[str] = NAMES,
    ) -> None:
        """Plug them in."""
        self.engine = Engine()
        self.segment = Segment(
            self.engine,
            inward=inward or Conditions(),
            outward=outward or Conditions(),
            mac_ageing=mac_ageing,
            snooping=snooping,
            querier=querier,
            convergence=convergence,
        )
        self.stations = {name: Station(name, number, self.engine) for number, name in enumerate(names, 1)}
        for station in self.stations.values():
            self.segment.plug_in(station)

    def __getitem__(self, name: str) -> Station:
        """Return a station."""
        return self.stations[name]

    def send(self, sender: str, to: bytes | str, *, source: bytes = b"", body: bytes = b"") -> set[str]:
        """Send a frame, and return who has got one within 100 ms."""
        before = {name: len(station.got) for name, station in self.stations.items()}
        destination = self[to].mac if isinstance(to, str) else to
        frame = destination + (source or self[sender].mac) + b"\x88\xb5" + body
        self.segment.transmit(self[sender], frame)
        self.engine.run_until(self.engine.now + SECOND // 10)
        return {name for name, station in self.stations.items() if len(station.got) > before[name]}


def test_what_is_for_an_unknown_mac_is_flooded_and_the_switch_learns() -> None:
    """Everybody but the sender gets the first one, and only the right port the answer and what follows."""
    network = Network()

    assert network.send("a", "b") == {"b", "c", "d"}
    assert network.send("b", "a") == {"a"}
    assert network.send("a", "b") == {"b"}
    assert network.send("a", BROADCAST) == {"b", "c", "d"}


def test_what_is_learned_is_forgotten_with_age() -> None:
    """300 s after the last frame from there, and not before; each frame renews it."""
    network = Network()
    network.send("b", BROADCAST)
    network.engine.run_until(299 * SECOND)
    assert network.send("a", "b") == {"b"}
    network.send("b", BROADCAST)
    network.engine.run_until(598 * SECOND)
    assert network.send("a", "b") == {"b"}
    network.engine.run_until(601 * SECOND)

    assert network.send("a", "b") == {"b", "c", "d"}


def test_a_mac_that_moves_is_learned_anew() -> None:
    """What b says with a's MAC takes a's frames to b: so a takeover with a virtual MAC works."""
    network = Network()
    network.send("a", BROADCAST)
    network.send("b", BROADCAST, source=network["a"].mac)

    assert network.send("c", "a") == {"b"}
    # What is for a station behind the port where it came from goes nowhere.
    assert network.send("b", "a") == set()


def test_a_hub_learns_nothing() -> None:
    """With no ageing at all everybody gets everything."""
    network = Network(mac_ageing=0)
    network.send("b", "a")

    assert network.send("a", "b") == {"b", "c", "d"}


def test_multicast_sources_are_not_learned() -> None:
    """A frame from a group's MAC teaches the switch nothing (IEEE 802.1Q, section 8.7)."""
    network = Network()
    network.send("b", BROADCAST, source=CARP_MAC)

    assert network.send("a", CARP_MAC) == {"b", "c", "d"}


def test_a_link_that_goes_down_is_forgotten() -> None:
    """Its MACs are flooded again, and it gets nothing while it is down."""
    network = Network()
    network.send("b", BROADCAST)
    network["b"].carries = False
    network.segment.link_changed(network["b"])

    assert network.send("a", "b") == {"c", "d"}


def test_plugging_in_and_out() -> None:
    """Names are unique; who was unplugged gets nothing."""
    network = Network()
    with pytest.raises(ValueError, match="has a station a already"):
        network.segment.plug_in(Station("a", 9, network.engine))
    network.segment.unplug(network["b"])

    assert network.send("a", "b") == {"c", "d"}


@pytest.mark.parametrize(
    ("snooping", "unjoined"),
    [
        (Snooping.OFF, {"carp", "other", "ipv6"}),
        (Snooping.STANDARD, {"carp", "ipv6"}),
        (Snooping.STRICT, set[str]()),
    ],
)
def test_snooping(snooping: Snooping, unjoined: set[str]) -> None:
    """RFC 4541: what is local is flooded; a strict switch drops that, too; who has joined gets it in any case.

    Neighbour discovery goes through each: hosts join the groups of their addresses.
    """
    network = Network(snooping=snooping)
    groups = {"carp": CARP_MAC, "other": OTHER_GROUP, "ipv6": IPV6_GROUP}
    flooded = {name for name, group in groups.items() if network.send("a", group) == {"b", "c", "d"}}
    assert flooded == unjoined
    for everybodys in (BROADCAST, ALL_NODES, SOLICITED_NODE):
        assert network.send("a", everybodys) == {"b", "c", "d"}
    for group in groups.values():
        network.segment.join("c", group)

    assert {name for name, group in groups.items() if "c" in network.send("a", group)} == set(groups)


@pytest.mark.parametrize("querier", [False, True])
def test_without_a_querier_memberships_are_forgotten(querier: bool) -> None:
    """After 260 s nobody gets the group any more: the well-known way in which CARP dies behind a switch."""
    network = Network(snooping=Snooping.STRICT, querier=querier)
    network.segment.join("b", CARP_MAC)
    assert network.send("a", CARP_MAC) == {"b"}
    network.engine.run_until(MEMBERSHIP_TIMEOUT - SECOND)
    assert network.send("a", CARP_MAC) == {"b"}
    network.engine.run_until(MEMBERSHIP_TIMEOUT)

    assert network.send("a", CARP_MAC) == ({"b"} if querier else set())


def test_a_port_converges_slowly() -> None:
    """For 30 s after its link came up it neither sends nor gets; at the beginning all have converged."""
    network = Network(convergence=30 * SECOND)
    assert network.send("a", BROADCAST) == {"b", "c", "d"}
    network.segment.link_changed(network["b"])

    assert network.send("a", BROADCAST) == {"c", "d"}
    assert network.send("b", BROADCAST) == set()
    network.engine.run_until(31 * SECOND)
    assert network.send("b", BROADCAST) == {"a", "c", "d"}
    late = Station("late", 9, network.engine)
    network.segment.plug_in(late)
    network.send("a", BROADCAST)
    assert not late.got


def test_cuts_are_one_way_and_counted() -> None:
    """The other direction works; what was cut twice is mended by the second mending."""
    network = Network()
    network.segment.cut(("a",), ("b", "c"))
    network.segment.cut(("a",), ("b",))
    assert network.send("a", BROADCAST) == {"d"}
    assert network.send("b", BROADCAST) == {"a", "c", "d"}
    network.segment.mend(("a",), ("b", "c"))
    assert network.send("a", BROADCAST) == {"c", "d"}
    assert not network.segment.connects("a", "b")
    network.segment.mend(("a",), ("b",))

    assert network.segment.connects("a", "b")
    assert network.send("a", BROADCAST) == {"b", "c", "d"}


pairs = st.tuples(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))


@given(cuts=st.lists(st.tuples(pairs, st.booleans()), max_size=8))
def test_who_hears_whom_is_what_is_cut_more_often_than_mended(
    cuts: list[tuple[tuple[set[str], set[str]], bool]],
) -> None:
    """Cuts of any shape add up; those that are mended are as if they had never been."""
    network = Network(mac_ageing=0)
    for (senders, receivers), _ in cuts:
        network.segment.cut(sorted(senders), sorted(receivers))
    for (senders, receivers), is_mended in cuts:
        if is_mended:
            network.segment.mend(sorted(senders), sorted(receivers))
    left = [pair for pair, is_mended in cuts if not is_mended]

    for name in NAMES:
        deaf = {other for senders, receivers in left if name in senders for other in receivers}
        assert network.send(name, BROADCAST) == set(NAMES) - deaf - {name}


def only(receiver: str, fates: tuple[Fate, ...]) -> Rule:
    """Return a rule for one receiver."""
    return lambda passage: fates if passage.receiver == receiver else PASS


def test_rules_compose() -> None:
    """Each sees what the one before has made of a frame: delays add up, copies multiply, dropped is dropped."""
    network = Network()
    seen: list[bytes] = []

    def look(passage: Passage) -> tuple[Fate, ...]:
        if passage.receiver == "b":
            seen.append(passage.frame.data[14:])
        return PASS

    rewritten = BROADCAST + network["a"].mac + b"\x88\xb5" + b"other"
    for rule in (
        only("b", (Fate(delay=SECOND // 100), Fate(delay=SECOND // 50, data=rewritten))),
        look,
        only("b", (Fate(), Fate(delay=SECOND // 1000))),
        only("c", DROP),
    ):
        network.segment.add_rule(rule)
    assert network.send("a", BROADCAST, body=b"one") == {"b", "d"}

    assert seen == [b"one", b"other"]
    assert [(at, data[14:]) for at, data in network["b"].got] == [
        (10_000_000, b"one"),
        (11_000_000, b"one"),
        (20_000_000, b"other"),
        (21_000_000, b"other"),
    ]
    network.segment.remove_rule(look)
    assert network.send("a", BROADCAST) == {"b", "d"}
    assert len(seen) == 2


def delaying(delays: list[int]) -> Rule:
    """Return a rule that makes as many copies, each as late."""
    return lambda _: tuple(Fate(delay=delay) for delay in delays)


@given(
    delays=st.lists(st.lists(st.integers(0, 1_000_000), max_size=3), max_size=4),
    latency=st.integers(0, 1_000_000),
)
def test_rules_multiply(delays: list[list[int]], latency: int) -> None:
    """What arrives is every way through the rules, each as late as its delays together."""
    network = Network(outward=Conditions(latency=Constant(latency)), names=("a", "b"))
    for fates in delays:
        network.segment.add_rule(delaying(fates))
    network.send("a", BROADCAST)
    ways = [0]
    for fates in delays:
        ways = [way + delay for way in ways for delay in fates]

    assert [at for at, _ in network["b"].got] == sorted(way + latency for way in ways)


def test_a_delayed_frame_is_passed_by_later_ones() -> None:
    """A rule that holds one frame back holds back no other."""
    network = Network(outward=Conditions(latency=Constant(1000)))
    network.segment.add_rule(
        lambda passage: (Fate(delay=SECOND // 20),) if passage.frame.data.endswith(b"late") else PASS
    )
    network.segment.transmit(network["a"], BROADCAST + network["a"].mac + b"\x88\xb5late")
    network.send("a", BROADCAST, body=b"early")

    assert [data[14:] for _, data in network["b"].got] == [b"early", b"late"]


def note(seen: list[tuple[int, str]], at: int, label: str, _frame: Frame) -> None:
    """Take note of when a tap sees a frame, and where."""
    seen.append((at, label))


def test_latency_inward_and_outward_add_up() -> None:
    """From station to switch and on; a tap at the switch is in between, and one at a port at its end."""
    network = Network(
        inward=Conditions(latency=Constant(3_000_000)), outward=Conditions(latency=Constant(4_000_000))
    )
    taps: dict[str, list[tuple[int, str]]] = {"switch": [], "a": [], "b": []}
    network.segment.add_tap(partial(note, taps["switch"]))
    for name in ("a", "b"):
        network.segment.add_tap(partial(note, taps[name]), name)
    network.send("a", BROADCAST)

    assert [at for at, _ in network["b"].got] == [7_000_000]
    assert taps == {"switch": [(3_000_000, "a")], "a": [(0, "a")], "b": [(7_000_000, "b")]}


@pytest.mark.parametrize("loses", [False, True])
def test_a_lost_gratuitous_arp_matters_behind_a_switch(loses: bool) -> None:
    """The client goes on with the dead master's MAC, which the switch still knows, until its cache asks again."""
    client = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)
    hosts = carpd("a", 1), carpd("b", 2, advskew=100)
    scenario = Scenario(segments=(SegmentSettings(),), hosts=hosts, clients=(client,), duration=60 * SECOND)
    recorder = Recorder()
    world = World(scenario, seed=4, watchers=(recorder,))
    if loses:
        world.segments["lan"].add_rule(
            lambda passage: DROP if passage.receiver == "client" and passage.frame.data[:6] == BROADCAST else PASS
        )
    world.engine.at(10 * SECOND, world.hosts["a"].power_off)
    world.run()
    outage = next(outage for outage in world.clients["client"].outages if outage.begin > 5 * SECOND)
    assert outage.end is not None
    taken = next(at for at, name, present in recorder.holdings if name == "b" and present)
    after_takeover = seconds(outage.end - taken)

    # A cache that is not told goes on for 15 to 45 s, 5 s of delay, and three questions to who is dead.
    assert (7 < after_takeover < 50) if loses else (after_takeover < 0.2)
