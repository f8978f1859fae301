"""What a machine knows of its neighbours, asks them, and forgets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

import pytest

from carpsim import neighbour_messages
from carpsim.engine import Engine
from carpsim.frame import Frame, NeighbourMessage
from carpsim.neighbour_cache import LINUX, NeighbourCache
from carpsim.randomness import stream
from triocarp.core import IPAddress
from triocarp.core.ethernet import BROADCAST, gratuitous_arp
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.timing import SECOND

OURS = bytes.fromhex("020000000001")
THEIRS = bytes.fromhex("020000000002")
OTHERS = bytes.fromhex("020000000003")
OWN: dict[int, IPAddress] = {4: IPv4Address("10.0.0.1"), 6: IPv6Address("2001:db8::1")}
PEERS: tuple[IPAddress, ...] = (IPv4Address("10.0.0.2"), IPv6Address("2001:db8::2"))

both_families = pytest.mark.parametrize("peer", PEERS, ids=["ARP", "neighbour discovery"])


@dataclass
class Machine:
    """Whose cache it is.

    Attributes:
        engine: of the world.
        asked: its questions, each with its instant and the MAC that it was sent to.
        sent: what was sent to a neighbour: the MACs.
    """

    engine: Engine = field(default_factory=Engine)
    asked: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    sent: list[bytes] = field(default_factory=list[bytes])
    cache: NeighbourCache = field(init=False)

    def __post_init__(self) -> None:
        """Give it a cache."""
        self.cache = NeighbourCache(self.engine, self, stream(1, "cache"))

    @property
    def hardware_address(self) -> bytes:
        """Its MAC."""
        return OURS

    def source_for(self, address: IPAddress) -> IPAddress:
        """Return its own address."""
        return OWN[address.version]

    def send(self, frame: bytes) -> None:
        """Note a question."""
        message = Frame(frame).neighbour_message
        assert message is not None
        assert message.is_request
        self.asked.append((self.engine.now, frame[:6]))

    def use(self, peer: IPAddress) -> None:
        """Send something to a neighbour."""
        self.cache.resolve(peer, self.sent.append)

    def hear(self, frame: bytes, *, is_for_us: bool = True) -> None:
        """Hear what somebody says."""
        message = Frame(frame).neighbour_message
        assert message is not None
        self.cache.hear(message, is_for_us=is_for_us)

    def learn(self, peer: IPAddress, mac: bytes = THEIRS) -> None:
        """Ask for a neighbour, and get an answer."""
        self.use(peer)
        self.hear(answer_of(peer, mac))

    def wait(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.engine.run_until(self.engine.now + nanoseconds)


def answer_of(peer: IPAddress, mac: bytes = THEIRS) -> bytes:
    """Return a neighbour's answer to our question."""
    asked = Frame(neighbour_messages.question(peer, OWN[peer.version], OURS)).neighbour_message
    assert asked is not None
    return neighbour_messages.answer(asked, mac)


def announcement_of(peer: IPAddress, mac: bytes) -> bytes:
    """Return what a new master says of an address."""
    if isinstance(peer, IPv4Address):
        return gratuitous_arp(mac, peer)
    return unsolicited_neighbour_advertisement(mac, peer, router=False)


def note(order: list[int], number: int) -> Callable[[bytes], None]:
    """Return what sends a packet, and notes its number."""
    return lambda _: order.append(number)


@both_families
def test_packets_wait_for_the_answer(peer: IPAddress) -> None:
    """One question, to all; then everything is sent, in its order."""
    machine = Machine()
    order: list[int] = []
    for number in range(3):
        machine.cache.resolve(peer, note(order, number))
    assert order == []
    assert len(machine.asked) == 1
    assert machine.asked[0][1][0] & 1
    machine.hear(answer_of(peer))
    assert order == [0, 1, 2]
    assert machine.cache.lookup(peer) == THEIRS


@both_families
def test_who_does_not_answer_is_asked_three_times_a_second_apart(peer: IPAddress) -> None:
    """Then what waits is lost, and whoever wants it asks anew."""
    machine = Machine()
    machine.use(peer)
    machine.wait(10 * SECOND)
    assert [at for at, _ in machine.asked] == [0, SECOND, 2 * SECOND]
    machine.hear(answer_of(peer))
    assert machine.sent == []
    machine.use(peer)
    assert len(machine.asked) == 4


def test_so_many_packets_wait_and_no_more() -> None:
    """The oldest is lost first."""
    machine = Machine()
    order: list[int] = []
    for number in range(LINUX.queue + 5):
        machine.cache.resolve(PEERS[0], note(order, number))
    machine.hear(answer_of(PEERS[0]))
    assert order == list(range(5, LINUX.queue + 5))


@both_families
def test_an_entry_grows_stale_and_is_checked_when_it_is_used(peer: IPAddress) -> None:
    """Within 15 to 45 s; then five seconds pass, and the neighbour is asked at the MAC that is known."""
    machine = Machine()
    machine.learn(peer)
    machine.wait(14 * SECOND)
    machine.use(peer)
    machine.wait(32 * SECOND)
    assert len(machine.asked) == 1, "nobody is asked for what is not used, and what is fresh is not checked"
    used_at = machine.engine.now
    machine.use(peer)
    machine.wait(LINUX.delay_first_probe_time)
    assert machine.asked[1:] == [(used_at + LINUX.delay_first_probe_time, THEIRS)]
    machine.hear(answer_of(peer))
    machine.wait(14 * SECOND)
    assert len(machine.asked) == 2
    assert machine.sent == [THEIRS] * 3


@both_families
def test_a_neighbour_that_is_gone_is_forgotten_when_it_does_not_answer(peer: IPAddress) -> None:
    """The wait before the check, and three questions."""
    machine = Machine()
    machine.learn(peer)
    machine.wait(46 * SECOND)
    machine.use(peer)
    machine.wait(8 * SECOND - 1)
    assert machine.cache.lookup(peer) == THEIRS
    machine.wait(1)
    assert machine.cache.lookup(peer) is None


@both_families
def test_an_announcement_changes_what_is_known(peer: IPAddress) -> None:
    """At once, also within the lock time: that is how a takeover reaches clients."""
    machine = Machine()
    machine.learn(peer)
    machine.hear(announcement_of(peer, OTHERS), is_for_us=False)
    machine.use(peer)
    assert machine.sent == [THEIRS, OTHERS]


@both_families
def test_an_announcement_that_nobody_asked_for_is_not_remembered(peer: IPAddress) -> None:
    """arp_accept is 0, and RFC 4861 (section 7.2.5) says the same."""
    machine = Machine()
    machine.hear(announcement_of(peer, OTHERS), is_for_us=False)
    assert machine.cache.lookup(peer) is None


@both_families
def test_who_asks_us_is_remembered(peer: IPAddress) -> None:
    """We shall have to answer; who asks others is nobody to us."""
    machine = Machine()
    asked = neighbour_messages.question(OWN[peer.version], peer, THEIRS)
    machine.hear(asked, is_for_us=False)
    assert machine.cache.lookup(peer) is None
    machine.hear(asked)
    assert machine.cache.lookup(peer) == THEIRS


def test_a_second_answer_within_the_lock_time_changes_nothing() -> None:
    """Two hosts with one address both answer: the first one wins, for a second (ARP only)."""
    machine = Machine()
    machine.learn(PEERS[0])
    machine.hear(answer_of(PEERS[0], OTHERS))
    assert machine.cache.lookup(PEERS[0]) == THEIRS
    machine.wait(SECOND + 1)
    machine.hear(answer_of(PEERS[0], OTHERS))
    assert machine.cache.lookup(PEERS[0]) == OTHERS


@both_families
def test_all_is_forgotten_when_the_link_goes(peer: IPAddress) -> None:
    """And no alarm of an old entry ever rings."""
    machine = Machine()
    machine.learn(peer)
    machine.cache.clear()
    assert machine.cache.lookup(peer) is None
    machine.use(peer)
    machine.cache.clear()
    machine.wait(100 * SECOND)
    assert len(machine.asked) == 2


def test_a_probe_for_a_free_address_says_nothing() -> None:
    """RFC 5227: who asks from 0.0.0.0 has no address yet."""
    machine = Machine()
    message = NeighbourMessage(
        is_request=True, sender=IPv4Address(0), sender_mac=THEIRS, target=OWN[4], override=False, solicited=False
    )
    machine.cache.hear(message, is_for_us=True)
    assert machine.cache.lookup(IPv4Address(0)) is None


def test_a_question_to_everybody_is_broadcast() -> None:
    """ARP's; that of neighbour discovery goes to the group of the address."""
    machine = Machine()
    machine.use(PEERS[0])
    machine.use(PEERS[1])
    assert [mac for _, mac in machine.asked] == [BROADCAST, bytes.fromhex("3333ff000002")]
