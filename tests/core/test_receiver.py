"""What a host believes: everything that the others believe, but what is damaged, strange, or from elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARP_GROUP,
    CARP_GROUP6,
    DIALECTS,
    Dialect,
    DropReason,
    Family,
    Notice,
    PacketDropped,
    PacketReceived,
    PacketUnreadable,
    Sealing,
    State,
    VirtualHostConfig,
    read_datagram,
)
from triocarp.core.advertisement import LENGTH, internet_checksum, parse
from triocarp.core.ipv4 import header as ipv4_header
from triocarp.core.ipv6 import header as ipv6_header
from triocarp.core.notice_limit import REMEMBERED
from triocarp.core.receiver import Judgement, Receiver
from triocarp.core.sealed_counter import CounterSeal, Sealed
from triocarp.core.statistics import PEERS_MAX
from triocarp.core.timing import SECOND

from .wire import (
    DUAL,
    OWN,
    OWN6,
    PEER,
    PEER6,
    PLAIN,
    VIRTUAL,
    VIRTUAL6,
    Heard,
    Host,
    keyring_of,
    notices_in,
    objects_in,
    speaking,
)

HEARD: Final = Heard(config=PLAIN, counter=41)
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def datagram(payload: bytes = HEARD.payload, *, tos: int = 0x10, options: bytes = b"", **fields: int) -> bytes:
    """Return the usual peer's advertisement as an IPv4 datagram, with other header fields or options."""
    head = bytearray(
        ipv4_header(PEER, CARP_GROUP, tos=tos, payload_length=len(payload), identification=fields.get("id", 0))
    )
    head[0] += len(options) // 4
    head[2:4] = (len(head) + len(options) + len(payload)).to_bytes(2, "big")
    head[6:8] = fields.get("fragment", 0x4000).to_bytes(2, "big")
    head[8] = fields.get("ttl", 255)
    head[10:12] = bytes(2)
    head += options
    head[10:12] = internet_checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head) + payload


def summed(payload: bytes) -> bytes:
    """Return an advertisement with the right checksum."""
    unsummed = payload[:6] + bytes(2) + payload[8:LENGTH]
    return unsummed[:6] + internet_checksum(unsummed).to_bytes(2, "big") + payload[8:]


def with_byte(offset: int, value: int) -> bytes:
    """Return the usual advertisement with another byte, and a right checksum."""
    payload = HEARD.payload
    return summed(payload[:offset] + bytes((value,)) + payload[offset + 1 :])


def hears(datagram: bytes, config: VirtualHostConfig = PLAIN) -> Host:
    """Return a backup that has received a datagram half a second after it began to listen."""
    host = Host.listening(config)
    event = read_datagram("eth0", datagram)
    host.feed(event, after=SECOND // 2)
    return host


ACCEPTED: Final = {
    "as it is": datagram(),
    "TOS 0": datagram(tos=0),
    "TOS e0": datagram(tos=0xE0),
    "an identification": datagram(id=0x4B8F),
    "may be fragmented": datagram(fragment=0),
    "demote byte": datagram(with_byte(4, 9)),
    "IP options": datagram(options=b"\x01\x01\x01\x00"),
    "the longest IP options": datagram(options=bytes(40)),
    "Ethernet padding": datagram() + bytes(6),
    "trailing bytes in the datagram": datagram(HEARD.payload + b"trailing"),
    "any advskew": datagram(with_byte(2, 0)),
}
REFUSED: Final = {
    "version 3": (datagram(with_byte(0, 0x31)), DropReason.BAD_VERSION),
    "type 2": (datagram(with_byte(0, 0x22)), DropReason.BAD_TYPE),
    "authlen 0": (datagram(with_byte(3, 0)), DropReason.BAD_TYPE),
    "TTL 254": (datagram(ttl=254), DropReason.BAD_TTL),
    "TTL 0": (datagram(ttl=0), DropReason.BAD_TTL),
    "wrong checksum": (datagram(HEARD.payload[:6] + bytes(2) + HEARD.payload[8:]), DropReason.BAD_CHECKSUM),
    "wrong digest": (datagram(with_byte(35, HEARD.payload[35] ^ 1)), DropReason.BAD_AUTHENTICATION),
    "wrong counter": (datagram(with_byte(15, 42)), DropReason.BAD_AUTHENTICATION),
    "unknown VHID": (datagram(with_byte(1, 8)), DropReason.BAD_VHID),
    "VHID 0": (datagram(with_byte(1, 0)), DropReason.BAD_VHID),
    "truncated": (datagram(HEARD.payload[:35]), DropReason.BAD_LENGTH),
    "cut short on its way": (datagram()[:-1], DropReason.BAD_LENGTH),
    "more fragments follow": (datagram(fragment=0x2000), DropReason.FRAGMENT),
    "a later fragment": (datagram(fragment=0x0001), DropReason.FRAGMENT),
    "nothing": (b"", DropReason.SHORT_HEADER),
}


@pytest.mark.parametrize("earlier", ["as it is", "IP options"])
@pytest.mark.parametrize(("packet", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_master_that_was_believed_has_no_credit(earlier: str, packet: bytes, reason: DropReason) -> None:
    """What is refused is refused from a peer, too, that was believed just now: nothing of that is remembered."""
    host = hears(ACCEPTED[earlier])

    host.feed(read_datagram("eth0", packet), after=SECOND // 2)

    assert host.statistics.heard == {PEER: 1}
    assert [drop.reason for drop in host.dropped()] == [reason]


@every_dialect
@pytest.mark.parametrize("packet", ACCEPTED.values(), ids=ACCEPTED)
def test_what_others_accept_is_accepted(dialect: Dialect, packet: bytes) -> None:
    """The acceptance that was measured with ucarp, in every dialect: the dead timer begins anew (1.9)."""
    host = hears(packet, speaking(dialect))
    demoted = dialect.name.startswith("openbsd") and packet == ACCEPTED["demote byte"]
    assert host.statistics.heard == {PEER: 1}
    assert not host.dropped()
    # An OpenBSD backup takes over from a demoted master; that, too, is hearing it.
    assert host.state is (State.MASTER if demoted else State.BACKUP)
    if not demoted:
        assert host.deadline == SECOND // 2 + host.config.dead_time


def test_checksums_that_cancel_are_two_wrong_ones() -> None:
    """Ucarp sums both headers at once, so that two errors may cancel; we do not (3.8 row 16)."""
    right = datagram()
    both = bytearray(right)
    both[10:12] = ((int.from_bytes(right[10:12], "big") + 1) & 0xFFFF).to_bytes(2, "big")
    both[26:28] = ((int.from_bytes(right[26:28], "big") - 1) & 0xFFFF).to_bytes(2, "big")
    assert int.from_bytes(both, "big") % 0xFFFF == 0
    assert hears(bytes(both)).node.statistics.dropped == {DropReason.BAD_CHECKSUM: 1}


@every_dialect
@pytest.mark.parametrize(("packet", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_counted_once(dialect: Dialect, packet: bytes, reason: DropReason) -> None:
    """In every dialect each rejection is reported once and counted once, and changes nothing (9.4 row 12)."""
    host, twin = hears(packet, speaking(dialect)), Host.listening(speaking(dialect))
    own, of_node = host.statistics, host.node.statistics
    assert {reason: 1} == own.dropped + of_node.dropped
    assert own.received + of_node.received == 1
    assert [reason] == [dropped.reason for dropped in host.dropped()]
    assert (host.state, host.deadline) == (twin.state, twin.deadline)
    assert not own.heard


@every_dialect
@pytest.mark.parametrize("source", ["0.0.0.0", "10.0.0.100", "192.0.2.1", "255.255.255.255"])  # noqa: S104
def test_any_source_is_accepted(dialect: Dialect, source: str) -> None:
    """Also no address at all, the virtual one, and one of another network (9.4 row 11)."""
    host = Host.listening(speaking(dialect))
    host.hear(Heard(config=host.config, source=IPv4Address(source)), after=SECOND)
    assert host.deadline == SECOND + host.config.dead_time
    assert not host.dropped()


@pytest.mark.parametrize("source", [IPv6Address("::"), VIRTUAL6.ip, IPv6Address("2001:db8:1::1")])
def test_any_ipv6_source_is_accepted(source: IPv6Address) -> None:
    """The same over IPv6, which FreeBSD sends from :: if it has nothing better (1.4)."""
    host = Host.listening(DUAL)
    host.hear(Heard(config=DUAL, family=Family.IPV6, source=source))
    assert {source: 1} == host.statistics.heard


@every_dialect
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6))
def test_any_counter_is_accepted(dialect: Dialect, counters: list[int]) -> None:
    """Higher, lower, and the same one again, even a whole frame (9.4 row 9)."""
    host = Host.listening(speaking(dialect))
    for counter in [*counters, counters[0], counters[0]]:
        host.hear(Heard(config=host.config, counter=counter), after=SECOND)
        assert host.deadline == host.now + host.config.dead_time
    assert {PEER: len(counters) + 2} == host.statistics.heard


@every_dialect
def test_own_advertisement_is_dropped_whatever_it_holds(dialect: Dialect) -> None:
    """What has our source came back to us, or somebody forges it: it is neither believed nor told about."""
    host = Host.master(speaking(dialect))
    deadline = host.deadline
    for heard in (
        Heard(config=host.config, source=OWN, advbase_s=1),
        Heard(config=replace(host.config, password=b"wrong"), source=OWN),
    ):
        effects = host.hear(heard)
        assert [it.reason for it in effects if isinstance(it, PacketDropped)] == [DropReason.OWN]
        assert len(effects) == 1
    assert (host.state, host.deadline) == (State.MASTER, deadline)


@pytest.mark.parametrize(
    ("family", "destination"),
    [
        (Family.IPV4, OWN),
        (Family.IPV4, IPv4Address("224.0.0.1")),
        (Family.IPV4, IPv4Address("255.255.255.255")),
        (Family.IPV6, OWN6),
        (Family.IPV6, IPv6Address("ff02::1")),
    ],
    ids=str,
)
def test_only_the_group_is_listened_to(family: Family, destination: IPv4Address | IPv6Address) -> None:
    """With multicast, what is sent to another group, or to us alone, is not for us (9.4 row 12)."""
    host = Host.listening(DUAL)
    host.feed(replace(Heard(config=DUAL, family=family).packet, destination=destination))
    assert host.statistics.dropped == {DropReason.BAD_DESTINATION: 1}


def test_family_without_a_source_is_not_listened_to() -> None:
    """A host that does not advertise over IPv6 does not hear it either."""
    host = Host.listening(replace(DUAL, source6=None))
    host.hear(Heard(config=DUAL, family=Family.IPV6))
    assert host.statistics.dropped == {DropReason.BAD_DESTINATION: 1}


def ipv6_datagram(payload: bytes, **fields: int) -> bytes:
    """Return the usual peer's advertisement as an IPv6 datagram, with other header fields."""
    head = bytearray(ipv6_header(PEER6, CARP_GROUP6, payload_length=len(payload)))
    head[7] = fields.get("hop_limit", 255)
    head[6] = fields.get("next_header", 112)
    return bytes(head) + payload


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        pytest.param(ipv6_datagram(HEARD.payload), None, id="as it is"),
        pytest.param(ipv6_datagram(HEARD.payload, hop_limit=254), DropReason.BAD_TTL, id="hop limit 254"),
        pytest.param(ipv6_datagram(HEARD.payload, next_header=44), DropReason.FRAGMENT, id="a fragment"),
        pytest.param(ipv6_datagram(HEARD.payload, next_header=0), DropReason.FOREIGN, id="an extension header"),
        pytest.param(ipv6_datagram(HEARD.payload)[:-1], DropReason.BAD_LENGTH, id="cut short"),
        pytest.param(ipv6_datagram(HEARD.payload[:-1]), DropReason.BAD_LENGTH, id="too short"),
    ],
)
def test_ipv6_is_judged_by_the_same_rules(packet: bytes, reason: DropReason | None) -> None:
    """Hop limit, length and next header are checked as IPv4's are; extension headers are nobody's (1.4)."""
    config = replace(DUAL, addresses=(VIRTUAL,))
    host = hears(packet, config)
    dropped = host.statistics.dropped + host.node.statistics.dropped
    assert ({} if reason else {PEER6: 1}) == host.statistics.heard
    assert ({reason: 1} if reason else {}) == dropped


def test_own_counter_before_the_clock_is_known_is_nothing_to_remember() -> None:
    """Only who judges seals remembers its own; what it remembers begins with the wall clock."""
    config = replace(PLAIN, sealing=Sealing.OBSERVE)
    seal = CounterSeal(PLAIN.password)
    receiver = Receiver(config, keyring_of(config), (seal,))
    own = Sealed(vhid=7, advbase_s=1, advskew=0, demotion=0, source=OWN)
    receiver.take_note_of_own(own, seal.counter(own, 1), 0)
    assert receiver.judge(HEARD.packet, parse(HEARD.payload), 0, None) == Judgement(None)


# A flood.


def forged_sources(count: int) -> list[IPv4Address]:
    """Return addresses that nobody has."""
    return [IPv4Address("10.1.0.0") + index for index in range(count)]


FORGERIES: Final[dict[str, Callable[[IPv4Address], PacketReceived]]] = {
    "believed": lambda source: Heard(config=DUAL, source=source).packet,
    "as good as we are": lambda source: Heard(config=DUAL, source=source, advskew=254).packet,
    "wrong password": lambda source: Heard(config=replace(DUAL, password=b"wrong"), source=source).packet,
    "other addresses": lambda source: Heard(config=replace(DUAL, addresses=(VIRTUAL,)), source=source).packet,
    "other password": lambda source: Heard(config=replace(DUAL, password=b"the old one"), source=source).packet,
    "VRRP": lambda source: replace(HEARD.packet, source=source, payload=bytes.fromhex("3107640100640606c0000201")),
}


@pytest.mark.parametrize("sealing", [Sealing.OFF, Sealing.ENFORCE], ids=lambda it: it.value)
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_ten_thousand_forged_senders_are_not_remembered(
    forge: Callable[[IPv4Address], PacketReceived], state: State, sealing: Sealing
) -> None:
    """Whoever claims many addresses makes a host neither grow nor talk without end."""
    config = replace(DUAL, other_password=b"the old one", sealing=sealing, advskew=10)
    host = Host.listening(config) if state is State.BACKUP else Host.master(config)
    told, objects = 0, 0
    for number, source in enumerate(forged_sources(10_000)):
        told += len(notices_in(host.node.handle(forge(source), host.now)))
        if number == 500:
            objects = objects_in(host.node)
    assert objects_in(host.node) < objects + 500
    assert told <= REMEMBERED + 10
    assert host.statistics.received == 10_000
    assert len(host.statistics.heard) <= PEERS_MAX


def test_honest_peer_is_heard_in_a_flood() -> None:
    """A flood of wrong passwords does not keep a host from hearing its master."""
    host = Host.listening(PLAIN)
    for second in range(3):
        for source in forged_sources(1000):
            host.hear(Heard(config=replace(PLAIN, password=b"wrong"), source=source), after=1000)
        host.run_until((second + 1) * SECOND)
        host.hear(HEARD)
    assert host.statistics.heard == {PEER: 3}
    assert (host.state, host.deadline) == (State.BACKUP, 6 * SECOND)


def test_notice_about_a_peer_comes_again_after_a_minute() -> None:
    """What goes on is told once a minute for each peer."""
    host = Host.listening(PLAIN)
    wrong = Heard(config=replace(PLAIN, password=b"wrong"))
    for _ in range(121):
        host.hear(wrong)
        host.feed(HEARD.packet, after=SECOND)
    assert host.noticed() == [(Notice.WRONG_PASSWORD, PEER)] * 3


def test_unreadable_packets_are_the_nodes() -> None:
    """What cannot be read is counted with the node, and its source told where there is one."""
    host = Host.listening(PLAIN)
    event = read_datagram("eth0", datagram()[:-1])
    assert event == PacketUnreadable(interface="eth0", reason=DropReason.BAD_LENGTH, source=PEER)
    host.feed(event)
    assert host.dropped() == [PacketDropped(interface="eth0", reason=DropReason.BAD_LENGTH, source=PEER)]
    assert host.node.statistics.received == 1
