from __future__ import annotations

import ipaddress
import itertools
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from triocarp.lab import INTERFACE, Host, Lan, Probe, clock

if TYPE_CHECKING:
    from tests.lab.conftest import Network

pytestmark = pytest.mark.kernel

VIP = "10.0.0.100"


def take_over(host: Host) -> None:
    """Do what a new master does: hold the address, and announce it."""
    host.add_address(f"{VIP}/24")
    mac, ip = bytes.fromhex(host.mac.replace(":", "")), ipaddress.IPv4Address(VIP).packed
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, ip, b"", ip)
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((INTERFACE, 0))
        sender.send(b"\xff" * 6 + mac + b"\x08\x06" + arp)


def test_every_probe_is_answered_while_the_address_is_held(network: Network) -> None:
    """Probes go out by a fixed grid and come back from the holder, and there is no outage."""
    take_over(network.one)
    with Probe(network.client, VIP) as probe:
        reply = probe.wait_for_reply(since=clock.now() + 100 * clock.MILLISECOND)
    sent, replies = probe.sent, probe.replies

    assert reply.mac == network.one.mac
    assert len(sent) == len(replies) > 20
    assert all(sent[reply.sequence] < reply.at for reply in replies)
    assert all(earlier.sequence < later.sequence for earlier, later in itertools.pairwise(replies))
    # However late one was, the grid stays, and nothing is made up for by a burst.
    assert len(sent) <= (sent[-1] - sent[0]) // clock.MILLISECOND + 2
    assert probe.outages() == ()


def test_an_outage_lasts_from_the_crash_to_the_takeover(network: Network) -> None:
    """The probe sees the crash and the takeover to the interval, and who answered before and after."""
    take_over(network.one)
    with Probe(network.client, VIP) as probe:
        probe.wait_for_reply()
        crashed = network.one.crash()
        with pytest.raises(TimeoutError, match="no reply"):
            probe.wait_for_reply(since=crashed + clock.MILLISECOND, timeout_s=0.05)
        taken = clock.now()
        take_over(network.two)
        reply = probe.wait_for_reply(mac=network.two.mac)
    (outage,) = probe.outages()

    assert (outage.before_mac, outage.after_mac) == (network.one.mac, network.two.mac)
    assert outage.start_ns < crashed + clock.MILLISECOND
    assert outage.end_ns == reply.at > taken
    assert outage.duration_ns == reply.at - outage.start_ns - clock.MILLISECOND
    assert outage.lost >= 30


def test_an_outage_that_lasts_is_reported_too(network: Network) -> None:
    """Without a takeover the outage has no end yet."""
    take_over(network.one)
    with Probe(network.client, VIP) as probe:
        probe.wait_for_reply()
        crashed = network.one.crash()
        with pytest.raises(TimeoutError):
            probe.wait_for_reply(since=crashed + clock.MILLISECOND, timeout_s=0.1)
        (outage,) = probe.outages()

    assert (outage.end_ns, outage.after_mac, outage.before_mac) == (None, None, network.one.mac)
    assert outage.duration_ns > 50 * clock.MILLISECOND
    assert outage.lost > 25
    assert len(probe.outages()) == 1


def test_an_address_that_nobody_ever_held_has_no_outage(network: Network) -> None:
    """An outage begins with a reply; and outages that are over can be left out."""
    with Probe(network.client, VIP, interval_ns=5 * clock.MILLISECOND) as probe:
        with pytest.raises(TimeoutError):
            probe.wait_for_reply(timeout_s=0.05)
        take_over(network.one)
        probe.wait_for_reply()
        network.one.lose_carrier()
        with pytest.raises(TimeoutError):
            probe.wait_for_reply(since=clock.now() + clock.MILLISECOND, timeout_s=0.1)
        network.one.restore_carrier()
        take_over(network.one)
        later = probe.wait_for_reply(since=clock.now())

    assert [outage.before_mac for outage in probe.outages()] == [network.one.mac]
    assert probe.outages(since=later.at + 1) == ()


def test_an_ipv6_address_is_probed_like_another() -> None:
    """Every probe is answered, by the MAC of its holder, until it is gone."""
    with Lan(ipv6=True) as lan:
        holder = lan.add_host("one", "10.0.0.1/24", "2001:db8::1/64")
        client = lan.add_host("client", "10.0.0.9/24", "2001:db8::9/64")
        holder.add_address("2001:db8::100/128")
        with Probe(client, "2001:db8::100") as probe:
            first = probe.wait_for_reply(since=clock.now() + 50 * clock.MILLISECOND)
            outages = probe.outages()
            holder.remove_address("2001:db8::100/128")
            # What the holder had answered before may still be on its way through a busy machine.
            removed = clock.now() + 20 * clock.MILLISECOND
            with pytest.raises(TimeoutError, match="no reply"):
                probe.wait_for_reply(since=removed, timeout_s=0.07)

    assert first.mac == holder.mac
    assert outages == ()
