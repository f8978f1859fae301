"""What ucarp said on a real wire is understood, and said again byte for byte."""

import hmac
from ipaddress import IPv4Address, IPv6Address

import pytest

from triocarp.core import (
    CARP_GROUP6,
    CARPD,
    DIALECTS,
    FREEBSD,
    FREEBSD_9,
    NETBSD,
    OPENBSD,
    OPENBSD_7_3,
    Advertisement,
    Authenticator,
    Dialect,
    DropReason,
    Keyring,
    MalformedAdvertisementError,
    PacketReceived,
    covered_addresses,
    read_datagram,
)
from triocarp.core.advertisement import LENGTH, PROTOCOL, parse
from triocarp.core.ethernet import (
    BROADCAST,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.ipv4 import header as ipv4_header
from triocarp.core.ipv6 import header as ipv6_header

from . import dissection
from .vectors import CAPTURES, DIRECTORY, FRAMES, HEADERS, Capture, CapturedFrame, ComputedHeader, mac

IP_BEGINS = 14
CARP_BEGINS = IP_BEGINS + 20
every_header = pytest.mark.parametrize("computed", HEADERS.values(), ids=HEADERS)
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)


def received(frame: CapturedFrame) -> PacketReceived:
    """Return the arrival of a captured advertisement."""
    packet = read_datagram("eth0", frame.ethernet[IP_BEGINS:])
    assert isinstance(packet, PacketReceived)
    return packet


def test_all_captures_are_there() -> None:
    """The captures are complete: 19 runs, 111 advertisements."""
    assert len(CAPTURES) == 19
    assert sum(len(capture.advertisements) for capture in CAPTURES) == 111


@every_capture
def test_captured_advertisement_is_read(capture: Capture) -> None:
    """Every field of every captured advertisement is read as the index says."""
    for frame in capture.advertisements:
        packet = received(frame)
        assert packet == PacketReceived(
            interface="eth0",
            source=IPv4Address(frame.said["src"]),
            destination=IPv4Address(frame.said["dst"]),
            ttl=frame.said["ttl"],
            payload=frame.ethernet[CARP_BEGINS:],
        )
        assert parse(packet.payload) == Advertisement(
            vhid=frame.said["vhid"],
            advskew=frame.said["advskew"],
            advbase_s=frame.said["advbase"],
            counter=int(frame.said["counter"], 16),
            digest=bytes.fromhex(frame.said["hmac"]),
            demotion=frame.said["demote"],
        )


@every_capture
def test_captured_advertisement_is_authenticated(capture: Capture) -> None:
    """A captured advertisement verifies exactly where the index says that its digest is right."""
    authenticator = Authenticator(capture.password, capture.vhid, covered_addresses((capture.address,)))
    for frame in capture.advertisements:
        heard = parse(received(frame).payload)
        assert authenticator.verifies(heard.counter, heard.digest) is frame.said["hmac_ok"]


@every_capture
def test_captured_advertisement_is_built_again(capture: Capture) -> None:
    """From its fields alone, every captured advertisement is built again to the last bit of its frame."""
    authenticator = Authenticator(capture.password, capture.vhid, covered_addresses((capture.address,)))
    for frame in capture.advertisements:
        said = frame.said
        counter = int(said["counter"], 16)
        advertisement = Advertisement(
            vhid=capture.vhid,
            advskew=said["advskew"],
            advbase_s=said["advbase"],
            counter=counter,
            digest=authenticator.digest(counter),
            demotion=said["demote"],
        )
        ip_header = ipv4_header(
            IPv4Address(said["src"]),
            IPv4Address(said["dst"]),
            tos=said["tos"],
            payload_length=LENGTH,
            identification=int.from_bytes(frame.ethernet[IP_BEGINS + 4 : IP_BEGINS + 6], "big"),
        )
        ethernet = ethernet_header(mac(said["eth_dst"]), mac(said["eth_src"]), ETHERTYPE_IPV4)
        assert ethernet + ip_header + advertisement.build() == frame.ethernet


@every_capture
def test_destination_mac_is_the_groups_or_broadcast(capture: Capture) -> None:
    """Ucarp sends to the MAC that we compute from the group, or with ``-M`` to everybody."""
    expected_broadcast = capture.name == "06-ucarp-nomcast.pcap"
    for frame in capture.advertisements:
        group = IPv4Address(frame.said["dst"])
        assert (BROADCAST if expected_broadcast else multicast_mac(group)) == frame.ethernet[:6]


@every_capture
def test_captured_announcement_is_built_again(capture: Capture) -> None:
    """Every gratuitous ARP of ucarp is built again byte for byte."""
    for frame in capture.announcements:
        assert gratuitous_arp(mac(frame.said["sha"]), capture.address) == frame.ethernet


@every_capture
def test_dpkt_agrees_with_the_index(capture: Capture) -> None:
    """The pcap holds the frames of the index, and dpkt reads addresses, TTL, protocol and ARP as we do."""
    frames = dissection.frames_of(DIRECTORY / capture.name)
    assert frames == [frame.ethernet for frame in capture.frames]
    for captured in capture.frames:
        read = dissection.arp(captured.ethernet)
        assert captured.is_announcement == (read is not None)
        if read is not None:
            hardware_address, address = read.sender
            assert (True, read.sender, capture.address) == (read.is_request, read.target, address)
            assert gratuitous_arp(hardware_address, address) == captured.ethernet
        else:
            packet = received(captured)
            ip = dissection.ip_header(captured.ethernet[IP_BEGINS:])
            assert (packet.source, packet.destination, packet.ttl) == (ip.source, ip.destination, ip.ttl)
            assert (PROTOCOL, len(packet.payload) + 20) == (ip.protocol, ip.length)


def dialect_of(computed: ComputedHeader) -> Dialect:
    """Return a dialect that signs like this; OpenBSD's leaves link-local addresses out, FreeBSD's does not."""
    if computed.as_configured:
        return FREEBSD_9
    return OPENBSD if computed.link_layer_address else FREEBSD


def test_all_computed_vectors_are_there() -> None:
    """The specification's 12 headers and 9 frames."""
    assert [f"V{number}" for number in range(1, 13)] == list(HEADERS)
    assert [f"F{number}" for number in range(1, 10)] == list(FRAMES)


@every_header
def test_computed_digest_is_hmac_sha1_of_the_message(computed: ComputedHeader) -> None:
    """What we cover is the message of the index, byte for byte, and its HMAC is the index's."""
    dialect = dialect_of(computed)
    covered = covered_addresses(computed.addresses, dialect.address_order)
    message = b"\x02\x01" + computed.link_layer_address + bytes((computed.vhid,)) + covered
    assert computed.message == message + computed.counter.to_bytes(8, "big")
    assert computed.digest == hmac.digest(computed.key, computed.message, "sha1")


@every_header
def test_computed_header(computed: ComputedHeader) -> None:
    """Each of the specification's headers is signed, built, read and verified."""
    keyring = Keyring(
        (computed.key,),
        computed.vhid,
        computed.addresses,
        dialect_of(computed),
        computed.link_layer_address,
    )
    built = Advertisement(
        vhid=computed.vhid,
        advskew=computed.advskew,
        advbase_s=computed.advbase_s,
        counter=computed.counter,
        digest=keyring.digest(computed.counter),
        demotion=computed.demotion,
    )
    assert computed.digest == built.digest
    assert computed.header == built.build()
    assert built == parse(computed.header)
    assert keyring.key_of(built.counter, built.digest) == 0
    assert built.is_goodbye == (computed.name == "V11")


@pytest.mark.parametrize(
    ("dialect", "signs", "accepts"),
    [
        (FREEBSD, "V8", {"V8"}),
        (NETBSD, "V8", {"V8"}),
        (CARPD, "V8", {"V8"}),
        (OPENBSD, "V9", {"V8", "V9"}),
        (OPENBSD_7_3, "V9", {"V8", "V9"}),
    ],
    ids=lambda it: it.name if isinstance(it, Dialect) else "",
)
def test_link_local_address_is_covered_or_not(dialect: Dialect, signs: str, accepts: set[str]) -> None:
    """With V8's addresses FreeBSD and NetBSD sign V8, OpenBSD signs V9 and accepts both (2.3)."""
    both = {name: HEADERS[name] for name in ("V8", "V9")}
    keyring = Keyring((both["V8"].key,), both["V8"].vhid, both["V8"].addresses, dialect)
    assert both[signs].digest == keyring.digest(both[signs].counter)
    accepted = {name for name, it in both.items() if keyring.key_of(it.counter, it.digest) == 0}
    assert accepts == accepted


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_order_of_addresses_is_the_dialects(dialect: Dialect) -> None:
    """Of V5 and V6, FreeBSD 9 and older signs V6, in the order of the configuration; everybody else V5 (2.2)."""
    expected = HEADERS["V6" if dialect is FREEBSD_9 else "V5"]
    keyring = Keyring((expected.key,), expected.vhid, expected.addresses, dialect)
    assert expected.digest == keyring.digest(expected.counter)


@pytest.mark.parametrize(
    ("frame", "header", "source", "destination", "tos", "identification"),
    [
        ("F1", "V1", "10.1.1.1", "224.0.0.18", 0x10, 0x4B8F),
        ("F2", "V2", "10.99.0.7", "224.0.0.18", 0xE0, 0),
        ("F3", "V9", "192.0.2.10", "224.0.0.18", 0x10, 0x77AA),
        ("F6", "V11", "10.1.1.2", "224.0.0.18", 0x10, 0x0101),
        ("F7", "V3", "192.0.2.2", "192.0.2.3", 0xE0, 0),
    ],
)
def test_computed_frame(  # noqa: PLR0917 - a table's columns
    frame: str, header: str, source: str, destination: str, tos: int, identification: int
) -> None:
    """The computed IPv4 frames have the IP header that we build, and hold the header that the index names."""
    ip_header = ipv4_header(
        IPv4Address(source),
        IPv4Address(destination),
        tos=tos,
        payload_length=LENGTH,
        identification=identification,
    )
    assert ip_header == FRAMES[frame][IP_BEGINS:CARP_BEGINS]
    packet = read_datagram("eth0", FRAMES[frame][IP_BEGINS:])
    assert isinstance(packet, PacketReceived)
    assert packet.payload == HEADERS[header].header


@pytest.mark.parametrize(
    ("frame", "header", "source", "traffic_class"),
    [("F4", "V9", "fe80::1234:56ff:fe78:9abc", 0), ("F5", "V7", "2001:db8::1:2", 0xE0)],
)
def test_computed_ipv6_frame(frame: str, header: str, source: str, traffic_class: int) -> None:
    """The computed IPv6 frames are built again to the last bit, and hold the header that the index names."""
    ip_header = ipv6_header(IPv6Address(source), CARP_GROUP6, traffic_class=traffic_class, payload_length=LENGTH)
    ethernet = ethernet_header(multicast_mac(CARP_GROUP6), FRAMES[frame][6:12], ETHERTYPE_IPV6)
    assert ethernet + ip_header + HEADERS[header].header == FRAMES[frame]
    packet = read_datagram("eth0", FRAMES[frame][IP_BEGINS:])
    assert packet == PacketReceived(
        interface="eth0",
        source=IPv6Address(source),
        destination=CARP_GROUP6,
        ttl=255,
        payload=HEADERS[header].header,
    )


@pytest.mark.parametrize("frame", ["F8", "F9"])
def test_computed_vrrp_frame_is_foreign(frame: str) -> None:
    """FreeBSD's VRRPv3 mode shares protocol and group with CARP, and is recognised as something else."""
    packet = read_datagram("eth0", FRAMES[frame][IP_BEGINS:])
    assert isinstance(packet, PacketReceived)
    with pytest.raises(MalformedAdvertisementError) as caught:
        parse(packet.payload)
    assert (caught.value.reason, caught.value.vhid) == (DropReason.FOREIGN, 1)
