"""A sieve drops what its node would drop, for the same reason, and nothing else; and the node counts it."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    DropReason,
    ForgedReceived,
    PacketDropped,
    Sieve,
    State,
    StateChanged,
    TimerExpired,
    Transport,
    explain,
    read_datagram,
)
from triocarp.core.family import Family, IPAddress
from triocarp.core.ipv4 import header
from triocarp.core.ipv6 import header as header6
from triocarp.core.receiver import DIAGNOSES
from triocarp.core.timing import SECOND

from .hosts import DUAL, PLAIN, Machine, Peer

PEER = Peer.of(DUAL, IPv4Address("10.0.0.9"), advskew=9)
FORGER = replace(PEER, password=b"guessed")
PEER6 = Peer.of(DUAL, IPv6Address("fe80::9"), advskew=9)
FORGER6 = replace(PEER6, password=b"guessed")


def datagram(peer: Peer, *, counter: int = 1, source: IPAddress | None = None, tail: bytes = b"") -> bytes:
    """Return the whole datagram of an advertisement."""
    payload, sender, to = peer.payload(counter), source or peer.source, peer.destination
    if isinstance(sender, IPv4Address) and isinstance(to, IPv4Address):
        return header(sender, to, tos=0x10, payload_length=len(payload)) + payload + tail
    assert isinstance(sender, IPv6Address)
    assert isinstance(to, IPv6Address)
    return header6(sender, to, payload_length=len(payload)) + payload + tail


def flooded(machine: Machine) -> Sieve:
    """Return the sieve of a machine that has looked at as many forged advertisements as it ever does."""
    for _ in range(DIAGNOSES + 1):
        machine.feed(FORGER.advertises())
    return machine.node.sieve("eth0")


def changed(whole: bytes, position: int, value: int) -> bytes:
    """Return a datagram with another byte, its checksums as they were."""
    return whole[:position] + bytes((value,)) + whole[position + 1 :]


def with_right_sum(whole: bytes, begin: int, end: int, place: int) -> bytes:
    """Return a datagram with a right checksum over a part of it."""
    unsummed = whole[begin:place] + bytes(2) + whole[place + 2 : end]
    total = -int.from_bytes(unsummed, "big") % 0xFFFF
    return whole[:place] + total.to_bytes(2, "big") + whole[place + 2 :]


@pytest.mark.parametrize("forger", [FORGER, FORGER6], ids=["IPv4", "IPv6"])
def test_forged_ones_are_dropped_and_told_of(forger: Peer) -> None:
    """Padding or not; how many they were becomes one event, and nothing is told twice."""
    machine = Machine.listening(DUAL)
    sieve = flooded(machine)
    assert sieve.take() == []
    for number in range(3):
        assert sieve.drops(datagram(forger, counter=number, tail=bytes(number)), machine.now)
    family = Family.IPV4 if forger is FORGER else Family.IPV6
    assert sieve.take() == [ForgedReceived(interface="eth0", vhid=DUAL.vhid, family=family, count=3)]
    assert sieve.take() == []


def test_without_a_flood_nothing_is_sieved() -> None:
    """The closer look at the first ones of each second tells an operator what is wrong."""
    machine = Machine.listening(DUAL)
    sieve = machine.node.sieve("eth0")
    for _ in range(DIAGNOSES + 1):
        assert not sieve.drops(FORGED4, machine.now)
        machine.feed(FORGER.advertises())
    assert sieve.drops(FORGED4, machine.now)
    assert sieve.drops(FORGED4, machine.now + SECOND - 1)
    assert not sieve.drops(FORGED4, machine.now + SECOND)
    assert not machine.node.sieve("eth1").drops(FORGED4, machine.now)


GENUINE4, FORGED4, FORGED6 = datagram(PEER), datagram(FORGER), datagram(FORGER6)
OTHERS = {
    "genuine": GENUINE4,
    "genuine over IPv6": datagram(PEER6),
    "empty": b"",
    "short": FORGED4[:-1],
    "short over IPv6": FORGED6[:-1],
    "with IP options": changed(FORGED4, 0, 0x46),
    "total length": with_right_sum(changed(FORGED4, 3, 57) + b"\0", 0, 20, 10),
    "TTL 254": with_right_sum(changed(FORGED4, 8, 254), 0, 20, 10),
    "TTL 254 over IPv6": changed(FORGED6, 7, 254),
    "a fragment": with_right_sum(changed(FORGED4, 6, 0x20), 0, 20, 10),
    "IP checksum": changed(FORGED4, 1, 0x11),
    "checksum": changed(FORGED4, -1 % len(FORGED4), FORGED4[-1] ^ 1),
    "checksum over IPv6": changed(FORGED6, -1 % len(FORGED6), FORGED6[-1] ^ 1),
    "version 3": with_right_sum(changed(FORGED4, 20, 0x31), 20, 56, 26),
    "authentication length": with_right_sum(changed(FORGED4, 23, 8), 20, 56, 26),
    "other VHID": datagram(replace(FORGER, vhid=DUAL.vhid + 1)),
    "other group": with_right_sum(changed(FORGED4, 19, 19), 0, 20, 10),
    "our own address": datagram(FORGER, source=DUAL.sources[Family.IPV4]),
}


@pytest.mark.parametrize("whole", OTHERS.values(), ids=OTHERS.keys())
def test_everything_else_is_left_to_the_node(whole: bytes) -> None:
    """What is believed, and what is dropped for any other reason, which has a counter of its own."""
    machine = Machine.listening(DUAL)
    assert not flooded(machine).drops(whole, machine.now)


def test_unicast_peers() -> None:
    """Whoever is no peer is dropped for that."""
    config = replace(PLAIN, transport=Transport.UNICAST, peers=(IPv4Address("10.0.0.9"),))
    machine = Machine.listening(config)
    forger = replace(Peer.of(config, IPv4Address("10.0.0.9")), password=b"guessed")
    for _ in range(DIAGNOSES + 1):
        machine.feed(forger.advertises())
    sieve = machine.node.sieve("eth0")
    assert sieve.drops(datagram(forger), machine.now)
    assert not sieve.drops(datagram(forger, source=IPv4Address("10.0.0.10")), machine.now)


def test_whom_the_node_understood_is_left_to_it() -> None:
    """It knows why that one's advertisements do not verify; a sieve would count them as anybody's."""
    config = replace(DUAL, addresses=(*DUAL.addresses, IPv4Interface("10.0.0.101/24")))
    mistaken = replace(FORGER, password=config.password)
    machine = Machine.listening(config)
    for _ in range(DIAGNOSES + 1):
        machine.feed(mistaken.advertises())
    sieve = machine.node.sieve("eth0")
    assert not sieve.drops(datagram(mistaken), machine.now)
    assert sieve.drops(datagram(mistaken, source=IPv4Address("10.0.0.77")), machine.now)


def test_what_was_sieved_is_counted_and_reported() -> None:
    """In every counter, in one report, and in what a takeover tells of the silence before it."""
    machine = Machine.listening(PLAIN)
    event = ForgedReceived(interface="eth0", vhid=PLAIN.vhid, family=Family.IPV4, count=500)
    assert machine.feed(event, after=1) == ["dropped: badauth"]
    assert machine.statistics.received == 500
    assert machine.statistics.dropped == {DropReason.BAD_AUTHENTICATION: 500}
    (report,) = machine.reports(PacketDropped)
    assert explain(report).startswith(f"dropped 500 packets for VHID {PLAIN.vhid}: ")
    machine.run_until(3 * SECOND)
    assert machine.state is State.MASTER
    assert machine.reports(StateChanged)[-1].rejected == ((DropReason.BAD_AUTHENTICATION, 500),)


def test_a_flood_does_not_hide_that_a_master_slept() -> None:
    """It steps down as it does when it hears anything else too late."""
    machine = Machine.master(PLAIN)
    event = ForgedReceived(interface="eth0", vhid=PLAIN.vhid, family=Family.IPV4, count=1)
    assert machine.feed(event, after=PLAIN.dead_time)[0] == "MASTER -> BACKUP: slept past the dead time"


@given(st.lists(st.tuples(st.sampled_from(sorted(OTHERS)) | st.just("forged"), st.integers(0, SECOND // 20))))
def test_a_sieved_node_knows_the_same(arrivals: list[tuple[str, int]]) -> None:
    """Whatever comes when, state, deadline and all counters are as without a sieve."""
    plain, sieved = Machine.listening(DUAL), Machine.listening(DUAL)
    sieve = sieved.node.sieve("eth0")
    told = 0
    for name, pause in [("forged", 0)] * DIAGNOSES + arrivals:
        whole = OTHERS.get(name, FORGED4)
        for machine in (plain, sieved):
            machine.feed(TimerExpired(), after=pause)
        plain.feed(read_datagram("eth0", whole))
        if sieve.drops(whole, sieved.now):
            told += 1
            for event in sieve.take():
                sieved.feed(event)
        else:
            sieved.feed(read_datagram("eth0", whole))
    assert (plain.state, plain.node.deadline) == (sieved.state, sieved.node.deadline)
    assert plain.statistics == sieved.statistics
    assert plain.node.statistics == sieved.node.statistics
    assert told <= len(arrivals)


def test_no_bytes_break_it() -> None:
    """Whatever bytes come, they are dropped or left to the node."""
    rng = random.Random(1)  # noqa: S311 - any bytes will do
    machine = Machine.listening(DUAL)
    sieve = flooded(machine)
    for _ in range(2000):
        noise = bytes((rng.choice((0x45, 0x60)),)) + rng.randbytes(rng.randrange(90))
        assert not sieve.drops(noise, machine.now)
