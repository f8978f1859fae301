"""A host says exactly what its dialect says: to the last bit of the frame, in whatever state and mood."""

import itertools
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARP_GROUP,
    CARPD,
    DIALECTS,
    DRAGONFLY,
    FREEBSD,
    FREEBSD_9,
    NETBSD,
    OPENBSD,
    OPENBSD_7_3,
    UCARP,
    Announce,
    CounterStyle,
    DemotionRequested,
    Dialect,
    DropReason,
    Family,
    Link,
    LinkChanged,
    Notice,
    PacketReceived,
    Saying,
    Sealing,
    SendAdvertisement,
    State,
    StopRequested,
    Transport,
    VirtualHostConfig,
    read_datagram,
)
from triocarp.core.advertisement import internet_checksum, parse
from triocarp.core.sealed_counter import EPOCH, TICK, CounterSeal, Sealed, tick_at
from triocarp.core.timing import SECOND

from .vectors import FRAMES, HEADERS, mac
from .wire import (
    DUAL,
    OTHER_PASSWORD,
    OWN,
    OWN6,
    PASSWORD,
    PLAIN,
    THIRD,
    WALL,
    Heard,
    Host,
    keyring_of,
    notices_in,
    said_in,
    sent_in,
    speaking,
)

if TYPE_CHECKING:
    from collections.abc import Callable

IP_BEGINS: Final = 14
COUNTERS: Final = st.integers(0, 2**64 - 1)
LAST_COUNTER: Final = 2**64 - 1
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
OF_BOTH: Final = [dialect for dialect in DIALECTS.values() if dialect is not UCARP]
every_voice = pytest.mark.parametrize(
    "config",
    [speaking(dialect) for dialect in DIALECTS.values()] + [speaking(dialect, dual=True) for dialect in OF_BOTH],
    ids=lambda config: f"{config.dialect.name}-{len(config.sources)}",
)


def of_header(name: str, dialect: Dialect, source: str = "", source6: str = "") -> VirtualHostConfig:
    """Return the virtual host that sends one of the computed headers."""
    header = HEADERS[name]
    return VirtualHostConfig(
        interface="eth0",
        vhid=header.vhid,
        password=header.key,
        addresses=tuple(ip_interface(address) for address in header.addresses),
        source=IPv4Address(source) if source else None,
        source6=IPv6Address(source6) if source6 else None,
        link_layer_address=header.link_layer_address,
        advbase_s=1 if name == "V11" else header.advbase_s,
        advskew=0 if name == "V11" else header.advskew,
        dialect=dialect,
    )


def first_counter_for(config: VirtualHostConfig, counter: int) -> int:
    """Return what a host must draw so that its first advertisement has a counter."""
    return counter - (config.dialect.counter_style is CounterStyle.FOLLOWS_PEER)


def with_identification_zero(frame: bytes) -> bytes:
    """Return an IPv4 frame with the identification that we send; a sender is free in that field (RFC 6864)."""
    ip_header = frame[IP_BEGINS : IP_BEGINS + 20]
    unsummed = ip_header[:4] + bytes(2) + ip_header[6:10] + bytes(2) + ip_header[12:]
    checksum = internet_checksum(unsummed).to_bytes(2, "big")
    return frame[:IP_BEGINS] + unsummed[:10] + checksum + unsummed[12:] + frame[IP_BEGINS + 20 :]


def frames_in(sent: list[SendAdvertisement]) -> list[bytes]:
    """Return whole frames."""
    return [one.ethernet_header + one.packet for one in sent]


# Known answers.


@pytest.mark.parametrize(
    ("frame", "header", "dialect", "source"),
    [("F1", "V1", UCARP, "10.1.1.1"), ("F2", "V2", FREEBSD, "10.99.0.7")],
)
def test_new_master_sends_the_computed_frame(frame: str, header: str, dialect: Dialect, source: str) -> None:
    """A ucarp sends F1 and a FreeBSD host F2 when they become master, byte for byte but the identification."""
    config = of_header(header, dialect, source)
    host = Host.master(config, counter=first_counter_for(config, HEADERS[header].counter))
    assert [with_identification_zero(FRAMES[frame])] == frames_in(sent_in(host.done))


def test_demoted_openbsd_master_sends_both_computed_frames() -> None:
    """An OpenBSD host of both families with demotion 3 sends F3 and F4: one header, without its link-local."""
    config = replace(of_header("V8", OPENBSD, "192.0.2.10", "fe80::1234:56ff:fe78:9abc"), vhid=HEADERS["V9"].vhid)
    host = Host.listening(config, counter=HEADERS["V9"].counter)
    host.feed(DemotionRequested(amount=3))
    host.run_until(host.deadline)
    assert [with_identification_zero(FRAMES["F3"]), FRAMES["F4"]] == frames_in(sent_in(host.done))


def test_freebsd_master_sends_the_computed_ipv6_frame() -> None:
    """A FreeBSD host of IPv6 only sends F5."""
    config = of_header("V7", FREEBSD, source6="2001:db8::1:2")
    host = Host.master(config, counter=first_counter_for(config, HEADERS["V7"].counter))
    assert [FRAMES["F5"]] == frames_in(sent_in(host.done))


@pytest.mark.parametrize("dialect", [NETBSD, FREEBSD_9, DRAGONFLY], ids=lambda it: it.name)
def test_leaving_bsd_master_sends_the_computed_goodbye(dialect: Dialect) -> None:
    """The BSDs that bow out and know no demotion byte send F6 as the second advertisement, with V11 in it."""
    config = of_header("V11", dialect, "10.1.1.2")
    host = Host.master(config, counter=0)
    assert [said.counter for said in said_in(host.done)] == [1]
    goodbye = sent_in(host.feed(StopRequested()))
    assert [with_identification_zero(FRAMES["F6"])] == frames_in(goodbye)


def test_freebsd_master_sends_the_computed_unicast_packet() -> None:
    """A FreeBSD host with a unicast peer sends F7 from the IP header on; the MACs are the system's matter."""
    config = replace(
        of_header("V3", FREEBSD, "192.0.2.2"), transport=Transport.UNICAST, peers=(IPv4Address("192.0.2.3"),)
    )
    host = Host.master(config, counter=first_counter_for(config, HEADERS["V3"].counter))
    (sent,) = sent_in(host.done)
    assert (b"", config.peers[0]) == (sent.ethernet_header, sent.destination)
    assert FRAMES["F7"][IP_BEGINS:] == sent.packet


@pytest.mark.parametrize(
    ("name", "dialects"),
    [
        ("V1", "ucarp carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V2", "ucarp carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V3", "ucarp carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V4", "freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V5", "carpd freebsd netbsd dragonfly openbsd openbsd-7.3"),
        ("V6", "freebsd-9"),
        ("V7", "carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V8", "carpd freebsd netbsd openbsd openbsd-7.3"),
        ("V9", "carpd freebsd netbsd openbsd openbsd-7.3"),
        ("V10", "openbsd openbsd-7.3"),
        ("V11", "ucarp carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
        ("V12", "ucarp carpd freebsd freebsd-9 netbsd dragonfly openbsd openbsd-7.3"),
    ],
)
def test_computed_header_is_accepted(name: str, dialects: str) -> None:
    """Every computed header is believed by a host of each dialect that can be configured to match it."""
    header = HEADERS[name]
    families = {address.version for address in header.addresses}
    for dialect in dialects.split():
        source, source6 = ("192.0.2.10" if 4 in families else ""), ("fe80::5" if 6 in families else "")
        host = Host.listening(of_header(name, DIALECTS[dialect], source, source6))
        heard = Heard(config=host.config, family=Family.IPV4 if source else Family.IPV6)
        assert header.key == host.config.password
        host.feed(replace(heard.packet, payload=header.header))
        assert {heard.peer: 1} == host.statistics.heard, dialect
        assert not host.dropped()


@pytest.mark.parametrize("frame", ["F8", "F9"])
@pytest.mark.parametrize("vhid", [1, 2])
def test_vrrp_router_is_foreign(frame: str, vhid: int) -> None:
    """FreeBSD's VRRPv3 frames are counted as foreign; a router with our number is told about, once."""
    host = Host.listening(replace(DUAL, vhid=vhid))
    packet = read_datagram("eth0", FRAMES[frame][IP_BEGINS:])
    assert isinstance(packet, PacketReceived)
    effects = host.feed(packet) + host.feed(packet)
    statistics = host.statistics if vhid == 1 else host.node.statistics
    assert statistics.dropped == {DropReason.FOREIGN: 2}
    expected = [(Notice.VRRP_SAME_NUMBER, packet.source)] if vhid == 1 else []
    assert expected == notices_in(effects)


# Fields.


@every_voice
def test_fields_of_the_frame_are_the_dialects(config: VirtualHostConfig) -> None:
    """Source MAC, TOS and traffic class are the dialect's, in every frame that a host sends."""
    dialect = config.dialect
    host = Host.master(config)
    host.run_for(2 * SECOND)
    host.feed(StopRequested())
    for frame in frames_in(sent_in(host.done)):
        fifth = "00" if dialect is UCARP else "01"
        assert frame[6:12] == mac(f"00:00:5e:00:{fifth}:07")
        traffic_class = 0xE0 if dialect is FREEBSD else 0
        if frame[IP_BEGINS] >> 4 == 4:
            assert frame[IP_BEGINS + 1] == (0xE0 if dialect is FREEBSD else 0x10)
            assert (frame[IP_BEGINS + 8], frame[IP_BEGINS + 9]) == (255, 112)
        else:
            assert frame[IP_BEGINS : IP_BEGINS + 4] == (6 << 28 | traffic_class << 20).to_bytes(4, "big")
            assert (frame[IP_BEGINS + 6], frame[IP_BEGINS + 7]) == (112, 255)


@pytest.mark.parametrize("dialect", OF_BOTH, ids=lambda dialect: dialect.name)
def test_both_families_are_served_in_one_interval(dialect: Dialect) -> None:
    """A host of both families sends two advertisements each time, IPv4 first, that differ in the counter only."""
    host = Host.master(speaking(dialect, dual=True))
    host.run_for(3 * SECOND)
    sent, said = sent_in(host.done), said_in(host.done)
    assert [one.packet[0] >> 4 for one in sent] == [4, 6] * 4
    for over4, over6 in zip(said[::2], said[1::2], strict=True):
        assert over6 == replace(over4, counter=over6.counter, digest=over6.digest)


# Counters.


@every_dialect
@given(COUNTERS, COUNTERS)
def test_counter_is_the_dialects(dialect: Dialect, first: int, heard: int) -> None:
    """OpenBSD's is constant over both families; everybody else's is one more each time, and follows a peer's."""
    host = Host.listening(speaking(dialect, dual=dialect is not UCARP), counter=first)
    host.hear(Heard(config=host.config, counter=heard))
    host.run_for(6 * SECOND)
    counters = [said.counter for said in said_in(host.done)]
    assert len(counters) >= 3
    if dialect in {OPENBSD, OPENBSD_7_3}:
        assert {first} == set(counters)
    else:
        assert [(heard + step) % 2**64 for step in range(1, len(counters) + 1)] == counters


@every_dialect
@given(COUNTERS)
def test_counter_of_a_peer_is_never_repeated(dialect: Dialect, heard: int) -> None:
    """An OpenBSD peer whose cookie we sent next would drop our advertisement as its own (1.7)."""
    host = Host.listening(speaking(dialect), counter=heard - 1 if heard else LAST_COUNTER - 1)
    host.hear(Heard(config=host.config, counter=heard))
    host.run_for(4 * SECOND)
    assert said_in(host.done)[0].counter != heard


def test_counter_of_what_was_not_believed_is_not_followed() -> None:
    """A stranger cannot move our counter."""
    host = Host.listening(PLAIN, counter=10)
    host.hear(Heard(config=replace(PLAIN, password=b"wrong"), counter=77))
    host.run_for(3 * SECOND)
    assert [said.counter for said in said_in(host.done)] == [11]


# Goodbyes and last words.


@every_voice
@given(amount=st.integers(-300, 600))
def test_goodbye_has_the_dialects_bytes(config: VirtualHostConfig, amount: int) -> None:
    """255/255 whatever the demotion; the demotion byte is 255 in OpenBSD's dialects, and 0 elsewhere (1.8)."""
    host = Host.listening(config)
    host.feed(DemotionRequested(amount=amount))
    host.run_until(host.deadline)
    effects = host.feed(StopRequested())
    byte = 255 if config.dialect in {OPENBSD, OPENBSD_7_3} else 0
    said = [(one.advbase_s, one.advskew, one.demotion) for one in said_in(effects)]
    assert [(255, 255, byte)] * len(config.sources) == said
    assert {Saying.GOODBYE} == {sent.saying for sent in sent_in(effects)}


@every_dialect
def test_last_word_is_said_only_where_the_dialect_has_one(dialect: Dialect) -> None:
    """On yielding to a better master ucarp and carpd advertise once more, no BSD does; on a tie only carpd."""
    better = replace(speaking(dialect), advskew=10)
    host = Host.master(better)
    yielding = host.hear(Heard(config=better, advskew=9))
    expected = [Saying.LAST] if dialect in {UCARP, CARPD} else []
    assert expected == [sent.saying for sent in sent_in(yielding)]
    assert [(1, 10)] * len(expected) == [(said.advbase_s, said.advskew) for said in said_in(yielding)]
    tied = replace(better, source=IPv4Address("10.0.0.200"))
    conceding = Host.master(tied).hear(Heard(config=tied, advskew=10))
    expected = [Saying.CONCESSION] if dialect is CARPD else []
    assert expected == [sent.saying for sent in sent_in(conceding)]
    assert [(1, 11)] * len(expected) == [(said.advbase_s, said.advskew) for said in said_in(conceding)]


# What does not depend on the dialect.


@given(
    st.sampled_from([PLAIN, DUAL]),
    COUNTERS,
    st.integers(0, 254),
    st.sampled_from(list(Sealing)),
)
def test_whatever_is_said_verifies(
    config: VirtualHostConfig, counter: int, advskew: int, sealing: Sealing
) -> None:
    """All that a host says is read by `read_datagram`, comes from its source, and verifies with its password."""
    config = replace(config, advskew=advskew, other_password=OTHER_PASSWORD, sealing=sealing)
    host = Host.master(config, counter=counter)
    host.feed(StopRequested())
    keyring = keyring_of(config)
    for sent in sent_in(host.done):
        packet = read_datagram(sent.interface, sent.packet)
        assert isinstance(packet, PacketReceived)
        assert packet.source in {OWN, OWN6}
        assert (packet.destination, packet.ttl) == (sent.destination, 255)
        said = parse(packet.payload)
        assert keyring.key_of(said.counter, said.digest) == 0


def test_seal_covers_what_is_said() -> None:
    """A sealed counter is the seal of exactly the fields that stand beside it, of our source, at that instant."""
    host = Host.master(replace(DUAL, sealing=Sealing.OBSERVE))
    at, seal = host.now, CounterSeal(PASSWORD)
    first, second = said_in(host.done)
    for said, source in ((first, OWN), (second, OWN6)):
        sealed = Sealed(vhid=7, advbase_s=1, advskew=0, demotion=0, source=source)
        assert said.counter == seal.counter(sealed, tick_at(WALL + at))


@given(st.lists(st.sampled_from(["time passes", "demotion", "a peer"]), max_size=8))
def test_sealed_counters_go_up(happenings: list[str]) -> None:
    """Each advertisement of one source has a later tick than the one before, however they crowd together."""
    host = Host.master(replace(PLAIN, sealing=Sealing.OBSERVE))
    amounts = itertools.count(1)
    happen: dict[str, Callable[[], object]] = {
        "time passes": lambda: host.run_for(SECOND),
        "demotion": lambda: host.feed(DemotionRequested(amount=next(amounts))),
        "a peer": lambda: host.hear(Heard(source=THIRD, advskew=255)),
    }
    for what in happenings:
        happen[what]()
    host.feed(StopRequested())
    ticks = [said.counter >> 40 for said in said_in(host.done)]
    assert all(0 < (later - earlier) % EPOCH < EPOCH // 2 for earlier, later in itertools.pairwise(ticks))


def test_without_a_wall_clock_counters_are_plain() -> None:
    """A host that does not know the time cannot seal, and says so by a counter like any other."""
    host = Host.listening(replace(PLAIN, sealing=Sealing.OBSERVE), counter=10, offset=None)
    host.run_for(5 * SECOND)
    assert [said.counter for said in said_in(host.done)] == [11, 12, 13]


# Announcements.


def test_every_address_is_announced() -> None:
    """One gratuitous ARP or neighbour advertisement for each virtual address, in the configured order."""
    addresses = (
        IPv6Interface("2001:db8::100/64"),
        IPv4Interface("10.0.0.100/24"),
        IPv6Interface("fe80::100/64"),
        IPv4Interface("10.0.0.101/24"),
    )
    host = Host.master(replace(DUAL, addresses=addresses))
    announced = [effect for effect in host.done if isinstance(effect, Announce)]
    assert addresses == tuple(announcement.address for announcement in announced)
    ethertypes = [announcement.frame[12:14].hex() for announcement in announced]
    assert ethertypes == ["86dd", "0806", "86dd", "0806"]
    assert host.statistics.announcements_sent == 4


@given(st.booleans())
def test_neighbour_advertisement_says_whether_the_host_is_a_router(router: bool) -> None:
    """The Router flag is the configuration's."""
    host = Host.master(replace(DUAL, announces_router=router))
    announced = [effect for effect in host.done if isinstance(effect, Announce)]
    (frame,) = [announcement.frame for announcement in announced if announcement.address.version == 6]
    assert bool(frame[IP_BEGINS + 40 + 4] & 0x80) is router


def test_new_mac_is_announced() -> None:
    """Announcements are made from the interface's MAC, and made anew when it changes."""
    host = Host.master(DUAL)
    new = mac("02:00:00:00:00:06")
    effects = host.feed(LinkChanged(interface="eth0", link=Link.UP, hardware_address=new))
    assert [type(effect).__name__ for effect in effects] == ["Announce", "Announce"]
    assert all(new in getattr(effect, "frame", b"") for effect in effects)
    assert host.state is State.MASTER


def test_ticks_begin_anew_after_the_clock_was_set_back() -> None:
    """A host that was ahead by more than the window seals with the right time from then on, not with its last."""
    host = Host.master(replace(PLAIN, sealing=Sealing.OBSERVE))
    host.set_clock(-3600 * SECOND)
    (said,) = said_in(host.run_for(SECOND))
    assert said.counter >> 40 == (WALL + host.now - 3600 * SECOND) // TICK % EPOCH


def test_group_is_the_protocols() -> None:
    """224.0.0.18, which CARP shares with VRRP."""
    assert {CARP_GROUP} == {sent.destination for sent in sent_in(Host.master(PLAIN).done)}
