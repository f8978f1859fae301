import contextlib
from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, Addressing, World
from triocarp.core import ipv4, ipv6
from triocarp.core.configuration import CARP_GROUP, CARP_GROUP6
from triocarp.core.ethernet import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.events import Link
from triocarp.core.family import IPAddress
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

PAYLOAD = bytes(range(36))


def packet(source: IPAddress, destination: IPAddress, payload: bytes = PAYLOAD) -> bytes:
    """Return a packet as an advertisement has it; the kernel's bridge drops what has no sound header."""
    if isinstance(source, IPv4Address) and isinstance(destination, IPv4Address):
        return ipv4.header(source, destination, tos=0x10, payload_length=len(payload)) + payload
    assert isinstance(source, IPv6Address)
    assert isinstance(destination, IPv6Address)
    return ipv6.header(source, destination, traffic_class=0x10, payload_length=len(payload)) + payload


ADVERTISEMENT = ethernet_header(multicast_mac(CARP_GROUP), HARDWARE_ADDRESS, ETHERTYPE_IPV4) + packet(
    IPv4Address("10.0.0.1"), CARP_GROUP
)
ADVERTISEMENT6 = ethernet_header(multicast_mac(CARP_GROUP6), HARDWARE_ADDRESS, ETHERTYPE_IPV6) + packet(
    IPv6Address("fe80::1"), CARP_GROUP6
)
ANNOUNCEMENT = gratuitous_arp(HARDWARE_ADDRESS, IPv4Address("10.0.0.100"))
ANNOUNCEMENT6 = unsolicited_neighbour_advertisement(HARDWARE_ADDRESS, IPv6Address("2001:db8::100"), router=False)


@pytest.mark.parametrize(
    "frame",
    [ADVERTISEMENT, ADVERTISEMENT6, ANNOUNCEMENT, ANNOUNCEMENT6],
    ids=["advertisement", "IPv6 advertisement", "announcement", "IPv6 announcement"],
)
def test_frame_arrives_unchanged(world: World, frame: bytes) -> None:
    """What one host sends arrives at another byte for byte."""
    world.frames.send(INTERFACE, frame)

    assert world.arrives(frame)


def test_link_is_down(world: World) -> None:
    """Sending through an interface that is down fails as such, each time."""
    world.set_link(Link.DOWN)

    for _ in range(3):
        with pytest.raises(PortError) as caught:
            world.frames.send(INTERFACE, ADVERTISEMENT)
        assert PortFailure.LINK_DOWN is caught.value.failure
        assert INTERFACE in caught.value.detail


def test_link_is_up_again(world: World) -> None:
    """The first frame after the interface came up again is sent."""
    world.set_link(Link.DOWN)
    world.set_link(Link.UP)

    world.frames.send(INTERFACE, ADVERTISEMENT)

    assert world.arrives(ADVERTISEMENT)


def test_pulled_cable(world: World) -> None:
    """Without carrier a frame is lost, which the sender may be told or not; afterwards frames go through again."""
    world.set_link(Link.NO_CARRIER)
    # Until the kernel has taken its queue away, a veth says that it dropped the frame.
    with contextlib.suppress(PortError):
        world.frames.send(INTERFACE, ANNOUNCEMENT)
    world.set_link(Link.UP)
    world.frames.send(INTERFACE, ADVERTISEMENT)

    assert world.arrives(ADVERTISEMENT)


def test_interface_is_removed(world: World) -> None:
    """Sending through an interface that was removed fails as such."""
    world.set_link(Link.ABSENT)

    with pytest.raises(PortError) as caught:
        world.frames.send(INTERFACE, ADVERTISEMENT)

    assert PortFailure.NO_DEVICE is caught.value.failure
    assert INTERFACE in caught.value.detail


def test_interface_is_back(world: World) -> None:
    """Frames go through an interface that was removed and made again."""
    world.set_link(Link.ABSENT)
    world.set_link(Link.UP)

    world.frames.send(INTERFACE, ADVERTISEMENT)

    assert world.arrives(ADVERTISEMENT)


def test_interface_never_was(world: World) -> None:
    """Sending through an interface that nobody knows fails as such."""
    with pytest.raises(PortError) as caught:
        world.frames.send("nowhere", ADVERTISEMENT)

    assert PortFailure.NO_DEVICE is caught.value.failure
    assert "nowhere" in caught.value.detail


def test_frame_is_too_long(world: World) -> None:
    """A frame that cannot be sent at all is another failure."""
    with pytest.raises(PortError) as caught:
        world.frames.send(INTERFACE, ADVERTISEMENT + bytes(5000))

    assert PortFailure.OTHER is caught.value.failure


def test_packet_passes_unchanged(world: World, of: Addressing) -> None:
    """A packet arrives with the header that it was given: source, TTL, TOS and all; its frame is the system's."""
    sent = packet(of.own.ip, of.peer.ip)

    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_from_any_address(world: World, of: Addressing) -> None:
    """The source need not be an address of the host."""
    sent = packet(of.vip.ip, of.peer.ip)

    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_to_nobody(world: World, of: Addressing) -> None:
    """A packet for somebody on the link who does not answer is lost, and others go on."""
    for _ in range(5):
        world.frames.send_packet(INTERFACE, packet(of.own.ip, of.absent))
    sent = packet(of.own.ip, of.peer.ip)
    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_without_a_route(world: World, of: Addressing) -> None:
    """A packet to where no route leads through the interface fails as such, and names the destination."""
    for _ in range(3):
        with pytest.raises(PortError) as caught:
            world.frames.send_packet(INTERFACE, packet(of.own.ip, of.elsewhere))
        assert PortFailure.NO_ROUTE is caught.value.failure
        assert str(of.elsewhere) in caught.value.detail
        assert INTERFACE in caught.value.detail


def test_packet_while_the_link_is_down(world: World, of: Addressing) -> None:
    """Through an interface that is down a packet fails as a frame does, and goes through when it is up again."""
    sent = packet(of.own.ip, of.peer.ip)
    world.set_link(Link.DOWN)
    for _ in range(3):
        with pytest.raises(PortError) as caught:
            world.frames.send_packet(INTERFACE, sent)
        assert PortFailure.LINK_DOWN is caught.value.failure
        assert INTERFACE in caught.value.detail
    world.set_link(Link.UP)

    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_while_the_cable_is_pulled(world: World, of: Addressing) -> None:
    """Without carrier a packet is lost, and the sender need not be told; afterwards packets go through again."""
    world.set_link(Link.NO_CARRIER)
    with contextlib.suppress(PortError):
        world.frames.send_packet(INTERFACE, packet(of.own.ip, of.peer.ip, b"lost"))
    world.set_link(Link.UP)
    sent = packet(of.own.ip, of.peer.ip)

    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_through_a_removed_interface(world: World, of: Addressing) -> None:
    """Through an interface that was removed a packet fails as such, and goes through when it is made again."""
    sent = packet(of.own.ip, of.peer.ip)
    world.set_link(Link.ABSENT)
    with pytest.raises(PortError) as caught:
        world.frames.send_packet(INTERFACE, sent)
    assert PortFailure.NO_DEVICE is caught.value.failure
    assert INTERFACE in caught.value.detail
    world.set_link(Link.UP)

    world.frames.send_packet(INTERFACE, sent)

    assert world.passes(sent)


def test_packet_through_an_interface_that_never_was(world: World, of: Addressing) -> None:
    """Through an interface that nobody knows a packet fails as such."""
    with pytest.raises(PortError) as caught:
        world.frames.send_packet("nowhere", packet(of.own.ip, of.peer.ip))

    assert PortFailure.NO_DEVICE is caught.value.failure
    assert "nowhere" in caught.value.detail


def test_packet_is_too_long(world: World, of: Addressing) -> None:
    """A packet that does not fit into a frame is another failure: nobody cuts it in pieces."""
    with pytest.raises(PortError) as caught:
        world.frames.send_packet(INTERFACE, packet(of.own.ip, of.peer.ip, bytes(5000)))

    assert PortFailure.OTHER is caught.value.failure


@pytest.mark.parametrize("length", [0, 1, 19])
def test_packet_is_none(world: World, of: Addressing, length: int) -> None:
    """What has not even a header is another failure."""
    with pytest.raises(PortError) as caught:
        world.frames.send_packet(INTERFACE, packet(of.own.ip, of.peer.ip)[:length])

    assert PortFailure.OTHER is caught.value.failure
