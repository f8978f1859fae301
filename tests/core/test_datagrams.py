"""Laws of the IP headers of both families: what is built is read, and whatever arrives becomes an event."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import DropReason, PacketReceived, PacketUnreadable, read_datagram
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import multicast_mac
from triocarp.core.ipv4 import header
from triocarp.core.ipv6 import header as header6

from . import dissection
from .hosts import Peer

SOURCE, GROUP = IPv4Address("10.0.0.9"), IPv4Address("224.0.0.18")
DATAGRAM = header(SOURCE, GROUP, tos=0x10, payload_length=36) + Peer().payload()
SOURCE6, GROUP6 = IPv6Address("fe80::9"), IPv6Address("ff02::12")
DATAGRAM6 = header6(SOURCE6, GROUP6, payload_length=36) + Peer().payload()
READ6 = PacketReceived(interface="eth0", source=SOURCE6, destination=GROUP6, ttl=255, payload=Peer().payload())
READ = PacketReceived(interface="eth0", source=SOURCE, destination=GROUP, ttl=255, payload=Peer().payload())


def with_field(offset: int, value: bytes) -> bytes:
    """Return the datagram with other header bytes, and a right header checksum."""
    changed = DATAGRAM[:offset] + value + DATAGRAM[offset + len(value) :]
    unsummed = changed[:10] + bytes(2) + changed[12:20]
    return changed[:10] + internet_checksum(unsummed).to_bytes(2, "big") + changed[12:]


@given(
    st.ip_addresses(v=4),
    st.ip_addresses(v=4),
    st.integers(0, 255),
    st.binary(max_size=60),
    st.integers(0, 65535),
)
def test_what_is_built_is_read(
    source: IPv4Address, destination: IPv4Address, tos: int, payload: bytes, identification: int
) -> None:
    """A header that we build is read with the same fields, by us and by dpkt; padding behind it is cut off."""
    built = header(source, destination, tos=tos, payload_length=len(payload), identification=identification)
    expected = PacketReceived(interface="eth0", source=source, destination=destination, ttl=255, payload=payload)
    assert expected == read_datagram("eth0", built + payload)
    assert expected == read_datagram("eth0", built + payload + b"padding")

    assert dissection.ip_header(built + payload) == dissection.IpHeader(
        source=source,
        destination=destination,
        tos=tos,
        ttl=255,
        protocol=112,
        length=20 + len(payload),
        identification=identification,
        dont_fragment=True,
    )


@given(st.binary(max_size=80))
def test_any_bytes_become_an_event(datagram: bytes) -> None:
    """Whatever the bytes are, the answer is an event of the interface on which they arrived."""
    assert read_datagram("eth0", datagram).interface == "eth0"


@given(st.integers(0, len(DATAGRAM) - 1), st.integers(0, 255))
def test_a_changed_byte_becomes_an_event(position: int, value: int) -> None:
    """A damaged header is never read as something else: it is refused, or the damage is in the payload."""
    damaged = DATAGRAM[:position] + bytes((value,)) + DATAGRAM[position + 1 :]
    event = read_datagram("eth0", damaged)
    if damaged == DATAGRAM:
        assert event == READ
    elif position < 20:
        assert isinstance(event, PacketUnreadable)
    else:
        assert isinstance(event, PacketReceived)


@given(st.integers(0, len(DATAGRAM) - 1))
def test_a_truncated_datagram_is_unreadable(length: int) -> None:
    """A datagram that is shorter than it says, or than its header, is refused."""
    event = read_datagram("eth0", DATAGRAM[:length])
    expected = DropReason.SHORT_HEADER if length < 20 else DropReason.BAD_LENGTH
    source = None if length < 20 else SOURCE
    assert PacketUnreadable(interface="eth0", reason=expected, source=source) == event


@pytest.mark.parametrize(
    ("datagram", "reason", "source"),
    [
        pytest.param(with_field(0, b"\x55"), DropReason.SHORT_HEADER, None, id="IP version 5"),
        pytest.param(with_field(0, b"\x44"), DropReason.SHORT_HEADER, None, id="header of 16 bytes"),
        pytest.param(
            with_field(2, b"\x00\x13"), DropReason.SHORT_HEADER, None, id="total length below the header's"
        ),
        pytest.param(with_field(9, b"\x11"), DropReason.FOREIGN, None, id="UDP"),
        pytest.param(with_field(2, b"\xff\xff"), DropReason.BAD_LENGTH, SOURCE, id="total length beyond the end"),
        pytest.param(with_field(6, b"\x20\x00"), DropReason.FRAGMENT, SOURCE, id="more fragments follow"),
        pytest.param(with_field(6, b"\x40\x01"), DropReason.FRAGMENT, SOURCE, id="a later fragment"),
        pytest.param(DATAGRAM[:8] + b"\xfe" + DATAGRAM[9:], DropReason.BAD_CHECKSUM, SOURCE, id="header checksum"),
    ],
)
def test_refusal_says_why(datagram: bytes, reason: DropReason, source: IPv4Address | None) -> None:
    """Each refusal has its reason, and the source where the header could be trusted that far."""
    expected = PacketUnreadable(interface="eth0", reason=reason, source=source)
    assert expected == read_datagram("eth0", datagram)


def test_ip_options_are_skipped() -> None:
    """A header with options is read; the payload begins behind them, as ucarp was measured to accept."""
    options = b"\x01\x01\x01\x00"
    unsummed = (
        b"\x46\x10\x00\x3c" + bytes(2) + b"\x40\x00\xff\x70" + bytes(2) + SOURCE.packed + GROUP.packed + options
    )
    checksum = internet_checksum(unsummed).to_bytes(2, "big")
    assert read_datagram("eth0", unsummed[:10] + checksum + unsummed[12:] + Peer().payload()) == READ


@pytest.mark.parametrize("flags", [b"\x00\x00", b"\x40\x00", b"\x80\x00"])
def test_flags_that_fragment_nothing_are_accepted(flags: bytes) -> None:
    """With or without the don't-fragment bit, a whole datagram is read."""
    assert read_datagram("eth0", with_field(6, flags)) == READ


@given(st.integers(0, 2**28 - 1))
def test_multicast_mac_has_the_low_23_bits(low: int) -> None:
    """The MAC of a group is 01:00:5e and its low 23 bits, whatever the others are."""
    group = IPv4Address(0xE0000000 | low)
    expected = bytes.fromhex("01005e") + bytes((group.packed[1] & 0x7F, group.packed[2], group.packed[3]))
    assert expected == multicast_mac(group)


@given(st.ip_addresses(v=6))
def test_ipv6_multicast_mac_has_the_last_four_bytes(group: IPv6Address) -> None:
    """The MAC of an IPv6 group is 33:33 and its last four bytes (RFC 2464, section 7)."""
    assert b"\x33\x33" + int(group).to_bytes(16, "big")[12:] == multicast_mac(group)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(0, 255), st.binary(max_size=60))
def test_what_is_built_for_ipv6_is_read(
    source: IPv6Address, destination: IPv6Address, traffic_class: int, payload: bytes
) -> None:
    """An IPv6 header that we build is read with the same fields, by us and by dpkt; padding is cut off."""
    built = header6(source, destination, traffic_class=traffic_class, payload_length=len(payload))
    expected = PacketReceived(interface="eth0", source=source, destination=destination, ttl=255, payload=payload)
    assert expected == read_datagram("eth0", built + payload)
    assert expected == read_datagram("eth0", built + payload + b"padding")

    assert dissection.ipv6_header(built + payload) == dissection.Ipv6Header(
        source=source,
        destination=destination,
        traffic_class=traffic_class,
        flow_label=0,
        hop_limit=255,
        next_header=112,
        payload_length=len(payload),
    )


@given(st.binary(max_size=100).map(lambda rest: b"\x60" + rest))
def test_any_bytes_of_ipv6_become_an_event(datagram: bytes) -> None:
    """Whatever follows the version, the answer is an event; a whole packet of protocol 112 is read."""
    event = read_datagram("eth0", datagram)
    assert event.interface == "eth0"
    if len(datagram) < 40:
        assert event == PacketUnreadable(interface="eth0", reason=DropReason.SHORT_HEADER)
    elif datagram[6] != 112:
        assert isinstance(event, PacketUnreadable)
        assert event.source == IPv6Address(datagram[8:24])
        assert event.reason in {DropReason.FOREIGN, DropReason.FRAGMENT}
    elif 40 + int.from_bytes(datagram[4:6], "big") > len(datagram):
        assert isinstance(event, PacketUnreadable)
        assert event.reason is DropReason.BAD_LENGTH
    else:
        assert isinstance(event, PacketReceived)
        assert event.ttl == datagram[7]


@given(st.integers(0, len(DATAGRAM6) - 1))
def test_a_truncated_ipv6_datagram_is_unreadable(length: int) -> None:
    """A datagram that is shorter than it says, or than its header, is refused."""
    event = read_datagram("eth0", DATAGRAM6[:length])
    expected = DropReason.SHORT_HEADER if length < 40 else DropReason.BAD_LENGTH
    source = None if length < 40 else SOURCE6
    assert PacketUnreadable(interface="eth0", reason=expected, source=source) == event


@pytest.mark.parametrize(
    ("next_header", "reason"),
    [(0, DropReason.FOREIGN), (43, DropReason.FOREIGN), (44, DropReason.FRAGMENT), (60, DropReason.FOREIGN)],
    ids=["hop-by-hop options", "routing", "fragment", "destination options"],
)
def test_extension_headers_are_refused(next_header: int, reason: DropReason) -> None:
    """No implementation of CARP sends any; a fragment is called one."""
    changed = DATAGRAM6[:6] + bytes((next_header,)) + DATAGRAM6[7:]
    expected = PacketUnreadable(interface="eth0", reason=reason, source=SOURCE6)
    assert expected == read_datagram("eth0", changed)


@given(st.integers(0, 255), st.integers(0, 2**28 - 1))
def test_hop_limit_is_told_and_class_and_flow_are_ignored(hop_limit: int, class_and_flow: int) -> None:
    """Whether the hop limit is right depends on the transport, so it is told; the first word plays no part."""
    first = (6 << 28 | class_and_flow).to_bytes(4, "big")
    changed = first + DATAGRAM6[4:7] + bytes((hop_limit,)) + DATAGRAM6[8:]
    assert replace(READ6, ttl=hop_limit) == read_datagram("eth0", changed)
