"""What ucarp said on a real wire is understood, and said again byte for byte."""

from ipaddress import IPv4Address

import pytest

from triocarp.core import (
    Advertisement,
    Authenticator,
    DropReason,
    MalformedAdvertisementError,
    PacketReceived,
    covered_addresses,
    read_datagram,
)
from triocarp.core.advertisement import LENGTH, PROTOCOL, parse
from triocarp.core.ethernet import (
    BROADCAST,
    ETHERTYPE_IPV4,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.ipv4 import header

from . import dissection
from .vectors import CAPTURES, DIRECTORY, FRAMES, HEADERS, Capture, CapturedFrame, ComputedHeader, mac

IP_BEGINS = 14
CARP_BEGINS = IP_BEGINS + 20
ONE_ADDRESS = ("V1", "V2", "V3", "V4", "V11", "V12")
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
        ip_header = header(
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


@pytest.mark.parametrize("computed", [HEADERS[name] for name in ONE_ADDRESS], ids=lambda it: it.name)
def test_computed_header(computed: ComputedHeader) -> None:
    """The specification's vectors with one IPv4 address are signed, built, read and verified."""
    authenticator = Authenticator(computed.key, computed.vhid, covered_addresses(computed.addresses))
    built = Advertisement(
        vhid=computed.vhid,
        advskew=computed.advskew,
        advbase_s=computed.advbase_s,
        counter=computed.counter,
        digest=authenticator.digest(computed.counter),
    )
    assert computed.digest == built.digest
    assert computed.header == built.build()
    assert built == parse(computed.header)
    assert authenticator.verifies(built.counter, built.digest)
    assert built.is_goodbye == (computed.name == "V11")


@pytest.mark.parametrize(
    ("frame", "source", "tos", "identification"),
    [
        ("F1", "10.1.1.1", 0x10, 0x4B8F),
        ("F2", "10.99.0.7", 0xE0, 0),
        ("F6", "10.1.1.2", 0x10, 0x0101),
    ],
)
def test_computed_frame(frame: str, source: str, tos: int, identification: int) -> None:
    """The computed multicast frames of ucarp and the BSDs have the IP header that we build."""
    ip_header = header(
        IPv4Address(source),
        IPv4Address("224.0.0.18"),
        tos=tos,
        payload_length=LENGTH,
        identification=identification,
    )
    assert ip_header == FRAMES[frame][IP_BEGINS:CARP_BEGINS]
    assert isinstance(read_datagram("eth0", FRAMES[frame][IP_BEGINS:]), PacketReceived)


def test_computed_vrrp_frame_is_foreign() -> None:
    """FreeBSD's VRRPv3 mode shares protocol and group with CARP, and is recognised as something else."""
    packet = read_datagram("eth0", FRAMES["F8"][IP_BEGINS:])
    assert isinstance(packet, PacketReceived)
    with pytest.raises(MalformedAdvertisementError) as caught:
        parse(packet.payload)
    assert caught.value.reason is DropReason.FOREIGN
