from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.kernel.configured import PATIENT, virtual_host, wait_until_held
from tests.kernel.wire import Crafted, open_sender
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, VirtualHost
    from triocarp.lab import Host

pytestmark = pytest.mark.kernel

ROUTED_VIPS = ["10.9.9.9/32", "2001:db8:9::9/128"]


class Segments(NamedTuple):
    """Two hosts, each on a segment of its own, and between them a router."""

    one: Host
    two: Host


@pytest.fixture
def segments(stage: ConfiguredStage) -> Segments:
    """Give two hosts behind a router. The second one's address ends in .224 (FreeBSD's PR 284872)."""
    lan = stage.lan
    one = lan.add_host("one", "10.1.0.1/24", "2001:db8:1::1/64")
    two = lan.add_host("two", "10.2.0.224/24", "2001:db8:2::224/64")
    router = lan.add_host("router", "10.1.0.254/24", "2001:db8:1::ff/64")
    other_side = lan.add_interface(router, "eth1", "10.2.0.254/24", "2001:db8:2::ff/64")
    lan.partition([one, router], [two, other_side])
    router.namespace.set_sysctls({"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"})
    for host, routers in ((one, ("10.1.0.254", "2001:db8:1::ff")), (two, ("10.2.0.254", "2001:db8:2::ff"))):
        for address in routers:
            done = host.run(["ip", "route", "add", "default", "via", address])
            assert done.returncode == 0, done.stderr
    stage.watch()
    return Segments(one, two)


def routed(family: int, peer: Host, **settings: str | int) -> VirtualHost:
    """Return a virtual host that advertises to a peer over one address family."""
    own = [str(ip.ip) for ip in (peer.ip, *peer.further) if ip.version == family]
    vips = [vip for vip in ROUTED_VIPS if (":" in vip) == (family == 6)]
    # A link-local address is no use beyond the segment.
    sources = {4: {"source": "SOURCE"}, 6: {"source6": "SOURCE"}}[family]
    return virtual_host(addresses=vips, transport="unicast", peers=own, **sources, **settings)


def of(host: Host, group: VirtualHost) -> VirtualHost:
    """Return the virtual host with a host's own address."""
    by_key = {"source": str(host.ip.ip), "source6": str(host.further[0].ip)}
    return {key: by_key[key] if value == "SOURCE" else value for key, value in group.items()}


@pytest.mark.programs("ip")
@pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
def test_routed_peers_have_one_master(stage: ConfiguredStage, segments: Segments, family: int) -> None:
    """Two hosts behind a router, each naming the other: one master; when it is dead or leaves, the other one."""
    one, two = segments
    vip = next(vip.partition("/")[0] for vip in ROUTED_VIPS if (":" in vip) == (family == 6))
    holders = stage.holders(one, two, vip=vip)
    first = of(one, routed(family, two, routed_peers=True))
    second = of(two, routed(family, one, routed_peers=True, advskew=39))
    killed = stage.master(one, first)
    backup = stage.ready(two, second)
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=10)
    assert not stage.wire.advertisements(two)
    one.crash(killed.process)
    backup.wait_for_log("MASTER - no valid advertisement")
    one.boot()
    again = stage.ready(one, {**first, "dead_ratio": PATIENT})
    stage.wire.wait_for_advertisement(two, since=clock.now(), count=10)
    assert holders.holders_now() == {"two"}
    assert backup.stop() == 0
    again.wait_for_log("MASTER - the master is leaving")
    holders.wait_until_holder(one, timeout_s=20)

    arrived = stage.wire.advertisements(stage.lan.hosts["router-eth1"])
    sent = stage.wire.advertisements(one)
    assert {heard.packet.ttl for heard in sent} == {255}
    assert {heard.packet.ttl for heard in arrived} == {254}
    assert {str(heard.packet.destination) for heard in sent} == set(map(str, peers_of(first)))


def peers_of(group: VirtualHost) -> list[str]:
    """Return the peers of a virtual host."""
    peers = group["peers"]
    assert isinstance(peers, list)
    return peers


@pytest.mark.programs("ip")
def test_peers_behind_a_router_are_not_heard_unless_that_is_allowed(
    stage: ConfiguredStage, segments: Segments
) -> None:
    """Both are masters then, as they must be, and say why."""
    one, two = segments
    first = stage.master(one, of(one, routed(4, two)))
    second = stage.master(two, of(two, routed(4, one)))
    for daemon, peer in ((first, "10.2.0.224"), (second, "10.1.0.1")):
        daemon.wait_for_log(
            rf"dropped a packet from {peer} for VHID 7: wrong TTL: a router forwarded it \(TTL 254 in the place"
        )

    assert "rejected in that time for a wrong TTL" in second.log


def test_three_peers_on_a_segment_have_one_master_at_a_time(stage: ConfiguredStage) -> None:
    """Each advertisement goes to both peers' own MACs; through a crash and a goodbye there is one master."""
    hosts = stage.hosts("one", "two", "three")
    holders = stage.holders(*hosts)

    def group(host: Host, **settings: int) -> VirtualHost:
        peers = [str(other.ip.ip) for other in hosts if other is not host]
        return virtual_host(transport="unicast", peers=peers, **settings)

    one, two, three = hosts
    first = stage.master(one, group(one))
    second = stage.ready(two, group(two, advskew=39))
    third = stage.ready(three, group(three, advskew=52, dead_ratio=PATIENT))
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=8)
    assert holders.holders_now() == {"one"}
    one.crash(first.process)
    second.wait_for_log("MASTER - no valid advertisement")
    stage.wire.wait_for_advertisement(two, since=clock.now(), count=8)
    assert holders.holders_now() - {"one"} == {"two"}
    assert second.stop() == 0
    third.wait_for_log("MASTER - the master is leaving")
    wait_until_held(three, group(three))

    sent = [heard for heard in stage.wire.advertisements(one) if not heard.advertisement.is_goodbye]
    ways = {(str(heard.packet.destination), heard.frame.destination) for heard in sent}
    assert ways == {("10.0.0.2", two.mac), ("10.0.0.3", three.mac)}
    assert {heard.frame.source for heard in sent} == {one.mac}


def test_a_sender_that_is_no_peer_is_dropped(stage: ConfiguredStage) -> None:
    """However good its password and its advskew are, neither the master nor the backup listens to it."""
    one, two, stranger = stage.hosts("one", "two", "stranger")
    master = stage.master(one, virtual_host(transport="unicast", peers=["10.0.0.2"]))
    peers = virtual_host(transport="unicast", peers=["10.0.0.1"], advskew=39, dead_ratio=PATIENT)
    backup = stage.ready(two, peers)
    stage.wire.wait_for_advertisement(one, since=clock.now())
    with open_sender(stranger) as sender:
        for host in (one, two):
            for forged in (
                Crafted(source="10.0.0.3", destination=str(host.ip.ip), mac=host.mac),
                Crafted(source="10.0.0.3", destination=str(host.ip.ip), mac=host.mac, advbase_s=255, advskew=255),
            ):
                sender.send(forged.frame())
    for daemon in (master, backup):
        daemon.wait_for_log(r"dropped a packet from 10\.0\.0\.3 .*its sender is not among the configured peers")
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=3)

    assert not stage.wire.advertisements(two)
    assert "MASTER" in master.log.rpartition("Switching to state: ")[2]
