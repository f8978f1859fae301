"""What is not a genuine advertisement for us is dropped, counted once, reported once, and changes nothing."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from triocarp.core import (
    DropReason,
    Event,
    Notice,
    Noticed,
    PacketDropped,
    PacketReceived,
    PacketUnreadable,
    State,
    StateChanged,
    read_datagram,
)
from triocarp.core.advertisement import parse
from triocarp.core.ipv4 import header
from triocarp.core.timing import SECOND

from .hosts import PLAIN, VIRTUAL_ADDRESS, Machine, Peer

PEER = Peer()
OWN = IPv4Address("10.0.0.5")
GROUP = PLAIN.group


def damaged(payload: bytes, position: int) -> bytes:
    """Return a payload in which one byte is another, without a right checksum."""
    return payload[:position] + bytes((payload[position] ^ 0xFF,)) + payload[position + 1 :]


def datagram(payload: bytes, *, ttl_field: bytes = b"\xff") -> bytes:
    """Return a whole datagram from the peer; another TTL makes its header checksum wrong."""
    built = header(IPv4Address("10.0.0.9"), GROUP, tos=0x10, payload_length=len(payload)) + payload
    return built[:8] + ttl_field + built[9:]


OURS: dict[str, tuple[Event, DropReason]] = {
    "wrong password": (replace(PEER, password=b"wrong").advertises(), DropReason.BAD_AUTHENTICATION),
    "another network's virtual address": (
        replace(PEER, address=IPv4Address("10.0.1.100")).advertises(),
        DropReason.BAD_AUTHENTICATION,
    ),
    "the neighbour's virtual address": (
        replace(PEER, address=IPv4Address("10.0.0.101")).advertises(),
        DropReason.BAD_ADDRESSES,
    ),
    "TTL 254": (PEER.packet(PEER.payload(), ttl=254), DropReason.BAD_TTL),
    "bad checksum": (PEER.packet(damaged(PEER.payload(), 20)), DropReason.BAD_CHECKSUM),
    "version 3": (PEER.packet(b"\x31" + PEER.payload()[1:]), DropReason.BAD_VERSION),
    "type 2": (PEER.packet(b"\x22" + PEER.payload()[1:]), DropReason.BAD_TYPE),
    "other group": (
        PEER.packet(PEER.payload(), destination=IPv4Address("224.0.0.19")),
        DropReason.BAD_DESTINATION,
    ),
    "sent to us alone": (PEER.packet(PEER.payload(), destination=OWN), DropReason.BAD_DESTINATION),
    "our own": (replace(PEER, source=OWN).advertises(), DropReason.OWN),
    "VRRP with our number": (PEER.packet(bytes.fromhex("3107640100640000c0000201")), DropReason.FOREIGN),
}
NOBODYS: dict[str, tuple[Event, DropReason]] = {
    "unknown VHID": (replace(PEER, vhid=8).advertises(), DropReason.BAD_VHID),
    "VHID 0": (
        PEER.packet(replace(parse(PEER.payload()), vhid=0).build()),
        DropReason.BAD_VHID,
    ),
    "bad checksum for an unknown VHID": (
        replace(PEER, vhid=8).packet(damaged(replace(PEER, vhid=8).payload(), 20)),
        DropReason.BAD_CHECKSUM,
    ),
    "other interface": (replace(PEER, interface="eth1").advertises(), DropReason.BAD_INTERFACE),
    "truncated": (PEER.packet(PEER.payload()[:35]), DropReason.BAD_LENGTH),
    "VRRP with another number": (PEER.packet(bytes.fromhex("3108640100640000c0000201")), DropReason.FOREIGN),
    "a fragment": (
        PacketUnreadable(interface="eth0", reason=DropReason.FRAGMENT, source=PEER.source),
        DropReason.FRAGMENT,
    ),
    "IP header checksum": (
        read_datagram("eth0", datagram(PEER.payload(), ttl_field=b"\x01")),
        DropReason.BAD_CHECKSUM,
    ),
    "empty": (read_datagram("eth0", b""), DropReason.SHORT_HEADER),
}


@pytest.mark.parametrize(("event", "reason"), (OURS | NOBODYS).values(), ids=(OURS | NOBODYS).keys())
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
def test_packet_is_dropped_and_changes_nothing(state: State, event: Event, reason: DropReason) -> None:
    """One report and nothing else, in whatever state; the timers go on (9.4 row 12)."""
    machine = Machine.listening(PLAIN) if state is State.BACKUP else Machine.master()
    deadline = machine.node.deadline
    told = [deed for deed in machine.feed(event, after=1) if not deed.startswith("notice: ")]
    assert told == [f"dropped: {reason.value}"]
    assert (state, deadline) == (machine.state, machine.node.deadline)


@pytest.mark.parametrize(("event", "reason"), OURS.values(), ids=OURS.keys())
def test_packet_for_a_virtual_host_is_counted_there(event: Event, reason: DropReason) -> None:
    """What claims our VHID is counted once, with the virtual host, and reported with source and VHID."""
    machine = Machine.listening(PLAIN)
    machine.feed(event)
    assert (1, {reason: 1}) == (machine.statistics.received, dict(machine.statistics.dropped))
    assert (machine.node.statistics.received, dict(machine.node.statistics.dropped)) == (0, {})
    source = OWN if reason is DropReason.OWN else PEER.source
    assert isinstance(event, PacketReceived)
    expected = PacketDropped(
        interface="eth0",
        reason=reason,
        source=source,
        vhid=PLAIN.vhid,
        destination=event.destination,
        ttl=event.ttl,
    )
    assert [expected] == [report for report in machine.record.reports if isinstance(report, PacketDropped)]


@pytest.mark.parametrize(("event", "reason"), NOBODYS.values(), ids=NOBODYS.keys())
def test_packet_for_nobody_is_counted_with_the_node(event: Event, reason: DropReason) -> None:
    """What belongs to no virtual host is counted once, with the node."""
    machine = Machine.listening(PLAIN)
    machine.feed(event)
    assert (machine.statistics.received, dict(machine.statistics.dropped)) == (0, {})
    assert (1, {reason: 1}) == (machine.node.statistics.received, dict(machine.node.statistics.dropped))


@pytest.mark.parametrize(
    ("name", "vhid"),
    [
        ("unknown VHID", 8),
        ("VHID 0", 0),
        ("bad checksum for an unknown VHID", 8),
        ("VRRP with another number", 8),
        ("other interface", None),
        ("truncated", None),
        ("a fragment", None),
    ],
)
def test_packet_for_nobody_is_told_with_the_number_that_it_names(name: str, vhid: int | None) -> None:
    """Somebody may have mistyped it; where the packet cannot be read there is none."""
    machine = Machine.listening(PLAIN)
    machine.feed(NOBODYS[name][0])
    assert [report.vhid for report in machine.reports(PacketDropped)] == [vhid]


@pytest.mark.parametrize("source", [IPv4Address("0.0.0.0"), VIRTUAL_ADDRESS.ip])  # noqa: S104 - nothing is bound
def test_odd_sources_are_accepted(source: IPv4Address) -> None:
    """FreeBSD advertises from 0.0.0.0, OpenBSD from the virtual address (9.4 row 11)."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(replace(PEER, source=source).advertises(), after=SECOND) == []
    assert machine.node.deadline == 4 * SECOND


def test_own_address_is_the_plain_hosts() -> None:
    """The constant above is what the plain configuration has."""
    assert PLAIN.source == OWN


def test_vrrp_router_on_the_segment_is_harmless() -> None:
    """A VRRP router with our number is counted as foreign, for years, and told about once (9.4 row 19)."""
    machine = Machine.listening(PLAIN)
    expected = ["dropped: foreign", "notice: VRRP_SAME_NUMBER"]
    assert expected == machine.feed(OURS["VRRP with our number"][0], after=SECOND)
    vrrp = Noticed(interface="eth0", vhid=7, notice=Notice.VRRP_SAME_NUMBER, peer=PEER.source, detail="")
    assert machine.reports(Noticed) == [vrrp]
    assert machine.feed(OURS["VRRP with our number"][0], after=SECOND) == ["dropped: foreign"]
    assert machine.run_until(3 * SECOND)[0] == "BACKUP -> MASTER: master timed out"


def test_takeover_tells_what_was_rejected_in_the_silence() -> None:
    """An operator learns at the takeover that there was a master, with another password."""
    machine = Machine.listening(PLAIN)
    machine.feed(OURS["TTL 254"][0])
    machine.feed(PEER.advertises())
    machine.feed(OURS["wrong password"][0], after=SECOND)
    machine.feed(OURS["bad checksum"][0])
    machine.feed(OURS["wrong password"][0], after=SECOND)
    machine.run_until(3 * SECOND)
    (report,) = [report for report in machine.record.reports if isinstance(report, StateChanged)][1:]
    assert report.rejected == ((DropReason.BAD_AUTHENTICATION, 2), (DropReason.BAD_CHECKSUM, 1))
