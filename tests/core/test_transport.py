"""How advertisements reach the others: a group, the broadcast MAC, or peers, and from which MAC."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARP_GROUP,
    CARP_GROUP6,
    CARPD,
    DIALECTS,
    FREEBSD,
    UCARP,
    Dialect,
    DropReason,
    Family,
    IPAddress,
    Link,
    LinkChanged,
    SendAdvertisement,
    SourceMac,
    State,
    StopRequested,
    Transport,
    VirtualHostConfig,
)
from triocarp.core.ethernet import BROADCAST
from triocarp.core.family import family_of
from triocarp.core.timing import SECOND

from .vectors import mac
from .wire import (
    DUAL,
    MAC,
    OWN,
    OWN6,
    PEER,
    PEER6,
    PLAIN,
    THIRD,
    VIRTUAL,
    Heard,
    Host,
    Segment,
    arrival,
    said_in,
    sent_in,
    speaking,
)

IP_PAYLOAD: Final = {Family.IPV4: 20, Family.IPV6: 40}
THIRD6: Final = IPv6Address("fe80::7")
UNICAST: Final = replace(DUAL, transport=Transport.UNICAST, peers=(PEER, PEER6, THIRD, THIRD6))
OTHER_GROUP: Final = IPv4Address("239.192.7.9")
OTHER_GROUP6: Final = IPv6Address("ff05::7:9")
NEW_MAC: Final = mac("02:00:00:00:00:66")


def first_sent(config: VirtualHostConfig) -> list[SendAdvertisement]:
    """Return what a host says when it becomes master."""
    return sent_in(Host.master(config).done)


def macs(sent: SendAdvertisement) -> tuple[bytes, bytes]:
    """Return destination and source MAC."""
    return sent.ethernet_header[:6], sent.ethernet_header[6:12]


# To a group.


def test_multicast_goes_to_the_groups() -> None:
    """By default each family's advertisement goes to its own group and to that group's MAC."""
    over4, over6 = first_sent(DUAL)
    assert (over4.destination, over6.destination) == (CARP_GROUP, CARP_GROUP6)
    assert over4.ethernet_header == mac("01:00:5e:00:00:12") + mac("00:00:5e:00:01:07") + b"\x08\x00"
    assert over6.ethernet_header == mac("33:33:00:00:00:12") + mac("00:00:5e:00:01:07") + b"\x86\xdd"


def test_other_group_has_its_own_mac_and_its_own_members() -> None:
    """Hosts of another group are heard there, and nowhere else (capture 07)."""
    config = replace(DUAL, group=OTHER_GROUP, group6=OTHER_GROUP6)
    over4, over6 = first_sent(config)
    assert macs(over4)[0] == mac("01:00:5e:40:07:09")
    assert macs(over6)[0] == mac("33:33:00:07:00:09")
    host = Host.listening(config)
    for sent in (over4, over6):
        packet = replace(arrival(sent), source=PEER if sent is over4 else PEER6)
        host.feed(packet)
        host.feed(replace(packet, destination=CARP_GROUP if sent is over4 else CARP_GROUP6))
    assert host.statistics.heard == {PEER: 1, PEER6: 1}
    assert host.statistics.dropped == {DropReason.BAD_DESTINATION: 2}


def test_broadcast_changes_the_mac_only() -> None:
    """With `--nomcast` the packet still goes to the group, and is accepted only there (capture 06)."""
    multicast, broadcast = first_sent(DUAL), first_sent(replace(DUAL, transport=Transport.BROADCAST))
    for one, other in zip(multicast, broadcast, strict=True):
        assert macs(other) == (BROADCAST, macs(one)[1])
        assert other == replace(one, ethernet_header=other.ethernet_header)
    host = Host.listening(replace(DUAL, transport=Transport.BROADCAST))
    heard = Heard(config=DUAL)
    host.hear(heard)
    host.feed(replace(heard.packet, destination=IPv4Address("255.255.255.255")))
    assert (host.statistics.heard, host.statistics.dropped) == ({PEER: 1}, {DropReason.BAD_DESTINATION: 1})


# From a MAC.


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("transport", [Transport.MULTICAST, Transport.BROADCAST])
@given(st.integers(1, 255))
def test_source_mac_is_the_dialects_unless_configured(dialect: Dialect, transport: Transport, vhid: int) -> None:
    """Ucarp's virtual MAC, the BSDs', or the interface's own; each dialect has its own choice (1.2)."""
    expected = {
        None: mac("00:00:5e:00:00:00") if dialect is UCARP else mac("00:00:5e:00:01:00"),
        SourceMac.UCARP_VIRTUAL: mac("00:00:5e:00:00:00"),
        SourceMac.VIRTUAL: mac("00:00:5e:00:01:00"),
    }
    for choice, prefix in expected.items():
        config = replace(speaking(dialect), transport=transport, vhid=vhid, source_mac=choice)
        (sent,) = first_sent(config)
        assert macs(sent)[1] == prefix[:5] + bytes((vhid,))
    (sent,) = first_sent(replace(speaking(dialect), transport=transport, source_mac=SourceMac.INTERFACE))
    assert macs(sent)[1] == MAC


def test_own_mac_is_the_interfaces_of_the_moment() -> None:
    """When the interface gets another MAC, the next advertisement comes from that, the goodbye too."""
    host = Host.master(replace(DUAL, source_mac=SourceMac.INTERFACE))
    before = sent_in(host.done)
    host.feed(LinkChanged(interface="eth0", link=Link.UP, hardware_address=NEW_MAC))
    after = sent_in([*host.run_for(SECOND), *host.feed(StopRequested())])
    assert [macs(sent)[1] for sent in before] == [MAC, MAC]
    assert [macs(sent)[1] for sent in after] == [NEW_MAC] * 4
    assert {macs(sent)[0] for sent in before} == {macs(sent)[0] for sent in after}


def test_virtual_mac_stays_when_the_interfaces_changes() -> None:
    """The virtual MAC has nothing to do with the interface's."""
    host = Host.master(PLAIN)
    host.feed(LinkChanged(interface="eth0", link=Link.UP, hardware_address=NEW_MAC))
    host.run_for(SECOND)
    assert {mac("00:00:5e:00:00:07")} == {macs(sent)[1] for sent in sent_in(host.done)}


def test_absent_interface_leaves_the_mac_alone() -> None:
    """An interface that is gone tells no MAC, and that is no new one."""
    host = Host.master(replace(PLAIN, source_mac=SourceMac.INTERFACE))
    host.feed(LinkChanged(interface="eth0", link=Link.ABSENT))
    host.feed(LinkChanged(interface="eth0", link=Link.UP, hardware_address=MAC))
    host.run_for(4 * SECOND)
    assert {MAC} == {macs(sent)[1] for sent in sent_in(host.done)}


# To peers.


def test_unicast_goes_to_every_peer() -> None:
    """One packet for each peer in the configured order, the same for all of a family; the system finds the way."""
    host = Host.master(UNICAST)
    host.run_for(2 * SECOND)
    host.feed(StopRequested())
    sent = sent_in(host.done)
    assert [*UNICAST.peers] * 4 == [one.destination for one in sent]
    assert {b""} == {one.ethernet_header for one in sent}
    for one in sent:
        packet = arrival(one)
        family = family_of(one.destination)
        own = OWN if family is Family.IPV4 else OWN6
        assert (packet.source, packet.destination, packet.ttl) == (own, one.destination, 255)
        assert packet.payload == one.packet[IP_PAYLOAD[family] :]
    said = said_in(host.done)
    for begin in range(0, len(said), 4):
        assert said[begin] == said[begin + 2]
        assert said[begin + 1] == said[begin + 3]
        assert said[begin].counter != said[begin + 1].counter
    assert host.statistics.advertisements_sent == len(sent)


def unicast_from(source: IPAddress, *, to: IPAddress, config: VirtualHostConfig = UNICAST) -> Host:
    """Return a listening host that has heard a genuine unicast advertisement."""
    host = Host.listening(config)
    heard = Heard(config=config, family=family_of(source), source=source)
    host.feed(replace(heard.packet, destination=to))
    return host


@pytest.mark.parametrize(("source", "to"), [(PEER, OWN), (THIRD, OWN), (PEER6, OWN6), (THIRD6, OWN6)])
def test_peer_is_heard(source: IPAddress, to: IPAddress) -> None:
    """What a configured peer sends to our own address is believed, over either family."""
    assert {source: 1} == unicast_from(source, to=to).statistics.heard


@pytest.mark.parametrize(
    ("source", "to", "reason"),
    [
        pytest.param(IPv4Address("10.0.0.66"), OWN, DropReason.BAD_SOURCE, id="nobody's"),
        pytest.param(IPv6Address("fe80::66"), OWN6, DropReason.BAD_SOURCE, id="nobody's IPv6"),
        pytest.param(VIRTUAL.ip, OWN, DropReason.BAD_SOURCE, id="the virtual address"),
        pytest.param(IPv4Address(0), OWN, DropReason.BAD_SOURCE, id="unspecified"),
        pytest.param(PEER, CARP_GROUP, DropReason.BAD_DESTINATION, id="to the group"),
        pytest.param(PEER6, CARP_GROUP6, DropReason.BAD_DESTINATION, id="to the IPv6 group"),
        pytest.param(PEER, THIRD, DropReason.BAD_DESTINATION, id="to another peer"),
        pytest.param(OWN, OWN, DropReason.OWN, id="our own"),
    ],
)
def test_who_is_no_peer_is_not_heard(source: IPAddress, to: IPAddress, reason: DropReason) -> None:
    """With unicast only peers are believed, and only what they send to us; each is counted once."""
    statistics = unicast_from(source, to=to).statistics
    assert ({}, {reason: 1}) == (statistics.heard, statistics.dropped)


@given(st.integers(0, 255), st.booleans(), st.sampled_from([(PEER, OWN), (PEER6, OWN6)]))
def test_ttl_tells_a_neighbour_from_a_router(ttl: int, routed: bool, ends: tuple[IPAddress, IPAddress]) -> None:
    """TTL and hop limit must be 255, unless peers may be behind routers; then any is accepted."""
    config = replace(UNICAST, routed_peers=routed)
    host = Host.listening(config)
    source, to = ends
    heard = Heard(config=config, family=family_of(source), source=source)
    host.feed(replace(heard.packet, destination=to, ttl=ttl))
    believed = routed or ttl == 255
    assert ({source: 1} if believed else {}) == host.statistics.heard
    assert ({} if believed else {DropReason.BAD_TTL: 1}) == host.statistics.dropped


def test_multicast_demands_ttl_255_of_both_families() -> None:
    """On a segment nobody forwards: a lower TTL comes from elsewhere."""
    host = Host.listening(DUAL)
    for family in Family:
        host.feed(replace(Heard(config=DUAL, family=family).packet, ttl=254))
    assert host.statistics.dropped == {DropReason.BAD_TTL: 2}


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD], ids=lambda dialect: dialect.name)
def test_unicast_hosts_in_two_subnets_agree(dialect: Dialect) -> None:
    """One master, and the other takes over when it goes; one of the addresses ends in .224 (9.4 row 14)."""
    near = replace(
        PLAIN,
        dialect=dialect,
        transport=Transport.UNICAST,
        source=IPv4Address("192.0.2.224"),
        peers=(IPv4Address("198.51.100.2"),),
        routed_peers=True,
    )
    far = replace(near, source=IPv4Address("198.51.100.2"), peers=(IPv4Address("192.0.2.224"),), advskew=100)
    segment = Segment({"near": Host.listening(near), "far": Host.listening(far)})
    segment.run_for(10 * SECOND)
    assert segment.masters == ["near"]
    segment.feed("near", StopRequested())
    segment.run_for(SECOND // 100)
    assert segment.masters == ["far"]
    assert {host.state for host in segment.hosts.values()} == {State.INIT, State.MASTER}
