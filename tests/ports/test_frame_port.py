import contextlib

import pytest

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, OWN, VIP, World
from triocarp.core.configuration import CARP_GROUP
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, gratuitous_arp, multicast_mac
from triocarp.core.events import Link
from triocarp.core.ipv4 import header
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

# A sound IP header: the kernel's bridge drops what has none.
ADVERTISEMENT = (
    ethernet_header(multicast_mac(CARP_GROUP), HARDWARE_ADDRESS, ETHERTYPE_IPV4)
    + header(OWN.ip, CARP_GROUP, tos=0x10, payload_length=36)
    + bytes(range(36))
)
ANNOUNCEMENT = gratuitous_arp(HARDWARE_ADDRESS, VIP.ip)


@pytest.mark.parametrize("frame", [ADVERTISEMENT, ANNOUNCEMENT], ids=["advertisement", "announcement"])
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
