from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.client import Client, Outage
from carpsim.conditions import Conditions
from carpsim.distribution import Constant
from carpsim.engine import Engine
from carpsim.faults import Deafness
from carpsim.host_network import HostNetwork
from carpsim.neighbour_cache import NeighbourSettings
from carpsim.scenario import ClientSettings, Scenario
from carpsim.segment import DROP, PASS, Fate, Passage, Segment
from carpsim.world import World
from tests.sim.recorder import VIP, carpd
from triocarp.core.timing import SECOND

INTERVAL = SECOND // 10
TIMEOUT = SECOND


class Service:
    """A client, and a host that answers for the address from the beginning."""

    def __init__(self, *, latency: int = 0, seed: int = 0) -> None:
        """Plug them in."""
        self.engine = Engine()
        self.segment = Segment(self.engine, outward=Conditions(latency=Constant(latency)))
        self.network = HostNetwork(self.engine, observe=lambda _: None)
        self.network.add_interface("eth0", self.segment, bytes.fromhex("020000000001"))
        self.network.put_address("eth0", VIP)
        self.client = Client(
            self.engine,
            self.segment,
            name="client",
            number=0,
            address=IPv4Address("10.0.0.200"),
            hardware_address=bytes.fromhex("020100000001"),
            target=VIP.ip,
            interval=INTERVAL,
            timeout=TIMEOUT,
            seed=seed,
            # Checking the neighbour would have probes wait in a cut, and be answered after all.
            neighbours=NeighbourSettings(base_reachable_time=1000 * SECOND),
        )

    @property
    def first(self) -> int:
        """The instant of the first probe."""
        due = self.engine.next_due
        assert due is not None
        return due


def test_without_faults_there_is_no_outage() -> None:
    """Every probe is answered, ten in a second; the first one waits for ARP as well."""
    service = Service(latency=1_000_000)
    service.engine.run_until(10 * SECOND)

    assert service.client.outages == ()
    assert 98 <= service.client.sent <= 100
    assert service.client.sent - service.client.answered <= 1


@given(
    gaps=st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 3 * SECOND)), max_size=4),
    seed=st.integers(0, 1000),
)
def test_outages_are_what_was_cut(gaps: list[tuple[int, int]], seed: int) -> None:
    """From the first probe that gets no answer to the first that does again, with the number of those between."""
    service = Service(seed=seed)
    first = service.first
    now, cuts = 2 * SECOND, list[tuple[int, int]]()
    for pause, duration in gaps:
        # At the odd nanosecond, so that no probe is at the edge of a cut.
        begin = now + pause // 2 * 2 + 1
        cuts.append((begin, begin + duration // 2 * 2))
        now = cuts[-1][1] + 2 * INTERVAL
        service.engine.at(begin, service.segment.cut, ("client",), ("host:eth0",))
        service.engine.at(cuts[-1][1], service.segment.mend, ("client",), ("host:eth0",))
    end = now + 2 * TIMEOUT
    service.engine.run_until(end)
    probes = range(first, end + 1, INTERVAL)
    expected: list[Outage] = []
    for begin, mended in cuts:
        lost = [at for at in probes if begin <= at < mended]
        if lost:
            expected.append(Outage(begin=lost[0], end=lost[-1] + INTERVAL, lost=len(lost)))

    assert list(service.client.outages) == expected


def test_an_outage_that_goes_on_has_no_end() -> None:
    """Probes whose time is not over do not count yet."""
    service = Service()
    service.engine.at(3 * SECOND + 1, service.network.take_address, "eth0", VIP)
    service.engine.run_until(6 * SECOND)
    (outage,) = service.client.outages

    assert outage.end is None
    assert 0 <= outage.begin - 3 * SECOND <= INTERVAL
    assert 19 <= outage.lost <= 21


@pytest.mark.parametrize(("latency", "outages"), [(999_000_000, 0), (1_001_000_000, 1)])
def test_an_answer_that_comes_too_late_does_not_count(latency: int, outages: int) -> None:
    """Half a second there, half a second back: a probe waits one second and no longer."""
    service = Service()
    service.engine.run_until(2 * SECOND)
    late = Conditions(latency=Constant(latency // 2))
    for port in service.segment.ports:
        port.outward.conditions = late
    service.engine.run_until(12 * SECOND)

    assert len(service.client.outages) == outages


def test_lost_answers_count_as_lost_questions_do() -> None:
    """Every tenth reply is lost: as many outages of one probe."""
    service = Service()
    service.engine.run_until(SECOND)
    replies = 0

    def lose(passage: Passage) -> tuple[Fate, ...]:
        nonlocal replies
        replies += passage.receiver == "client"
        return DROP if passage.receiver == "client" and replies % 10 == 0 else PASS

    service.segment.add_rule(lose)
    service.engine.run_until(11 * SECOND)

    assert {(outage.lost, (outage.end or 0) - outage.begin) for outage in service.client.outages} == {
        (1, INTERVAL)
    }
    assert 8 <= len(service.client.outages) <= 10


def test_answers_that_come_twice_count_once() -> None:
    """The number of answers is that of the probes."""
    service = Service()
    for port in service.segment.ports:
        port.outward.conditions = Conditions(duplicate=1.0)
    service.engine.run_until(5 * SECOND)

    assert service.client.outages == ()
    assert service.client.answered <= service.client.sent


def test_a_client_that_is_cut_off_feels_what_others_do_not() -> None:
    """Each measures what it feels itself."""
    clients = tuple(
        ClientSettings(name=name, address=IPv4Address(f"10.0.0.{number}"), target=VIP.ip)
        for name, number in (("near", 201), ("far", 202))
    )
    cut = Deafness(at=10 * SECOND, senders=("a",), receivers=("far",), duration=4 * SECOND)
    world = World(Scenario(hosts=(carpd("a", 1),), clients=clients, faults=(cut,), duration=20 * SECOND))
    world.run()
    felt = {
        name: [outage for outage in client.outages if outage.begin > 5 * SECOND]
        for name, client in world.clients.items()
    }

    assert not felt["near"]
    (outage,) = felt["far"]
    assert outage.end is not None
    assert 3.8 * SECOND <= outage.end - outage.begin <= 4.2 * SECOND
